"""Open an uploaded file by what it is, not by what its name says; refuse in words what it cannot be."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from projects.errors import Refused
from projects.files import limits
from projects.files.archives import open_archive
from projects.files.columns import Columns
from projects.files.csvs import open_csv
from projects.files.jsons import open_json
from projects.files.records import Reader
from projects.models import Upload
from projects.saying import Said
from projects.saying import gettext as _

_SHEET = _("This is a workbook. Save the sheet as “CSV UTF-8” and upload that.")
_PICTURE = _("This is a single picture. Put the pictures into a zip file and upload that.")
_FOREIGN: Final = [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _SHEET),
    (b"%PDF", _("This is a PDF. Upload its texts as CSV or JSON lines, one row a text.")),
    (b"PAR1", _("This is a Parquet file. Write it as CSV or JSON lines and upload that.")),
    (b"SQLite format 3\0", _("This is a database. Export the table as CSV and upload that.")),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"Rar!", _("This is a RAR archive. Pack the pictures as zip and upload that.")),
    (b"7z\xbc\xaf\x27\x1c", _("This is a 7z archive. Pack the pictures as zip and upload that.")),
    (b"\xfd7zXZ\0", _("The file is packed as xz. Unpack it, or pack it as gz, and upload that.")),
    (b"BZh", _("The file is packed as bz2. Unpack it, or pack it as gz, and upload that.")),
    (b"\x28\xb5\x2f\xfd", _("The file is packed as zst. Unpack it, or pack it as gz, and upload that.")),
]
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x1f\0"))


@contextmanager
def open_upload(upload: Upload, tables: bool = True) -> Iterator[Reader]:
    """Open an upload as the person chose to read it. Raises Refused where it is no file that we read.

    Without ``tables``, a zip of pictures is opened for its pictures alone.
    """
    if not upload.file:
        raise Refused(_("The file is no longer kept. Upload it again."))
    if upload.file.size > limits.file_bytes():
        raise Refused(_too_big())
    try:
        opened = upload.file.open("rb")
    except FileNotFoundError:
        raise Refused(_("The file is no longer there. Upload it again.")) from None
    columns = Columns.from_json(upload.columns)
    with opened, open_file(cast(BinaryIO, opened.file), columns, tables) as reader:
        yield reader


@contextmanager
def open_file(file: BinaryIO, columns: Columns, tables: bool = True) -> Iterator[Reader]:
    """Open a file that can be read more than once."""
    columns.validate_reading()
    head = _head(file)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        with open_archive(file, columns, tables) as archive:
            yield archive
    elif head.startswith(b"\x1f\x8b"):
        with tempfile.TemporaryFile() as unpacked:
            _unpack(file, cast(BinaryIO, unpacked))
            yield _open_table(cast(BinaryIO, unpacked), columns)
    else:
        yield _open_table(file, columns)


def _open_table(file: BinaryIO, columns: Columns) -> Reader:
    head = _head(file)
    if not head.strip():
        raise Refused(_("The file is empty. Upload CSV, JSON lines or a zip of pictures."))
    for start, words in _FOREIGN:
        if head.startswith(start):
            raise Refused(words)
    if len(head) - len(head.translate(None, _CONTROLS)) > max(4, len(head) // 50):
        raise Refused(_("This is not a text file. Upload CSV, JSON lines or a zip of pictures."))
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")
    if text.startswith((b"{", b"[")):
        return open_json(file, columns.encoding)
    return open_csv(file, columns.encoding, columns.delimiter)


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(4096)


def _too_big(unpacked: bool = False) -> Said:
    most = f"{limits.file_bytes() // limits.MB:,}"
    if unpacked:
        return _(
            "The unpacked file is larger than %(most)s MB, the limit of this site. "
            "Split it and upload the parts.",
            most=most,
        )
    return _(
        "The file is larger than %(most)s MB, the limit of this site. Split it and upload the parts.",
        most=most,
    )


def _unpack(file: BinaryIO, into: BinaryIO) -> None:
    """Unpack gzip within the limits of size and ratio."""
    file.seek(0, 2)
    packed = file.tell()
    file.seek(0)
    done = 0
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            while piece := unpacked.read(1 << 20):
                done += len(piece)
                if done > limits.file_bytes():
                    raise Refused(_too_big(unpacked=True))
                if done > limits.RATIO_FREE and done > limits.RATIO * packed:
                    raise Refused(
                        _("The file unpacks to far more than its size. Upload it unpacked, or in parts.")
                    )
                into.write(piece)
    except (EOFError, OSError, zlib.error):
        raise Refused(_("The gz file is damaged or cut off. Pack it again and upload that.")) from None
