"""A browser that is killed forgets what localStorage held last; its second copy brings it back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from projects.models import Annotation, Membership
from tests.e2e.hands import at_desk
from tests.factories import make_member, make_project

SPARE = """() => new Promise((resolve) => {
  const request = indexedDB.open("annotator", 1);
  request.onsuccess = () => {
    const asked = request.result.transaction("records").objectStore("records").getAllKeys();
    asked.onsuccess = () => { request.result.close(); resolve(asked.result); };
  };
})"""
FORGET = "() => { for (const key of Object.keys(localStorage)) localStorage.removeItem(key) }"
BROKEN = """Object.defineProperty(window, "indexedDB",
  { get() { throw new DOMException("no", "SecurityError") } })"""
STUCK = """IDBFactory.prototype.open = () => new EventTarget()"""


@pytest.fixture
def ann(database) -> Membership:
    return make_member(make_project("Spare", labels=["card", "cash"], items=20), "Ann")


@pytest.fixture
def desk(sign_in, ann, watch) -> Iterator[Page]:
    page = sign_in(ann.user)
    go(page, ann)
    yield page
    watch.complaints[:] = [text for text in watch.complaints if "Failed to load resource" not in text]


def go(page: Page, ann: Membership) -> None:
    at_desk(page, ann.project_id)


def answer(page: Page, *keys: str) -> list[int]:
    """Press keys, each when its item is there; return the items."""
    items = []
    for key in keys:
        items.append(int(page.locator("#answer [name=item]").input_value()))
        page.keyboard.press(key)
        expect(page.locator("#answer [name=item]")).not_to_have_value(str(items[-1]))
    return items


def cut(page: Page) -> None:
    page.context.route("**/answers/", lambda route: route.abort())


def stored(ann: Membership) -> list[int]:
    return list(
        Annotation.objects.filter(project=ann.project_id).order_by("pk").values_list("item", flat=True)
    )


def saved(page: Page) -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")


def held(page: Page, number: int) -> None:
    """Wait until the second copy has so many records."""
    for _ in range(100):
        if len(page.evaluate(SPARE)) == number:
            return
        page.wait_for_timeout(50)
    raise AssertionError(page.evaluate(SPARE))


def test_what_a_killed_browser_forgot_is_delivered_in_order(desk, ann):
    cut(desk)
    items = answer(desk, "1", "2", "1")
    held(desk, 3)
    desk.evaluate(FORGET)
    desk.context.unroute("**/answers/")
    desk.reload()
    saved(desk)
    assert stored(ann) == items
    held(desk, 0)


def test_what_was_given_before_is_not_asked_again(desk, ann):
    cut(desk)
    items = answer(desk, "1", "2")
    held(desk, 2)
    desk.evaluate(FORGET)
    desk.reload()
    expect(desk.locator("#item")).to_be_focused()
    assert int(desk.locator("#answer [name=item]").input_value()) not in items
    expect(desk.locator("#state-words")).to_contain_text("2")


def test_any_other_page_delivers_it_too(desk, ann):
    cut(desk)
    items = answer(desk, "1")
    held(desk, 1)
    desk.evaluate(FORGET)
    desk.context.unroute("**/answers/")
    desk.goto("/me/")
    held(desk, 0)
    assert stored(ann) == items


def test_a_copy_left_behind_of_what_arrived_changes_nothing(desk, ann):
    """As when the browser is killed between the server's word and the end of the copy."""
    cut(desk)
    items = answer(desk, "1")
    held(desk, 1)
    again = desk.context.new_page()
    kept = desk.evaluate("() => Object.entries(localStorage).filter(([key]) => /^annotator:/.test(key))")
    desk.context.unroute("**/answers/")
    go(again, ann)
    held(again, 0)
    again.evaluate("(kept) => kept.forEach(([key, text]) => localStorage.setItem(key, text))", kept)
    again.reload()
    saved(again)
    assert stored(ann) == items


@pytest.mark.parametrize("trouble", [BROKEN, STUCK], ids=["broken", "stuck"])
def test_where_a_browser_has_no_such_place_the_page_works(sign_in, ann, trouble):
    page = sign_in(ann.user)
    page.context.add_init_script(trouble)
    go(page, ann)
    items = answer(page, "1", "2")
    saved(page)
    assert stored(ann) == items
