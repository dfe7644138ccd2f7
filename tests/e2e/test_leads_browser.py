"""The leads' pages in a real browser: disputes by keys alone, progress that moves by itself."""

import re

import pytest
from playwright.sync_api import Page, expect

from projects.models import Dispute, Item, Project, Resolution
from tests.factories import answer, make_lead, make_member, make_project

NAMES = [
    "refund",
    "billing",
    "card",
    "cash",
    "rate",
    "fee",
    "top up",
    "limit",
    "transfer",
    "pin",
    "loan",
    "fraud",
    "other",
]
TWICE = {"agreement_share": 0.0, "holdout_share": 0.0, "overlap": 2, "agreement_overlap": 2}


def make_disputes(count: int) -> Project:
    """A project in which two people differ on each item; their names are Ben and Mira."""
    project = make_project(items=count, labels=NAMES, policy=TWICE)
    ben, mira = make_member(project, "Ben"), make_member(project, "Mira")
    refund, billing = project.labels.all()[:2]
    for item in project.items.all():
        answer(ben, item, refund)
        answer(mira, item, billing)
    return project


def press(page: Page, key: str) -> None:
    """Press a key once the page hears it: its scripts come after what is to be seen."""
    page.wait_for_load_state()
    page.keyboard.press(key)


def open_first(sign_in, project: Project, **options) -> Page:
    page = sign_in(make_lead(project).user, **options)
    page.goto(f"/projects/{project.pk}/disputes/")
    press(page, "n")
    expect(page.locator("#heading")).to_be_focused()
    return page


def settled(project: Project) -> list[str]:
    """Names of the labels that leads settled on, in order of the items."""
    names = dict(project.labels.values_list("pk", "name"))
    items = Item.objects.filter(project=project, settled_source="adjudicated").order_by("number")
    return [names[item.settled_labels[0]] for item in items]


def test_a_lead_decides_by_keys_alone(sign_in):
    project = make_disputes(3)
    page = open_first(sign_in, project)
    letter = page.locator(".vote", has_text="billing").locator("kbd").inner_text().lower()
    press(page, letter)
    press(page, "3")
    expect(page.locator("#last")).to_contain_text("Ben said refund")
    expect(page.locator("#heading")).to_be_focused()
    assert "Ben" not in page.locator(".votes").inner_text()
    assert (settled(project), Resolution.objects.get(dispute__project=project).reason) == (
        ["billing"],
        "slip",
    )
    first = page.url
    press(page, "u")
    expect(page.get_by_text("taken back", exact=True)).to_be_visible()
    assert page.url != first
    assert settled(project) == []
    assert Dispute.objects.filter(project=project, state="open").count() == 3


def test_what_nobody_voted_for_asks_for_a_note_before_anything_is_sent(sign_in):
    project = make_disputes(1)
    page = open_first(sign_in, project)
    press(page, "o")
    page.keyboard.type("tr")
    press(page, "Enter")
    expect(page.get_by_role("radio", name="transfer")).to_be_checked()
    press(page, "2")
    expect(page.locator("#note")).to_be_focused()
    page.keyboard.type("Rule 3, twice")
    press(page, "Escape")
    press(page, "2")
    expect(page.get_by_role("heading", name="No disputes")).to_be_visible()
    decision = Resolution.objects.get(dispute__project=project)
    assert (settled(project), decision.note, decision.reason) == (
        ["transfer"],
        "Rule 3, twice",
        "guideline_gap",
    )


def test_a_reason_without_an_answer_sends_nothing(sign_in):
    project = make_disputes(1)
    page = open_first(sign_in, project)
    press(page, "1")
    expect(page.locator("#heading")).to_be_visible()
    assert page.evaluate("document.querySelector('#decision').checkValidity()") is False
    assert not Resolution.objects.filter(dispute__project=project).exists()


def test_the_model_is_asked_when_the_lead_opens_its_view(sign_in):
    page = open_first(sign_in, make_disputes(1))
    expect(page.locator(".model-now")).to_be_hidden()
    press(page, "m")
    expect(page.locator(".model-now")).to_contain_text("no model yet")


def test_several_labels_and_a_line_for_the_guidelines_by_keys_alone(sign_in):
    project = make_disputes(1)
    page = open_first(sign_in, project)
    press(page, "v")
    expect(page.locator(".accept")).to_be_visible()
    expect(page.locator(".model-now")).to_contain_text("no model yet")  # the lead has chosen
    press(page, "y")
    page.keyboard.type("A fee is billing")
    press(page, "Escape")
    press(page, "2")
    expect(page.get_by_role("heading", name="No disputes")).to_be_visible()
    decision = Resolution.objects.get(dispute__project=project)
    assert (decision.outcome, len(decision.labels), settled(project)) == ("both", 2, ["refund"])
    assert project.guideline_notes.get().text == "A fee is billing"
    assert not project.events.filter(action="dispute.model_shown").exists()


def test_alike_disputes_are_decided_and_taken_back_by_keys_alone(sign_in):
    project = make_disputes(12)
    page = open_first(sign_in, project)
    press(page, "z")
    expect(page.get_by_role("heading", name="12 disputes that are alike")).to_be_focused()
    expect(page.locator(".alike-list li")).to_have_count(10)
    press(page, "a")
    press(page, "3")
    expect(page.locator("#together")).to_contain_text("12 disputes decided together")
    assert settled(project) == ["refund"] * 12
    press(page, "u")
    expect(page.get_by_text("12 decisions taken back")).to_be_visible()
    assert settled(project) == []


def test_letters_tick_while_several_are_acceptable(sign_in):
    project = make_disputes(1)
    page = open_first(sign_in, project)
    press(page, "v")
    boxes = page.locator('[name="accept"]')
    expect(boxes.first).to_be_focused()
    letter = page.locator(".vote", has_text="billing").locator("kbd").inner_text().lower()
    press(page, letter)
    expect(page.get_by_role("checkbox", name="billing")).not_to_be_checked()
    expect(page.get_by_role("radio", name="Several are acceptable")).to_be_checked()
    press(page, letter)
    expect(page.locator('[name="accept"]:checked')).to_have_count(2)
    press(page, "Enter")
    assert not Resolution.objects.filter(dispute__project=project).exists()


def test_a_note_in_progress_outlives_a_comment_and_a_skip(sign_in):
    project = make_disputes(2)
    page = open_first(sign_in, project)
    press(page, "w")
    page.keyboard.type("Rule 3")
    press(page, "Escape")
    press(page, "q")
    page.keyboard.type("Hm")
    page.locator(".talk form button").last.click()
    expect(page.locator(".talk")).to_contain_text("Hm")
    expect(page.locator("#note")).to_have_value("Rule 3")
    page.get_by_role("link", name="Skip n").click()
    expect(page.locator("#note")).to_have_value("")
    page.get_by_role("link", name="Skip n").click()
    expect(page.locator("#note")).to_have_value("Rule 3")
    press(page, "Escape")
    page.locator("#heading").focus()
    press(page, "a")
    press(page, "3")
    expect(page.locator("#last")).to_be_visible()
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('decision:'))") == []
    assert Resolution.objects.get(dispute__project=project).note == "Rule 3"


def test_one_that_is_different_is_left_out_of_many(sign_in):
    project = make_disputes(12)
    page = open_first(sign_in, project)
    press(page, "z")
    page.locator(".alike-row input").first.uncheck()
    expect(page.locator(".how-many").first).to_have_text("11")
    page.locator(".vote").first.click()
    page.get_by_role("button", name="Annotator slip").click()
    expect(page.locator("#together")).to_contain_text("11 disputes decided together")
    assert Dispute.objects.filter(project=project, state="open").count() == 1


def test_another_lead_is_asked_by_keys_alone(sign_in):
    project = make_disputes(2)
    make_lead(project, "Lou")
    page = open_first(sign_in, project)
    press(page, "p")
    press(page, "Tab")
    page.keyboard.type("Fee or refund?")
    press(page, "Tab")
    press(page, "Enter")
    expect(page.get_by_text("waits for Lou now")).to_be_visible()
    expect(page.locator("#heading")).to_be_focused()
    assert project.disputes.filter(state="open", assigned_to__name="Lou").count() == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_the_leads_pages_fit_the_screen(sign_in, width):
    project = make_disputes(2)
    page = open_first(sign_in, project, viewport={"width": width, "height": 800})
    for path in ("disputes/", "progress/"):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(f"/projects/{project.pk}/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_progress_moves_without_a_reload(sign_in):
    project = make_project(items=30, labels=["refund", "billing"])
    page = sign_in(make_lead(project).user)
    page.goto(f"/projects/{project.pk}/progress/")
    expect(page.locator(".facts")).to_contain_text(re.compile(r"Labelled\s*0"))
    page.evaluate("window.same = true")
    ann = make_member(project)
    for item in project.items.all()[:6]:
        answer(ann, item, project.labels.first())
    expect(page.locator("#live")).to_contain_text(re.compile(r"Answers\s*6"))
    # On a busy server sums are kept for longer.
    expect(page.locator(".facts")).to_contain_text(re.compile(r"Labelled\s*6"), timeout=80_000)
    assert page.evaluate("window.same") is True
