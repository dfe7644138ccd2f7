"""Find words that people see and that are not marked for translation, in templates, scripts and Python."""

from __future__ import annotations

import ast
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
# Names of the product, of formats and of what has the same name everywhere.
NAMES: Final = {"Annotator", "CSV", "HTML", "JSON", "JSONL", "Markdown", "UTF", "kB", "px", "zip"}
# Keys, and ends of words that a page has.
NAMES.update({"Aa", "Alt", "End", "Home", "None", "XL"})
SEEN: Final = {"alt", "aria-label", "aria-description", "aria-roledescription", "placeholder", "title"}
QUIET: Final = {"code", "kbd", "pre", "samp", "script", "style", "svg"}
_LOAD: Final = re.compile(
    r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}|\{% block \w*class %\}.*?\{% endblock", re.DOTALL
)
_MARKED: Final = re.compile(
    r"\{%-?\s*(blocktranslate|blocktrans)\b.*?\{%\s*end\1\s*%\}|\{%\s*(translate|trans)\b.*?%\}", re.DOTALL
)
_TAG: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_LITERAL: Final = re.compile(r"""(?<!_\()(?:(?<=[=:])|(?<=\s))(["'])((?:(?!\1).)*)\1""")
_WORD: Final = re.compile(r"[A-Za-z]{2,}")
Found = tuple[int, str]


def words(text: str) -> bool:
    """Whether a text says something, beside names."""
    return any(word not in NAMES for word in _WORD.findall(text.replace("&nbsp;", " ")))


def _blank(match: re.Match[str]) -> str:
    """Put nothing in the place of a tag, but keep the lines."""
    return "\n" * match[0].count("\n")


class _Page(HTMLParser):
    """Collects what a page says outside of tags of the template language."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Found] = []
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._quiet += tag in QUIET
        for name, value in attrs:
            if (
                value
                and words(value)
                and (name in SEEN or (name.startswith("data-") and " " in value.strip()))
            ):
                self.found.append((self.getpos()[0], f"{name}={value.strip()!r}"))

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in QUIET

    def handle_data(self, data: str) -> None:
        if not self._quiet and words(data):
            self.found.append((self.getpos()[0], data.strip()))


def in_template(text: str) -> list[Found]:
    """Return what a template says without translation, with the lines."""
    text = _MARKED.sub(_blank, _LOAD.sub(_blank, text))
    found = [
        (text.count("\n", 0, tag.start()) + 1, literal[2])
        for tag in _TAG.finditer(text)
        for literal in _LITERAL.finditer(tag[0])
        if _sentence(literal[2])
        and not re.match(r"\{%\s*(url|static|extends|load|include\s+\S+\s*%|ifequal|if|elif|now)", tag[0])
    ]
    page = _Page()
    page.feed(_TAG.sub(_blank, text))
    return found + page.found


def _sentence(text: str) -> bool:
    """Whether a string reads like words for people: several of them, or one that begins with a capital."""
    several = re.fullmatch(r"[^/<>{}=#\[\]_;]*[A-Za-z]{2,}[,.:…]? [A-Za-z][^/<>{}=#\[\]_;]*", text)
    return bool(several or (re.fullmatch(r"[A-Z][a-z]{2,}[.…:!?]?", text) and text not in NAMES))


_SCRIPT_STRING: Final = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`", re.DOTALL
)

# What a script asks for, compares with or throws is no word of the page.
_ASKED: Final = re.compile(
    r"(closest|matches|matchMedia|querySelector(All)?|startsWith|includes|new \w*Error|[kK]ey|code|className"
    r"|[=!]==)[^a-z]*$"
)


def in_script(text: str) -> list[Found]:
    """Return strings of a script that read like words for people; its words come from the page."""
    found = []
    for match in _SCRIPT_STRING.finditer(text):
        string = next((group for group in match.groups() if group), "")
        string = re.sub(r"\$\{[^}]*\}", " ", string).strip()
        before = text[max(0, match.start() - 40) : match.start()].rpartition("\n")[2]
        if _sentence(string) and not _ASKED.search(before):
            found.append((text.count("\n", 0, match.start()) + 1, string))
    return found


# What commands print, what computes without Django, and what the demonstration shows is in English.
_APART: Final = {"management", "migrations", "core", "quality", "demonstration.py", "predicting.py"}
_TOLD: Final = {"Refused", "ValidationError", "Bad", "Problem", "announce"}
_SHOWN: Final = {
    "help_text",
    "label",
    "title",
    "x_label",
    "y_label",
    "name_label",
    "value_label",
    "empty_label",
}


def in_python(text: str) -> list[Found]:
    """Return sentences that a module raises for people or puts into a form or chart, unmarked."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        told = list(node.args) if name in _TOLD else []
        told += [keyword.value for keyword in node.keywords if keyword.arg in _SHOWN or name in _TOLD]
        found += [(part.lineno, ast.unparse(part)) for part in told if _unmarked(part)]
    return found


def _unmarked(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return bool(_sentence(text))
        case ast.JoinedStr(values=parts):
            return any(isinstance(part, ast.Constant) and _WORD.search(str(part.value)) for part in parts)
        case ast.BinOp(left=left):
            return _unmarked(left)
    return False


def main() -> int:
    kinds = (("templates/**/*.html", in_template), ("static/js/**/*.js", in_script))
    python = tuple((f"{app}/**/*.py", in_python) for app in ("annotator", "projects", "sampling"))
    count = 0
    for pattern, finder in kinds + python:
        for path in sorted(ROOT.glob(pattern)):
            if _APART & {*path.parts, path.name}:
                continue
            for line, what in finder(path.read_text(encoding="utf-8")):
                print(f"{path.relative_to(ROOT)}:{line}: not marked for translation: {what[:120]}")
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
