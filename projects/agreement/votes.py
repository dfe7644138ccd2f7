"""Which answers count for agreement: those asked for before anybody could know that an item is hard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
from django.db.models import Exists, OuterRef, Q

from projects.agreement.reading import Rows, read
from projects.agreement.setting import Setting
from projects.models import Annotation, Dispute, Item, Policy, QueueEntry
from projects.quality.agreement import Bools, Ints

_Stream = QueueEntry.Stream
# Asked for since something was known of the item: that people differ, that it is doubted or known.
ASKED_AGAIN: Final = (
    _Stream.AGAIN,
    _Stream.CHECK,
    _Stream.RETURNED,
    _Stream.RECHECK,
    _Stream.CARD_CHECK,
    _Stream.GOLD,
)
# What a round picks because of what a model thinks.
PICKED: Final = (_Stream.FIRST, _Stream.STRATEGY, _Stream.RARE, _Stream.NEW, _Stream.RESERVE)


@dataclass(frozen=True)
class Votes:
    """What people said, one row a vote; arrays of one length.

    ``said``     row of ``sets``, which holds the different label sets (s, k).
    ``version``  of the guidelines; ``era`` counts their breaking changes before.
    ``day``      days since 1970 on which the person first answered.
    ``first``    whether the item is one of those that everybody labels at the beginning.
    ``waits``    whether a lead still has to decide on the item, and must not know who said what.
    """

    items: Ints
    people: Ints
    said: Ints
    version: Ints
    era: Ints
    day: Ints
    first: Bools
    waits: Bools
    sets: Bools

    def __len__(self) -> int:
        return len(self.items)

    @property
    def chosen(self) -> Bools:
        """The label set of each vote (n, k)."""
        return self.sets[self.said]

    def only(self, rows: Bools | Ints) -> Votes:
        """These rows, by mask or by index."""
        names = [one.name for one in fields(self) if one.name != "sets"]
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def paired(self) -> Votes:
        """The votes on items with two of them or more."""
        _, rows, counts = np.unique(self.items, return_inverse=True, return_counts=True)
        return self.only(counts[rows] > 1)


def sample(setting: Setting) -> Votes:
    """Answers on the agreement sample that were asked for blindly, and all on the first items for everybody.

    An item asks its people whatever they say, and further ones only where those differ. So an answer counts
    while fewer than ``overlap`` others stood as it was given. Of one person the newest answer counts; but not
    what was said since a lead sent an item back, for only items on which people differ are sent back.
    Answers of excluded people are left out. Eras are kept apart: see ``Rows.last``.
    """
    project = setting.project
    drawn = Annotation.objects.filter(Q(item__agreement=True) | Q(item__calibration=True), project=project)
    rows = read(drawn.exclude(stream__in=ASKED_AGAIN), setting.breaks)
    everybody = Item.objects.filter(project=project, calibration=True).values_list("pk", flat=True)
    kept = _standing(rows, setting)
    first = np.isin(rows.items[kept], list(everybody))
    blind = _places(rows, setting.gone)[kept] < overlap(setting.policies, rows)
    return _votes(setting, rows, kept[first | blind], first[first | blind])


def counted(setting: Setting) -> Votes:
    """The votes that the headline rests on: of the sample, since the last breaking change, two an item."""
    said = sample(setting)
    return since(setting, said.only(~said.first))


def since(setting: Setting, said: Votes) -> Votes:
    """Votes on items with two or more since labels mean what they mean now."""
    return said.only(said.version >= setting.project.agreed_version).paired()


def picked(setting: Setting) -> Votes:
    """Answers on items that rounds picked and that several people answered, whatever they were asked for."""
    others = Annotation.objects.filter(item=OuterRef("item_id")).exclude(annotator=OuterRef("annotator_id"))
    found = Annotation.objects.filter(Exists(others), project=setting.project, stream__in=PICKED)
    rows = read(found.filter(item__agreement=False, item__calibration=False), setting.breaks)
    kept = _standing(rows, setting)
    return _votes(setting, rows, kept, np.zeros(len(kept), dtype=np.bool_))


def _standing(rows: Rows, setting: Setting) -> Ints:
    """Rows that say what somebody whose votes count says now, or said as an era ended."""
    ours = ~np.isin(rows.people[rows.last], list(setting.gone))
    return rows.last[rows.answer[rows.last] & ours]


def overlap(policies: Sequence[Policy], rows: Rows) -> int:
    """How many people every item of the sample asked: the least that held since the first answer."""
    if not policies or not len(rows):
        return 2
    began = rows.at.min()
    over = sum(bool(_moment(policy.created_at) < began) for policy in policies[1:])
    return int(min(policy.agreement_overlap for policy in policies[over:]))


def _places(rows: Rows, gone: Mapping[int, datetime]) -> Ints:
    """How many others' answers stood on the item when the person of each row first answered (n,).

    Answers that were taken back hold no place, and those of excluded people none since they are excluded:
    whoever was asked in their stead was asked whatever the others said.
    """
    first, who = rows.who
    stood = np.zeros(len(first), dtype=np.bool_)
    stood[who[rows.last[rows.counted[rows.last]]]] = True
    held = np.flatnonzero(stood)
    held = held[np.lexsort((first[held], rows.items[first[held]]))]
    _, start, sizes = np.unique(rows.items[first[held]], return_index=True, return_counts=True)
    places = np.zeros(len(first), dtype=np.int64)
    places[held] = np.arange(len(held)) - np.repeat(start, sizes)
    # Few people are excluded: one answer after the other will do for the items that they judged.
    times = _gone(rows, first[held], gone)
    for group in held[np.isin(rows.items[first[held]], list(times))] if times else ():
        at = rows.at[first[group]]
        places[group] -= sum(bool(since < at) for since in times[int(rows.items[first[group]])])
    return places[who]


def _gone(rows: Rows, held: Ints, gone: Mapping[int, datetime]) -> dict[int, list[np.datetime64]]:
    """Since when those who answered an item and are excluded now are so; by item."""
    times: dict[int, list[np.datetime64]] = {}
    for row in held[np.isin(rows.people[held], list(gone))]:
        times.setdefault(int(rows.items[row]), []).append(_moment(gone[int(rows.people[row])]))
    return times


def _votes(setting: Setting, rows: Rows, kept: Ints, first: Bools) -> Votes:
    sets = np.zeros((max(len(rows.sets), 1), len(setting.columns)), dtype=np.bool_)
    for row, ids in enumerate(rows.sets):
        sets[row, [setting.column[pk] for pk in ids]] = True
    # Sets that were different before labels were merged are one now.
    sets, same = np.unique(sets, axis=0, return_inverse=True)
    began, who = rows.who
    disputes = Dispute.objects.filter(project=setting.project, state=Dispute.State.OPEN)
    waiting = disputes.values_list("item_id", flat=True)
    return Votes(
        items=rows.items[kept],
        people=rows.people[kept],
        said=same.reshape(-1)[rows.said[kept]],
        version=rows.version[kept],
        era=rows.era[kept],
        day=rows.at[began[who[kept]]].astype("datetime64[D]").astype(np.int64),
        first=first,
        waits=np.isin(rows.items[kept], list(waiting)),
        sets=sets,
    )


def _moment(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "s")
