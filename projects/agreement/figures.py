"""What the page of agreement shows, measured from votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from projects.agreement.votes import Votes
from projects.quality import agreement as measure
from projects.quality import mixing
from projects.quality.agreement import Agreement, Bools, Ints, Peer

# Fewer common items than this say little about one person, one label or a pair.
FEW: Final = 30
# A label on fewer or more votes than this share: alpha may be low although people mostly agree.
RARE: Final = 0.1
WEEKS: Final = 26
NAMED: Final = 3


@dataclass(frozen=True)
class Tag:
    """A label as a page shows it."""

    pk: int
    name: str
    hue: int


@dataclass(frozen=True)
class Who:
    """A person, and on how many items."""

    pk: int
    name: str
    items: int


@dataclass(frozen=True)
class Mixed:
    """Two labels that were given to the same items, and who gave them, most first."""

    first: Tag
    second: Tag
    items: int
    people: Sequence[Who] = ()

    @property
    def key(self) -> str:
        return f"{self.first.pk}-{self.second.pk}"


@dataclass(frozen=True)
class LabelLine:
    """One label as a yes-or-no question: ``share`` of the votes that chose it."""

    tag: Tag
    figures: Agreement
    share: float
    mixed: Sequence[tuple[Tag, Mixed]] = ()

    @property
    def skewed(self) -> bool:
        return not RARE <= self.share <= 1 - RARE


@dataclass(frozen=True)
class PersonLine:
    """One person against the others on the same items; on ``differing`` ones somebody else said otherwise."""

    pk: int
    name: str
    figures: Peer
    differing: int

    @property
    def few(self) -> bool:
        return self.figures.items < FEW


@dataclass(frozen=True)
class Period:
    """A stretch of time or of guideline versions; ``at`` is its place in the series."""

    at: int
    figures: Agreement
    era: int = 0


@dataclass(frozen=True)
class Report:
    """Agreement as a whole and in parts. ``whole`` is the sample since the last breaking change."""

    scale: str
    whole: Agreement
    labels: Sequence[LabelLine]
    people: Sequence[PersonLine]
    # Pairs of labels, most items first; and on how many items several people agreed on one label, by its id.
    mixed: Sequence[Mixed]
    agreed: Mapping[int, int] = field(default_factory=dict)
    # Items on which answers differ.
    differing: int = 0
    eras: Sequence[Period] = ()
    weeks: Sequence[Period] = ()
    versions: Sequence[Period] = ()
    first: Agreement | None = None
    picked: Agreement | None = None
    excluded: Sequence[str] = ()


def codes(kind: str, votes: Votes) -> Ints:
    """Return each vote's answer as a number: the label's column, behind them «none of these»; or its set."""
    if kind == "sets":
        return votes.said
    chosen = votes.sets
    column: Ints = np.where(chosen.any(axis=1), chosen.argmax(axis=1), chosen.shape[1])
    at: Ints = column[votes.said]
    return at


def alpha(kind: str, votes: Votes) -> Agreement:
    """Measure how far votes agree."""
    if kind == "sets":
        return measure.set_agreement(votes.items, votes.people, votes.chosen)
    return measure.agreement(votes.items, votes.people, codes(kind, votes), metric=kind)


def mixes(kind: str, votes: Votes) -> mixing.Mixes:
    """Pair votes on the same items by their labels; «none of these» is beside the point."""
    if kind == "sets":
        return mixing.set_mixes(votes.items, votes.chosen)
    found = mixing.single_mixes(votes.items, codes(kind, votes))
    real = found.second < votes.sets.shape[1]
    return mixing.Mixes(found.first[real], found.second[real], found.left[real], found.right[real])


def label_lines(votes: Votes, tags: Sequence[Tag], mixed: Sequence[Mixed]) -> list[LabelLine]:
    """Measure each label that anybody chose, with the two that it is mixed up with most."""
    chosen = votes.chosen
    used = np.flatnonzero(chosen.any(axis=0)).tolist()
    if not used:
        return []
    found = measure.label_agreement(votes.items, votes.people, chosen[:, used])
    shares = chosen[:, used].mean(axis=0)
    near: dict[int, list[tuple[Tag, Mixed]]] = {}
    for pair in mixed:
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            near.setdefault(one.pk, []).append((other, pair))
    return [
        LabelLine(tags[at], figures, float(share), near.get(tags[at].pk, [])[:2])
        for at, figures, share in zip(used, found, shares, strict=True)
    ]


def mixed_lines(
    kind: str, votes: Votes, tags: Sequence[Tag], names: Mapping[int, str]
) -> tuple[list[Mixed], dict[int, int]]:
    """List pairs of labels by how many items got both, and count the items agreed on by label.

    People are named from items that are decided: who decides on the others must not know.
    """
    pairs = mixes(kind, votes)
    decided = votes.only(~votes.waits)
    who = mixing.involved(decided.items, decided.people, mixes(kind, decided))
    counted = mixing.mixed_items(votes.items, pairs)
    apart = [
        Mixed(
            tags[a],
            tags[b],
            n,
            [Who(person, names.get(person, "–"), m) for person, m in who.get((a, b), [])[:NAMED]],
        )
        for a, b, n in counted
        if a != b
    ]
    return apart, {tags[a].pk: n for a, b, n in counted if a == b}


def people_lines(kind: str, votes: Votes, names: Mapping[int, str]) -> list[PersonLine]:
    """Compare each person with the others on the same items."""
    answers = codes(kind, votes)
    apart = votes.people[differs(votes.items, answers)]
    who, counts = np.unique(apart, return_counts=True)
    differing = dict(zip(who.tolist(), counts.tolist(), strict=True))
    peers = measure.peer_agreement(votes.items, votes.people, answers)
    return [
        PersonLine(peer.person, names.get(peer.person, "–"), peer, differing.get(peer.person, 0))
        for peer in peers
    ]


def differs(items: Ints, answers: Ints) -> Bools:
    """Whether the answers to each vote's item are not all the same (n,)."""
    _, rows = np.unique(items, return_inverse=True)
    low = np.full(rows.max() + 1 if len(rows) else 0, np.iinfo(np.int64).max)
    high = np.full(len(low), -1)
    np.minimum.at(low, rows, answers)
    np.maximum.at(high, rows, answers)
    differ: Bools = (low < high)[rows]
    return differ


def eras(kind: str, votes: Votes) -> list[Period]:
    """Measure each side of every breaking change by itself, newest first."""
    return [Period(int(era), alpha(kind, votes.only(votes.era == era))) for era in np.unique(votes.era)[::-1]]


def versions(kind: str, votes: Votes) -> list[Period]:
    """Measure the answers given under each version of the guidelines, oldest first."""
    found = []
    for version in np.unique(votes.version):
        part = votes.only(votes.version == version)
        found.append(Period(int(version), alpha(kind, part), int(part.era[0])))
    return found


def weeks(kind: str, votes: Votes) -> list[Period]:
    """Measure the items of each week, the newest half-year; an item counts when its last answer came.

    ``at`` is the Monday, in days since 1970.
    """
    _, rows = np.unique(votes.items, return_inverse=True)
    done = np.zeros(rows.max() + 1 if len(rows) else 0, dtype=np.int64)
    np.maximum.at(done, rows, votes.day)
    # The first day of 1970 was a Thursday.
    monday = (done - (done + 3) % 7)[rows]
    every = np.unique(monday)[-WEEKS:]
    return [Period(int(day), alpha(kind, votes.only(monday == day))) for day in every]
