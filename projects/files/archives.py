"""Read a zip of pictures, with or without a table of fields. Nothing in it is trusted or unpacked to disk."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from pathlib import PurePosixPath
from typing import BinaryIO, Final, cast

from projects.errors import Refused
from projects.files import encodings, limits
from projects.files.columns import FILE, FOLDER, Columns
from projects.files.csvs import open_csv
from projects.files.images import SUFFIXES
from projects.files.problems import Bad, Problem, Problems, listing, shorten
from projects.files.records import Row
from projects.saying import Said, both
from projects.saying import gettext as _

_TABLES: Final = {".csv", ".tsv"}
_FILE_COLUMNS: Final = ("file", "file_name", "filename", "image", "path", "name", "picture", "img")
_PASSED_OVER: Final = {".txt", ".md", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".csv", ".tsv", ".rst", ""}
_ARCHIVES: Final = {".zip", ".gz", ".tar", ".7z", ".rar", ".bz2", ".xz", ".tgz"}
_SPEAKING: Final = {
    ".svg": (_("SVG pictures may hold scripts."), _("Export it as PNG.")),
    ".svgz": (_("SVG pictures may hold scripts."), _("Export it as PNG.")),
    **dict.fromkeys(
        _ARCHIVES, (_("An archive inside the archive is not opened."), _("Unpack it into the zip."))
    ),
}
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
)


@dataclass
class ArchiveReader:
    """Pictures in the order of the archive; a row's number is its place there."""

    archive: zipfile.ZipFile
    entries: list[zipfile.ZipInfo]
    columns: list[str] = field(default_factory=lambda: [FILE])
    # By path in the archive: what the table says about a picture.
    table: dict[str, dict[str, object]] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    note: Said | str = ""
    encoding: str = ""
    sure: bool = True
    delimiter: str = ""
    kind: str = "images"
    media: str = "image"

    def rows(self) -> Iterator[Row | Problem]:
        """Yield every picture, unopened, or why it is refused; then what is wrong with the table."""
        seen: set[str] = set()
        for number, info in enumerate(self.entries, 1):
            try:
                _refuse(info, seen)
            except Bad as bad:
                yield bad.at(number)
                continue
            yield Row(number, self._fields(info.filename), partial(_read, self.archive, info))
        yield from self.problems.first
        if rest := self.problems.count - len(self.problems.first):
            # As many as nobody keeps are only counted, so one stands for all.
            yield from repeat(self.problems.first[-1], rest)

    def _fields(self, name: str) -> dict[str, object]:
        folder: dict[str, object] = (
            {FOLDER: PurePosixPath(name).parent.name} if FOLDER in self.columns else {}
        )
        return {FILE: name} | folder | self.table.get(name, {})


def _refuse(info: zipfile.ZipInfo, seen: set[str]) -> None:
    """Raise Bad for what is no harmless picture, as far as the archive's list of contents tells."""
    name, suffix = info.filename, PurePosixPath(info.filename).suffix.lower()
    column = FILE
    if name in seen:
        raise Bad(name, _("Two files of the archive have this name."), _("Keep one of them."), column)
    seen.add(name)
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0] or not encodings.whole(name):
        raise Bad(
            name,
            _("The name points out of the archive."),
            _("Pack the pictures again with plain names."),
            column,
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Bad(name, _("This is a link, not a picture."), _("Pack the picture itself."), column)
    if info.flag_bits & 1:
        raise Bad(name, _("The file is encrypted."), _("Pack it without a password."), column)
    if suffix in _SPEAKING:
        raise Bad(name, *_SPEAKING[suffix], column)
    if suffix not in SUFFIXES:
        raise Bad(name, _("This is no picture that we read."), _("Use PNG, JPEG, WebP or GIF."), column)
    if info.file_size > limits.IMAGE_BYTES:
        most = limits.IMAGE_BYTES // limits.MB
        raise Bad(name, _("The picture has more than %(most)s MB.", most=most), _("Save it smaller."), column)
    if info.file_size > limits.MB and info.file_size > limits.IMAGE_RATIO * max(info.compress_size, 1):
        raise Bad(
            name, _("The file unpacks to far more than its size."), _("Save the picture again."), column
        )


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Unpack one picture, never more than the limit, whatever the archive says of its size."""
    try:
        with archive.open(info) as packed:
            data = packed.read(limits.IMAGE_BYTES + 1)
    except (*_DAMAGED, RuntimeError) as error:
        raise Bad(
            info.filename,
            _("The file is damaged in the archive: %(error)s.", error=error),
            _("Pack it again."),
            FILE,
        ) from None
    if len(data) > limits.IMAGE_BYTES:
        raise Bad(info.filename, _("The picture is too large."), _("Save it smaller."), FILE)
    return data


@contextmanager
def open_archive(file: BinaryIO, columns: Columns, tables: bool = True) -> Iterator[ArchiveReader]:
    """Open a zip of pictures. Raises Refused where it is damaged, holds none, or would unpack to too much.

    Without ``tables`` only the pictures are looked at.
    """
    try:
        _refuse_crowd(file)
        archive = zipfile.ZipFile(file)
    except _DAMAGED:
        raise Refused(_("The zip file is damaged or cut off. Pack it again and upload that.")) from None
    with archive:
        files = [info for info in archive.infolist() if not info.is_dir() and not _hidden(info.filename)]
        _refuse_whole(files)
        pictures = [info for info in files if not _passed_over(info)]
        reader = ArchiveReader(archive, pictures)
        others = [info.filename for info in files if _passed_over(info)]
        named = [name for name in others if PurePosixPath(name).suffix.lower() in _TABLES]
        _read_tables(reader, named if tables else [], columns)
        if not reader.table and any("/" in info.filename for info in pictures):
            reader.columns.append(FOLDER)
        rest = [name for name in others if name not in named]
        if rest:
            passed = _("Passed over: %(names)s.", names=listing(rest))
            reader.note = both(reader.note, passed) if reader.note else passed
        yield reader


def _refuse_crowd(file: BinaryIO) -> None:
    """Refuse more entries than anybody means, before ``zipfile`` makes an object of each.

    They are counted in the archive's own list: the number that it states may be a lie.
    """
    start, size = _list_of_contents(file)
    if start < 0:
        raise zipfile.BadZipFile
    entries = limits.ARCHIVE_ENTRIES + 1 if size > limits.ARCHIVE_LIST else 0
    file.seek(start)
    while size > 0 and entries <= limits.ARCHIVE_ENTRIES:
        head = file.read(46)
        if len(head) < 46:
            raise zipfile.BadZipFile
        more = sum(struct.unpack_from("<3H", head, 28))
        file.seek(more, 1)
        size -= 46 + more
        entries += 1
    if entries > limits.ARCHIVE_ENTRIES:
        raise Refused(
            _(
                "The zip holds too many files; %(limit)s is the limit. Split it.",
                limit=f"{limits.ARCHIVE_FILES:,}",
            )
        )


def _list_of_contents(file: BinaryIO) -> tuple[int, int]:
    """Return where the list of entries starts, and its bytes, by the record at the archive's end."""
    length = file.seek(0, 2)
    before = max(0, length - (1 << 16) - 98)
    file.seek(before)
    tail = file.read()
    end = len(tail) - 22
    if end < 0 or not tail.startswith(b"PK\5\6", end) or tail[-2:] != b"\0\0":
        # A comment comes last.
        end = tail.rfind(b"PK\5\6", 0, -18)
    if end < 0:
        raise zipfile.BadZipFile
    size = struct.unpack_from("<L", tail, end + 12)[0]
    if end >= 20 and tail.startswith(b"PK\6\7", end - 20):
        # Zip64: the record with the larger numbers stands before the one of old.
        end -= 76
        if end < 0 or not tail.startswith(b"PK\6\6", end):
            raise zipfile.BadZipFile
        size = struct.unpack_from("<Q", tail, end + 40)[0]
    return before + end - size, size


def _hidden(name: str) -> bool:
    parts = name.split("/")
    return (
        parts[0] == "__MACOSX"
        or parts[-1].lower() in {"thumbs.db", "desktop.ini"}
        or parts[-1].startswith("._")
        or (parts[-1] == ".DS_Store")
    )


def _passed_over(info: zipfile.ZipInfo) -> bool:
    return PurePosixPath(info.filename).suffix.lower() in _PASSED_OVER and not stat.S_ISLNK(
        info.external_attr >> 16
    )


def _refuse_whole(files: list[zipfile.ZipInfo]) -> None:
    if any(info.filename == "[Content_Types].xml" for info in files):
        raise Refused(_("This is a workbook or a document. Save a sheet as “CSV UTF-8” and upload that."))
    if len(files) > limits.ARCHIVE_FILES:
        raise Refused(
            _(
                "The zip holds %(count)s files; %(limit)s is the limit. Split it.",
                count=f"{len(files):,}",
                limit=f"{limits.ARCHIVE_FILES:,}",
            )
        )
    if sum(info.file_size for info in files) > limits.file_bytes():
        most = limits.file_bytes() // limits.MB
        raise Refused(
            _("The zip unpacks to more than %(most)s MB, the limit of this site. Split it.", most=f"{most:,}")
        )
    if not any(PurePosixPath(info.filename).suffix.lower() in {*SUFFIXES, *_SPEAKING} for info in files):
        raise Refused(
            _("The zip holds no PNG, JPEG, WebP or GIF. A table of texts is uploaded as it is, not zipped.")
        )


def _read_tables(reader: ArchiveReader, names: list[str], columns: Columns) -> None:
    """Join the table that names the pictures. Two such tables cannot both be right."""
    joined = ""
    for name in names:
        info = reader.archive.getinfo(name)
        try:
            _refuse_table(info)
            with reader.archive.open(info) as packed:
                if _join(reader, name, cast(BinaryIO, packed), columns):
                    if joined:
                        raise Refused(
                            _(
                                "Two tables name the pictures: %(names)s. Keep one of them.",
                                names=listing([joined, name]),
                            )
                        )
                    joined = name
        except (*_DAMAGED, RuntimeError):
            raise Refused(
                _("%(names)s cannot be unpacked. Pack the zip again and upload that.", names=listing([name]))
            ) from None


def _refuse_table(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise Refused(_("The table in the zip is encrypted. Pack it without a password."))
    if info.file_size > limits.RATIO_FREE and info.file_size > limits.RATIO * max(info.compress_size, 1):
        raise Refused(_("The table in the zip unpacks to far more than its size. Pack it again."))


def _join(reader: ArchiveReader, name: str, packed: BinaryIO, columns: Columns) -> bool:
    """Read one table into the reader; False where no column names the pictures."""
    table = open_csv(packed, columns.encoding, columns.delimiter)
    by_name = {column.casefold(): column for column in table.columns}
    key = next((by_name[wanted] for wanted in _FILE_COLUMNS if wanted in by_name), "")
    if not key:
        reader.note = _("%(names)s has no column “file” and is not used.", names=listing([name]))
        return False
    others = [column for column in table.columns if column != key and column != FILE]
    # Its rows are numbered for themselves: a problem says that it is the table's.
    place = shorten(f"{name}: {key}")
    finder = _Finder([info.filename for info in reader.entries], str(PurePosixPath(name).parent))
    for count, row in enumerate(table.rows(), 1):
        if count > limits.ARCHIVE_FILES:
            raise Refused(
                _(
                    "%(names)s has more than %(limit)s rows. Split the zip.",
                    names=listing([name]),
                    limit=f"{limits.ARCHIVE_FILES:,}",
                )
            )
        if isinstance(row, Problem):
            reader.problems.add(replace(row, column=place))
            continue
        try:
            found = finder.find(str(row.fields[key]))
            if found in reader.table:
                raise Bad(row.fields[key], _("Two rows name the same picture."), _("Keep one of them."), key)
            reader.table[found] = {column: row.fields[column] for column in others}
        except Bad as bad:
            reader.problems.add(replace(bad.at(row.number), column=place))
    reader.columns += others
    reader.encoding, reader.sure, reader.delimiter = table.encoding, table.sure, table.delimiter
    reader.note = table.note
    return True


class _Finder:
    """Finds a picture by its path, by its path beside the table, or by its name where only one has it."""

    def __init__(self, names: list[str], folder: str) -> None:
        self._names, self._folder = set(names), folder
        self._by_name: dict[str, list[str]] = {}
        for name in names:
            self._by_name.setdefault(name.rpartition("/")[2], []).append(name)

    def find(self, wanted: str) -> str:
        """Return the path in the archive; raise Bad where there is none, or more than one."""
        path = wanted.strip().replace("\\", "/").removeprefix("./")
        for name in (path, f"{self._folder}/{path}"):
            if name in self._names:
                return name
        same = self._by_name.get(path.rpartition("/")[2], []) if "/" not in path else []
        if len(same) == 1:
            return same[0]
        if same:
            raise Bad(
                wanted,
                _("Several folders have a picture of this name."),
                _("Write the path with its folder."),
            )
        raise Bad(
            wanted, _("The zip holds no picture of this name."), _("Correct the name, or add the picture.")
        )
