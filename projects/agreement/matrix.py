"""Which labels are given to the same items: a table of labels by labels, shaded by how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from projects.agreement.figures import Mixed, Report, Tag, Who

# More labels than this make no table that anybody can read.
MOST: Final = 20
# A cell is shaded one step darker above each of these shares of its row's items.
STEPS: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35)


@dataclass(frozen=True)
class Cell:
    """Items that got both labels; ``level`` 0 to 6 is the shade, by their share of the row's items."""

    other: Tag
    items: int
    share: float
    level: int
    people: Sequence[Who] = ()
    same: bool = False


@dataclass(frozen=True)
class Row:
    """One label: on how many items somebody gave it, by what others said there."""

    tag: Tag
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Grid:
    """The table, and the labels that have no place in it."""

    tags: Sequence[Tag]
    rows: Sequence[Row]
    hidden: Sequence[Tag] = ()


def level(share: float) -> int:
    """Return the shade of a share, 0 (none) to 6."""
    return sum(share > step for step in STEPS)


def grid(report: Report, around: int | None = None) -> Grid:
    """Draw up the table: of all labels, or of those mixed up most; ``around`` a label: with that one most."""
    tags = [line.tag for line in report.labels]
    pairs = {frozenset((one.first.pk, one.second.pk)): one for one in report.mixed}
    shown = tags if len(tags) <= MOST else _chosen(tags, report.mixed, around)
    totals = _totals(report)
    rows = [Row(tag, [_cell(report, pairs, totals, tag, other) for other in shown]) for tag in shown]
    return Grid(shown, rows, [tag for tag in tags if tag not in shown])


def _chosen(tags: Sequence[Tag], mixed: Sequence[Mixed], around: int | None) -> list[Tag]:
    weight = dict.fromkeys((tag.pk for tag in tags), 0)
    for pair in mixed:
        both = (pair.first.pk, pair.second.pk)
        for pk in both if around is None or around in both else ():
            weight[pk] += pair.items
    best = sorted(tags, key=lambda tag: (tag.pk != around, -weight[tag.pk]))[:MOST]
    return [tag for tag in tags if tag in best]


def _totals(report: Report) -> dict[int, int]:
    """How often each label met an answer of somebody else."""
    totals = dict(report.agreed)
    for pair in report.mixed:
        for pk in (pair.first.pk, pair.second.pk):
            totals[pk] = totals.get(pk, 0) + pair.items
    return totals


def _cell(
    report: Report, pairs: Mapping[frozenset[int], Mixed], totals: Mapping[int, int], tag: Tag, other: Tag
) -> Cell:
    if tag == other:
        items = report.agreed.get(tag.pk, 0)
        share = items / max(totals.get(tag.pk, 0), 1)
        return Cell(other, items, share, level(share), same=True)
    pair = pairs.get(frozenset((tag.pk, other.pk)))
    if pair is None:
        return Cell(other, 0, 0.0, 0)
    share = pair.items / max(totals[tag.pk], 1)
    return Cell(other, pair.items, share, level(share), pair.people)
