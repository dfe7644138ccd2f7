"""Model files that a site offers in its models folder: which there are, and whether one is still the same.

Light enough for pages: nothing is opened but to take its digest.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

PREFIX: Final = "onnx:"


class Unusable(ValueError):
    """A model file cannot make features; the sentence says why and what to do."""


def model_path(root: Path) -> Path:
    """The ONNX file of a model: the file itself, or model.onnx or onnx/model.onnx in its folder."""
    for path in (root, root / "model.onnx", root / "onnx" / "model.onnx"):
        if path.is_file():
            return path
    raise Unusable(f"{root.name} is missing, or its folder holds neither model.onnx nor onnx/model.onnx.")


def media_of(root: Path) -> str:
    """Text for a model with a tokenizer beside it, image for any other."""
    return "text" if root.is_dir() and (root / "tokenizer.json").is_file() else "image"


def digest_of(root: Path) -> str:
    """Twelve characters that change when the model's file does."""
    path = model_path(root)
    about = path.stat()
    return _digest(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=64)
def _digest(path: Path, _changed: int, _size: int) -> str:
    whole = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            whole.update(piece)
    return whole.hexdigest()[:12]


def offered(folder: Path, media: str) -> list[str]:
    """Names for featurizers of this media: ``onnx:NAME#DIGEST`` of each model in the folder, in order."""
    found = []
    for root in sorted(folder.iterdir()) if folder.is_dir() else []:
        if root.name.startswith(".") or (root.is_file() and root.suffix != ".onnx"):
            continue
        try:
            inside(folder, root.name)
            if media_of(root) == media:
                found.append(f"{PREFIX}{root.name}#{digest_of(root)}")
        except (Unusable, OSError):
            continue
    return found


def inside(folder: Path, name: str) -> Path:
    """The file or folder of this name in the models folder; nothing outside it can be meant."""
    if not folder.is_dir() or name not in {one.name for one in folder.iterdir()}:
        raise Unusable(
            f"There is no model “{name}” in the models folder of this site. Put it back, or choose another."
        )
    root = folder / name
    for path in (root, model_path(root)):
        if not path.resolve().is_relative_to(folder.resolve()):
            raise Unusable(f"{name} points outside the models folder. Copy the model into the folder itself.")
    return root


def resolved(name: str, folder: Path) -> Path:
    """The file or folder that ``onnx:NAME#DIGEST`` means. Raises Unusable where it is not what it was."""
    file, _, digest = name.removeprefix(PREFIX).partition("#")
    root = inside(folder, file)
    if digest and digest != digest_of(root):
        raise Unusable(
            f"The file of {file} has changed. Choose it again, and the features are computed anew."
        )
    return root
