"""Answers are kept on the device until the server has them, and the page says truly how that stands."""

import re

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from projects.models import Annotation, Label, Membership, Project
from tests.e2e.conftest import follow_link
from tests.e2e.hands import at_desk
from tests.factories import make_member, make_project

KEYS = "(start) => Object.keys(localStorage).filter((key) => key.startsWith(start)).sort()"
NO_DISK = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });"
# Writes a hundred records of an item each, one after the other, as fast as this tab can.
WRITE = """async (first) => {
  const name = performance.getEntriesByType('resource').find(({ name }) => /label\\/shelf/.test(name)).name;
  const { waitingOf } = await import(name);
  const shelf = waitingOf(1, 999);
  window.written = (async () => {
    for (let item = first; item < first + 100; item += 1) {
      shelf.add([{ id: crypto.randomUUID(), item, kind: 'answer' }]);
      if (item % 5 === 0) await new Promise((done) => setTimeout(done));
    }
  })();
}"""


@pytest.fixture
def project(database) -> Project:
    return make_project("Post", labels=["card", "cash", "other"], items=30)


@pytest.fixture
def ann(project) -> Membership:
    return make_member(project, "Ann")


@pytest.fixture
def desk(sign_in, ann, watch):
    """Ann's labelling page. What Chromium reports of requests that failed on purpose is no complaint."""
    page = sign_in(ann.user)
    yield go(page, ann.project)
    watch.complaints[:] = [text for text in watch.complaints if "Failed to load resource" not in text]


def go(page: Page, project: Project) -> Page:
    at_desk(page, project.pk)
    return page


def press(page: Page, *keys: str) -> list[str]:
    """Press keys, each when the item before has gone; return the texts answered."""
    texts = []
    for key in keys:
        texts.append(page.locator("#item").inner_text().strip())
        page.keyboard.press(key)
        expect(page.locator("#item")).not_to_have_text(texts[-1])
    return texts


def state(page: Page, name: str, words: str = "") -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", name)
    if words:
        expect(page.locator("#state-words")).to_have_text(re.compile(words))


def fail(page: Page, status: int = 503) -> None:
    page.context.route("**/answers/", lambda route: route.fulfill(status=status, body="no"))


def mend(page: Page) -> None:
    """Let requests through, and wake the page as coming back to it would."""
    page.context.unroute("**/answers/")
    page.evaluate("dispatchEvent(new Event('focus'))")


def stored(project: Project) -> list[str]:
    rows = Annotation.objects.filter(project=project).select_related("item").order_by("pk")
    return [row.item.text for row in rows]


def test_a_server_in_trouble_is_named_and_everything_arrives_in_order(desk, project):
    fail(desk)
    answered = press(desk, "1", "2", "3")
    state(desk, "trouble", "^Server trouble. Changes waiting, kept on this device: 3$")
    expect(desk.locator("#state-said")).to_have_text(re.compile("^Server trouble"))
    mend(desk)
    state(desk, "saved", "^All saved$")
    expect(desk.locator("#state-said")).to_have_text("All saved")
    assert stored(project) == answered


def test_nothing_is_announced_again_while_a_state_lasts(desk):
    fail(desk)
    press(desk, "1")
    state(desk, "trouble", "waiting.*: 1")
    desk.evaluate("document.getElementById('state-said').textContent = 'as before'")
    press(desk, "2")
    state(desk, "trouble", "waiting.*: 2")
    desk.evaluate("dispatchEvent(new Event('focus'))")
    press(desk, "2")
    state(desk, "trouble", "waiting.*: 3")
    expect(desk.locator("#state-said")).to_have_text("as before")


def test_an_answer_that_is_refused_stays_in_view_until_it_is_put_away(desk, project):
    Label.objects.filter(project=project, name="cash").update(retired_at=now())
    (text,) = press(desk, "2")
    line = desk.locator("#refused-list li")
    expect(line).to_contain_text("no longer in use")
    expect(line.locator("q")).to_have_text(text)
    expect(line.locator(".chip")).to_have_text("cash")
    desk.reload()
    expect(line).to_contain_text("no longer in use")
    state(desk, "saved")
    line.get_by_role("button", name="Put away").click()
    expect(desk.locator("#refused")).to_be_hidden()
    desk.reload()
    expect(desk.locator("#item")).to_be_focused()
    expect(desk.locator("#refused")).to_be_hidden()


def test_a_refused_answer_is_given_again_and_then_leaves_the_list(desk, project):
    Label.objects.filter(project=project, name="cash").update(retired_at=now())
    (text,) = press(desk, "2")
    desk.get_by_role("link", name="Answer again").click()
    expect(desk.locator("#item")).to_have_text(text)
    press(desk, "1")
    state(desk, "saved")
    expect(desk.locator("#refused")).to_be_hidden()
    assert stored(project) == [text]


def test_whoever_is_signed_out_signs_in_again_beside_and_the_page_goes_on(desk, project, ann):
    desk.context.clear_cookies()
    answered = press(desk, "1")
    dialog = desk.get_by_role("dialog", name="You are signed out")
    expect(dialog.get_by_role("link", name="Sign in in a new tab")).to_be_focused()
    expect(dialog.locator("[data-waiting]").first).to_have_text("1")
    dialog.get_by_role("button", name="Go on here").click()
    answered += press(desk, "2")
    state(desk, "signedout", "^You are signed out.*: 2")
    beside = desk.context.new_page()
    follow_link(beside, ann.user)
    expect(dialog).to_be_hidden()
    state(desk, "saved")
    assert stored(project) == answered


def test_nothing_is_sent_under_another_s_name(desk, project, ann):
    ben = make_member(project, "Ben").user
    beside = desk.context.new_page()
    desk.context.clear_cookies()
    follow_link(beside, ben)
    answered = press(desk, "1")
    expect(desk.get_by_role("dialog", name="Somebody else is signed in")).to_be_visible()
    go(beside, project)
    state(beside, "saved")
    assert stored(project) == []
    desk.context.clear_cookies()
    follow_link(beside, ann.user)
    state(desk, "saved")
    assert stored(project) == answered


def test_whoever_lost_the_project_keeps_the_answers_and_delivers_them_when_back(desk, project, ann):
    Membership.objects.filter(pk=ann.pk).update(active=False)
    answered = press(desk, "1")
    expect(desk.get_by_role("dialog", name="You do not find this project")).to_be_visible()
    state(desk, "shut", "waiting.*: 1")
    Membership.objects.filter(pk=ann.pk).update(active=True)
    state(desk, "saved")
    assert stored(project) == answered


def test_answers_of_another_project_are_told_and_delivered_from_here(desk, project, ann):
    fail(desk)
    answered = press(desk, "1", "2")
    state(desk, "trouble", "waiting.*: 2")
    other = make_project("Parcels", items=9)
    make_member(other, ann.user)
    go(desk, other)
    expect(desk.locator("#others")).to_contain_text("Answers that wait on this device for Post: 2.")
    mend(desk)
    expect(desk.locator("#others")).to_be_hidden()
    assert stored(project) == answered


def test_any_page_of_the_site_delivers_what_waits(desk, project):
    fail(desk)
    answered = press(desk, "1")
    desk.goto("/")
    desk.context.unroute("**/answers/")
    desk.reload()
    wait_until(desk, lambda: stored(project) == answered)


def wait_until(page: Page, so) -> None:
    for _ in range(400):
        if so():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come about")


def test_signing_out_sends_first_and_says_what_stays(desk, project):
    fail(desk)
    answered = press(desk, "1")
    state(desk, "trouble")
    desk.locator(".site-tools details.menu").last.locator("summary").click()
    desk.get_by_role("button", name="Sign out").click()
    expect(desk.locator("#unsent")).to_contain_text("Not sent yet: 1")
    mend(desk)
    expect(desk.locator("#unsent")).to_have_text("All your answers are saved.")
    assert stored(project) == answered


def test_the_last_answers_go_out_while_the_page_goes(desk, project):
    answered = press(desk, "1", "2")
    desk.goto("about:blank")
    wait_until(desk, lambda: stored(project) == answered)


def test_what_cannot_be_read_is_put_aside_told_and_holds_up_nothing(desk, project, ann):
    base = f"annotator:{ann.user.pk}:{project.pk}:"
    desk.evaluate(
        "([key, text]) => localStorage.setItem(key, text)", [f"{base}000000000001-x", '{"id": "tor']
    )
    desk.reload()
    expect(desk.locator("#refused-list code")).to_have_text('{"id": "tor')
    answered = press(desk, "1")
    state(desk, "saved")
    assert stored(project) == answered
    assert desk.evaluate(KEYS, "annotator-aside:") == [f"annotator-aside:{base}000000000001-x"]


def test_a_record_that_the_server_cannot_read_holds_up_no_other(desk, project, ann):
    base = f"annotator:{ann.user.pk}:{project.pk}:"
    record = '{"id": "no-uuid", "item": 1, "kind": "answer", "labels": []}'
    fail(desk)
    answered = press(desk, "1", "2")
    desk.evaluate("([key, text]) => localStorage.setItem(key, text)", [f"{base}000000000000-no-uuid", record])
    mend(desk)
    state(desk, "saved")
    expect(desk.locator("#refused-list li")).to_contain_text("could not be read")
    assert stored(project) == answered


def test_the_list_that_an_earlier_version_kept_is_delivered(desk, project, ann):
    fail(desk)
    answered = press(desk, "1", "2")
    desk.evaluate(
        """(base) => {
          const keys = Object.keys(localStorage).filter((key) => key.startsWith(`${base}:`)).sort();
          localStorage.setItem(base, `[${keys.map((key) => localStorage.getItem(key))}]`);
          keys.forEach((key) => localStorage.removeItem(key));
        }""",
        f"annotator:{ann.user.pk}:{project.pk}",
    )
    desk.context.unroute("**/answers/")
    desk.reload()
    state(desk, "saved")
    wait_until(desk, lambda: stored(project) == answered)
    assert desk.evaluate(KEYS, "annotator:") == []


def test_without_a_disk_the_page_warns_and_holds_the_answers_in_memory(sign_in, ann, watch):
    page = sign_in(ann.user)
    page.context.add_init_script(NO_DISK)
    go(page, ann.project)
    fail(page)
    answered = press(page, "1", "2")
    state(page, "unkept", "keeps nothing on disk.*waiting: 2")
    mend(page)
    state(page, "saved")
    assert stored(ann.project) == answered
    watch.complaints.clear()


def test_leaving_is_warned_about_only_while_nothing_holds_the_answers(sign_in, ann, watch):
    page = sign_in(ann.user)
    page.context.add_init_script(NO_DISK)
    go(page, ann.project)
    leave = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(leave) is False
    fail(page)
    press(page, "1")
    assert page.evaluate(leave) is True
    mend(page)
    state(page, "saved")
    assert page.evaluate(leave) is False
    watch.complaints.clear()


def test_two_tabs_show_the_same_and_an_item_is_asked_in_one_only(desk, project):
    second = go(desk.context.new_page(), project)
    fail(desk)
    (text,) = press(desk, "1")
    state(desk, "trouble", "waiting.*: 1")
    expect(second.locator("#item")).not_to_have_text(text)
    press(second, "2")
    state(second, "trouble", "waiting.*: 2")
    state(desk, "trouble", "waiting.*: 2")
    mend(desk)
    state(desk, "saved")
    state(second, "saved")
    assert len(set(stored(project))) == len(stored(project)) == 2


def test_two_tabs_that_write_at_the_same_moment_lose_no_record(desk, project):
    second = go(desk.context.new_page(), project)
    for page, first in ((desk, 1000), (second, 2000)):
        page.evaluate(WRITE, first)
    for page in (desk, second):
        page.evaluate("() => window.written")
    found = "Object.entries(localStorage).filter(([key]) => key.startsWith('annotator:1:999:'))"
    wait_until(desk, lambda: desk.evaluate(f"{found}.length") == 200)
    items = desk.evaluate(f"{found}.sort().map(([, text]) => JSON.parse(text).item)")
    assert [item for item in items if item < 2000] == [*range(1000, 1100)]
    assert [item for item in items if item >= 2000] == [*range(2000, 2100)]
    desk.evaluate(f"{found}.forEach(([key]) => localStorage.removeItem(key))")


def test_tabs_take_turns_where_a_browser_offers_no_locks(sign_in, ann, project):
    page = sign_in(ann.user)
    page.context.add_init_script(NO_LOCKS)
    go(page, project)
    second = go(page.context.new_page(), project)
    answered = press(page, "1", "2")
    expect(second.locator("#item")).not_to_have_text(answered[-1])
    press(second, "1")
    state(page, "saved")
    state(second, "saved")
    assert len(set(stored(project))) == len(stored(project)) == 3
    wait_until(page, lambda: page.evaluate(KEYS, "annotator:") == [])  # nobody sends any more


def test_answers_keep_their_order_when_the_clock_jumps(desk, project):
    fail(desk)
    answered = press(desk, "1")
    for year in (1999, 2042, 2001):
        desk.evaluate("(year) => { Date.now = () => new Date(`${year}-01-01`).valueOf(); }", year)
        answered += press(desk, "2")
    mend(desk)
    state(desk, "saved")
    assert stored(project) == answered
