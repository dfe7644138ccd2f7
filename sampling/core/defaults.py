"""Which featurizer is the best that runs here; light enough for pages to ask."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

# The small network for pictures that comes with the product.
WEIGHTS: Final = Path(__file__).parent / "weights" / "efficientnet_lite0.onnx"
DEFAULT: Final = {"text": "lsa-wordllama", "image": "efficientnet-lite0"}
PLAIN_PICTURES: Final = "hog-colour"


def default_for(media: str) -> str:
    """The best featurizer for the media that runs here; without onnxruntime, hog-colour for pictures."""
    if media not in DEFAULT:
        raise ValueError(f"media is {media!r}; known: {', '.join(DEFAULT)}")
    if media == "image" and (find_spec("onnxruntime") is None or not WEIGHTS.exists()):
        return PLAIN_PICTURES
    return DEFAULT[media]
