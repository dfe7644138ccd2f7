"""Cards of look-alikes in a real browser: by keys, by mouse, under a finger, without a network."""

import re
from io import BytesIO
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from playwright.sync_api import Page, expect

from projects import queue
from projects.models import Annotation, Assignment, Item, Project
from tests.e2e.hands import at_desk
from tests.e2e.test_axe import CALM, NARROW, axe, cut_off
from tests.factories import answer, make_lead, make_member, make_project, make_user

TEXTS = [f"Where is my card number {n}, it was sent to me weeks ago?" for n in range(29)]
LONG = "My card has not come. " * 40


def make(**fields) -> Project:
    """A project whose first item has look-alikes; no round comes between: its features are never there."""
    policy = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0}
    policy |= {"bulk": True, "bulk_check": 0.0}
    fields = {"labels": ["card", "cash", "fee"], "items": [*TEXTS, LONG], "featurizer": "onnx:none", **fields}
    project = make_project(policy=policy, **fields)
    first, *others = project.items.order_by("number")
    alike = [one.pk for one in [*others[:5], others[-1], *others[5:15]]]
    queue.publish(project, [queue.Pick(first.pk, "strategy", {"why": "first", "alike": alike})], 1)
    return project


def painted(project: Project) -> Project:
    """The same with pictures in place of texts."""
    for item in project.items.all():
        picture = BytesIO()
        Image.new("RGB", (320, 200), (120 + item.number % 4 * 12, 140, 160)).save(picture, "PNG")
        name = default_storage.save(f"cards/{project.pk}-{item.number}.png", ContentFile(picture.getvalue()))
        Item.objects.filter(pk=item.pk).update(text="", image=name, width=320, height=200)
    return project


def open_desk(sign_in, project: Project, language: str = "", **options) -> Page:
    page = sign_in(make_member(project, make_user("Ann", language=language)).user, **options)
    at_desk(page, project.pk)
    return page


def open_card(page: Page) -> None:
    page.keyboard.press("b")
    expect(page.locator(".together-item input").first).to_be_focused()


def all_saved(page: Page) -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")


def said(project: Project) -> dict[str, list[str]]:
    """What people say now of each text."""
    names = dict(project.labels.values_list("pk", "name"))
    rows = Annotation.objects.filter(project=project, superseded_by=None).exclude(kind="undo")
    return {row.item.text: [names[pk] for pk in row.labels] for row in rows.select_related("item")}


def test_a_key_opens_the_card_a_digit_labels_all_and_one_undo_takes_all_back(sign_in):
    project = make()
    page = open_desk(sign_in, project)
    expect(page.locator("#together-open")).to_be_visible()
    open_card(page)
    expect(page.locator("#together-selected")).to_have_text("12 of 12 selected")
    page.keyboard.press("2")
    expect(page.locator("#status")).to_have_text(re.compile("12 labelled together: cash"))
    all_saved(page)
    assert set(map(tuple, said(project).values())) == {("cash",)}
    assert Annotation.objects.filter(project=project).values("bulk").distinct().count() == 1
    page.keyboard.press("u")
    expect(page.locator("#together-selected")).to_have_text("12 of 12 selected")
    all_saved(page)
    assert said(project) == {}
    page.keyboard.press("1")
    expect(page.locator("#together")).to_be_hidden()
    all_saved(page)
    assert set(map(tuple, said(project).values())) == {("card",)}


def test_space_takes_one_out_which_comes_next_by_itself(sign_in):
    project = make()
    page = open_desk(sign_in, project)
    open_card(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator("#together-selected")).to_have_text("11 of 12 selected")
    page.keyboard.press("1")
    expect(page.locator("#item")).to_have_text(TEXTS[2])
    page.keyboard.press("3")
    all_saved(page)
    answers = said(project)
    assert len(answers) == 12
    assert answers[TEXTS[2]] == ["fee"]
    assert Annotation.objects.get(item__text=TEXTS[2], project=project).bulk is None


def test_escape_goes_back_to_one_and_gives_the_others_back(sign_in):
    project = make()
    page = open_desk(sign_in, project)
    first = page.locator("#item").inner_text()
    open_card(page)
    # The stage has its own five ahead, whatever the card brought.
    before = Assignment.objects.filter(project=project, state="leased").count()
    with page.expect_response(re.compile("together")):
        page.keyboard.press("Escape")
    expect(page.locator("#item")).to_be_focused()
    assert page.locator("#item").inner_text() == first
    left = Assignment.objects.filter(project=project, state="leased").count()
    assert left < before
    page.keyboard.press("1")
    all_saved(page)
    assert list(said(project)) == [first]


def test_after_undo_escape_leaves_one_item_on_the_stage(sign_in):
    project = make()
    page = open_desk(sign_in, project)
    open_card(page)
    page.keyboard.press("1")
    all_saved(page)
    page.keyboard.press("u")
    all_saved(page)
    with page.expect_response(re.compile("together")):
        page.keyboard.press("Escape")
    expect(page.locator("#item")).to_have_text(TEXTS[0])
    page.keyboard.press("2")
    all_saved(page)
    assert said(project) == {TEXTS[0]: ["cash"]}


def test_what_asks_for_one_item_rests_while_the_card_is_open(sign_in):
    project = make()
    page = open_desk(sign_in, project)
    open_card(page)
    for key in ("s", "f", "x"):
        page.keyboard.press(key)
    expect(page.locator("#skip")).not_to_have_attribute("open", "")
    expect(page.locator("#together")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#together")).to_be_hidden()
    assert said(project) == {}


def test_it_goes_by_mouse_alone_and_long_texts_can_be_read_whole(sign_in):
    project = make()
    page = open_desk(sign_in, project)
    page.locator("#together-open").click()
    long = page.locator(".together-item", has_text="My card has not come")
    expect(page.locator(".together-more:visible")).to_have_count(1)
    short = long.bounding_box()["height"]
    long.get_by_role("button", name="Whole text").click()
    assert long.bounding_box()["height"] > short
    long.locator("label").click()
    expect(page.locator("#together-selected")).to_have_text("11 of 12 selected")
    page.get_by_role("button", name="fee").click()
    expect(page.locator("#item")).to_contain_text("My card has not come")
    all_saved(page)
    assert len(said(project)) == 11


def test_several_labels_are_ticked_and_saved_for_all(sign_in):
    project = make(task="multi")
    page = open_desk(sign_in, project)
    open_card(page)
    for key in ("1", "3", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#together")).to_be_hidden()
    all_saved(page)
    assert set(map(tuple, said(project).values())) == {("card", "fee")}
    assert len(said(project)) == 12


def test_among_many_labels_a_few_letters_label_the_card(sign_in):
    project = make(labels=[f"topic {n} about {word}" for n in range(20) for word in ("cards", "cash")])
    page = open_desk(sign_in, project)
    page.keyboard.press("Alt+b")
    expect(page.locator(".together-item input").first).to_be_focused()
    page.keyboard.type("topic 7 about cash")
    page.keyboard.press("Enter")
    expect(page.locator("#together")).to_be_hidden()
    all_saved(page)
    assert set(map(tuple, said(project).values())) == {("topic 7 about cash",)}


def test_without_a_network_no_card_opens_and_an_open_one_is_kept_for_later(sign_in, watch):
    project = make()
    page = open_desk(sign_in, project)
    open_card(page)
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.locator("#state")).to_have_attribute("data-state", "offline")
    page.keyboard.press("u")
    expect(page.locator("#together-selected")).to_have_text("12 of 12 selected")
    page.keyboard.press("3")
    page.context.set_offline(False)
    all_saved(page)
    assert set(map(tuple, said(project).values())) == {("fee",)}
    watch.complaints.clear()


def test_the_button_says_that_it_needs_the_server(sign_in, watch):
    project = make()
    page = open_desk(sign_in, project)
    page.route("**/together/", lambda route: route.abort())
    page.keyboard.press("b")
    expect(page.locator("#status")).to_have_text(re.compile("cannot be reached"))
    expect(page.locator("#together")).to_be_hidden()
    page.context.set_offline(True)
    page.keyboard.press("x")
    expect(page.locator("#state")).to_have_attribute("data-state", "offline")
    page.keyboard.press("u")
    expect(page.locator("#together-note")).to_be_visible()
    page.context.set_offline(False)
    all_saved(page)
    expect(page.locator("#together-note")).to_be_hidden()
    watch.complaints.clear()


def test_pictures_come_small_and_one_of_them_large(sign_in, screenshots):
    project = painted(make(media="image"))
    page = open_desk(sign_in, project, viewport={"width": 1280, "height": 844})
    open_card(page)
    expect(page.get_by_role("checkbox", name=re.compile("^Picture"))).to_have_count(12)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.together-picture')].every((one) => one.naturalWidth)"
    )
    if screenshots:
        page.screenshot(path=screenshots / "pictures.png")
    small = page.locator(".together-picture").nth(2).bounding_box()["height"]
    page.get_by_role("button", name="Larger").nth(2).click()
    assert page.locator(".together-picture").nth(2).bounding_box()["height"] > small
    page.keyboard.press("1")
    all_saved(page)
    assert Annotation.objects.filter(project=project, bulk__isnull=False).count() == 12


@pytest.mark.parametrize("language", ["", "ar"])
def test_on_a_phone_the_offer_stands_beside_the_ways_to_look_at_a_picture(sign_in, language):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = open_desk(sign_in, painted(make(media="image")), language, **phone)
    offer = page.locator("#together-offer")
    expect(offer).to_be_visible()
    expect(page.get_by_role("button", name=page.locator(".together-words").inner_text())).to_be_visible()
    before = page.locator(".choices").bounding_box()["y"]
    page.locator("#cant-tell").tap()
    expect(offer).to_be_hidden()
    assert page.locator(".choices").bounding_box()["y"] == before


def test_from_right_to_left_the_left_arrow_goes_on(sign_in, screenshots):
    page = open_desk(sign_in, make(), "ar", viewport={"width": 1280, "height": 844})
    open_card(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".together-item input").nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator(".together-item input").nth(11)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".together-item input").nth(8)).to_be_focused()
    if screenshots:
        page.screenshot(path=screenshots / "card-ar.png")


def test_axe_finds_nothing_on_an_open_card_of_either_kind(sign_in):
    for project in (make(), painted(make(media="image"))):
        page = open_desk(sign_in, project, viewport=NARROW, **CALM)
        open_card(page)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        assert axe(page, "light") + axe(page, "dark") + cut_off(page) == []


def test_leads_find_how_cards_are_confirmed(sign_in, screenshots):
    project = make_project(labels=["card", "cash"], items=TEXTS, policy={"bulk": True, "bulk_check": 1.0})
    ann, ben, bulk = make_member(project, "Ann"), make_member(project, "Ben"), uuid4()
    label = project.labels.get(position=0)
    for item in project.items.all():
        answer(ann, item, label, bulk=bulk, active_ms=500)
    for number, row in enumerate(queue.lease(ben, 24)):
        answer(ben, row.item, project.labels.get(position=int(number == 5)), active_ms=4200)
    page = sign_in(make_lead(project).user, **CALM)
    page.goto(f"/projects/{project.pk}/agreement/")
    expect(page.get_by_role("heading", name="Labelled together")).to_be_visible()
    assert axe(page, "light") + axe(page, "dark") + cut_off(page) == []
    for width in (1280, 390) if screenshots else ():
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=screenshots / f"leads-{width}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_card_fits_its_screen_and_a_tap_takes_one_out(sign_in, screenshots, scheme, width):
    project = make()
    touch = width < 600
    page = open_desk(
        sign_in, project, viewport={"width": width, "height": 844}, color_scheme=scheme, has_touch=touch
    )
    if screenshots:
        page.screenshot(path=screenshots / f"offer-{width}-{scheme}.png")
    page.locator("#together-open").click()
    second = page.locator(".together-item label").nth(1)
    (second.tap if touch else second.click)()
    expect(page.locator("#together-selected")).to_have_text("11 of 12 selected")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if screenshots:
        page.screenshot(path=screenshots / f"card-{width}-{scheme}.png", full_page=True)
