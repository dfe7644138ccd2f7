"""Which encoding a file is in: told by its first bytes, proven by all of them, or guessed and said so."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

from django.utils.translation import gettext_lazy

from projects.errors import Refused
from projects.files import limits
from projects.saying import Said
from projects.saying import gettext as _

ENCODINGS: Final = [
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("cp1252", gettext_lazy("Western European (Windows-1252, Latin-1)")),
    ("iso8859-15", gettext_lazy("Western European (Latin-9)")),
    ("cp1250", gettext_lazy("Central European (Windows-1250)")),
    ("cp1251", gettext_lazy("Cyrillic (Windows-1251)")),
    ("koi8-r", gettext_lazy("Cyrillic (KOI8-R)")),
    ("cp1253", gettext_lazy("Greek (Windows-1253)")),
    ("cp1254", gettext_lazy("Turkish (Windows-1254)")),
    ("cp1255", gettext_lazy("Hebrew (Windows-1255)")),
    ("cp1256", gettext_lazy("Arabic (Windows-1256)")),
    ("shift_jis", gettext_lazy("Japanese (Shift JIS)")),
    ("euc-jp", gettext_lazy("Japanese (EUC)")),
    ("euc-kr", gettext_lazy("Korean (EUC)")),
    ("gb18030", gettext_lazy("Chinese (GB 18030)")),
    ("big5", gettext_lazy("Chinese (Big5)")),
]
_MARKS: Final = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_PIECE: Final = 1 << 20
_LONE: Final = re.compile("[\ud800-\udfff]")
BROKEN: Final = "\udcff"


def _mark_error(error: UnicodeError) -> tuple[str, int]:
    """Stand a lone surrogate where bytes make no sense: their row is refused, the rest is read."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BROKEN, error.end


codecs.register_error("mark", _mark_error)


@dataclass(frozen=True)
class Encoding:
    """An encoding, and whether it is certain or a guess that a person should look at."""

    name: str
    sure: bool = True
    note: Said | str = ""


def detect(file: BinaryIO) -> Encoding:
    """Return the encoding of a whole file, which is read once, a piece at a time."""
    file.seek(0)
    head = file.read(4096)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name)
    for name, start in (("utf-16-le", 1), ("utf-16-be", 0)):
        if (
            len(head) >= 4
            and head[start::2].count(0) > 0.6 * (len(head) // 2)
            and not head[1 - start :: 2].count(0)
        ):
            return Encoding(name, False, _("The file has no mark that says so, but looks like UTF-16."))
    return _utf8_or_older(file)


def _utf8_or_older(file: BinaryIO) -> Encoding:
    """UTF-8 if most characters beyond ASCII are; a few broken ones are bad rows, not another encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")("mark")
    good = bad = 0
    file.seek(0)
    while piece := file.read(_PIECE):
        text = decoder.decode(piece)
        broken = text.count(BROKEN)
        bad += broken
        good += len(text) - broken - len(text.encode("ascii", "ignore"))
    bad += decoder.decode(b"", final=True).count(BROKEN)
    if bad > good:
        note = _(
            "The file is not UTF-8. It is read as Windows-1252; look at accented letters in the first rows."
        )
        return Encoding("cp1252", False, note)
    return Encoding("utf-8", not bad, _("Some rows are not UTF-8 and are refused.") if bad else "")


def pieces(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield the lines of a file with their ends; a line longer than any record comes in several pieces.

    Only LF, CR and CRLF end a line. Bytes that make no sense become lone surrogates. Raises Refused for
    UTF-16 without the mark that tells the order of its bytes.
    """
    file.seek(0)
    reader = io.TextIOWrapper(file, encoding, errors="mark", newline="")
    try:
        while piece := reader.readline(limits.RECORD):
            yield piece
    except UnicodeError:
        raise Refused(
            _(
                "The file lacks the mark that UTF-16 begins with. "
                "Choose another encoding, or save it as UTF-8."
            )
        ) from None
    finally:
        # The file belongs to whoever opened it, and may be closed by now.
        with suppress(ValueError):
            reader.detach()


def whole(text: str) -> bool:
    """Whether every character can be stored and sent: no lone surrogate, no NUL."""
    if text.isascii():
        return "\0" not in text
    return "\0" not in text and not _LONE.search(text)
