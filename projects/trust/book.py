"""How people answer, as numbers: one table a question, read from an estimate or pooled over everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from projects.quality.calibration import Calibration
from projects.quality.crowd import coin

Floats = NDArray[np.float64]
# «Can't tell» as a class: an answer that is none of the labels.
CANT_TELL: Final = -1
DIGITS: Final = 6


@dataclass(frozen=True)
class Table:
    """How people answer one question of k classes.

    ``prior``   share of each class (k,).
    ``pooled``  P(said | true) of somebody unknown (k, k), rows are what is true.
    ``people``  by user id: the chance of being right, or a matrix like ``pooled``.
    """

    prior: Floats
    pooled: Floats
    people: Mapping[int, float | Floats] = field(default_factory=dict)
    ordinal: bool = False

    def rows(self, people: Sequence[int]) -> Floats:
        """Matrices (n, k, k) of these people, in this order."""
        return np.stack([self._row(person) for person in people])

    def _row(self, person: int) -> Floats:
        found = self.people.get(person)
        if found is None:
            return self.pooled
        return coin(found, len(self.prior), self.ordinal) if isinstance(found, float) else found

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        people = {str(pk): _plain(one) for pk, one in self.people.items()}
        return {"prior": _plain(self.prior), "pooled": _plain(self.pooled), "people": people}

    @classmethod
    def from_json(cls, kept: dict[str, Any], ordinal: bool = False) -> Table:
        people = {
            int(pk): one if isinstance(one, float) else np.array(one) for pk, one in kept["people"].items()
        }
        return cls(np.array(kept["prior"]), np.array(kept["pooled"]), people, ordinal)


@dataclass(frozen=True)
class Book:
    """Everything that votes are weighed with.

    ``classes``    label ids; in a single choice the last may be «can't tell».
    ``tables``     of a single choice one, under 0; of several labels one a label, under its id: no, yes.
    ``method``     with the version of the estimate, as it is kept with a settled label.
    """

    classes: tuple[int, ...]
    tables: Mapping[int, Table]
    method: str
    version: int = 0
    calibration: Calibration | None = None


def even(right: float, k: int, ordinal: bool = False) -> Table:
    """Everybody alike, and no class likelier than another."""
    return Table(np.full(k, 1 / k), coin(right, k, ordinal), {}, ordinal)


def _plain(values: Any) -> Any:
    return np.round(values, DIGITS).tolist()
