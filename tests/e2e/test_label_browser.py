"""The labelling page in a real browser: by keys alone, by mouse alone, without a network."""

import re

import pytest
from playwright.sync_api import Page, expect

from projects.models import Annotation, Project
from tests.e2e.hands import at_desk
from tests.factories import make_member, make_project

TEXTS = [f"Where is my card number {n}, it was sent weeks ago?" for n in range(30)]


def open_desk(sign_in, project: Project, **options) -> Page:
    page = sign_in(make_member(project, "Ann").user, **options)
    at_desk(page, project.pk)
    return page


def press(page: Page, key: str) -> tuple[str, str]:
    """Press a key; return the item before and after."""
    before = page.locator("#item").inner_text()
    page.keyboard.press(key)
    return before, page.locator("#item").inner_text()


def all_saved(page: Page) -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")


def said(project: Project) -> list[tuple[str, str, list[int]]]:
    """What people say now of each text: kind and label positions."""
    position = dict(project.labels.values_list("pk", "position"))
    rows = (
        Annotation.objects.filter(project=project, superseded_by=None).select_related("item").order_by("pk")
    )
    return [(row.item.text, row.kind, [position[pk] for pk in row.labels]) for row in rows]


def test_the_whole_work_goes_by_keys_alone(sign_in):
    project = make_project(labels=["card", "cash", "other"], items=TEXTS)
    page = open_desk(sign_in, project)
    first, second = press(page, "1")
    assert first != second
    _, third = press(page, "2")
    all_saved(page)
    _, again = press(page, "u")
    assert again == second
    press(page, "3")
    page.keyboard.press("s")
    page.keyboard.press("2")
    press(page, "x")
    fifth = page.locator("#item").inner_text()
    page.keyboard.press("f")
    page.keyboard.type("Two questions, 1 and 2")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#item")).not_to_have_text(fifth)
    all_saved(page)
    kinds = {text: (kind, labels) for text, kind, labels in said(project)}
    assert kinds[first] == ("answer", [0])
    assert kinds[second] == ("answer", [2])
    assert kinds[third] == ("skip", [])
    assert kinds[fifth] == ("flag", [])
    assert Annotation.objects.get(project=project, kind="flag").note == "Two questions, 1 and 2"


def test_the_whole_work_goes_by_mouse_alone(sign_in):
    project = make_project(labels=["card", "cash"], items=TEXTS)
    page = open_desk(sign_in, project)
    first = page.locator("#item").inner_text()
    page.get_by_role("button", name="cash").click()
    expect(page.locator("#item")).not_to_have_text(first)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#item")).to_have_text(first)
    page.get_by_role("button", name="card").click()
    page.locator("#skip summary").click()
    page.get_by_role("button", name="Too hard").click()
    all_saved(page)
    assert [row[1:] for row in said(project)] == [("answer", [0]), ("skip", [])]


def test_several_labels_are_switched_by_digits_and_saved_by_enter(sign_in):
    project = make_project(labels=["card", "cash", "fee"], items=TEXTS, task="multi")
    page = open_desk(sign_in, project)
    for key in ("1", "2", "3", "2"):
        page.keyboard.press(key)
    expect(page.locator(".choice.chosen")).to_have_count(2)
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    all_saved(page)
    assert [row[1:] for row in said(project)] == [("answer", [0, 2]), ("answer", [])]


def test_among_150_labels_a_few_letters_and_a_digit_answer(sign_in):
    names = [f"topic {n} about {word}" for n in range(50) for word in ("cards", "cash", "fees")]
    project = make_project(labels=names, items=TEXTS)
    page = open_desk(sign_in, project)
    page.keyboard.type("fees 7")
    page.keyboard.press("Escape")
    page.keyboard.type("topic 49 about c")
    # The third holds its c elsewhere: beginnings of words come first.
    expect(page.locator(".choice:not([hidden])")).to_have_count(3)
    expect(page.locator(".choice:not([hidden]) kbd").first).to_have_text("1")
    page.keyboard.press("2")
    expect(page.locator("#find")).to_have_value("")
    page.keyboard.press("Alt+s")
    page.keyboard.press("1")
    all_saved(page)
    kinds = [row[1:] for row in said(project)]
    assert kinds[1] == ("skip", [])
    assert names[kinds[0][1][0]].startswith("topic 49 about c")


def test_work_goes_on_without_a_network_and_arrives_later_once(sign_in, watch):
    project = make_project(labels=["card", "cash"], items=TEXTS)
    page = open_desk(sign_in, project)
    press(page, "1")
    all_saved(page)
    page.context.set_offline(True)
    answered = [press(page, "2")[0] for _ in range(4)]
    expect(page.locator("#state")).to_have_text(re.compile("Offline.*4"))
    assert len(said(project)) == 1
    page.context.set_offline(False)
    all_saved(page)
    watch.complaints.clear()  # Chromium reports each request that found no network.
    assert [row[0] for row in said(project)][1:] == answered


def test_answers_kept_over_a_reload_are_sent_and_not_asked_again(sign_in, watch):
    project = make_project(labels=["card", "cash"], items=TEXTS)
    page = open_desk(sign_in, project)
    page.route("**/answers/", lambda route: route.abort())
    answered = [press(page, "1")[0] for _ in range(3)]
    page.unroute("**/answers/")
    page.reload()
    expect(page.locator("#item")).to_be_focused()
    all_saved(page)
    watch.complaints.clear()
    assert [row[0] for row in said(project)] == answered
    assert page.locator("#item").inner_text() not in answered


def test_why_stands_beside_the_answer_and_the_bar_moves(sign_in):
    # Its features are never there, so no round comes between.
    project = make_project(labels=["card", "cash"], items=TEXTS, featurizer="onnx:none")
    page = open_desk(sign_in, project)
    expect(page.locator("#retrain-words")).to_have_text("First model in 10")
    press(page, "1")
    expect(page.locator("#retrain-words")).to_have_text("First model in 9")
    expect(page.locator("#why")).to_have_text("Next in random order.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_screen(sign_in, screenshots, scheme, width):
    project = make_project(labels=["card arrival", "cash withdrawal", "refund"], items=TEXTS)
    page = open_desk(sign_in, project, viewport={"width": width, "height": 800}, color_scheme=scheme)
    press(page, "1")
    all_saved(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if screenshots:
        page.screenshot(path=screenshots / f"label-{width}-{scheme}.png", full_page=True)
