"""Several labels at once: each label is a yes-or-no question of its own, fitted and answered by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from projects.quality import crowd
from projects.quality.crowd import Fit, Floats, Ints


def fit(items: Ints, people: Ints, chosen: NDArray[np.bool_], method: str = "dawid-skene") -> list[Fit]:
    """Fit each label by itself: ``chosen`` (m, k) says which labels each vote holds.

    Each fit has two classes, no and yes; else as ``crowd.fit``. Raises ValueError as that does.
    """
    return [crowd.fit(items, people, column.astype(np.intp), 2, method) for column in chosen.T]


def posterior(votes: Sequence[tuple[int, NDArray[np.bool_]]], fits: Sequence[Fit]) -> Floats:
    """Return the chance of each label (k,) for one item, as the batch does.

    ``votes`` holds (row of the person or -1 for somebody unknown, the labels that were chosen (k,)).
    """
    return np.array(
        [
            crowd.posterior([(person, int(chosen[at])) for person, chosen in votes], one.rows, one.prior)[1]
            for at, one in enumerate(fits)
        ]
    )


def whole(yes: NDArray[Any]) -> tuple[NDArray[np.bool_], float]:
    """Return the likeliest set (k,) and the chance that all of it is right, labels being independent.

    ``yes`` holds each label's chance (k,); the empty set is an answer.
    """
    chosen: NDArray[np.bool_] = yes > 0.5
    return chosen, float(np.maximum(yes, 1 - yes).prod())
