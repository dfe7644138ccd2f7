"""Help beside the item, notes and pace in a real browser: what a label means, what stays closed, examples."""

import pytest
from playwright.sync_api import Page, expect

from projects import examples, labelset
from projects.examples import Example
from projects.models import Annotation, Project
from tests.e2e import test_cards_browser as cards
from tests.e2e.hands import at_desk
from tests.factories import answer, make_admin, make_lead, make_member, make_project

TEXTS = [f"Where is my card number {n}, it was sent weeks ago?" for n in range(30)]
LABELS = ["card", "cash", "fee"]


def open_desk(sign_in, project: Project, member=None, **options) -> Page:
    member = member or make_member(project, "Ann")
    page = sign_in(member.user, **options)
    at_desk(page, project.pk)
    return page


def tab_to(page: Page, wanted) -> None:
    """Walk by Tab until something has the focus."""
    for _ in range(30):
        if wanted.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("never reached by Tab")


def all_saved(page: Page) -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def shown(page: Page) -> str:
    return page.locator("#item").inner_text()


def explained(project: Project) -> Project:
    """Give the first label a description and examples of both kinds, and the project guidelines."""
    ada = make_admin(project)
    card = project.labels.get(name="card")
    labelset.change(card, ada.user, {"description": "Everything about the plastic card itself."})
    examples.add(card, ada.user, Example(True, "My card has not come", None, "It is about the card"))
    examples.add(card, ada.user, Example(False, "I want my money back", None, "That is a refund"))
    Project.objects.filter(pk=project.pk).update(guidelines="# Read me\n\nOne label an item.")
    return project


def test_what_a_label_means_opens_by_focus_and_goes_by_escape(sign_in):
    page = open_desk(sign_in, explained(make_project(labels=LABELS, items=TEXTS)))
    tip = page.locator("#label-help")
    expect(tip).to_be_hidden()
    tab_to(page, page.locator(".choice").first)
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("That is a refund")
    expect(page.locator(".choice").first).to_have_attribute("aria-describedby", "label-help")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    expect(page.locator(".choice").first).to_be_focused()


def test_what_a_label_means_stays_while_the_pointer_is_on_it(sign_in):
    page = open_desk(sign_in, explained(make_project(labels=LABELS, items=TEXTS)))
    tip = page.locator("#label-help")
    page.locator(".choice").first.hover()
    expect(tip).to_be_visible()
    tip.hover()
    page.wait_for_timeout(600)
    expect(tip).to_be_visible()
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()


def test_after_an_answer_by_mouse_no_help_stands_in_the_way(sign_in):
    page = open_desk(sign_in, explained(make_project(labels=LABELS, items=TEXTS)))
    page.locator(".choice").first.click()
    page.wait_for_timeout(900)
    expect(page.locator("#label-help")).to_be_hidden()
    all_saved(page)


def test_the_guidelines_stay_closed_where_somebody_closed_them(sign_in):
    page = open_desk(sign_in, explained(make_project(labels=LABELS, items=TEXTS)))
    expect(page.locator("#guidelines .prose")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator("#guidelines .prose")).to_be_hidden()
    page.reload()
    expect(page.locator("#item")).to_be_focused()
    expect(page.locator("#guidelines .prose")).to_be_hidden()
    page.keyboard.press("g")
    expect(page.locator("#guidelines .prose")).to_be_visible()


def test_a_note_goes_with_the_answer_and_costs_one_key(sign_in):
    project = make_project(labels=LABELS, items=TEXTS)
    page = open_desk(sign_in, project)
    page.keyboard.press("w")
    page.keyboard.type("1 of 2 cards")
    press(page, "Enter", "2", "1")
    all_saved(page)
    notes = Annotation.objects.filter(project=project).order_by("pk").values_list("note", flat=True)
    assert list(notes) == ["1 of 2 cards", ""]
    expect(page.locator("#history .past-note")).to_have_count(1)


def test_the_pace_counts_on_and_can_be_closed(sign_in):
    project = make_project(labels=LABELS, items=TEXTS)
    page = open_desk(sign_in, project)
    expect(page.locator("#pace-unknown")).to_be_visible()
    press(page, "1", "2", "x", "1", "2", "3")
    expect(page.locator("#pace-today")).to_have_text("6")
    expect(page.locator("#pace-known")).to_be_visible()
    expect(page.locator("#pace-left")).to_have_text("24")
    press(page, "u")
    expect(page.locator("#pace-session")).to_have_text("5")
    all_saved(page)
    page.locator("#pace summary").click()
    page.reload()
    expect(page.locator("#item")).to_be_focused()
    expect(page.locator("#pace table")).to_be_hidden()
    page.locator("#pace summary").click()
    expect(page.locator("#pace-session")).to_have_text("5")
    expect(page.locator("#pace-today")).to_have_text("5")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_help_and_list_fit_their_screen(sign_in, screenshots, scheme, width):
    project = explained(make_project(labels=LABELS, items=TEXTS))
    member = make_member(project, "Ann")
    names = list(project.labels.order_by("position"))
    for number, item in enumerate(project.items.order_by("number")[:12]):
        answer(
            member, item, names[number % 3], active_ms=2000 + 400 * number, note="odd" if number == 11 else ""
        )
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = open_desk(sign_in, project, member, **view)
    for name, path in [("desk", "label/"), ("mine", "mine/"), ("again", f"label/?item={item.pk}")]:
        page.goto(f"/projects/{project.pk}/{path}")
        if name == "desk":
            tab_to(page, page.locator(".choice").first)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if screenshots:
            page.screenshot(path=screenshots / f"{name}-{width}-{scheme}-top.png")
            page.screenshot(path=screenshots / f"{name}-{width}-{scheme}.png", full_page=True)


def test_a_lead_makes_an_item_an_example(sign_in, screenshots):
    project = make_project(labels=LABELS, items=TEXTS)
    item = project.items.first()
    answer(make_member(project, "Ann"), item, project.labels.get(name="cash"))
    lead = make_lead(project)
    page = sign_in(lead.user)
    page.goto(f"/projects/{project.pk}/items/{item.number}/")
    page.locator(".as-example summary").click()
    page.get_by_role("textbox", name="Why").fill("It is about money")
    page.get_by_role("button", name="Use as an example").click()
    expect(page.locator(".messages")).to_contain_text("example of «cash»")
    at_desk(page, project.pk)
    page.locator(".label-helps summary").click()
    expect(page.locator(".label-helps .example.fits")).to_contain_text("It is about money")


# --- undone ---


def test_a_note_is_about_the_item_on_the_stage_not_about_its_whole_card(sign_in):
    project = cards.make()
    page = open_desk(sign_in, project)
    page.keyboard.press("w")
    page.keyboard.type("two cards")
    page.keyboard.press("Enter")
    cards.open_card(page)
    press(page, "2")
    all_saved(page)
    noted = Annotation.objects.filter(project=project).exclude(note="").values_list("item__number", "note")
    assert list(noted) == [(1, "two cards")]
    assert Annotation.objects.filter(project=project).count() == 12
    press(page, "u")
    expect(page.locator("#remark")).to_have_value("two cards")
    all_saved(page)
    # Taken out of the card it comes next, with its note.
    page.locator(".together-item input").first.uncheck()
    press(page, "2")
    expect(page.locator("#item")).to_contain_text("number 0,")
    expect(page.locator("#remark")).to_have_value("two cards")
    press(page, "3")
    expect(page.locator("#remark")).to_have_value("")
    all_saved(page)
    assert Annotation.objects.exclude(note="").latest("pk").labels == [project.labels.get(name="fee").pk]
