"""What the labelling page weighs with all that it loads, as the site serves it; and that it is all ours."""

import gzip
import json
import os
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.management import call_command
from django.urls import reverse

from annotator import settings as site
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db

MOST = 60 * 1024
LOADED = re.compile(r"""<(?:script|link|img)\b[^>]*?\b(?:src|href)="([^"]+)\"""")
# Also what is imported only where the labels or the policy ask for it.
IMPORTED = re.compile(r"""(?:\bfrom|\bimport)[\s(]*["'](\.[^"']+)["']""")
NAMED = re.compile(r"""url\(["']?([^"')]+)["']?\)""")
FULL = {"bulk": True, "suggest": "key", "highlight": True}
TAG = re.compile(r"<(?!/)[^>]*>")


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """Static files as `serve` puts them down: under names that change with their content."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def page(client, settings, collected):
    """The page as the site renders it for somebody who labels, with five items ahead."""
    settings.STORAGES = site.STORAGES
    settings.STATIC_ROOT = collected
    if not (collected / "staticfiles.json").exists():
        call_command("collectstatic", interactive=False, verbosity=0)

    def rendered(**project):
        member = make_member(make_project(items=9, **project))
        client.force_login(member.user)
        return client.get(reverse("label", args=[member.project_id]))

    return rendered


def read(address: str, static: Path) -> bytes:
    """What the site answers for one of its static files."""
    path = urlsplit(address).path
    assert path.startswith("/static/"), path
    return (static / path.removeprefix("/static/")).read_bytes()


def loaded(html: str, static: Path) -> dict[str, bytes]:
    """Return the content of everything that the page loads, and of what that loads in turn, by address."""
    waiting = [address for address in LOADED.findall(html) if address.startswith("/static/")]
    found: dict[str, bytes] = {}
    while waiting:
        address = waiting.pop()
        if address in found or address.startswith("data:"):
            continue
        found[address] = body = read(address, static)
        inside = {".js": IMPORTED, ".css": NAMED}.get(Path(address).suffix)
        if inside and "htmx" not in address:
            waiting += [urljoin(address, one) for one in inside.findall(body.decode())]
    return found


ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("path", sorted((ROOT / "static/js").rglob("*.js")), ids=lambda path: path.name)
def test_no_string_of_a_script_runs_over_several_lines(path):
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.replace("\\`", "").count("`") % 2] == []


@pytest.mark.parametrize("path", sorted((ROOT / "static/css").rglob("*.css")), ids=lambda path: path.name)
def test_no_string_of_a_style_looks_like_what_is_left_out(path):
    strings = [text for _quote, text in re.findall(r"""(["'])([^"'\n]*)\1""", path.read_text())]
    assert [text for text in strings if re.search(r"/\*|[{};,:]\s|\s[{}]", text)] == []


def test_what_browsers_do_not_read_is_left_out(page, collected):
    files = loaded(page().content.decode(), collected)
    stage = next(body for name, body in files.items() if "label/stage." in name).decode()
    assert "export function submit" in stage
    assert not re.search(r"^\s*//|^[ \t]", stage, re.MULTILINE)


def weight(body: bytes) -> int:
    return len(gzip.compress(body, 9))


@pytest.mark.parametrize("task", ["single", "multi"])
@pytest.mark.parametrize("media", ["text", "image"])
@pytest.mark.parametrize("labels", [9, 77])
@pytest.mark.parametrize("policy", [{}, FULL], ids=["plain", "full"])
def test_the_page_and_all_that_it_loads_weigh_at_most_sixty_kilobytes(
    page, collected, task, media, labels, policy
):
    html = page(task=task, media=media, labels=labels, policy=policy).content
    files = loaded(html.decode(), collected)
    # Loaded where the policy or the labels ask for it.
    asked = {"card": b'id="together"' in html, "chosen": labels > 9 and task == "multi", "groups": False}
    absent = [part for part, there in asked.items() if not there]
    files = {name: body for name, body in files.items() if Path(name).name.split(".")[0] not in absent}
    assert any("label/card." in name for name in files) == bool(policy)
    of_items = weight(re.search(rb'"items": (\[.*?\]), "progress"', html)[1])
    parts = {name: weight(body) for name, body in files.items()}
    parts["the page itself"] = weight(html) - of_items
    assert sum(parts.values()) <= MOST, sorted(parts.items(), key=lambda part: -part[1])


def test_the_weight_counts_scripts_that_scripts_import(page, collected):
    files = loaded(page().content.decode(), collected)
    names = {re.sub(r"\.[0-9a-f]{12}", "", address) for address in files}
    assert {"/static/js/label.js", "/static/js/label/outbox.js", "/static/css/desk.css"} <= names
    assert all(re.search(r"\.[0-9a-f]{12}\.", address) for address in files)


def test_the_styles_of_the_page_are_one_piece_that_follows_its_parts(page, collected):
    files = loaded(page().content.decode(), collected)
    (sheet,) = ["".join(body.decode().split()) for name, body in files.items() if name.endswith(".css")]
    assert "@import" not in sheet
    for part in re.findall(r'@import "([^"]+)"', (ROOT / "static/css/desk.css").read_text()):
        assert "".join((collected / "css" / part).read_text().split()) in sheet


def test_a_style_that_is_imported_changes_what_imports_it(tmp_path, settings):
    settings.STORAGES = site.STORAGES
    settings.STATIC_ROOT = tmp_path / "collected"
    source = tmp_path / "source"
    (source / "css").mkdir(parents=True)
    (source / "css/whole.css").write_text('@import "part.css";\n')
    settings.STATICFILES_DIRS = [source]
    for colour in ("red", "green"):
        (source / "css/part.css").write_text(f"p {{ color: {colour}; }}\n")
        os.utime(source / "css/part.css", (2e9, 2e9 + len(colour)))
        call_command("collectstatic", interactive=False, verbosity=0)
        named = json.loads((settings.STATIC_ROOT / "staticfiles.json").read_text())["paths"]["css/whole.css"]
        assert (settings.STATIC_ROOT / named).read_text().strip() == f"p{{color:{colour};}}"


def test_a_reader_of_the_page_sees_no_code_in_it(page):
    html = page().content.decode()
    assert re.findall(r"<style\b", html) == []
    scripts = re.findall(r"<script\b[^>]*>", html)
    assert all(' src="/static/' in tag or 'type="application/json"' in tag for tag in scripts)
    inline = [tag for tag in TAG.findall(html) if re.search(r"""\s(?:on\w+|style)=["']""", tag)]
    assert inline == []


def test_the_policy_lets_nothing_in_but_our_own(page):
    policy = page()["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";") if rule.strip())
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["img-src"].split() == ["'self'", "data:"]
    assert not re.search(r"unsafe|https?:|\*", policy)


def test_nothing_that_the_page_loads_names_another_host(page, collected):
    html = page().content.decode()
    assert [one for one in re.findall(r"""\b(?:src|href|action)="([^"]*)\"""", html) if "//" in one] == []
    for address, body in loaded(html, collected).items():
        if Path(address).suffix != ".svg":
            named = re.findall(r"""["'(](https?:)?//[^"')\s]+""", body.decode())
            assert named == [], address
