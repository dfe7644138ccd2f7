"""Featurizers from a site's own ONNX files: sentence embeddings with a tokenizer, networks for pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray, chunks, unit_rows
from .images import PICTURES_AT_ONCE, Fixed, pixels
from .modelfiles import PREFIX, Unusable, digest_of, media_of, model_path, resolved
from .ngrams import LONGEST

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers
    from PIL.Image import Image

# Of a text so many tokens are read where nothing else is said, and never more.
TOKENS, MOST_TOKENS = 256, 512
TEXTS_AT_ONCE: Final = 32
SIDE: Final = 224
# What photographs look like on average, which most networks were trained on.
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TEXT_INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
_POOLED: Final = ("sentence_embedding", "pooler_output", "image_embeds", "pooled_output")
_DTYPES: Final = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


def kind_of(name: str, folder: Path) -> type[OnnxTexts | OnnxPictures]:
    """The featurizer of a name like ``onnx:minilm#1a2b3c4d5e6f``: what is in the folder, and its digest.

    Raises Unusable where there is no such file, it has changed, or it cannot make features.
    """
    root = resolved(name, folder)
    return _kind(name, root, digest_of(root))


@lru_cache(maxsize=8)
def _kind(name: str, root: Path, _digest: str) -> type[OnnxTexts | OnnxPictures]:
    base = OnnxTexts if media_of(root) == "text" else OnnxPictures
    made = type(base.__name__, (base,), {"name": name, "root": root})
    kind = cast("type[OnnxTexts | OnnxPictures]", made)
    kind.dimension = kind().probe()
    return kind


@lru_cache(maxsize=2)
def _session(path: Path, _changed: int) -> onnxruntime.InferenceSession:
    try:
        import onnxruntime
    except ImportError:
        raise Unusable(
            "This site has no onnxruntime, which reads ONNX files. Install it to use them."
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # It raises a kind of its own for each thing that may be wrong.
    except Exception as error:
        raise Unusable(f"{path.name} is no ONNX file that can be read here: {str(error)[:200]}") from None


class _Onnx(Fixed):
    """What both kinds share. ``name``, ``root`` and ``dimension`` belong to a class made for one file."""

    name: ClassVar[str] = PREFIX
    root: ClassVar[Path] = Path()
    dimension: ClassVar[int] = 0

    @property
    def session(self) -> onnxruntime.InferenceSession:
        path = model_path(self.root)
        return _session(path, path.stat().st_mtime_ns)

    def run(self, feed: dict[str, Any]) -> tuple[str, FloatArray]:
        """The output that holds the features, and its name."""
        names = [output.name for output in self.session.get_outputs()]
        wanted = next((name for name in _POOLED if name in names), names[0])
        return wanted, np.asarray(self.session.run([wanted], feed)[0], np.float32)

    def probe(self) -> int:
        """How many numbers a row has. Raises Unusable where the model takes or gives something else."""
        raise NotImplementedError


@dataclass(frozen=True)
class Pooling:
    """How the vectors of a text's tokens become one: their mean, their largest numbers, or the first one."""

    mode: str = "mean"

    @classmethod
    def beside(cls, root: Path) -> Pooling:
        """What a sentence-transformers folder says of itself; the mean where it says nothing."""
        modules = _json(root / "modules.json")
        for module in modules if isinstance(modules, list) else []:
            kind = str(module.get("type", "")).rpartition(".")[2]
            if kind not in ("Transformer", "Pooling", "Normalize"):
                raise Unusable(
                    f"{root.name} has a layer “{kind}” after its network, which is not understood here."
                )
        config = _object(root / "1_Pooling" / "config.json")
        known = {"cls_token": "first", "max_tokens": "max", "mean_tokens": "mean"}
        on = [
            key.removeprefix("pooling_mode_")
            for key, value in config.items()
            if value is True and "pooling" in key
        ]
        if len(on) > 1 or not set(on) <= set(known):
            raise Unusable(f"{root.name} pools its tokens by {', '.join(on)}; known: {', '.join(known)}.")
        return cls(known[on[0]] if on else "mean")

    def __call__(self, tokens: FloatArray, mask: IntArray) -> FloatArray:
        """Vectors (n, t, d) of the tokens that the mask (n, t) names as one vector a text (n, d)."""
        if self.mode == "first":
            return tokens[:, 0]
        there = mask[:, :, None].astype(np.float32)
        if self.mode == "max":
            return cast(FloatArray, np.where(there > 0, tokens, -np.inf).max(axis=1))
        return np.asarray((tokens * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1), np.float32)


class OnnxTexts(_Onnx):
    """A sentence embedding: tokenizer.json and an ONNX file, as sentence-transformers writes them."""

    media: ClassVar[str] = "text"

    def transform(self, contents: Sequence[str]) -> FloatArray:
        """Rows (n, dimension) of length 1; the diagonal for a text without a token."""
        out = np.zeros((len(contents), self.dimension), np.float32)
        lengths = np.array([len(text) for text in contents], np.int64)
        # Texts of like length go together: little is padded.
        order = np.argsort(lengths, kind="stable")
        for part in chunks(len(contents), TEXTS_AT_ONCE):
            rows = order[part]
            out[rows] = self._rows([contents[row] for row in rows.tolist()])
        return unit_rows(out)

    def probe(self) -> int:
        given = [one.name for one in self.session.get_inputs()]
        if "input_ids" not in given or not set(given) <= set(_TEXT_INPUTS):
            raise Unusable(
                f"{self.root.name} wants {', '.join(given)}; a model for texts must take input_ids and "
                "attention_mask, and may take token_type_ids."
            )
        return int(self._rows(["a"]).shape[1])

    def _rows(self, texts: Sequence[str]) -> FloatArray:
        encoded = _tokenizer(self.root).encode_batch(
            [text[:LONGEST].encode("utf-8", "replace").decode() for text in texts]
        )
        ids = {
            "input_ids": np.array([one.ids for one in encoded], np.int64),
            "attention_mask": np.array([one.attention_mask for one in encoded], np.int64),
            "token_type_ids": np.array([one.type_ids for one in encoded], np.int64),
        }
        mask = ids["attention_mask"]
        empty: BoolArray = mask.sum(axis=1) == 0
        if not mask.shape[1]:
            return np.zeros((len(texts), self.dimension), np.float32)
        feed = {one.name: ids[one.name].astype(_dtype(one, self.root)) for one in self.session.get_inputs()}
        name, found = self.run(feed)
        if found.ndim == 3:
            found = Pooling.beside(self.root)(found, mask)
        if found.ndim != 2:
            raise Unusable(
                f"{self.root.name} gives {name} of shape {found.shape}, not one vector a text or token."
            )
        found[empty] = 0
        return found


@lru_cache(maxsize=4)
def _tokenizer(root: Path) -> tokenizers.Tokenizer:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import tokenizers

    try:
        made = tokenizers.Tokenizer.from_file(str(root / "tokenizer.json"))
    # The library raises plain exceptions.
    except Exception as error:
        raise Unusable(f"The tokenizer.json of {root.name} cannot be read: {str(error)[:200]}") from None
    own = (made.truncation or {}).get("max_length")
    said = _object(root / "sentence_bert_config.json").get("max_seq_length") or own or TOKENS
    made.enable_truncation(min(int(said), MOST_TOKENS))
    padding = made.padding or {}
    made.enable_padding(pad_id=padding.get("pad_id", 0), pad_token=padding.get("pad_token", "[PAD]"))
    return made


@dataclass(frozen=True)
class Lens:
    """How a network wants to see a picture."""

    height: int
    width: int
    channels_first: bool
    mean: FloatArray
    spread: FloatArray
    scale: float

    @classmethod
    def of(cls, root: Path, shape: Sequence[Any]) -> Lens:
        """From the shape of the input, and the JSON beside the file: size, mean, std, scale."""
        if len(shape) != 4 or (shape[1] != 3 and shape[3] != 3):
            raise Unusable(f"{root.name} takes {list(shape)}; a model for pictures takes rows of 3 channels.")
        first = shape[1] == 3
        said = _beside(root)
        size = said.get("size", SIDE)
        if isinstance(size, Mapping):
            side = size.get("shortest_edge", SIDE)
            size = (size.get("height", side), size.get("width", side))
        height, width = size if isinstance(size, list | tuple) else (size, size)
        fixed = shape[2:] if first else shape[1:3]
        height, width = (
            a if isinstance(a, int) and a > 0 else b for a, b in zip(fixed, (height, width), strict=True)
        )
        mean, spread = (
            said.get("mean", said.get("image_mean", _MEAN)),
            said.get("std", said.get("image_std", _SPREAD)),
        )
        scale = said.get("scale", said.get("rescale_factor", 1 / 255))
        try:
            mean, spread = (np.asarray(one, np.float32).reshape(3) for one in (mean, spread))
            made = cls(int(height), int(width), first, mean, spread, float(scale))
        except (TypeError, ValueError):
            raise Unusable(
                f"The JSON beside {root.name} must give size, and three numbers for mean and std."
            ) from None
        if not (0 < made.height <= 1024 and 0 < made.width <= 1024) or not made.spread.all():
            raise Unusable(f"{root.name} wants {made.height} by {made.width} pixels; 1024 is the most.")
        return made

    def __call__(self, picture: Image | None) -> FloatArray | None:
        """The picture as the network takes it; None if it cannot be read."""
        seen = pixels(picture, (self.width, self.height))
        if seen is None:
            return None
        seen = (seen * np.float32(self.scale) - self.mean) / self.spread
        return np.asarray(seen.transpose(2, 0, 1) if self.channels_first else seen, np.float32)


class OnnxPictures(_Onnx):
    """A network for pictures: an ONNX file, and a JSON beside it where size or colours are unusual."""

    media: ClassVar[str] = "image"

    def transform(self, contents: Sequence[Image | None]) -> FloatArray:
        """Rows (n, dimension) of length 1; the diagonal for a picture that cannot be read."""
        lens = self._lens()
        out = np.zeros((len(contents), self.dimension), np.float32)
        for part in chunks(len(contents), PICTURES_AT_ONCE):
            seen = [lens(picture) for picture in contents[part]]
            rows = [row for row, picture in enumerate(seen, part.start) if picture is not None]
            if rows:
                out[rows] = self._rows(np.stack([picture for picture in seen if picture is not None]))
        return unit_rows(out)

    def probe(self) -> int:
        lens = self._lens()
        size = (3, lens.height, lens.width) if lens.channels_first else (lens.height, lens.width, 3)
        return int(self._rows(np.zeros((1, *size), np.float32)).shape[1])

    def _lens(self) -> Lens:
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs)
            raise Unusable(f"{self.root.name} wants {names}; a model for pictures takes one array of pixels.")
        return Lens.of(self.root, inputs[0].shape)

    def _rows(self, x: FloatArray) -> FloatArray:
        (one,) = self.session.get_inputs()
        x = x.astype(_dtype(one, self.root))
        # A file may have been written for one picture at a time.
        if one.shape[0] == 1:
            found = np.concatenate([self.run({one.name: x[row : row + 1]})[1] for row in range(len(x))])
        else:
            found = self.run({one.name: x})[1]
        if found.ndim == 4:
            found = found.mean(axis=(2, 3))
        elif found.ndim == 3:
            found = found.mean(axis=1)
        if found.ndim != 2:
            raise Unusable(
                f"{self.root.name} gives an array of shape {found.shape}, not one vector a picture."
            )
        return found


def _dtype(port: Any, root: Path) -> Any:
    if port.type not in _DTYPES:
        raise Unusable(f"{root.name} wants {port.name} as {port.type}, which is not understood here.")
    return _DTYPES[port.type]


def _beside(root: Path) -> dict[str, Any]:
    for path in (root.with_suffix(".json"), root / "model.json", root / "preprocessor_config.json"):
        if found := _object(path):
            return found
    return {}


def _json(path: Path) -> Any:
    """What a small JSON file holds; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Unusable(f"{path.name} beside the model is not valid JSON.") from None


def _object(path: Path) -> dict[str, Any]:
    found = _json(path)
    return found if isinstance(found, dict) else {}
