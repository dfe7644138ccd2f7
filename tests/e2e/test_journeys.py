"""The whole work by keys alone and by mouse alone: few labels and many, texts and pictures."""

from __future__ import annotations

import io
from itertools import product

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from playwright.sync_api import expect

from projects.models import Annotation, Item, Project
from tests.e2e.hands import Hands, Keys, Mouse, Touch
from tests.factories import make_member, make_project

VERBS = ("change", "close", "find", "fix", "lose", "open", "stop")
THINGS = ("account", "address", "app", "atm", "balance", "card", "fee", "limit", "pin", "top-up", "transfer")
ASKS = [
    f"{verb} {noun}" for verb in ("ask", "get", "give", "see", "tell") for noun in ("bill", "music", "route")
]
PLACES = [
    f"{where} {how}" for where in ("abroad", "home", "now", "office", "soon") for how in ("alone", "together")
]
NAMES = {
    2: ["complaint", "praise"],
    10: [f"{word} matter" for word in THINGS[:10]],
    77: [f"{verb} {thing}" for verb in VERBS for thing in THINGS],
    150: [f"{ask} {place}" for ask in ASKS for place in PLACES],
}
# From so many labels on they are found by typing.
MANY = 11
MATRIX = list(product(NAMES, ("text", "image"), ("single", "multi")))


def make_journey(labels: int, media: str, task: str) -> Project:
    """A project with eight items, each text or picture of its own."""
    texts = [f"Message {number} to the bank" if media == "text" else "" for number in range(8)]
    project = make_project("Journey", labels=NAMES[labels], items=texts, media=media, task=task)
    for item in project.items.all() if media == "image" else ():
        picture = io.BytesIO()
        Image.new("RGB", (320, 200), (item.number * 20, 120, 160)).save(picture, "PNG")
        name = default_storage.save(f"journeys/{item.pk}.png", ContentFile(picture.getvalue()))
        Item.objects.filter(pk=item.pk).update(image=name, width=320, height=200)
    return project


def said(project: Project) -> list[tuple[str, str, set[str]]]:
    """What was said in the end, in the order in which it began: kind, note, names of labels."""
    names = dict(project.labels.values_list("pk", "name"))
    first = dict(project.annotations.filter(revision=1).values_list("item_id", "pk"))
    rows = Annotation.objects.filter(project=project, superseded_by=None)
    ordered = sorted(rows, key=lambda row: first[row.item_id])
    return [(row.kind, row.note, {names[pk] for pk in row.labels}) for row in ordered]


def play(hands: Hands, names: list[str]) -> None:
    """Answer, answer wrongly and mend it, skip, give up on one, flag one."""
    hands.open_desk()
    hands.answer(names[:1])
    hands.answer(names[-2:] if hands.multi else names[-1:])
    wrong = hands.item
    hands.answer(names[:1])
    hands.undo()
    assert hands.item == wrong
    if hands.multi:
        expect(hands.choice(names[0]).locator("input")).to_be_checked()
    hands.answer(names[1:2])  # of several labels, beside what was chosen before
    hands.skip()
    hands.cant_tell()
    hands.flag("Two questions, 1 and 2")
    expect(hands.page.locator("#state")).to_have_attribute("data-state", "saved")


def expected(names: list[str], multi: bool) -> list[tuple[str, str, set[str]]]:
    """What ``play`` says."""
    return [
        ("answer", "", {names[0]}),
        ("answer", "", set(names[-2:] if multi else names[-1:])),
        ("answer", "", {names[0], names[1]} if multi else {names[1]}),
        ("skip", "", set()),
        ("cant_tell", "", set()),
        ("flag", "Two questions, 1 and 2", set()),
    ]


@pytest.mark.parametrize("way", [Keys, Mouse], ids=["keys", "mouse"])
@pytest.mark.parametrize(("labels", "media", "task"), MATRIX)
def test_the_whole_work(sign_in, way: type[Hands], labels: int, media: str, task: str):
    project = make_journey(labels, media, task)
    names, multi = NAMES[labels], task == "multi"
    page = sign_in(make_member(project, "Ann").user, viewport={"width": 1280, "height": 800})
    page.goto("/")
    play(way(page, many=labels >= MANY, multi=multi), names)
    assert said(project) == expected(names, multi)


@pytest.mark.parametrize(("labels", "media", "task"), [(10, "text", "single"), (77, "image", "multi")])
def test_the_whole_work_on_a_phone(sign_in, labels: int, media: str, task: str):
    project = make_journey(labels, media, task)
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = sign_in(make_member(project, "Ann").user, **phone)
    page.goto("/")
    play(Touch(page, many=labels >= MANY, multi=task == "multi"), NAMES[labels])
    assert said(project) == expected(NAMES[labels], task == "multi")
