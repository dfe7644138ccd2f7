"""A picture is kept as pixels and nothing else."""

import io
import random
import struct
import zlib

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from projects.files import images
from projects.files.problems import Bad
from tests.uploading import picture


def kept(data, name):
    found = images.clean(data, name)
    return found, Image.open(io.BytesIO(found.data))


@pytest.mark.parametrize(
    ("name", "kind", "mode", "suffix"),
    [
        ("a.png", "PNG", "RGB", ".png"),
        ("a.png", "PNG", "RGBA", ".png"),
        ("a.png", "PNG", "L", ".png"),
        ("a.png", "PNG", "LA", ".png"),
        ("a.png", "PNG", "P", ".png"),
        ("a.png", "PNG", "1", ".png"),
        ("a.PNG", "PNG", "I;16", ".png"),
        ("a.jpg", "JPEG", "RGB", ".jpg"),
        ("a.jpeg", "JPEG", "L", ".jpg"),
        ("a.JPG", "JPEG", "CMYK", ".jpg"),
        ("a.webp", "WEBP", "RGB", ".webp"),
        ("a.webp", "WEBP", "RGBA", ".webp"),
        ("a.gif", "GIF", "P", ".png"),
    ],
)
def test_every_kind_of_pixel_is_kept_as_something_a_browser_shows(name, kind, mode, suffix):
    found, image = kept(picture(kind, mode=mode), name)
    assert (found.suffix, found.width, found.height) == (suffix, 8, 6)
    assert image.mode in {"L", "RGB", "RGBA"}
    assert image.size == (8, 6)


def test_sixteen_bits_are_scaled_not_clipped():
    grey = Image.new("I;16", (2, 1))
    grey.putpixel((0, 0), 65535)
    grey.putpixel((1, 0), 32768)
    into = io.BytesIO()
    grey.save(into, "PNG")
    _, image = kept(into.getvalue(), "a.png")
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [255, 127]


def test_transparency_of_a_palette_is_kept():
    image = Image.new("P", (2, 2), 0)
    into = io.BytesIO()
    image.save(into, "PNG", transparency=0)
    _, image = kept(into.getvalue(), "a.png")
    assert image.getpixel((0, 0))[3] == 0


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for kind, name in (("GIF", "a.gif"), ("WEBP", "a.webp"), ("PNG", "a.png")):
        into = io.BytesIO()
        frames[0].save(
            into,
            kind,
            save_all=True,
            append_images=frames[1:],
            **({"lossless": True} if kind == "WEBP" else {}),
        )
        _, image = kept(into.getvalue(), name)
        assert getattr(image, "n_frames", 1) == 1
        assert image.convert("RGB").getpixel((0, 0))[0] > 240


def test_a_picture_taken_sideways_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    found, _ = kept(picture("JPEG", size=(8, 6), exif=exif), "a.jpg")
    assert (found.width, found.height) == (6, 8)


def test_where_and_how_it_was_taken_is_gone():
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    exif.get_ifd(0x8825)[1] = "N"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "SECRET")
    notes.add_itxt("XML:com.adobe.xmp", "SECRET")
    for data, name in (
        (picture("JPEG", exif=exif, comment=b"SECRET"), "a.jpg"),
        (picture("PNG", exif=exif, pnginfo=notes), "a.png"),
        (picture("WEBP", exif=exif, xmp=b"SECRET"), "a.webp"),
        (picture("GIF", mode="P", comment=b"SECRET"), "a.gif"),
    ):
        assert b"SECRET" in data or b"SECRET" in zlib.decompress(zlib.compress(data))
        found, image = kept(data + b"SECRET<script>", name)
        assert b"SECRET" not in found.data
        assert not image.getexif()


def test_colours_of_another_space_are_brought_to_srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    found, image = kept(picture("PNG", icc_profile=profile), "a.png")
    assert "icc_profile" not in image.info
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found, image = kept(picture("PNG", icc_profile=wide), "a.png")
    assert image.size == (8, 6)
    assert wide[:64] not in found.data


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"just text", "a.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png"),
        (b"<html><script>alert(1)</script>", "a.jpg"),
        (b"", "a.gif"),
        (picture("JPEG"), "a.png"),
        (picture("PNG"), "a.jpg"),
        (picture("PNG"), "a.webp"),
        (b"RIFF\0\0\0\0WAVE" + b"x" * 40, "a.webp"),
    ],
)
def test_a_file_that_lies_about_its_type_is_refused(data, name):
    for act in (images.verify, images.clean):
        with pytest.raises(Bad):
            act(data, name)


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("WEBP", "a.webp"), ("GIF", "a.gif")]
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_picture_that_is_cut_off_is_refused(kind, name, share):
    data = picture(kind, size=(60, 60), mode="P" if kind == "GIF" else "RGB")
    with pytest.raises(Bad):
        images.verify(data[: int(len(data) * share)], name)


def huge_png(width, height):
    """A PNG that only claims its size: were it decoded, memory would run out."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(8000, 8000), (30_000, 30_000), (100_000, 100_000), (2**31 - 1, 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size):
    with pytest.raises(Bad, match=r"pixels|damaged"):
        images.verify(huge_png(*size), "a.png")


def test_a_gif_that_claims_a_huge_screen_is_refused():
    data = bytearray(picture("GIF", mode="P"))
    data[6:10] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(Bad):
        images.verify(bytes(data), "a.gif")


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "a.png"), ("JPEG", "a.jpg"), ("WEBP", "a.webp"), ("GIF", "a.gif")]
)
def test_damage_anywhere_is_refused_or_harmless(kind, name):
    """Whatever a decoder makes of broken bytes, it is a picture or a refusal."""
    generator = random.Random(3)
    whole = picture(kind, size=(40, 30), mode="P" if kind == "GIF" else "RGB")
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 6)):
            data[generator.randrange(3, len(data))] = generator.randrange(256)
        try:
            found = images.clean(bytes(data), name)
        except Bad:
            continue
        assert Image.open(io.BytesIO(found.data)).size == (found.width, found.height)


def test_a_thumbnail_is_small_and_keeps_the_proportions():
    data = images.thumbnail(picture("JPEG", size=(1000, 500)))
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("WEBP", (256, 128))


@pytest.mark.parametrize(
    ("name", "start"), [("a.jpg", b"\xff\xd8\xff"), ("a.gif", b"GIF89a"), ("a.webp", b"RIFF....WEBP")]
)
def test_a_damaged_picture_is_told_in_our_own_words(name, start):
    with pytest.raises(Bad) as told:
        images.verify(start, name)
    assert told.value.reason == "The picture is damaged or cut off."
