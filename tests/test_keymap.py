"""A person's own keys: what is kept, what is refused in words, what the page then shows."""

import json
import re
from typing import Any

import pytest
from django.urls import reverse

from annotator.forms_keys import label_keys
from projects import keymap, labelset
from projects.choosing import MOST_WITH_KEYS
from projects.errors import Refused
from projects.models import Project
from projects.templatetags.labelkeys import grouped, kbd, shortcut
from tests.factories import make_admin, make_member, make_project, make_user

pytestmark = pytest.mark.django_db
OWN = dict(keymap.COMMANDS)


def save(client, user, **keys):
    client.force_login(user)
    return client.post(reverse("my-keys"), {**OWN, **keys})


def desk_of(page) -> dict[str, Any]:
    text = page.content.decode()
    return json.loads(re.search(r'id="desk-data" type="application/json">(.*?)</script>', text, re.S)[1])


def label_page(client, project: Project, user):
    client.force_login(user)
    return client.get(reverse("label", args=[project.pk]))


def test_commands_have_names_and_no_two_the_same_key():
    assert set(keymap.WORDS) == set(keymap.COMMANDS)
    assert len(set(keymap.COMMANDS.values())) == len(keymap.COMMANDS)


def test_a_label_never_gets_the_key_of_a_command():
    project = make_project(labels=2)
    for key in keymap.RESERVED:
        with pytest.raises(Refused):
            labelset.change(project.labels.first(), make_admin(project).user, {"key": key})
    assert not keymap.RESERVED & set(labelset.AUTOMATIC_KEYS)


def test_only_what_differs_from_the_page_is_kept(client):
    user = make_user("Ann")
    assert save(client, user, skip="K ", flag="").status_code == 302
    user.refresh_from_db()
    assert user.keys == {"skip": "k", "flag": ""}


def test_two_commands_may_change_places(client):
    user = make_user("Ann")
    save(client, user, skip="f", flag="s")
    user.refresh_from_db()
    assert user.keys == {"skip": "f", "flag": "s"}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("u", "“Undo” has this key, too"),
        ("5", "Digits 1 to 9 answer with labels"),
        ("ab", "A key is one letter, digit or sign"),
        ("\u200b", "A key is one letter, digit or sign"),
        ("k", "“Card” in Post"),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_words_and_nothing_changes(client, key, words):
    user = make_user("Ann")
    project = make_project(labels=["Card", "Cash"])
    make_member(project, user)
    project.labels.filter(name="Card").update(key="k")
    page = save(client, user, skip=key, flag="j")
    assert page.status_code == 422
    assert words in page.content.decode()
    user.refresh_from_db()
    assert user.keys == {}


def test_the_keys_of_labels_elsewhere_are_free(client):
    make_project(labels=["Card"]).labels.update(key="k")
    many = make_project(labels=MOST_WITH_KEYS + 1)
    user = make_member(many, "Ann").user
    many.labels.filter(position=0).update(key="k")
    assert label_keys(user) == {}
    assert save(client, user, skip="k").status_code == 302


def test_all_is_as_it_was_after_a_reset(client):
    user = make_user("Ann", keys={"skip": "k"})
    client.force_login(user)
    client.post(reverse("my-keys"), {"reset": "yes", "skip": "1"})
    user.refresh_from_db()
    assert user.keys == {}


def test_the_page_of_keys_is_linked_and_only_one_s_own(client):
    assert client.get(reverse("my-keys")).status_code == 302
    client.force_login(make_user("Ann", keys={"skip": "k"}))
    assert reverse("my-keys") in client.get(reverse("me")).content.decode()
    page = client.get(reverse("my-keys")).content.decode()
    assert re.search(r'<input[^>]*name="skip"[^>]*value="k"', page)
    assert '· <span class="was">Otherwise <kbd dir="ltr">s</kbd>' in page


def test_the_labelling_page_shows_and_tells_a_person_s_own_keys(client):
    project = make_project(labels=2, items=3)
    user = make_member(project, make_user("Ann", keys={"undo": "k", "flag": ""})).user
    page = label_page(client, project, user)
    text = page.content.decode()
    assert re.search(r'id="undo" aria-keyshortcuts="k">Undo <kbd dir="ltr">k</kbd>', text)
    assert re.search(r"<summary[^>]*>Flag</summary>", text)
    assert desk_of(page)["keys"]["undo"] == "k"
    assert "labels" not in desk_of(page)


def test_among_many_labels_letters_go_with_alt_and_signs_alone():
    keys = keymap.pressed(keymap.keys_of({"help": "h"}), find=True)
    assert (keys["undo"], keys["help"], keys["zoom_in"]) == ("Alt+u", "Alt+h", "Plus")
    assert kbd("Alt+u") == ' <kbd dir="ltr">Alt u</kbd>'
    assert kbd("Plus") == ' <kbd dir="ltr">+</kbd>'
    assert (kbd(""), shortcut("")) == ("", "")


def test_a_label_s_key_wins_over_a_command_and_the_page_says_so(client):
    project = make_project(labels=10, items=3, media=Project.Media.IMAGE)
    project.labels.filter(position=9).update(key="0")
    user = make_member(project, "Ann").user
    page = label_page(client, project, user)
    assert desk_of(page)["keys"]["zoom_reset"] == ""
    assert "no key" in page.content.decode()
    client.force_login(user)
    assert "There this key answers instead" in client.get(reverse("my-keys")).content.decode()


def test_zooming_yields_to_labels_of_pictures_alone_and_says_so_beside_an_error(client):
    texts, pictures = (
        make_project(f"Of {media}", labels=10, items=3, media=media) for media in ("text", "image")
    )
    for project in (texts, pictures):
        project.labels.filter(position=9).update(key="0")
    user = make_member(texts, "Ann").user
    assert "There this key answers" not in save(client, user, skip="u").content.decode()
    make_member(pictures, user)
    page = save(client, user, skip="u").content.decode()
    assert "There this key answers instead: “label 9” in Of image." in page
    assert "too. Choose another" in page


def test_what_finds_labels_is_told_where_they_are_found_by_typing(client):
    project = make_project(labels=12, items=3)
    project.labels.filter(position=0).update(group="A / B", synonyms=["other"], description="x" * 400)
    page = label_page(client, project, make_member(project, "Ann").user)
    told = desk_of(page)["labels"]
    first = project.labels.get(position=0)
    assert told == {str(first.pk): {"group": "A / B", "synonyms": ["other"], "description": "x" * 300}}


def test_groups_are_read_like_a_tree():
    project = make_project(labels=["car", "oak", "loose", "bus", "fir"])
    for name, group in [("car", "Things / Cars"), ("oak", "Trees"), ("bus", "Things"), ("fir", "Trees")]:
        project.labels.filter(name=name).update(group=group)
    labels = project.labels.order_by("position")
    assert [section.labels for section in grouped(labels, False)] == [list(labels)]
    sections = grouped(labels, True)
    shown = [(section.name, section.level, [label.name for label in section.labels]) for section in sections]
    assert shown == [
        ("", 0, ["loose"]),
        ("Things", 1, ["bus"]),
        ("Cars", 2, ["car"]),
        ("Trees", 1, ["oak", "fir"]),
    ]
