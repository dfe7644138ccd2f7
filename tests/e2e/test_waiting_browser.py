"""What a server refuses without a word, and what a page costs while answers wait."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from projects.models import Annotation, Membership, Project
from tests.e2e.hands import at_desk
from tests.factories import make_member, make_project

COUNT = """
  window.listening = 0;
  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (name, ...rest) {
    if (name === "storage") window.listening += 1;
    return listen.call(this ?? window, name, ...rest);
  };
"""


@pytest.fixture
def ann(database) -> Membership:
    return make_member(make_project("Post", labels=["card", "cash", "other"], items=30), "Ann")


@pytest.fixture
def desk(sign_in, ann, watch):
    page = sign_in(ann.user)
    at_desk(page, ann.project_id)
    yield page
    watch.complaints[:] = [text for text in watch.complaints if "Failed to load resource" not in text]


def press(page: Page, key: str) -> str:
    """Press a key and return the text that it answered."""
    text = page.locator("#item").inner_text().strip()
    page.keyboard.press(key)
    expect(page.locator("#item")).not_to_have_text(text)
    return text


def state(page: Page, name: str, words: str = "") -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", name)
    expect(page.locator("#state-words")).to_contain_text(words)


def stored(project: Project) -> list[str]:
    rows = Annotation.objects.filter(project=project).select_related("item").order_by("pk")
    return [row.item.text for row in rows]


@pytest.mark.parametrize("status", [400, 413])
def test_an_answer_refused_without_a_word_holds_up_no_other(desk, ann, status):
    unwanted = ann.project.labels.get(name="card").pk

    def gate(route: Route) -> None:
        sent = json.loads(route.request.post_data or "{}")["submissions"]
        if any(unwanted in one["labels"] for one in sent):
            route.fulfill(status=status, body="no")
        else:
            route.continue_()

    desk.context.route("**/answers/", gate)
    press(desk, "1")
    second = press(desk, "2")
    state(desk, "saved")
    expect(desk.locator("#refused-list li")).to_contain_text("cannot take this answer as it stands")
    assert stored(ann.project) == [second]


def test_a_server_that_refuses_everything_is_in_trouble_and_nothing_counts_as_refused(desk, ann):
    desk.context.route("**/answers/", lambda route: route.fulfill(status=400, body="no"))
    answered = [press(desk, "1"), press(desk, "2")]
    state(desk, "trouble", "kept on this device: 2")
    desk.context.unroute("**/answers/")
    desk.evaluate("dispatchEvent(new Event('focus'))")
    state(desk, "saved")
    expect(desk.locator("#refused")).to_be_hidden()
    assert stored(ann.project) == answered


def test_to_look_what_waits_again_and_again_costs_nothing(desk):
    desk.context.route("**/answers/", lambda route: route.fulfill(status=503, body="no"))
    press(desk, "1")
    state(desk, "trouble")
    desk.context.add_init_script(COUNT)
    desk.locator(".site-tools details.menu").last.locator("summary").click()
    desk.get_by_role("button", name="Sign out").click()
    expect(desk.locator("#unsent")).to_contain_text("Not sent yet: 1")
    before = desk.evaluate("window.listening")
    for _ in range(3):
        desk.evaluate("dispatchEvent(new Event('offline'))")
    expect(desk.locator("#unsent")).to_contain_text("Not sent yet: 1")
    assert desk.evaluate("window.listening") == before > 0
