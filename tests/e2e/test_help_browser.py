"""Help, history and pace in a real browser: what a label means, the way back, notes, one's own answers."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from projects import examples, labelset
from projects.examples import Example
from projects.models import Annotation, Project
from tests.e2e import test_cards_browser as cards
from tests.factories import answer, make_admin, make_lead, make_member, make_project

TEXTS = [f"Where is my card number {n}, it was sent weeks ago?" for n in range(30)]
LABELS = ["card", "cash", "fee"]


def open_desk(sign_in, project: Project, member=None, **options) -> Page:
    member = member or make_member(project, "Ann")
    page = sign_in(member.user, **options)
    page.goto(f"/projects/{project.pk}/label/")
    expect(page.locator("#item")).to_be_focused()
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


def now_said(project: Project) -> dict[str, tuple[str, list[str]]]:
    names = dict(project.labels.values_list("pk", "name"))
    rows = Annotation.objects.filter(project=project, superseded_by=None).select_related("item")
    return {row.item.text: (row.kind, [names[pk] for pk in row.labels]) for row in rows}


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


def test_undo_goes_on_beyond_a_reload_and_beyond_the_list(sign_in):
    project = make_project(labels=LABELS, items=60)
    member = make_member(project, "Ann")
    items = list(project.items.order_by("number")[:53])
    for item in items:
        answer(member, item, project.labels.first())
    page = open_desk(sign_in, project, member)
    before = shown(page)
    expect(page.locator("#history li")).to_have_count(50)
    for item in reversed(items):
        page.keyboard.press("u")
        expect(page.locator("#item")).to_have_text(item.text)
    expect(page.locator("#editing")).to_be_visible()
    press(page, "3")
    expect(page.locator("#item")).to_have_text(before)
    all_saved(page)
    assert now_said(project)[items[0].text] == ("answer", ["fee"])
    assert Annotation.objects.filter(project=project).count() == 54


def test_an_earlier_answer_can_be_looked_at_and_left(sign_in):
    project = make_project(labels=LABELS, items=TEXTS)
    member = make_member(project, "Ann")
    item = project.items.first()
    answer(member, item, project.labels.get(name="cash"))
    page = open_desk(sign_in, project, member)
    before = shown(page)
    page.locator("#history a.past").first.click()
    expect(page.locator("#item")).to_have_text(item.text)
    expect(page.locator("#editing-said")).to_have_text("cash")
    page.get_by_role("button", name="Leave it as it was").click()
    expect(page.locator("#item")).to_have_text(before)
    press(page, "1")
    all_saved(page)
    assert now_said(project)[item.text] == ("answer", ["cash"])


def test_what_was_done_together_is_taken_back_together_after_a_reload(sign_in):
    # A round that picked one of them for itself would make it no part of the card: its features never come.
    project = make_project(labels=LABELS, items=TEXTS, featurizer="onnx:none")
    member = make_member(project, "Ann")
    for item in project.items.order_by("number")[:4]:
        answer(member, item, project.labels.first(), bulk="7f1d4c1e-6f5e-4a77-8f5b-0d6b2f0f9a11")
    page = open_desk(sign_in, project, member)
    page.keyboard.press("u")
    page.get_by_role("button", name="Take all 4 back").click()
    expect(page.locator("#history li")).to_have_count(0)
    all_saved(page)
    kinds = Annotation.objects.filter(project=project, superseded_by=None).values_list("kind", flat=True)
    assert list(kinds) == ["undo"] * 4
    press(page, "2", "2", "2", "2")
    all_saved(page)
    assert [said for said in now_said(project).values() if said[0] == "answer"] == [("answer", ["cash"])] * 4


def test_the_list_says_what_waits_and_what_was_changed(sign_in, watch):
    project = make_project(labels=LABELS, items=TEXTS)
    page = open_desk(sign_in, project)
    page.context.set_offline(True)
    press(page, "1", "2")
    expect(page.locator("#history .past-unsent")).to_have_count(2)
    page.context.set_offline(False)
    all_saved(page)
    expect(page.locator("#history .past-unsent")).to_have_count(0)
    press(page, "u", "3")
    expect(page.locator("#history li").first.locator(".past-changed")).to_have_count(1)
    expect(page.locator("#history li")).to_have_count(2)
    all_saved(page)
    watch.complaints.clear()


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


def test_an_answer_opened_from_the_list_leads_back_to_it(sign_in):
    project = make_project(labels=LABELS, items=TEXTS)
    member = make_member(project, "Ann")
    first, second = project.items.order_by("number")[:2]
    for item in (first, second):
        answer(member, item, project.labels.get(name="cash"))
    page = sign_in(member.user)
    page.goto(f"/projects/{project.pk}/mine/?text=number+0")
    page.get_by_role("link", name=first.text, exact=True).click()
    expect(page.locator("#item")).to_be_focused()
    page.keyboard.press("3")
    page.wait_for_url(re.compile(r"/mine/\?text=number\+0#item-\d+"))
    expect(page.locator(f"#item-{first.pk} .chip")).to_have_text("fee")


def test_an_answer_is_changed_in_its_row(sign_in):
    project = make_project(labels=LABELS, items=TEXTS)
    member = make_member(project, "Ann")
    item = project.items.first()
    answer(member, item, project.labels.get(name="cash"))
    page = sign_in(member.user)
    page.goto(f"/projects/{project.pk}/mine/")
    page.get_by_role("link", name="Change").click()
    expect(page.locator("select[name=label]").last).to_be_focused()
    page.locator(f"#item-{item.pk} select").select_option(label="fee")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(f"#item-{item.pk} .chip")).to_have_text("fee")
    expect(page.locator(f"#item-{item.pk} .badge")).to_have_text("changed")
    expect(page.locator("#status")).to_contain_text("Saved")
    assert now_said(project)[item.text] == ("answer", ["fee"])


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
    page.goto(f"/projects/{project.pk}/label/")
    page.locator(".label-helps summary").click()
    expect(page.locator(".label-helps .example.fits")).to_contain_text("It is about money")


# --- undone ---


def revisions(project: Project) -> list[tuple[str, list[str]]]:
    names = dict(project.labels.values_list("pk", "name"))
    rows = Annotation.objects.filter(project=project).order_by("pk").values_list("kind", "labels")
    return [(kind, [names[pk] for pk in labels]) for kind, labels in rows]


def test_undo_of_a_correction_brings_the_earlier_answer_back(sign_in):
    project = make_project(labels=LABELS, items=TEXTS)
    member = make_member(project, "Ann")
    item = project.items.first()
    answer(member, item, project.labels.get(name="card"), note="my first thought")
    page = open_desk(sign_in, project, member)
    before = shown(page)
    page.locator("#history a.past").first.click()
    expect(page.locator("#item")).to_have_text(item.text)
    press(page, "2", "u")
    expect(page.locator("#item")).to_have_text(item.text)
    expect(page.locator("#editing-said")).to_have_text("card")
    expect(page.locator("#remark")).to_have_value("my first thought")
    expect(page.locator("#history li .chip")).to_have_text(["card"])
    all_saved(page)
    assert revisions(project) == [("answer", ["card"]), ("answer", ["cash"]), ("answer", ["card"])]
    assert Annotation.objects.last().note == "my first thought"
    page.locator("#leave").click()
    expect(page.locator("#item")).to_have_text(before)


def test_a_correction_that_waits_is_undone_after_a_reload(sign_in, watch):
    project = make_project(labels=LABELS, items=TEXTS)
    member = make_member(project, "Ann")
    item = project.items.first()
    answer(member, item, kind="skip", reason="language")
    page = open_desk(sign_in, project, member)
    page.locator("#history a.past").first.click()
    expect(page.locator("#editing")).to_be_visible()
    page.context.route("**/answers/", lambda route: route.fulfill(status=503))
    page.keyboard.press("2")
    page.reload()
    expect(page.locator("#history .past-unsent")).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator("#history li .chip")).to_have_text(["Skipped"])
    page.context.unroute("**/answers/")
    page.evaluate("dispatchEvent(new Event('focus'))")
    all_saved(page)
    assert revisions(project) == [("skip", []), ("answer", ["cash"]), ("skip", [])]
    assert Annotation.objects.last().reason == "language"
    watch.complaints.clear()


def test_undo_after_a_reload_begins_with_what_still_waits(sign_in, watch):
    project = make_project(labels=LABELS, items=TEXTS)
    member = make_member(project, "Ann")
    answer(member, project.items.last(), project.labels.first())
    page = open_desk(sign_in, project, member)
    page.context.route("**/answers/", lambda route: route.fulfill(status=503))
    first = shown(page)
    press(page, "1")
    second = shown(page)
    press(page, "2")
    page.reload()
    expect(page.locator("#history .past-unsent")).to_have_count(2)
    press(page, "u")
    expect(page.locator("#item")).to_have_text(second)
    expect(page.locator("#history .past-unsent")).to_have_count(1)
    press(page, "u")
    expect(page.locator("#item")).to_have_text(first)
    press(page, "3")
    page.context.unroute("**/answers/")
    page.evaluate("dispatchEvent(new Event('focus'))")
    all_saved(page)
    assert now_said(project)[first] == ("answer", ["fee"])
    assert now_said(project)[second] == ("undo", [])
    watch.complaints.clear()


def test_what_a_key_answers_is_what_stands_on_the_stage(sign_in):
    """A stop takes the item off the stage while another one, just taken back, is still on its way."""
    project = make_project(labels=LABELS, items=TEXTS)
    member = make_member(project, "Ann")
    earlier = project.items.last()
    answer(member, earlier, project.labels.first())
    page = open_desk(sign_in, project, member)
    first, held = shown(page), []

    def gate(route):
        # The page also asks by itself, every few seconds, how things stand.
        asked = json.loads(route.request.post_data)["submissions"]
        held.append(route) if asked else route.continue_()

    page.route("**/answers/", gate)
    press(page, "1", "u")
    expect(page.locator("#item")).to_have_text(first)
    page.locator("#history a.past").first.click()
    expect(page.locator("#item")).to_have_text(earlier.text)
    body = json.loads(held[0].request.post_data)
    verdicts = [{"id": one["id"], "status": "stored", "message": ""} for one in body["submissions"]]
    nothing = ["Time for a break", "Rest a little.", "/", "Go on"]
    held[0].fulfill(json={"verdicts": verdicts, "items": [], "held": [], "quiz": "", "nothing": nothing})
    expect(page.locator("#item")).to_have_text(first)
    press(page, "3")
    kept = "Object.entries(localStorage).filter(([key]) => key.startsWith('annotator:'))"
    waiting = [json.loads(text) for _key, text in page.evaluate(kept)]
    answered = {one["item"] for one in waiting if one["kind"] == "answer"}
    assert answered == {project.items.get(text=first).pk}


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
