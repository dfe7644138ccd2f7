"""Arrays in the default storage: written once, read by memory map, and never changed."""

from __future__ import annotations

import io
import resource
import zipfile
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from sampling.core.arrays import FloatArray, IntArray, State


def save(path: str, arrays: State, *, small: bool = False) -> str:
    """Store arrays by name and return the path that they got; ``small`` trades time for size."""
    buffer = io.BytesIO()
    (np.savez_compressed if small else np.savez)(buffer, **cast(Any, arrays))
    return default_storage.save(path, ContentFile(buffer.getvalue()))


def load(path: str) -> State:
    """Read all arrays of a file into memory."""
    with default_storage.open(path) as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def delete(path: str) -> None:
    """Delete a file, if there is one."""
    if path:
        default_storage.delete(path)


def _local(path: str) -> Path:
    """Where the file lies on this machine. From an object store it is fetched once."""
    try:
        return Path(default_storage.path(path))
    except NotImplementedError:
        copy = settings.DATA_DIR / "cache" / path
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            part = copy.with_suffix(f".{np.random.default_rng().integers(2**62)}.part")
            with default_storage.open(path) as source, part.open("wb") as target:
                for piece in source.chunks():
                    target.write(piece)
            part.replace(copy)
        return copy


def _mapped(path: Path, name: str) -> FloatArray:
    """Map one array of an uncompressed .npz: the system reads what is used and may drop it again."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        read = member.tell()
        version = np.lib.format.read_magic(member)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = header[version](member)
        length = member.tell() - read
        start = archive.getinfo(f"{name}.npy").header_offset
    with path.open("rb") as file:
        file.seek(start + 26)  # The local header: 30 bytes, then a name and an extra field of these lengths.
        name_length, extra_length = np.frombuffer(file.read(4), "<u2").tolist()
    offset = start + 30 + name_length + extra_length + length
    if not np.prod(shape):
        return np.empty(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C"))


@lru_cache(maxsize=2048)
def opened(path: str) -> tuple[IntArray, FloatArray]:
    """Item ids (n,) and features (n, d) of one shard; it never changes, so each process opens it once."""
    local = _local(path)
    with np.load(local, allow_pickle=False) as arrays:
        items = arrays["items"]
    return items, _mapped(local, "x")


# What a process keeps open besides shards: connections, sockets, logs.
SPARE_FILES = 256


def _allow_files(count: int) -> None:
    """See that this process may keep so many files open: each mapped shard holds one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = opened.cache_info().currsize + count + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


class Table:
    """Features by row number, read from shards when asked for. Which item a row is: ``items``."""

    def __init__(self, items: IntArray, parts: Sequence[FloatArray], rows: IntArray | None = None) -> None:
        self._all, self._parts = items, list(parts)
        self._starts = np.cumsum([0, *map(len, parts)])
        self._rows = rows
        self.items = items if rows is None else items[rows]
        self.shape = (len(self.items), parts[0].shape[1] if parts else 0)

    @classmethod
    def of(cls, paths: Sequence[str]) -> Table:
        """All rows of these shards, in this order."""
        _allow_files(2 * len(paths))
        found = [opened(path) for path in paths]
        return cls(
            np.concatenate([np.empty(0, np.int64), *(items for items, _ in found)]), [x for _, x in found]
        )

    def only(self, rows: IntArray) -> Table:
        """A table of these rows alone, in this order; it copies no features."""
        return Table(self._all, self._parts, rows if self._rows is None else self._rows[rows])

    @cached_property
    def _order(self) -> IntArray:
        # A round asks for many sets of items: a large table is sorted once.
        return np.argsort(self.items, kind="stable")

    def rows_of(self, items: IntArray) -> IntArray:
        """The row of each of these items, -1 for one that has no features."""
        order = self._order
        if not len(order):
            return np.full(len(items), -1)
        at = np.minimum(np.searchsorted(self.items, items, sorter=order), len(order) - 1)
        found = order[at]
        return np.where(self.items[found] == items, found, -1)

    @overload
    def __getitem__(self, rows: slice) -> FloatArray: ...
    @overload
    def __getitem__(self, rows: IntArray) -> FloatArray: ...
    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        wanted = np.arange(self.shape[0])[rows] if isinstance(rows, slice) else np.asarray(rows, np.int64)
        if self._rows is not None:
            wanted = self._rows[wanted]
        out = np.empty((len(wanted), self.shape[1]), np.float32)
        part = np.searchsorted(self._starts, wanted, side="right") - 1
        for number in np.unique(part):
            here = part == number
            out[here] = self._parts[number][wanted[here] - self._starts[number]]
        return out
