"""Keys and choices in a real browser: own keys, other keyboards, many labels, groups, several labels."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from projects.models import Annotation, Label, Policy, Project, QueueEntry
from tests.e2e.hands import at_desk
from tests.factories import hand, make_member, make_project, make_user

TEXTS = [f"Where is my card number {n}?" for n in range(20)]
NAMES = [
    "Card arrival",
    "Card lost",
    "Cash withdrawal",
    "Straße",
    "بطاقة مفقودة",
    "信用卡丢失",
    "🚗 Van & bus",
]
NAMES += ['"Quoted" <b>', "Top 10", "Top 1", "a" * 80, "Exchange rate", "Refund"]


def many(task: str = "single") -> Project:
    project = make_project(labels=NAMES, items=TEXTS, task=task)
    rows = {"Card arrival": "Cards / Post", "Card lost": "Cards", "Exchange rate": "Money / Abroad"}
    for name, group in {**rows, "Refund": "Money", "Cash withdrawal": "Money"}.items():
        Label.objects.filter(project=project, name=name).update(group=group)
    project.labels.filter(name="Refund").update(synonyms=["reimbursement"], description="Money comes back")
    return project


def open_desk(sign_in, project: Project, **person) -> Page:
    options = {name: person.pop(name) for name in ("has_touch", "viewport", "is_mobile") if name in person}
    page = sign_in(make_member(project, make_user("Ann", **person)).user, **options)
    at_desk(page, project.pk)
    return page


def answered(page: Page, project: Project) -> list[tuple[str, list[str]]]:
    """What was said of each item, in the order in which it was stored."""
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")
    names = dict(project.labels.values_list("pk", "name"))
    rows = Annotation.objects.filter(project=project, superseded_by=None).order_by("pk")
    return [(row.kind, [names[pk] for pk in row.labels]) for row in rows]


def hits(page: Page) -> Locator:
    return page.locator("#label-list > .choice:not([hidden]) .choice-name")


def stroke(page: Page, **event) -> None:
    """A key as another keyboard would send it."""
    page.evaluate(
        "event => document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...event }))",
        event,
    )


def test_a_person_s_own_keys_act_and_the_old_ones_do_not(sign_in):
    project = make_project(labels=2, items=TEXTS)
    page = sign_in(make_member(project, "Ann").user)
    page.goto("/me/")
    page.get_by_role("link", name="Choose my own keys").click()
    page.get_by_label("Skip", exact=True).press("K")
    page.get_by_label("Flag", exact=True).press("Backspace")
    page.get_by_role("button", name="Save my keys").click()
    expect(page.get_by_label("Skip", exact=True)).to_have_value("k")
    at_desk(page, project.pk)
    page.keyboard.press("s")
    expect(page.locator("#skip")).not_to_have_attribute("open", "")
    page.keyboard.press("k")
    page.keyboard.press("1")
    page.keyboard.press("?")
    row = page.locator("#keys tr", has_text="Skip")
    expect(row.locator("kbd")).to_have_text("k")
    expect(page.locator("#keys tr", has_text="Flag")).to_contain_text("no key")
    assert answered(page, project) == [("skip", [])]


def test_digits_go_by_their_place_and_letters_by_what_they_say(sign_in):
    project = make_project(labels=["one", "two", "three"], items=TEXTS)
    page = open_desk(sign_in, project)
    stroke(page, key="é", code="Digit2")  # French, without Shift
    stroke(page, key="3", code="Digit3", shiftKey=True)  # French, with Shift
    stroke(page, key='"', code="Digit2", shiftKey=True)  # German, with Shift: no digit
    stroke(page, key="ArrowLeft", code="Numpad1")  # without NumLock
    stroke(page, key="ч", code="KeyX")  # Russian: the page shows x
    assert answered(page, project) == [("answer", ["two"]), ("answer", ["three"]), ("cant_tell", [])]


@pytest.mark.parametrize(
    "held",
    [
        {"ctrlKey": True},
        {"metaKey": True},
        {"repeat": True},
        {"isComposing": True},
        {"modifierAltGraph": True},
        {"ctrlKey": True, "altKey": True},
    ],
)
def test_keys_that_are_held_composed_or_repeated_are_left_alone(sign_in, held):
    project = make_project(labels=2, items=TEXTS)
    page = open_desk(sign_in, project)
    for key, code in (("1", "Digit1"), ("x", "KeyX"), ("Backspace", "Backspace")):
        stroke(page, key=key, code=code, **held)
    assert answered(page, project) == []


def test_switched_off_keys_act_and_are_shown_only_among_the_answers(sign_in):
    project = make_project(labels=2, items=TEXTS)
    page = open_desk(sign_in, project, single_keys=False)
    expect(page.locator(".choice kbd").first).to_be_hidden()
    page.keyboard.press("1")
    page.keyboard.press("x")
    assert answered(page, project) == []
    page.locator(".choice").nth(1).focus()
    expect(page.locator(".choice kbd").first).to_be_visible()
    page.keyboard.press("1")
    assert answered(page, project) == [("answer", ["label 0"])]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("card", "Card lost"),
        ("lost card", "Card lost"),
        ("strasse", "Straße"),
        ("مفقودة", "بطاقة مفقودة"),
        ("丢失", "信用卡丢失"),
        ("top 1", "Top 1"),
        ("top 10", "Top 10"),
        ("quoted", '"Quoted" <b>'),
        ("reimb", "Refund"),
        ("abroad", "Exchange rate"),
        ("comes back", "Refund"),
        ("thdraw", "Cash withdrawal"),
    ],
)
def test_names_come_first_then_other_words_groups_and_descriptions(sign_in, typed, first):
    project = many()
    page = open_desk(sign_in, project)
    page.locator("#find").fill(typed)
    expect(hits(page).first).to_have_text(first)
    page.locator("#find").press("Enter")
    assert answered(page, project) == [("answer", [first])]


def test_the_name_of_a_group_shows_what_is_in_it(sign_in):
    page = open_desk(sign_in, many())
    page.keyboard.type("money")
    assert sorted(hits(page).all_inner_texts()) == ["Cash withdrawal", "Exchange rate", "Refund"]
    expect(page.locator(".find-said")).to_have_text("Labels found: 3. Enter takes Refund")
    page.keyboard.press("Escape")
    expect(hits(page)).to_have_count(len(NAMES))


def test_groups_fold_and_narrow_by_mouse(sign_in):
    page = open_desk(sign_in, many())
    page.get_by_role("button", name="Cards 2").last.click()
    expect(page.get_by_role("button", name="Post 1")).to_be_hidden()
    expect(hits(page)).to_have_count(len(NAMES) - 2)
    page.reload()
    expect(page.locator(".group-fold").first).to_have_attribute("aria-expanded", "false")
    page.locator("#group-chips").get_by_role("button", name="Money 3").click()
    expect(hits(page)).to_have_count(3)
    page.keyboard.type("card")
    expect(hits(page)).to_have_count(2)
    expect(page.locator("#group-chips .button").first).to_have_attribute("aria-pressed", "true")


def test_arrows_walk_through_hits_and_the_frame_stays(sign_in):
    project = many()
    page = open_desk(sign_in, project)
    frame = page.locator("#label-list").bounding_box()
    page.keyboard.type("car")
    assert page.locator("#label-list").bounding_box() == frame
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".choice:focus .choice-name")).to_have_text("Card arrival")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert answered(page, project) == [("answer", ["Card lost"])]


def test_used_labels_stand_first_and_keep_their_digits(sign_in):
    project = many()
    page = open_desk(sign_in, project)
    for typed in ("refund", "exchange", "refund"):
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
    expect(page.locator("#recent .copy")).to_have_text(
        [re.compile("1.*Refund"), re.compile("2.*Exchange rate")]
    )
    page.keyboard.press("2")
    page.reload()
    expect(page.locator("#recent .copy kbd")).to_have_text(["1", "2"])
    page.keyboard.press("2")
    said = [labels[0] for _kind, labels in answered(page, project)]
    assert said == ["Refund", "Exchange rate", "Refund", "Exchange rate", "Exchange rate"]


@pytest.mark.parametrize(
    ("policy", "first"), [(True, ["Top 1", "Refund", "Card lost", "Refund"]), (False, ["Refund"])]
)
def test_likely_labels_stand_before_those_used_where_the_policy_allows(sign_in, policy, first):
    project = many()
    Policy.objects.filter(project=project).update(likely_first=policy, blind_share=0, gold_share=0)
    member = make_member(project, "Ann")
    told = {"why": "unsure", "top": [[9, 0.6], [12, 0.3], [1, 0.1]]}
    for item in project.items.all()[:8]:
        QueueEntry.objects.filter(pk=hand(member, item).entry_id).update(stream="strategy", reason=told)
    page = sign_in(member.user)
    at_desk(page, project.pk)
    page.keyboard.type("refund")
    page.keyboard.press("Enter")
    expect(page.locator(".copy .choice-name")).to_have_text(first)
    expect(page.locator("#recent .copy kbd")).to_have_text("6" if policy else "1")  # whatever is likely
    page.keyboard.press("1")
    assert answered(page, project)[1] == ("answer", first[:1])


def test_a_digit_that_goes_on_with_a_name_searches_and_with_alt_it_answers(sign_in):
    project = many()
    page = open_desk(sign_in, project)
    page.keyboard.type("top 1")
    expect(page.locator("#find")).to_have_value("top 1")
    page.keyboard.press("Alt+2")
    page.keyboard.type("top")
    page.keyboard.press("2")
    assert answered(page, project) == [("answer", ["Top 10"]), ("answer", ["Top 10"])]


def test_several_among_many_are_chosen_shown_taken_off_and_on_again_after_undo(sign_in):
    project = many("multi")
    page = open_desk(sign_in, project)
    for typed in ("refund", "exch", "top 10"):
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
    chips = page.locator("#chosen button")
    expect(chips).to_have_count(3)
    page.get_by_role("button", name="Take off: Top 10").press("Delete")
    expect(chips).to_have_count(2)
    page.locator("#find").press("Enter")
    page.keyboard.press("Alt+u")
    expect(chips).to_have_text(["Refund", "Exchange rate"])
    page.get_by_role("button", name="Take off: Refund").click()
    page.locator("#find").press("Enter")
    page.keyboard.press("Alt+n")
    assert answered(page, project) == [("answer", ["Exchange rate"]), ("answer", [])]


def test_a_finger_finds_one_of_many(sign_in):
    project = many()
    page = open_desk(sign_in, project, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.locator("#group-chips").get_by_role("button", name="Money 3").tap()
    page.locator("#label-list > .choice", has_text="Refund").tap()
    page.locator("#recent .copy").tap()
    page.locator("#skip summary").tap()
    page.get_by_role("button", name="Later").tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert answered(page, project) == [("answer", ["Refund"]), ("answer", ["Refund"]), ("skip", [])]


@pytest.mark.parametrize("key", ["Enter", "Control+Enter", "Alt+Enter", "Shift+Enter"])
@pytest.mark.parametrize("typed", ["", "qqqq"])
def test_enter_answers_nothing_where_nothing_is_found(sign_in, typed, key):
    project = many()
    page = open_desk(sign_in, project)
    page.locator("#find").fill(typed)
    before = page.locator("#item").inner_text()
    page.locator("#find").press(key)
    if typed and key == "Enter":
        expect(page.locator("#status")).to_have_text("No label is called like that.")
    expect(page.locator("#item")).to_have_text(before)
    expect(page.locator("#find")).to_be_focused()
    assert answered(page, project) == []


@pytest.mark.parametrize("focus", ["#find", "#item", "#send"])
def test_enter_saves_no_half_answer_while_text_stands_in_the_search(sign_in, focus):
    project = many("multi")
    page = open_desk(sign_in, project)
    page.keyboard.type("refund")
    page.keyboard.press("Enter")
    page.keyboard.type("qqqq")
    page.locator(focus).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("No label is called like that.")
    assert answered(page, project) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    assert answered(page, project) == [("answer", ["Refund"])]


def test_digits_stay_with_the_labels_used_and_the_list_has_none(sign_in):
    project = many()
    page = open_desk(sign_in, project)
    expect(page.locator("#label-list > .choice kbd:visible")).to_have_count(0)
    page.keyboard.press("Alt+1")
    for typed in ("refund", "exchange", "top 10", "exchange"):
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        expect(page.locator("#label-list > .choice kbd:visible")).to_have_count(0)
    used = [re.compile("1.*Refund"), re.compile("2.*Exchange rate"), re.compile("3.*Top 10")]
    expect(page.locator("#recent .copy")).to_have_text(used)
    page.keyboard.press("Alt+4")
    page.keyboard.press("3")
    expect(page.locator("#recent .copy")).to_have_text(used)
    said = [labels[0] for _kind, labels in answered(page, project)]
    assert said == ["Refund", "Exchange rate", "Top 10", "Exchange rate", "Top 10"]


def test_one_menu_is_open_at_once_and_then_no_digit_answers(sign_in):
    project = make_project(labels=2, items=TEXTS)
    page = open_desk(sign_in, project)
    page.keyboard.press("s")
    page.keyboard.press("f")
    expect(page.locator(".desk details.menu[open]")).to_have_attribute("id", "flag")
    page.locator("#reading summary").click()
    expect(page.locator(".desk details.menu[open]")).to_have_attribute("id", "reading")
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    expect(page.locator(".desk details.menu[open]")).to_have_count(0)
    assert answered(page, project) == []
    page.keyboard.press("2")
    assert answered(page, project) == [("answer", ["label 1"])]


def test_after_a_tap_the_next_item_shows_no_label_as_chosen_and_no_keys(sign_in):
    project = make_project(labels=2, items=TEXTS)
    page = open_desk(sign_in, project, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    choice = page.locator(".choice").first
    tint = "node => getComputedStyle(node).backgroundColor"
    plain = choice.evaluate(tint)
    choice.tap()
    assert answered(page, project) == [("answer", ["label 0"])]
    page.wait_for_timeout(300)  # a tint fades in
    assert choice.evaluate(tint) == plain
    expect(page.locator(".answer kbd:visible")).to_have_count(0)


def test_what_is_typed_has_its_own_direction_and_the_hint_that_of_the_page(sign_in):
    page = open_desk(sign_in, many())
    expect(page.locator("#find")).not_to_have_attribute("dir", "auto")
    page.locator("#find").fill("بطاقة")
    expect(page.locator("#find")).to_have_css("direction", "rtl")
    page.locator("#find").fill("")
    expect(page.locator("#find")).to_have_css("direction", "ltr")


def test_two_commands_with_one_key_are_told_at_once_in_words(sign_in):
    page = sign_in(make_user("Ann"))
    page.goto("/me/keys/")
    page.get_by_label("Skip", exact=True).press("U")
    told = page.locator(".my-key", has=page.get_by_label("Skip", exact=True)).locator(".clash")
    expect(told).to_have_text("“Undo” has this key, too. Choose another for one of them.")
    page.get_by_label("Skip", exact=True).press("K")
    expect(told).to_be_hidden()
