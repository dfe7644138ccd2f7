"""From all votes of a project to tables of how people answer, and which method is right most often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from projects.quality import choosing, crowd
from projects.quality.calibration import Calibration
from projects.quality.crowd import Ints, coin
from projects.trust.book import Book, Table

# More numbers than these are not kept of people's confusions, nor worked with: people x labels x labels.
KEPT: Final = 200_000
WORKED: Final = 10_000_000
# The newest decided items that are looked at.
LOOKED_AT: Final = 2_000

Answer = frozenset[int]


@dataclass(frozen=True)
class Ballots:
    """All votes, one a row; ``answers`` are sets of classes, in a single choice of one.

    ``items`` and ``people`` are places in ``item_ids`` and ``user_ids``.
    """

    items: Ints
    people: Ints
    answers: Sequence[Answer]
    item_ids: Ints
    user_ids: Ints
    classes: tuple[int, ...]
    multi: bool
    ordinal: bool = False

    @classmethod
    def of(
        cls, rows: Iterable[tuple[int, int, Answer]], classes: tuple[int, ...], multi: bool, ordinal: bool
    ) -> Ballots:
        """``rows`` are item id, user id and answer; what is not among the classes is left out."""
        allowed = set(classes)
        kept = [row for row in rows if allowed.issuperset(row[2]) and (multi or row[2])]
        ids = np.array([row[:2] for row in kept], dtype=np.int64).reshape(-1, 2)
        item_ids, items = np.unique(ids[:, 0], return_inverse=True)
        user_ids, people = np.unique(ids[:, 1], return_inverse=True)
        answers = [row[2] for row in kept]
        return cls(items, people, answers, item_ids, user_ids, classes, multi, ordinal)

    @property
    def k(self) -> int:
        """Classes of one question."""
        return 2 if self.multi else len(self.classes)

    @property
    def joint(self) -> Ints:
        """Votes of each person on items with two votes or more (p,)."""
        heard = np.bincount(self.items, minlength=len(self.item_ids))[self.items] > 1
        return np.bincount(self.people[heard], minlength=len(self.user_ids))

    def questions(self) -> Mapping[int, Ints]:
        """The classes (m,) that were said, by question: one, under 0, or for each label no or yes."""
        if self.multi:
            return {pk: np.array([int(pk in one) for one in self.answers], np.intp) for pk in self.classes}
        column = {pk: at for at, pk in enumerate(self.classes)}
        return {0: np.array([column[next(iter(one))] for one in self.answers], np.intp)}


def fit(ballots: Ballots, method: str) -> Book:
    """Fit every question by one method, one of ``methods``."""
    return Book(ballots.classes, _tables(ballots, method), method)


def methods(ballots: Ballots) -> list[str]:
    """Those that can be worked with: the simplest first."""
    numbers = len(ballots.user_ids) * ballots.k**2
    if numbers > WORKED:
        return ["majority"]
    kept = numbers * (len(ballots.classes) if ballots.multi else 1)
    return list(crowd.METHODS if kept <= KEPT else crowd.METHODS[:2])


def _tables(ballots: Ballots, method: str) -> dict[int, Table]:
    return {pk: _table(ballots, said, method) for pk, said in ballots.questions().items()}


def _table(ballots: Ballots, said: Ints, method: str) -> Table:
    found = _fit(ballots, said, method)
    if method == "dawid-skene":
        people = dict(zip(ballots.user_ids.tolist(), found.rows[:-1], strict=True))
        return Table(found.prior, found.rows[-1], people, ballots.ordinal)
    right = found.rows[:, 0, 0].tolist()
    pooled = coin(right.pop(), len(found.prior), ballots.ordinal)
    people = dict(zip(ballots.user_ids.tolist(), right, strict=True)) if method == "one-coin" else {}
    return Table(found.prior, pooled, people, ballots.ordinal)


def _fit(ballots: Ballots, said: Ints, method: str) -> crowd.Fit:
    # A majority knows no persons, and needs no matrix of each.
    people = np.zeros_like(ballots.people) if method == "majority" else ballots.people
    return crowd.fit(ballots.items, people, said, ballots.k, method)


# --- which one -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """A method's book, and on decided items: how sure it was (d,), and whether it was right (d,)."""

    book: Book
    confidence: crowd.Floats
    right: crowd.Floats


def tried(ballots: Ballots, method: str, decided: Mapping[int, Sequence[Answer]]) -> Tried:
    """Fit a method, and look how often what the votes come to is among the right answers of an item."""
    book = fit(ballots, method)
    known = np.isin(ballots.item_ids, np.array(list(decided), dtype=np.int64))
    places = np.flatnonzero(known)[-LOOKED_AT:]
    rows = _by_item(ballots, places)
    found = [_chosen(book, ballots, rows[place]) for place in places.tolist()]
    right = [
        float(answer in decided[int(ballots.item_ids[place])])
        for (answer, _sure), place in zip(found, places.tolist(), strict=True)
    ]
    return Tried(book, np.array([sure for _answer, sure in found]), np.array(right))


def _by_item(ballots: Ballots, places: Ints) -> dict[int, list[int]]:
    wanted = np.isin(ballots.items, places)
    rows: dict[int, list[int]] = {}
    for row, place in zip(np.flatnonzero(wanted).tolist(), ballots.items[wanted].tolist(), strict=True):
        rows.setdefault(place, []).append(row)
    return rows


def _chosen(book: Book, ballots: Ballots, rows: list[int]) -> tuple[Answer, float]:
    """What one item's votes come to, and how sure that is, as the live rule says it."""
    people = ballots.user_ids[ballots.people[rows]].tolist()
    said = [ballots.answers[row] for row in rows]
    if not ballots.multi:
        column = {pk: at for at, pk in enumerate(ballots.classes)}
        pairs = [(at, column[next(iter(one))]) for at, one in enumerate(said)]
        table = book.tables[0]
        posterior = crowd.posterior(pairs, table.rows(people), table.prior)
        likeliest = max(sorted({at for _person, at in pairs}), key=lambda at: float(posterior[at]))
        return frozenset({ballots.classes[likeliest]}), float(posterior[likeliest])
    answer, sure = set(), 1.0
    for pk, table in book.tables.items():
        pairs = [(at, int(pk in one)) for at, one in enumerate(said)]
        yes = float(crowd.posterior(pairs, table.rows(people), table.prior)[1])
        if has(yes, [of for _person, of in pairs]):
            answer.add(pk)
        sure *= yes if pk in answer else 1 - yes
    return frozenset(answer), sure


def has(yes: float, said: Sequence[int]) -> bool:
    """Whether an item has one of several labels: as people say (1 yes, 0 no); where they differ, the odds."""
    return yes > 0.5 if len(set(said)) > 1 else bool(said[0])


def chosen(ballots: Ballots, found: Mapping[str, Tried]) -> str:
    """The method to use: what suits the votes, unless another is right clearly more often."""
    return choosing.choose({method: one.right for method, one in found.items()}, ballots.joint)


def differing(ballots: Ballots, method: str, settled: Mapping[int, Sequence[Answer]]) -> int:
    """Of items with two votes or more, how many a method would settle otherwise than they are."""
    several = np.bincount(ballots.items, minlength=len(ballots.item_ids)) > 1
    known = np.isin(ballots.item_ids, np.array(list(settled), dtype=np.int64))
    found = _batch(ballots, method)
    places = np.flatnonzero(known & several).tolist()
    return sum(found[place] not in settled[int(ballots.item_ids[place])] for place in places)


def _batch(ballots: Ballots, method: str) -> list[Answer]:
    """What each item's votes come to (n), all at once: the likeliest of what somebody said."""
    best: dict[int, Ints] = {}
    for pk, said in ballots.questions().items():
        posterior = _fit(ballots, said, method).posterior
        heard = np.zeros(posterior.shape, dtype=bool)
        heard[ballots.items, said] = True
        best[pk] = np.where(heard, posterior, -1.0).argmax(axis=1)
    if not ballots.multi:
        return [frozenset({ballots.classes[at]}) for at in best[0].tolist()]
    chosen = np.stack(list(best.values()), axis=1)
    return [frozenset(pk for pk, yes in zip(best, row, strict=True) if yes) for row in chosen.tolist()]


def calibration(one: Tried) -> Calibration | None:
    """What its confidence is worth."""
    return Calibration.of(one.confidence, one.right > 0.5)
