"""Catalogues of translations: read and written as gettext does it, compiled without gettext."""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

Key = tuple[str, str]


@dataclass
class Entry:
    """One thing that is said: ``forms`` has it once, or once for each plural; none where it is missing."""

    msgid: str = ""
    context: str = ""
    plural: str = ""
    forms: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return self.context, self.msgid

    @property
    def missing(self) -> bool:
        return not self.forms or not all(self.forms)


def read(path: Path) -> list[Entry]:
    """Read a catalogue; its head is the entry with a blank ``msgid``. What is no longer used is left out."""
    blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
    return [_entry(block) for block in blocks if re.search(r"^msgid", block, re.MULTILINE)]


def _entry(block: str) -> Entry:
    entry, strings, name = Entry(), dict[str, str](), ""
    for line in block.splitlines():
        if line.startswith("#"):
            entry.comments.append(line)
            continue
        keyword, _space, rest = ("", "", line) if line.startswith('"') else line.partition(" ")
        name = keyword or name
        strings[name] = strings.get(name, "") + ast.literal_eval(rest)
    entry.context = strings.pop("msgctxt", "")
    entry.msgid = strings.pop("msgid")
    entry.plural = strings.pop("msgid_plural", "")
    entry.forms = list(strings.values())
    return entry


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Write a catalogue as gettext would, without breaking lines."""
    path.write_text("\n".join("\n".join(_lines(entry)) + "\n" for entry in entries), encoding="utf-8")


def _lines(entry: Entry) -> Iterator[str]:
    yield from entry.comments
    if entry.context:
        yield f"msgctxt {_quoted(entry.context)}"
    yield f"msgid {_quoted(entry.msgid)}"
    if entry.plural:
        yield f"msgid_plural {_quoted(entry.plural)}"
        yield from (f"msgstr[{at}] {_quoted(form)}" for at, form in enumerate(entry.forms))
    else:
        yield f"msgstr {_quoted(''.join(entry.forms))}"


def _quoted(text: str) -> str:
    pieces = text.splitlines(keepends=True) or [""]
    escaped = [
        piece.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        for piece in pieces
    ]
    lines = [f'"{piece}"' for piece in escaped]
    return lines[0] if len(lines) == 1 else "\n".join(['""', *lines])


def compiled(entries: Iterable[Entry]) -> bytes:
    """Return what gettext reads at run time: the same bytes for the same entries, on every machine."""
    pairs = sorted(
        (_binary_key(entry).encode(), "\0".join(entry.forms).encode())
        for entry in entries
        if not entry.missing
    )
    head, table = 7 * 4, len(pairs) * 8
    at = head + 2 * table
    index, body = [list[int](), list[int]()], b""
    for which in (0, 1):
        for pair in pairs:
            index[which] += [len(pair[which]), at + len(body)]
            body += pair[which] + b"\0"
    start = struct.pack("<7I", 0x950412DE, 0, len(pairs), head, head + table, 0, 0)
    return start + struct.pack(f"<{4 * len(pairs)}I", *index[0], *index[1]) + body


def _binary_key(entry: Entry) -> str:
    plain = f"{entry.context}\x04{entry.msgid}" if entry.context else entry.msgid
    return f"{plain}\0{entry.plural}" if entry.plural else plain


def plurals(entries: Iterable[Entry]) -> int:
    """Return how many plural forms the language of a catalogue has, by its head."""
    head = next((entry for entry in entries if not entry.msgid), Entry(forms=[""]))
    found = re.search(r"nplurals\s*=\s*(\d+)", head.forms[0])
    return int(found[1]) if found else 2


def problems(entries: list[Entry]) -> Iterator[str]:
    """Say in words what is wrong with each entry: missing, or with other placeholders or tags than asked."""
    count = plurals(entries)
    for entry in entries:
        if entry.msgid:
            yield from (f"{what}: {entry.msgid!r}" for what in _wrong(entry, count))


def _wrong(entry: Entry, count: int) -> Iterator[str]:
    if entry.missing:
        yield "not translated"
        return
    if any(line.startswith("#,") and "fuzzy" in line for line in entry.comments):
        yield "only guessed (fuzzy)"
    if len(entry.forms) != (count if entry.plural else 1):
        yield f"{len(entry.forms)} forms"
    asked = entry.plural or entry.msgid
    for at, form in enumerate(entry.forms):
        # «Two rows»: a form that stands for one number need not name it.
        exact = not entry.plural or at > 2
        if _holes(form) != _holes(asked) if exact else not set(_holes(form)) <= set(_holes(asked)):
            yield f"other placeholders in {form!r}"
        if _tags(form) != _tags(entry.msgid):
            yield f"other tags in {form!r}"
        if (form[:1] == "\n", form[-1:] == "\n") != (entry.msgid[:1] == "\n", entry.msgid[-1:] == "\n"):
            yield f"other line ends in {form!r}"


def _holes(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}", text))


def _tags(text: str) -> list[str]:
    return sorted(re.findall(r"</?\w+", text))
