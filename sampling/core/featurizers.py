"""Featurizers turn texts and pictures into rows of numbers; the registry FEATURIZERS names them all."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar, Final, Protocol, Self

import numpy as np

from .arrays import FloatArray, State
from .images import WEIGHTS, EfficientNetLite0, HogColour
from .text import Lsa, LsaWordllama


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

DEFAULT: Final = {"text": LsaWordllama.name, "image": EfficientNetLite0.name}


def default_for(media: str) -> str:
    """The best featurizer for the media that runs here; without onnxruntime, hog-colour for pictures."""
    if media not in DEFAULT:
        raise ValueError(f"media is {media!r}; known: {', '.join(DEFAULT)}")
    if media == "image" and (find_spec("onnxruntime") is None or not WEIGHTS.exists()):
        return HogColour.name
    return DEFAULT[media]
