"""The labelling page for everybody: large letters, narrow screens, fingers, ears, no movement."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from projects.models import Project
from tests.e2e.hands import at_desk
from tests.factories import make_member, make_project

LONG = "Where is my card? " * 200
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TOO_SMALL = """least => [...document.querySelectorAll("button, summary, input, select, textarea, a.button")]
  .filter(node => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[inert]"))
  .filter(node => !node.closest(".visually-hidden, .choice") || node.matches("button.choice"))
  .map(node => [node, node.getBoundingClientRect()])
  .filter(([node, box]) => box.width && (box.width < least - 0.5 || box.height < least - 0.5))
  .map(([node, box]) => `${node.id || node.className} ${Math.round(box.width)}x${Math.round(box.height)}`)"""
SPACED = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def project(site: str) -> Project:
    return make_project(
        labels=["card", "cash", "a rather long name of a label"], items=[LONG, *["short"] * 9]
    )


def open_desk(sign_in, project: Project, **options: object) -> Page:
    page = sign_in(make_member(project, "Ann").user, **options)
    at_desk(page, project.pk)
    return page


def test_letters_twice_as_large_cut_nothing_off(sign_in, project):
    page = open_desk(sign_in, project, viewport={"width": 1280, "height": 800})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(OVERFLOW) <= 0
    for choice in page.locator(".choice").all():
        assert choice.evaluate("node => node.scrollWidth <= node.clientWidth + 1")


def test_wider_spacing_of_letters_cuts_nothing_off(sign_in, project):
    """WCAG 1.4.12."""
    page = open_desk(sign_in, project, viewport={"width": 390, "height": 800}, bypass_csp=True)
    page.add_style_tag(content=SPACED)
    assert page.evaluate(OVERFLOW) <= 0
    for choice in page.locator(".choice").all():
        assert choice.evaluate("node => node.scrollHeight <= node.clientHeight + 1")


def test_whatever_a_finger_hits_is_large_enough(sign_in, project):
    page = open_desk(sign_in, project, **PHONE)
    assert page.evaluate(TOO_SMALL, 24) == []
    for choice in page.locator(".choice").all():
        assert choice.bounding_box()["height"] >= 44


def test_ears_are_told_what_was_said_and_that_the_next_item_is_there(sign_in, project):
    page = open_desk(sign_in, project)
    page.keyboard.press("2")
    expect(page.locator("#status[role=status]")).to_have_text("cash. Next item.")
    expect(page.locator("#item")).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("#status[role=status]")).to_have_text("Taken back: cash. Choose again.")


def test_nothing_moves_for_those_who_do_not_want_it(sign_in, project):
    page = open_desk(sign_in, project, reduced_motion="reduce")
    page.keyboard.press("1")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate("document.getAnimations().length") == 0


def test_high_contrast_keeps_borders_around_what_one_presses(sign_in, project):
    page = open_desk(sign_in, project, forced_colors="active")
    border = "node => getComputedStyle(node).borderTopStyle + getComputedStyle(node).outlineStyle"
    for button in page.locator(".choice").all():
        assert "solid" in button.evaluate(border)
