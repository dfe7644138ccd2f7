"""Labels stay where they are, whatever comes and goes around them; what stands beside them is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from projects.models import Membership, Project, QueueEntry
from tests.e2e.hands import at_desk
from tests.factories import hand, make_member, make_project

PLAIN = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0, "blind_share": 0.0}
LABELS = ["lost card", "cash", "other"]
SIZES = [(1280, 800), (390, 844)]


def make(**fields: Any) -> tuple[Project, Membership]:
    """A project whose first item has marked words and look-alikes, the second neither."""
    policy = {**PLAIN, "suggest": "always", "highlight": True, "bulk": True, **fields.pop("policy", {})}
    texts = [f"My card was stolen on day {number}" for number in range(9)]
    project = make_project(labels=LABELS, items=texts, policy=policy, **fields)
    return project, make_member(project, "Ann")


def open_desk(sign_in, made: tuple[Project, Membership], size: tuple[int, int], **options: Any) -> Page:
    project, member = made
    alike = [item.pk for item in project.items.order_by("number")[6:9]]
    for item in project.items.order_by("number")[:6]:
        held = hand(member, item)
        reason: dict[str, Any] = {"why": "unsure", "top": [[0, 0.82], [1, 0.1]]}
        if item.number == 1:
            reason |= {"words": [[3, 7]], "alike": alike}
        QueueEntry.objects.filter(pk=held.entry_id).update(stream="strategy", reason=reason)
    width, height = size
    page = sign_in(member.user, viewport={"width": width, "height": height}, **options)
    at_desk(page, project.pk)
    return page


def saved(page: Page) -> None:
    expect(page.locator(".past-unsent")).to_have_count(0)
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")


def top(page: Page) -> float:
    return page.evaluate("document.querySelector('.choices').getBoundingClientRect().top + scrollY")


@pytest.mark.parametrize("size", SIZES)
def test_labels_stay_where_they_are_from_item_to_item(
    sign_in, screenshots: Path | None, size: tuple[int, int]
):
    page = open_desk(sign_in, make(), size)
    expect(page.locator("#together-offer")).to_be_visible()
    expect(page.locator("#went-by")).to_be_visible()
    tops = [top(page)]
    if screenshots:
        page.screenshot(path=screenshots / f"steady-{size[0]}.png")
    page.keyboard.press("1")
    expect(page.locator("#together-offer")).to_be_hidden()
    tops.append(top(page))
    saved(page)
    page.locator("#history a").first.dispatch_event("click")
    expect(page.locator("#editing")).to_be_visible()
    tops.append(top(page))
    if screenshots:
        page.screenshot(path=screenshots / f"steady-again-{size[0]}.png")
    assert len(set(tops)) == 1


def test_every_way_to_answer_is_in_view_and_a_note_does_not_scroll(sign_in):
    page = open_desk(sign_in, make(), SIZES[0])
    for name in ("undo", "flag", "note-box"):
        box = page.locator(f"#{name}").bounding_box()
        assert box
        assert box["y"] + box["height"] <= 800
    page.keyboard.press("w")
    expect(page.locator("#remark")).to_be_focused()
    assert page.evaluate("scrollY") == 0


def test_escape_leaves_an_earlier_answer_as_it_was(sign_in):
    page = open_desk(sign_in, make(), SIZES[0])
    page.keyboard.press("1")
    saved(page)
    page.locator("#history a").first.click()
    expect(page.locator("#editing")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#editing")).to_be_hidden()
    expect(page.locator("#item")).to_contain_text("day 1")


def test_why_goes_away_with_the_answer_that_it_is_about(sign_in):
    page = open_desk(sign_in, make(), SIZES[0])
    unknown = page.locator("#why").inner_text()
    page.keyboard.press("1")
    expect(page.locator("#why")).not_to_have_text(unknown)
    expect(page.locator("#thought")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#why")).to_have_text(unknown)
    expect(page.locator("#thought")).to_be_hidden()


def test_labelled_goes_back_with_undo(sign_in):
    page = open_desk(sign_in, make(), SIZES[0])
    before = page.locator("#labelled").inner_text()
    page.keyboard.press("1")
    saved(page)
    page.keyboard.press("u")
    saved(page)
    expect(page.locator("#labelled")).to_have_text(before)


def test_with_nothing_left_offline_the_page_says_when_more_comes(sign_in, watch):
    page = open_desk(sign_in, make(), SIZES[0])
    page.context.set_offline(True)
    while page.locator("#stage").is_visible():
        page.keyboard.press("1")
    expect(page.locator("#nothing-head")).to_contain_text("No more items on this device.")
    watch.complaints.clear()


def test_whoever_is_paused_sees_neither_a_shift_nor_the_next_training(sign_in):
    project, member = make()
    Membership.objects.filter(pk=member.pk).update(paused_at=project.created_at)
    page = sign_in(member.user)
    page.goto(f"/projects/{project.pk}/label/")
    expect(page.locator("#nothing")).to_be_visible()
    expect(page.locator("#retrain-words")).to_be_hidden()
    expect(page.get_by_text("Begin a shift")).to_have_count(0)
