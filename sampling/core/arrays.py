"""Array types and the few helpers that every module of the core shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
# What a fitted thing is made of: arrays by name, to be kept with numpy.savez (no pickle).
State = dict[str, NDArray[Any]]

# Rows worked on at once: bounds the memory of a pass without costing BLAS speed.
CHUNK = 32_768


def unit_rows(x: FloatArray) -> FloatArray:
    """Scale rows to length 1; a row that is zero or not finite becomes the diagonal of the space."""
    x = np.ascontiguousarray(x, np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    usable = np.isfinite(length) & (length > 0)
    out = np.full_like(x, 1 / np.sqrt(max(x.shape[1], 1)))
    out[usable] = x[usable] / length[usable, None]
    return out


def matrix(name: str, x: Any, columns: int | None = None) -> FloatArray:
    """Return ``x`` as a finite float32 matrix, or raise ValueError naming the argument and its shape."""
    array = np.asarray(x, np.float32)
    if array.ndim != 2:
        raise ValueError(f"{name} must have 2 dimensions, not shape {array.shape}")
    if columns is not None and array.shape[1] != columns:
        raise ValueError(f"{name} has shape {array.shape}, but {columns} columns are needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} of shape {array.shape} holds values that are not finite")
    return array


def chunks(n: int, size: int = CHUNK) -> list[slice]:
    """Cut the rows 0 to n into slices of at most ``size``."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
