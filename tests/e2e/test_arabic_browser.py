"""The site in Arabic, from right to left: a session by keys, no English left, nothing out of the window."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from projects.models import Annotation, Project
from tests.e2e.hands import at_desk
from tests.e2e.walk import pages
from tests.factories import make_admin, make_member, make_project, make_user

TEXTS = [f"أين بطاقتي رقم {n}؟ أُرسلت منذ أسابيع." for n in range(30)]
LABELS = ["بطاقة", "نقد", "غير ذلك"]
# Names of keys and of the product are the same everywhere.
NAMES = {"Annotator", "Alt", "Backspace", "Delete", "End", "Enter", "Esc", "Escape", "Home"}
NAMES |= {"English", "Shift", "Space", "Tab"}
WORDS = """() => {
  const found = [];
  const names = ["aria-label", "aria-description", "title", "placeholder", "alt"];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (!parentElement.closest("script, style, kbd, bdi")) found.push(data);
  }
  for (const node of document.body.querySelectorAll("*")) {
    found.push(...names.map((name) => node.getAttribute(name) ?? ""));
  }
  for (const words of document.querySelectorAll("[id$=words]")) found.push(...Object.values(words.dataset));
  return found.filter((text) => text.trim() && !text.includes("@"));
}"""


def make_arabic_project() -> Project:
    return make_project("بريد", labels=LABELS, items=TEXTS, question="أي وسم مناسب؟")


def open_desk(sign_in, project: Project, **options) -> Page:
    person = make_user("نور", email=f"noor.{project.pk}@example.org", language="ar")
    page = sign_in(make_member(project, person).user, **options)
    at_desk(page, project.pk)
    return page


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def english(page: Page) -> list[str]:
    """Texts of the page, shown or not yet, with words that are not Arabic."""
    found = page.evaluate(WORDS)
    bare = {text: re.sub(r"\{\w+\}", "", text) for text in found}
    return [text.strip() for text in found if set(re.findall(r"[A-Za-z]{3,}", bare[text])) - NAMES]


def kept(project: Project) -> list[tuple[str, list[int]]]:
    position = dict(project.labels.values_list("pk", "position"))
    rows = Annotation.objects.filter(project=project, superseded_by=None).order_by("pk")
    return [(row.kind, [position[pk] for pk in row.labels]) for row in rows]


def test_a_session_by_keys_in_arabic(sign_in):
    project = make_arabic_project()
    page = open_desk(sign_in, project, locale="ar-EG")
    for key in "12":
        before = page.locator("#item").inner_text()
        page.keyboard.press(key)
        expect(page.locator("#item")).not_to_have_text(before)
    page.keyboard.press("u")
    expect(page.locator("#item")).to_have_text(before)
    page.keyboard.press("3")
    page.keyboard.press("s")
    page.keyboard.press("2")
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")
    expect(page.locator("#state")).to_contain_text("حُفظ كل شيء")
    assert kept(project) == [("answer", [0]), ("answer", [2]), ("skip", [])]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_labelling_page_runs_from_right_to_left_and_holds_no_english(sign_in, width):
    page = open_desk(sign_in, make_arabic_project(), viewport={"width": width, "height": 800})
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    assert overflow(page) <= 0
    assert english(page) == []
    keys, name = page.locator(".choice").first.locator("kbd, .choice-name").all()[:2]
    if width == 1280:
        assert keys.bounding_box()["x"] > name.bounding_box()["x"]


def test_every_key_and_menu_of_the_page_is_in_arabic(sign_in):
    page = open_desk(sign_in, make_arabic_project())
    page.keyboard.press("?")
    expect(page.locator("#keys, dialog[open]").first).to_be_visible()
    assert english(page) == []
    assert overflow(page) <= 0


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_of_an_admin_runs_from_right_to_left_within_the_window(sign_in, width):
    project = make_arabic_project()
    person = make_user("ليلى", email=f"laila.{project.pk}@example.org", language="ar", is_staff=True)
    page = sign_in(make_admin(project, person).user, viewport={"width": width, "height": 800})
    wrong = []
    for name in pages(page, page.url, f"{page.url}projects/{project.pk}/"):
        if page.evaluate("document.documentElement.dir") != "rtl" or overflow(page) > 0:
            wrong.append((name, overflow(page)))
    assert wrong == []


def test_the_language_is_chosen_at_the_door_and_in_the_menu(sign_in):
    page = sign_in()
    page.goto("/account/sign-in/")
    page.locator("summary.globe").click()
    page.get_by_role("button", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", name="تسجيل الدخول")).to_be_visible()
    page.locator("summary.globe").click()
    sheet = page.locator(".site-tools .menu-sheet").bounding_box()
    assert sheet["x"] >= 0
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
