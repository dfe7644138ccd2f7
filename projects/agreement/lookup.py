"""The very items behind a figure of agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from projects.agreement import figures, setting, votes
from projects.agreement.votes import Votes
from projects.models import Project
from projects.quality.agreement import Ints
from projects.remembered import remembered

# Nobody reads further, and databases take lists of ids that are no longer.
MOST: Final = 20_000


@dataclass(frozen=True)
class Wanted:
    """Which items of those that the figures rest on; blank means all.

    ``mixed``   two label ids: one person said this, another one that (the same twice: both said it); a single
                one: some said it and others did not.
    ``people``  who judged the item; with two labels: one who gave one of them, or two who gave one each.
    ``differ``  whether answers differ; with ``people``: theirs from each other, or from anybody's.
    """

    mixed: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    differ: bool = False


def items(project: Project, wanted: Wanted) -> list[int]:
    """Return the ids of the items, in order of import, of those that an agreement report counts.

    Where people are named, items that a lead still has to decide on are left out.
    """
    found = setting.of(project)
    key = "-".join(map(str, (*wanted.mixed, "by", *wanted.people, wanted.differ)))
    return remembered(f"agreement-items:{project.pk}:{key}", found.mark, lambda: _items(found, wanted))


def _items(found: setting.Setting, wanted: Wanted) -> list[int]:
    said = votes.counted(found)
    if wanted.people:
        said = said.only(~said.waits)
    if wanted.mixed:
        ids = _mixed(found, said, wanted)
    elif wanted.people:
        ids = _judged(found.scale, said, wanted)
    elif wanted.differ:
        ids = said.items[figures.differs(said.items, figures.codes(found.scale, said))]
    else:
        ids = said.items
    return [int(pk) for pk in np.unique(ids)[:MOST]]


def _mixed(found: setting.Setting, said: Votes, wanted: Wanted) -> Ints:
    if any(pk not in found.column for pk in wanted.mixed):
        return said.items[:0]
    places = sorted(found.column[pk] for pk in wanted.mixed)
    if len(places) == 1:
        chose = said.chosen[:, places[0]]
        by = np.isin(said.people, wanted.people) | (not wanted.people)
        some: Ints = np.intersect1d(said.items[chose], said.items[~chose])
        return np.intersect1d(some, said.items[by])
    if len(wanted.people) == 2:
        return _each(said, wanted.people, [found.column[pk] for pk in wanted.mixed])
    mixes = figures.mixes(found.scale, said)
    kept = (mixes.first == places[0]) & (mixes.second == places[1])
    left, right = mixes.left[kept], mixes.right[kept]
    for person in wanted.people:
        hit = (said.people[left] == person) | (said.people[right] == person)
        left, right = left[hit], right[hit]
    both: Ints = said.items[left]
    return both


def _each(said: Votes, people: tuple[int, ...], places: list[int]) -> Ints:
    """Items on which each of two people gave the own one of two labels."""
    first, second = (
        said.items[(said.people == person) & said.chosen[:, place]]
        for person, place in zip(people, places, strict=True)
    )
    both: Ints = np.intersect1d(first, second)
    return both


def _judged(kind: str, said: Votes, wanted: Wanted) -> Ints:
    """Items that all these people judged."""
    ids = said.items
    for person in wanted.people:
        ids = np.intersect1d(ids, said.items[said.people == person])
    if not wanted.differ:
        return ids
    common = said.only(np.isin(said.items, ids))
    if len(wanted.people) > 1:
        common = common.only(np.isin(common.people, wanted.people))
    return common.items[figures.differs(common.items, figures.codes(kind, common))]
