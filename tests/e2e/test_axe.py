"""Every page for everybody: axe finds nothing in light and dark, and nothing is cut off on a narrow screen.

axe sees perhaps a third of what WCAG asks; the journeys by keys and by mouse see the rest.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from annotator import demonstration
from annotator.models import User
from tests.e2e import walk

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """options => axe.run(document, options).then(found => found.violations.map(one =>
  [one.id, one.nodes.length, one.nodes[0].target.join(" "), one.nodes[0].failureSummary]))"""
SHOW = "theme => { document.documentElement.dataset.theme = theme }"
CALM: dict[str, Any] = {"color_scheme": "light", "reduced_motion": "reduce", "bypass_csp": True}
# WCAG 1.4.10: as wide as 1280 px at 400 %.
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def crew(site: str) -> dict[str, User]:
    """The people of the demonstration, with its projects."""
    people = demonstration.make_people()
    for name in demonstration.PROJECTS:
        demonstration.make_project(name, people)
    return people


def axe(page: Page, theme: str, **only: Any) -> list[str]:
    """What axe finds on a page in a theme."""
    page.evaluate(SHOW, theme)
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(content=AXE)
    options = {"resultTypes": ["violations"], **(only or {"runOnly": TAGS})}
    return [f"{theme}: {json.dumps(found)}" for found in page.evaluate(RUN, options)]


def cut_off(page: Page) -> list[str]:
    """Whether a page asks to be scrolled sideways on a narrow screen."""
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return [f"wider than a narrow screen by {wider} px"] if wider > 0 else []


def look(page: Page, *first: str) -> tuple[set[str], list[str]]:
    """Walk through all pages from the first ones on; return their names and what is wrong."""
    seen, wrong = set(), []
    for name in walk.pages(page, *first):
        seen.add(name)
        complaints = axe(page, "light") + axe(page, "dark", runOnly=["color-contrast"]) + cut_off(page)
        wrong += [f"{name}: {complaint}" for complaint in complaints]
    return seen, wrong


@pytest.mark.parametrize(
    ("who", "some"),
    [
        (demonstration.ADA, {"settings", "settings-labels", "project-new", "people", "exports", "history"}),
        (demonstration.LEA, {"disputes", "dispute", "progress", "agreement", "records", "known"}),
        (demonstration.BEN, {"label", "my-labels", "my-record", "me", "notices"}),
        (demonstration.CLEO, {"label"}),
    ],
)
def test_nothing_is_in_anybody_s_way(sign_in, crew, tmp_path: Path, who: str, some: set[str]):
    page = sign_in(crew[who], viewport=WIDE, **CALM)
    page.goto("/")
    seen, wrong = look(page, "/")
    print(*wrong, sep="\n")
    assert some <= seen
    assert wrong == []


def test_nothing_is_in_a_stranger_s_way(sign_in, watch):
    page = sign_in(viewport=WIDE, **CALM)
    page.goto("/")
    _seen, wrong = look(page, "/account/login/", "/link/unknown/", "/invitation/unknown/", "/nowhere/")
    watch.complaints.clear()  # The browser itself writes of pages that are gone.
    assert wrong == []
