"""The way back in a real browser: undo without limit, the list of answers, corrections and their undoing."""

import json
import re

from playwright.sync_api import expect

from projects.models import Annotation, Project
from tests.e2e.test_help_browser import LABELS, TEXTS, all_saved, open_desk, press, shown
from tests.factories import answer, make_member, make_project


def now_said(project: Project) -> dict[str, tuple[str, list[str]]]:
    names = dict(project.labels.values_list("pk", "name"))
    rows = Annotation.objects.filter(project=project, superseded_by=None).select_related("item")
    return {row.item.text: (row.kind, [names[pk] for pk in row.labels]) for row in rows}


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
