"""Verify a picture and write it anew: upright, first frame, eight bits, nothing that is not a pixel."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps

from projects.files import limits
from projects.files.problems import Bad
from projects.saying import gettext as _

SUFFIXES: Final = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".webp": "WEBP",
    ".gif": "GIF",
}
TYPES: Final = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
THUMBNAIL: Final = 256
# What Pillow's decoders were seen to raise on broken files.
BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    MemoryError,
    struct.error,
    zlib.error,
)
_SRGB: Final = ImageCms.createProfile("sRGB")
_ICC_BYTES: Final = 1_000_000


@dataclass(frozen=True)
class Picture:
    """A picture as we keep it."""

    data: bytes
    suffix: str
    width: int
    height: int


def _kind(data: bytes) -> str:
    """Return what the first bytes say."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return ""


def _checked_kind(data: bytes, name: str) -> str:
    kind = _kind(data)
    told = SUFFIXES.get(PurePosixPath(name).suffix.lower(), "")
    if not kind:
        raise Bad(
            name, _("The file is not a picture, whatever its name says."), _("Use PNG, JPEG, WebP or GIF.")
        )
    if kind == "PNG" and b"IEND" not in data:
        # Pillow is content with the pixels; but who wrote this did not get to the end.
        raise Bad(name, _("The picture is cut off."), _("Save it again."))
    if kind != told:
        raise Bad(
            name,
            _("The file is a %(kind)s, but its name says something else.", kind=kind)
            if told
            else _("The file is a %(kind)s, but its name does not say so.", kind=kind),
            _("Rename it or save it again."),
        )
    return kind


def _opened(data: bytes, kind: str) -> Image.Image:
    """Open a picture whose size is within the limits; nothing is decoded yet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data), formats=[kind])
    if image.width * image.height > limits.IMAGE_PIXELS:
        most = limits.IMAGE_PIXELS // 1_000_000
        raise Bad(
            f"{image.width} × {image.height}",
            _("The picture has more than %(most)s million pixels.", most=most),
            _("Make it smaller."),
        )
    return image


def verify(data: bytes, name: str) -> None:
    """Raise Bad unless the file is a whole picture of the type that its name says."""
    _decoded(data, _checked_kind(data, name), name)


def _decoded(data: bytes, kind: str, name: str) -> Image.Image:
    try:
        image = _opened(data, kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.seek(0)
            image.load()
    except Image.DecompressionBombError:
        raise Bad(name, _("The picture has too many pixels."), _("Make it smaller.")) from None
    except BROKEN:
        # Not in Pillow's words: they may name an object of this program.
        raise Bad(name, _("The picture is damaged or cut off."), _("Save it again.")) from None
    return image


def clean(data: bytes, name: str) -> Picture:
    """Return the picture written anew, GIF as PNG, others in their own format. Raises Bad like ``verify``."""
    kind = _checked_kind(data, name)
    image = _decoded(data, kind, name)
    try:
        return _written(_plain(image), kind)
    except BROKEN:
        raise Bad(name, _("The picture cannot be converted."), _("Save it again as PNG or JPEG.")) from None


def _plain(image: Image.Image) -> Image.Image:
    """Return upright pixels, grey or colour, with alpha where there is any, and nothing else."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image) or image
    pixels = _eight_bit(upright)
    if profile and len(profile) < _ICC_BYTES and pixels.mode == "RGB" and upright.mode == "RGB":
        pixels = _to_srgb(pixels, profile)
    bare = Image.new(pixels.mode, pixels.size)
    bare.paste(pixels)
    return bare


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Sixteen bits of grey; Pillow's own conversion would clip instead of scale.
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if image.mode in {"L", "RGB", "RGBA"} and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in {"LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Bring colours of another space to sRGB, since the profile itself is dropped."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image


def _written(image: Image.Image, kind: str) -> Picture:
    into = io.BytesIO()
    if kind == "JPEG":
        suffix, options = ".jpg", {"quality": 90, "optimize": True}
        image = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    elif kind == "WEBP":
        suffix, options = ".webp", {"quality": 90, "method": 3}
        image = image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")
    else:
        kind, suffix, options = "PNG", ".png", {"compress_level": 6}
    _save(image, into, kind, options)
    return Picture(into.getvalue(), suffix, image.width, image.height)


def _save(image: Image.Image, into: io.BytesIO, kind: str, options: dict[str, Any]) -> None:
    image.save(into, kind, **options)


def thumbnail(data: bytes) -> bytes:
    """Return a small WebP of a picture that ``clean`` wrote."""
    image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"])
    image.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    into = io.BytesIO()
    small = image if image.mode in {"RGB", "RGBA"} else image.convert("RGB")
    _save(small, into, "WEBP", {"quality": 75, "method": 4})
    return into.getvalue()
