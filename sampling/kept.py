"""Features of files, kept under a hash of the contents and of the code that computes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from django.conf import settings

from sampling.core.arrays import FloatArray
from sampling.core.featurizers import Featurizer
from sampling.core.known import Pictures

# Bytes of features that are kept; what was not used for longest goes first.
MOST: Final = 4_000_000_000


def features(kind: type[Featurizer], contents: Sequence[Any]) -> tuple[FloatArray, bool]:
    """Rows (n, d) of these contents, fitted on all of them, and whether they were there already."""
    path = folder() / f"{_key(kind, contents)}.npy"
    if path.exists():
        os.utime(path)
        return np.load(path, mmap_mode="r", allow_pickle=False), True
    x = kind().fit(contents, np.random.default_rng(0)).transform(contents)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, x, allow_pickle=False)
    part.replace(path)
    _tidy(path.parent)
    return x, False


def folder() -> Path:
    """Where they are."""
    return Path(settings.DATA_DIR, "cache", "features")


def digest(contents: Sequence[Any]) -> str:
    """A hash of texts or pictures, in their order."""
    found = blake2b(digest_size=16)
    for raw in contents.raw() if isinstance(contents, Pictures) else map(_bytes, contents):
        found.update(len(raw).to_bytes(8, "big"))
        found.update(raw)
    return found.hexdigest()


def _bytes(one: Any) -> bytes:
    return one.encode() if isinstance(one, str) else repr(one.size).encode() + one.tobytes()


def _key(kind: type[Featurizer], contents: Sequence[Any]) -> str:
    made = blake2b(f"{kind.name} {np.__version__} {digest(contents)}".encode(), digest_size=16)
    for path in sorted(_sources(sys.modules[kind.__module__])):
        made.update(path.read_bytes())
    return made.hexdigest()


def _sources(module: ModuleType) -> set[Path]:
    """The module and all of our core that it uses: when one of them changes, features may."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        one = waiting.pop()
        path = Path(one.__file__ or "")
        if path in found:
            continue
        found.add(path)
        names = {getattr(value, "__module__", None) or "" for value in vars(one).values()}
        waiting += [
            sys.modules[name] for name in names if name.startswith("sampling.core.") and name in sys.modules
        ]
    return found


def _tidy(place: Path) -> None:
    files = sorted(place.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    size = 0
    for path in files:
        size += path.stat().st_size
        if size > MOST:
            path.unlink(missing_ok=True)
