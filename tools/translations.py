"""Keep the catalogues in locale/ complete; see docs/translating.md.

update: take over every string of code and templates, and print what is not translated yet, as JSON.
fill FILE…: take translations from files of that form («t»: the text, or a list of all plural forms).
compile: write the .mo files that the site reads.
check: say what is missing, wrong or not compiled; fail if anything is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tools.catalogue import Entry, Key, compiled, plurals, problems, read, write

ROOT: Final = Path(__file__).resolve().parent.parent
LOCALE: Final = ROOT / "locale"
SOURCES: Final = ("annotator", "projects", "sampling", "templates")


def catalogues() -> Iterator[Path]:
    yield from sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def can_extract() -> bool:
    """Whether gettext is here: it alone finds the strings in Python code."""
    return shutil.which("xgettext") is not None


def extracted(language: str) -> list[Entry]:
    """Return every string that code and templates want translated, none of them translated."""
    with TemporaryDirectory() as folder:
        for name in SOURCES:
            skipped = shutil.ignore_patterns("__pycache__", "*.onnx", "*.npz", "migrations")
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=skipped)
        made = Path(folder) / "locale" / language / "LC_MESSAGES" / "django.po"
        made.parent.mkdir(parents=True)
        command = [sys.executable, "-m", "django", "makemessages", "--locale", language]
        environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
        subprocess.run(  # noqa: S603 - our own command
            [*command, "--no-wrap", "--add-location", "file"],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
        )
        return read(made)


def merged(old: list[Entry], new: list[Entry]) -> list[Entry]:
    """Return what is wanted now, with the translations that are known; the head stays as it was."""
    known = {entry.key: entry for entry in old}
    for entry in new:
        before = known.get(entry.key)
        # A string that counts now, and did not before, wants further forms.
        if before and (bool(before.plural) == bool(entry.plural) or not entry.msgid):
            entry.forms = before.forms
            entry.comments = before.comments if not entry.msgid else entry.comments
    return new


def update() -> int:
    """Bring the catalogues up to date with the code; print what is missing."""
    missing: dict[str, list[dict[str, Any]]] = {}
    for path in catalogues():
        language = path.parent.parent.name
        old = read(path) if path.stat().st_size else []
        entries = merged(old, extracted(language))
        gone = {entry.msgid: entry for entry in old if entry.key not in {new.key for new in entries}}
        write(path, entries)
        missing[language] = [_asked(entry, gone) for entry in entries if entry.missing]
    build()
    print(json.dumps(missing, ensure_ascii=False, indent=1))
    return 0


def _asked(entry: Entry, gone: dict[str, Entry]) -> dict[str, Any]:
    """Ask for a translation; beside it, how a similar sentence that is gone was translated."""
    asked = {"msgid": entry.msgid, "plural": entry.plural, "context": entry.context}
    like = get_close_matches(entry.msgid, gone, 1, 0.7)
    asked["like"] = gone[like[0]].forms[0] if like else ""
    asked["where"] = " ".join(line[3:] for line in entry.comments if line.startswith("#:"))
    return {name: value for name, value in asked.items() if value}


def fill(language: str, files: list[str]) -> int:
    """Put translations into a catalogue; say which were not asked for."""
    path = LOCALE / language / "LC_MESSAGES" / "django.po"
    entries = read(path)
    by_key: dict[Key, Entry] = {entry.key: entry for entry in entries}
    for row in (row for file in files for row in json.loads(Path(file).read_text(encoding="utf-8"))):
        entry = by_key.get((row.get("context", ""), row["msgid"]))
        forms = row["t"] if isinstance(row["t"], list) else [row["t"]]
        if entry is None or len(forms) != (plurals(entries) if entry.plural else 1):
            print(f"Not taken: {row['msgid']!r}", file=sys.stderr)
        else:
            entry.forms = forms
    write(path, entries)
    return build()


def build() -> int:
    for path in catalogues():
        path.with_suffix(".mo").write_bytes(compiled(read(path)))
    return 0


def check() -> int:
    """Print everything that a reader of another language would stumble over."""
    found = [f"{path.parent.parent.name}: {what}" for path in catalogues() for what in faults(path)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


def faults(path: Path) -> Iterator[str]:
    """Say what is wrong with one catalogue; strings of the code are compared where gettext is installed."""
    entries = read(path)
    yield from problems(entries)
    if path.with_suffix(".mo").read_bytes() != compiled(entries):
        yield "the compiled catalogue is another: scripts/translations compile"
    if shutil.which("msgfmt") is not None:
        yield from refused_by_gettext(path)
    if can_extract():
        wanted = {(entry.key, entry.plural) for entry in extracted(path.parent.parent.name) if entry.msgid}
        have = {(entry.key, entry.plural) for entry in entries if entry.msgid}
        yield from (f"not in the catalogue: {key[1]!r}" for key, _plural in sorted(wanted - have))
        yield from (
            f"in the catalogue, but used nowhere: {key[1]!r}" for key, _plural in sorted(have - wanted)
        )


def refused_by_gettext(path: Path) -> Iterator[str]:
    """Say what gettext itself finds wrong with a catalogue; what it only wonders about is left out."""
    command = ["msgfmt", "--check", "--output-file", os.devnull, str(path)]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        yield from (line for line in done.stderr.splitlines() if "warning:" not in line)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["update"] if can_extract():
            return update()
        case ["update"]:
            print("gettext is needed (Debian, Ubuntu: apt-get install gettext).", file=sys.stderr)
            return 1
        case ["fill", language, file, *more]:
            return fill(language, [file, *more])
        case ["compile"]:
            return build()
        case ["check"]:
            return check()
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
