"""Features of pictures: a small convolutional network through onnxruntime, or shapes and colours in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from .arrays import FloatArray, State, chunks, unit_rows
from .defaults import WEIGHTS

if TYPE_CHECKING:
    import onnxruntime
    from PIL.Image import Image

PICTURES_AT_ONCE = 16


def pixels(picture: Image | None, size: tuple[int, int]) -> FloatArray | None:
    """The picture as (height, width, 3) in [0, 255], on white where it is clear; None if it cannot be read.

    ``size`` is (width, height), as Pillow has it.
    """
    from PIL import Image as pil

    if picture is None:
        return None
    try:
        if picture.has_transparency_data:
            clear = picture.convert("RGBA")
            ground = pil.new("RGBA", clear.size, "white")
            picture = pil.alpha_composite(ground, clear)
        square = picture.convert("RGB").resize(size, pil.Resampling.BILINEAR)
    # A broken file fails while it is decoded, in as many ways as there are formats.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError):
        return None
    return np.asarray(square, np.float32)


class Fixed:
    """A featurizer with nothing to fit."""

    def fit(self, contents: Sequence[Image | None], rng: np.random.Generator) -> Self:  # noqa: ARG002
        return self

    def state(self) -> State:
        return {"version": np.array(1)}

    @classmethod
    def from_state(cls, state: State) -> Self:
        if int(state["version"]) != 1:
            raise ValueError(f"state has version {state['version']!s}; known: 1")
        return cls()


@cache
def network(threads: int) -> onnxruntime.InferenceSession:
    """EfficientNet-Lite0 without its classifier, loaded once a process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(WEIGHTS, options, providers=["CPUExecutionProvider"])


class EfficientNetLite0(Fixed):
    """The 1,280 pooled features of EfficientNet-Lite0 (Tan & Le 2019) at 128 pixels, trained on ImageNet."""

    name: ClassVar[str] = "efficientnet-lite0"
    media: ClassVar[str] = "image"
    dimension: ClassVar[int] = 1280
    side: ClassVar[int] = 128

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def transform(self, contents: Sequence[Image | None]) -> FloatArray:
        """Rows (n, 1280) of length 1; the diagonal for a picture that cannot be read."""
        session = network(self.threads)
        out = np.zeros((len(contents), self.dimension), np.float32)
        for part in chunks(len(contents), PICTURES_AT_ONCE):
            read = [pixels(picture, (self.side, self.side)) for picture in contents[part]]
            rows = [row for row, picture in enumerate(read, part.start) if picture is not None]
            if rows:
                x = np.stack([picture for picture in read if picture is not None]).transpose(0, 3, 1, 2)
                out[rows] = session.run(None, {"pixels": (x - 127) / 128})[0]
        return unit_rows(out)


class HogColour(Fixed):
    """Directions of edges (Dalal & Triggs 2005) and colours by region; needs numpy alone."""

    name: ClassVar[str] = "hog-colour"
    media: ClassVar[str] = "image"
    dimension: ClassVar[int] = 8 * 8 * 9 + 2 * 2 * 6 * 4 * 4
    side: ClassVar[int] = 64

    def transform(self, contents: Sequence[Image | None]) -> FloatArray:
        """Rows (n, 960) of length 1; the diagonal for a picture that cannot be read."""
        out = np.zeros((len(contents), self.dimension), np.float32)
        for row, picture in enumerate(contents):
            rgb = pixels(picture, (self.side, self.side))
            if rgb is not None:
                out[row] = np.concatenate([_edges(rgb), _colours(rgb)])
        return unit_rows(out)


def _edges(rgb: FloatArray) -> FloatArray:
    """Strength of 9 directions in 8 by 8 cells, each block of 2 by 2 cells scaled to length 1."""
    grey = rgb.mean(axis=2) / 255
    down, right = np.gradient(grey)
    angle = np.mod(np.arctan2(down, right), np.pi) / np.pi * 9
    strength = np.hypot(down, right)
    low = np.floor(angle).astype(np.int64) % 9
    cells = np.zeros((8, 8, 9), np.float32)
    y, x = np.indices(grey.shape) * 8 // len(grey)
    share = angle - np.floor(angle)
    np.add.at(cells, (y, x, low), strength * (1 - share))
    np.add.at(cells, (y, x, (low + 1) % 9), strength * share)
    around = np.pad((cells**2).sum(axis=2), 1, mode="edge")
    near = sum(around[i : i + 8, j : j + 8] for i in range(3) for j in range(3))
    cells /= np.sqrt(near + 0.01)[:, :, None]
    return _halved(cells.ravel())


def _colours(rgb: FloatArray) -> FloatArray:
    """Histograms of 6 hues by 4 saturations by 4 brightnesses in each quarter of the picture."""
    value, least = rgb.max(axis=2), rgb.min(axis=2)
    spread = np.maximum(value - least, 1e-6)
    red, green, blue = np.moveaxis(rgb, 2, 0)
    hue = np.select(
        [value == red, value == green],
        [(green - blue) / spread % 6, (blue - red) / spread + 2],
        (red - green) / spread + 4,
    )
    saturation = (value - least) / np.maximum(value, 1e-6)
    cell = (
        np.minimum(hue, 5.99).astype(np.int64) * 16
        + np.minimum(saturation * 4, 3).astype(np.int64) * 4
        + np.minimum(value / 64, 3).astype(np.int64)
    )
    y, x = np.indices(cell.shape) * 2 // len(cell)
    counts = np.bincount(((y * 2 + x) * 96 + cell).ravel(), minlength=4 * 96)
    return _halved(np.sqrt(counts.astype(np.float32)))


def _halved(x: FloatArray) -> FloatArray:
    """Scaled to length 1, so that both halves weigh the same; zero stays zero."""
    return np.asarray(x / max(float(np.linalg.norm(x)), 1e-6), np.float32)
