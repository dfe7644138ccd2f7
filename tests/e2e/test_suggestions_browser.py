"""Suggestions in a real browser: hidden, on a key, at once; words marked; what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from projects.models import Annotation, Membership, Project, QueueEntry
from tests.e2e.hands import at_desk
from tests.e2e.test_axe import CALM, axe, cut_off
from tests.factories import hand, make_admin, make_items, make_lead, make_member, make_project

PLAIN = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0, "blind_share": 0.0}
TEXTS = [
    "🙂 My card was stolen 🙂 yesterday and somebody paid with it, what do I do?",
    *[f"How much cash can I take out on day {n}?" for n in range(9)],
]


def make(suggest: str, *, labels: tuple[str, ...] = ("lost card", "cash", "other"), **fields: Any) -> Project:
    policy = {**PLAIN, "suggest": suggest, **fields.pop("policy", {})}
    return make_project(labels=list(labels), items=TEXTS, policy=policy, **fields)


def open_desk(sign_in, project: Project, silent: tuple[int, ...] = (), **options) -> tuple[Page, Membership]:
    """Put items in somebody's hands, as a round picked them, but for ``silent`` ones, and open the page."""
    member = make_member(project, "Ann")
    for item in project.items.order_by("number")[:6]:
        held = hand(member, item)
        reason = {"why": "unsure", "top": [[0, 0.82], [1, 0.1]]}
        if item.number == 1:
            reason["words"] = [[5, 9], [14, 20], [23, 32]]
        if item.number not in silent:
            QueueEntry.objects.filter(pk=held.entry_id).update(stream="strategy", reason=reason)
    page = sign_in(member.user, **options)
    at_desk(page, project.pk)
    return page, member


def kept(project: Project, number: int = 1) -> dict[str, Any] | None:
    return Annotation.objects.get(project=project, item__number=number).suggestion


def saved(page: Page) -> None:
    expect(page.locator("#state")).to_have_attribute("data-state", "saved")


def test_a_hidden_suggestion_is_told_once_the_item_is_answered(sign_in):
    project = make("hidden")
    page, _member = open_desk(sign_in, project)
    expect(page.locator("#suggestion")).to_have_count(0)
    page.keyboard.press("1")
    expect(page.locator("#thought")).to_have_text("The model thought: lost card 82 %. You said the same.")
    page.keyboard.press("2")
    expect(page.locator("#thought")).to_contain_text("You said something else.")
    assert kept(project) is None


def test_a_key_shows_the_suggestion_and_enter_takes_it(sign_in):
    project = make("key")
    page, _member = open_desk(sign_in, project)
    expect(page.locator("#suggested")).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.locator("#item")).to_contain_text("stolen")
    page.keyboard.press("m")
    expect(page.locator("#suggested")).to_have_text("The model thinks: lost card 1 probably · 82 %")
    expect(page.locator("#take")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#suggested")).to_be_empty()
    page.keyboard.press("3")
    expect(page.locator("#item")).to_contain_text("day 1")
    saved(page)
    first, second = kept(project), kept(project, 2)
    assert first
    assert second
    assert (first["how"], first["ms"] > 0, second["how"], second["ms"]) == ("revealed", True, "unseen", None)
    assert Annotation.objects.get(project=project, item__number=1).labels == first["labels"]


def test_at_once_means_before_any_key(sign_in):
    project = make("always")
    page, _member = open_desk(sign_in, project)
    expect(page.locator("#suggested")).to_contain_text("lost card")
    expect(page.locator(".choice.suggested")).to_have_text("1 lost card")
    expect(page.locator("#reveal")).to_be_hidden()
    page.get_by_role("button", name="Answer with this").click()
    expect(page.locator("#item")).to_contain_text("day 0")
    saved(page)
    assert kept(project) == {
        "labels": [project.labels.get(position=0).pk],
        "p": 0.82,
        "how": "always",
        "ms": 0,
    }


@pytest.mark.parametrize("suggest", ["key", "always"])
def test_an_item_without_a_suggestion_says_so_in_the_same_place(sign_in, suggest):
    project = make(suggest)
    page, _member = open_desk(sign_in, project, silent=(1,))
    if suggest == "key":
        page.keyboard.press("m")
    expect(page.locator("#suggested")).to_have_text("No suggestion for this one.")
    expect(page.locator("#take")).to_be_hidden()
    page.keyboard.press("1")
    saved(page)
    assert kept(project) is None


def test_a_blind_item_looks_like_one_without_a_suggestion_and_is_kept_as_blind(sign_in):
    project = make("always", policy={"blind_share": 0.9})
    page, _member = open_desk(sign_in, project)
    for number in range(5):
        shown = page.locator("#suggested").inner_text()
        page.keyboard.press("2")
        saved(page)
        found = kept(project, number + 1)
        assert found
        assert found["how"] == ("blind" if shown == "No suggestion for this one." else "always")
    assert Annotation.objects.filter(project=project, suggestion__how="blind").exists()


def test_where_several_apply_taking_ticks_and_does_not_send(sign_in):
    project = make("key", task=Project.Task.MULTI)
    page, _member = open_desk(sign_in, project)
    page.keyboard.press("3")
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    expect(page.locator("#item")).to_contain_text("stolen")
    assert page.locator("input[name=label]:checked").count() == 1
    page.keyboard.press("Enter")
    expect(page.locator("#item")).to_contain_text("day 0")


def test_many_labels_reveal_by_alt_and_the_key(sign_in):
    project = make("key", labels=("lost card", *[f"topic {n}" for n in range(14)]))
    page, _member = open_desk(sign_in, project)
    expect(page.locator("#reveal")).to_contain_text("Alt m")
    page.keyboard.press("Alt+m")
    expect(page.locator("#suggested")).to_contain_text("lost card probably · 82 %")


def test_words_are_marked_where_they_stand_behind_an_emoji(sign_in):
    project = make("always", policy={"highlight": True})
    page, _member = open_desk(sign_in, project)
    text = page.locator(".item-text").inner_text()
    assert page.locator("#item mark").all_inner_texts() == ["card", "stolen", "yesterday"]
    assert text == TEXTS[0]
    expect(page.locator("#went-by")).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator("#item mark")).to_have_count(0)
    expect(page.locator("#went-by")).to_be_hidden()


def test_words_are_not_marked_before_the_suggestion_is_there(sign_in):
    page, _member = open_desk(sign_in, make("key", policy={"highlight": True}))
    expect(page.locator("#item mark")).to_have_count(0)
    expect(page.locator("#went-by")).to_be_hidden()
    page.keyboard.press("m")
    expect(page.locator("#item mark")).to_have_count(3)
    page, _member = open_desk(sign_in, make("hidden", policy={"highlight": True}))
    expect(page.locator("#item mark")).to_have_count(0)


def test_axe_finds_nothing_in_either_theme_and_nothing_is_cut_off(sign_in):
    project = make("key", policy={"highlight": True})
    page, member = open_desk(sign_in, project, **CALM)
    page.keyboard.press("m")
    expect(page.locator("#take")).to_be_focused()
    found = [*axe(page, "light"), *axe(page, "dark"), *cut_off(page)]
    answers(project, member, 20, 0.5, "always")
    for person, address in [(make_lead(project), "suggestions"), (make_admin(project), "settings/labelling")]:
        page = sign_in(person.user, **CALM)
        page.goto(f"/projects/{project.pk}/{address}/")
        found += [*axe(page, "light"), *axe(page, "dark"), *cut_off(page)]
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_screens(sign_in, screenshots: Path | None, scheme: str, width: int):
    project = make("key", policy={"highlight": True})
    size = {"width": width, "height": 900}
    page, _member = open_desk(sign_in, project, viewport=size, color_scheme=scheme)
    page.keyboard.press("m")
    expect(page.locator("#take")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator("#take").bounding_box()
    assert box
    assert min(box["height"], box["width"]) >= 24
    if screenshots:
        page.screenshot(path=screenshots / f"suggestion-{width}-{scheme}.png")
        page.keyboard.press("2")
        expect(page.locator("#thought")).to_be_visible()
        page.screenshot(path=screenshots / f"suggestion-after-{width}-{scheme}.png", full_page=True)


def answers(project: Project, member: Membership, n: int, share: float, how: str) -> None:
    """So many stored answers to wrong suggestions, of which a share followed; each in its own seconds."""
    wrong, right = project.labels.order_by("position")[:2]
    met = {"labels": [wrong.pk], "p": 0.8, "how": how, "ms": None}
    for at, item in enumerate(make_items(project, n, gold=[[right.pk]])):
        label = wrong if at < share * n else right
        fields = {"suggestion": met, "active_ms": (3000 if how == "always" else 4500) + 40 * at}
        Annotation.objects.create(
            project=project, item=item, annotator=member.user, submission=uuid4(), labels=[label.pk], **fields
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_leads_read_how_far_people_follow(sign_in, screenshots: Path | None, scheme: str):
    project = make("always")
    for name, n, share in [("Ann", 80, 0.5), ("Ben", 15, 0.2)]:
        member = make_member(project, name)
        answers(project, member, n, share, "always")
        answers(project, member, n // 2, 0.2, "blind")
    page = sign_in(make_lead(project).user, color_scheme=scheme)
    page.goto(f"/projects/{project.pk}/agreement/")
    page.get_by_role("link", name="Suggestions").click()
    expect(page.locator(".big-words")).to_contain_text(
        "People follow a wrong suggestion 24 points more often"
    )
    expect(page.get_by_role("row", name="Ben")).to_contain_text("too few to say: 7 answers on one side")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if screenshots:
            page.screenshot(path=screenshots / f"anchoring-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_admin_lets_people_see_suggestions(sign_in, screenshots: Path | None, scheme: str):
    project = make("hidden")
    page = sign_in(make_admin(project).user, color_scheme=scheme)
    page.goto(f"/projects/{project.pk}/settings/labelling/")
    page.get_by_role("radio", name="When they press a key").check()
    page.get_by_label("Language of the texts").fill("en-GB")
    page.get_by_role("button", name="Put into force").click()
    expect(page.get_by_text("Version 2 is in force.")).to_be_visible()
    assert project.policy.suggest == "key"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if screenshots:
            page.screenshot(path=screenshots / f"labelling-{width}-{scheme}.png", full_page=True)
