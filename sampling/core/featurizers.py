"""Featurizers turn texts and pictures into rows of numbers; the registry FEATURIZERS names them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, Self

import numpy as np

from .arrays import FloatArray, State
from .defaults import DEFAULT, default_for
from .images import EfficientNetLite0, HogColour
from .modelfiles import PREFIX
from .onnxmodels import kind_of
from .text import Lsa, LsaWordllama

__all__ = ["DEFAULT", "FEATURIZERS", "Featurizer", "default_for", "featurizer"]


class Featurizer(Protocol):
    """Contents in (texts; or PIL pictures, None for one that cannot be opened), rows of length 1 out."""

    name: ClassVar[str]
    media: ClassVar[str]
    dimension: ClassVar[int]

    def fit(self, contents: Sequence[Any], rng: np.random.Generator) -> Self:
        """Learn from contents without labels; the same contents and generator give the same fit."""

    def transform(self, contents: Sequence[Any]) -> FloatArray:
        """Rows (n, dimension) of length 1, never NaN: what has no features gets the diagonal."""

    def state(self) -> State:
        """What ``from_state`` needs, as arrays for numpy.savez without pickle."""

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Give back the featurizer whose ``state()`` this is."""


FEATURIZERS: Final[dict[str, type[Featurizer]]] = {
    featurizer.name: featurizer for featurizer in (LsaWordllama, Lsa, EfficientNetLite0, HogColour)
}


def featurizer(name: str, folder: Path | None = None) -> type[Featurizer]:
    """The featurizer of this name: one of the registry, or ``onnx:NAME#DIGEST`` for a file in the folder.

    Raises ValueError with a sentence that says what is wrong and what to do.
    """
    if name.startswith(PREFIX) and folder is not None:
        return kind_of(name, folder)
    if name not in FEATURIZERS:
        raise ValueError(f"featurizer is {name!r}; known: {', '.join(FEATURIZERS)}, {PREFIX}NAME")
    return FEATURIZERS[name]
