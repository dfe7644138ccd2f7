"""Centres from round to round: kept, moved as items arrive, found anew when too much has changed."""

from __future__ import annotations

from typing import Final

import numpy as np

from .arrays import FloatArray, IntArray
from .clusters import nearest

# Items added or lost, as a share of those that centres were found on, that call for new centres.
CHANGED: Final = 0.1


def kept(centres: FloatArray | None, fitted_on: int, shape: tuple[int, ...]) -> FloatArray | None:
    """The centres of the round before while they fit items of ``shape`` (n, d), else None: find new ones.

    They do not where the features have other columns, or items were added or lost that make up a tenth of
    the ``fitted_on`` items that the centres were found on.
    """
    if centres is None or not len(centres) or centres.shape[1] != shape[1]:
        return None
    return None if abs(shape[0] - fitted_on) >= CHANGED * fitted_on else centres


def moved(centres: FloatArray, sizes: IntArray, arrived: FloatArray) -> FloatArray:
    """The centres (c, d) after new rows (n, d) joined clusters of these sizes (c,): each mean as it is now.

    One pass over the new rows alone (MacQueen 1967); a cluster that nobody joined stays where it is.
    """
    if sizes.shape != (len(centres),):
        raise ValueError(f"sizes has shape {sizes.shape}, but there are {len(centres)} centres")
    if not len(arrived):
        return centres
    cluster, _ = nearest(arrived, centres)
    joined = np.bincount(cluster, minlength=len(centres))
    sums = np.zeros(centres.shape, np.float64)
    np.add.at(sums, cluster, arrived)
    total = np.maximum(sizes + joined, 1)[:, None]
    out = np.where(joined[:, None] > 0, (centres * sizes[:, None] + sums) / total, centres)
    return np.asarray(out, np.float32)
