"""Feedback from production: what a row says, what follows from it, and which items are asked about again."""

from __future__ import annotations

import io
import json

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.timezone import now

from projects.models import Event, Item
from sampling import feedback
from sampling.feedback import Word, outcome
from sampling.models import Feedback
from tests.factories import make_items, make_lead, make_project
from tests.loops import with_model

pytestmark = pytest.mark.django_db


def told(project, rows, *options, tmp_path, name="in.jsonl"):
    """Hand rows in by the command; return what it said."""
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out, errors = io.StringIO(), io.StringIO()
    try:
        call_command("feedback", str(project.pk), str(path), *options, stdout=out, stderr=errors)
    except CommandError as error:
        return f"{out.getvalue()}{errors.getvalue()}{error}"
    return out.getvalue() + errors.getvalue()


def settle(item, *labels, source="single"):
    item.state, item.settled_source, item.settled_at = "settled", source, now()
    item.settled_labels = sorted(label.pk for label in labels)
    item.save()
    return item


def project_of(*texts):
    project = make_project(labels=["cat", "dog"])
    make_items(project, texts or ["a cat", "a dog", "a fish"])
    return project


def waiting(project):
    return [Item.objects.get(pk=pk).text for pk in feedback.waiting(project)]


# --- what follows ------------------------------------------------------------------------------------------

CAT, DOG = (1,), (2,)


@pytest.mark.parametrize(
    ("state", "settled", "heard", "predicted", "end"),
    [
        # Of an item without a label: where the model says the same, nothing is wrong.
        ("open", None, CAT, DOG, "ask"),
        ("open", None, CAT, CAT, "agrees"),
        ("open", None, CAT, None, "ask"),
        ("open", None, None, DOG, "ask"),
        # Of one with a label: asking again pays only where the label itself is in doubt.
        ("settled", DOG, CAT, CAT, "ask"),
        ("settled", CAT, CAT, DOG, "agrees"),
        ("settled", CAT, None, CAT, "ask"),
        ("settled", CAT, None, DOG, "agrees"),
        ("settled", CAT, None, None, "ask"),
        # Nobody could tell, and now somebody can.
        ("settled", None, CAT, None, "ask"),
        ("disputed", None, CAT, DOG, "away"),
        ("excluded", None, None, DOG, "away"),
    ],
)
def test_an_item_is_asked_about_again_where_its_label_or_the_model_is_in_doubt(
    state, settled, heard, predicted, end
):
    item = Item(state=state, settled_labels=settled and list(settled), settled_source="single")
    assert outcome(Word(item, heard), predicted) == end


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"holdout": True}, "holdout"),
        ({"settled_source": "adjudicated"}, "firm"),
        ({"settled_source": "gold"}, "firm"),
        ({"settled_source": "seed"}, "ask"),
    ],
)
def test_the_hold_out_and_decisions_stay_as_they_are(fields, end):
    item = Item(state="settled", settled_labels=[1], **fields)
    assert outcome(Word(item, DOG), None) == end
    assert outcome(Word(item, CAT), None) == "agrees"


# --- which item, which label -------------------------------------------------------------------------------


def test_items_are_found_by_id_by_key_by_number_and_by_exact_text(tmp_path):
    project = project_of()
    make_items(project, ["with an id"], external_id="x-1")
    Item.objects.filter(external_id="x-1").update(key="id:x-1")
    named = project.items.get(number=2)
    rows = [{"id": 1}, {"id": named.key}, {"id": "x-1"}, {"text": "with an id"}]
    said = told(project, rows, tmp_path=tmp_path)
    assert "4 of 4 rows were taken in" not in said  # The last two mean the same item.
    assert "3 of 4 rows were taken in." in said
    assert "1 was known already." in said
    assert waiting(project) == ["a cat", "a dog", "with an id"]


def test_items_without_an_id_are_found_by_the_hash_of_their_text(tmp_path):
    project = project_of()
    item = project.items.get(number=3)
    from projects.files.candidates import digest

    Item.objects.filter(pk=item.pk).update(key=f"hash:{digest(b'a fish')}")
    told(project, [{"text": "a fish", "label": "cat"}], tmp_path=tmp_path)
    assert waiting(project) == ["a fish"]


def test_an_id_that_an_item_has_wins_over_the_number_of_another(tmp_path):
    project = project_of()
    make_items(project, ["called 1"], external_id="1")
    Item.objects.filter(external_id="1").update(key="id:1")
    told(project, [{"id": "1"}], tmp_path=tmp_path)
    assert waiting(project) == ["called 1"]


def test_labels_are_told_by_name_whatever_their_capitals(tmp_path):
    project = project_of()
    rows = [{"id": 1, "label": "CAT"}, {"id": 2, "label": ["dog"]}, {"id": 3, "label": "wrong"}]
    told(project, rows, tmp_path=tmp_path)
    cat, dog = (project.labels.get(name=name).pk for name in ("cat", "dog"))
    assert list(Feedback.objects.order_by("pk").values_list("labels", flat=True)) == [[cat], [dog], None]


def test_several_labels_come_in_one_cell(tmp_path):
    project = make_project(labels=["a", "b"], task="multi", items=1)
    told(project, [{"id": 1, "label": "b|a", "note": "by mail"}], "--separator", "|", tmp_path=tmp_path)
    heard = Feedback.objects.get()
    assert heard.labels == [label.pk for label in project.labels.all()]
    assert heard.note == "by mail"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "nobody"}, "row 1: “nobody”: No item of this project has this id."),
        ({"text": "nothing"}, "row 1: “nothing”: No item of this project has this text."),
        ({"id": 1, "label": "bird"}, "row 1: label “bird”: The project has no such label."),
        ({"id": 1, "label": "old"}, "The label is retired. Give the label that took its place."),
        ({"id": 1, "label": ["cat", "dog"]}, "The project asks for one label; here are 2."),
        ({"id": "", "label": "cat"}, "The row names no item."),
    ],
)
def test_what_cannot_be_understood_is_told_by_row_and_nothing_is_taken_in(tmp_path, row, words):
    project = project_of()
    project.labels.create(position=2, name="old", retired_at=now())
    said = told(project, [row, {"id": 2}], tmp_path=tmp_path)
    assert words in said
    assert "Nothing was taken in." in said
    assert not Feedback.objects.exists()
    assert "1 of 2 rows were taken in" in told(project, [row, {"id": 2}], "--good-rows", tmp_path=tmp_path)
    assert waiting(project) == ["a dog"]


def test_a_text_that_several_items_have_is_refused(tmp_path):
    project = project_of()
    make_items(project, ["twice", "twice"], external_id="x")
    said = told(project, [{"text": "twice"}], tmp_path=tmp_path)
    assert "Several items have this text. Name the item by its id." in said


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([{"what": "x"}], [], "neither a column “id” nor a column “text”"),
        ([{"id": 1}], ["--label", "class"], "The file has no column “class”."),
        ([{"id": 1}], ["--by", "nobody@example.org"], "Nobody here has the address"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_a_sentence(tmp_path, rows, options, words):
    assert words in told(project_of(), rows, *options, tmp_path=tmp_path)
    assert not Feedback.objects.exists()


def test_checking_a_file_changes_nothing(tmp_path):
    project = project_of()
    said = told(project, [{"id": 1}, {"id": 2}], "--check", tmp_path=tmp_path)
    assert "2 of 2 rows name an item." in said
    assert not Feedback.objects.exists()


# --- what becomes of it ------------------------------------------------------------------------------------


def test_the_same_file_again_changes_nothing(tmp_path):
    project = project_of()
    rows = [{"id": 1, "label": "cat"}, {"id": 2}]
    told(project, rows, tmp_path=tmp_path)
    feedback.handled(project, feedback.waiting(project))
    said = told(project, rows, tmp_path=tmp_path)
    assert "2 were known already." in said
    assert Feedback.objects.count() == 2
    assert not feedback.waiting(project)
    assert Event.objects.count() == 1


def test_what_was_taken_in_stands_in_the_history(tmp_path):
    project = project_of()
    lead = make_lead(project).user
    told(project, [{"id": 1}, {"id": 2}], "--by", lead.email.upper(), tmp_path=tmp_path)
    event = Event.objects.get(action="feedback.added")
    assert (event.actor, event.after) == (lead, {"rows": 2, "asked again": 2})


def test_items_wait_oldest_feedback_first_until_they_are_handled(tmp_path):
    project = project_of()
    for number in (3, 1):
        told(project, [{"id": number}], tmp_path=tmp_path)
    told(project, [{"id": 3, "label": "dog"}], tmp_path=tmp_path)
    assert waiting(project) == ["a fish", "a cat"]
    feedback.handled(project, feedback.waiting(project)[:1])
    assert waiting(project) == ["a cat"]
    assert Feedback.objects.filter(handled_at=None).count() == 1


def test_what_people_settled_the_same_way_meanwhile_waits_no_more(tmp_path):
    project = project_of()
    cat, dog = project.labels.all()
    told(project, [{"id": 1, "label": "cat"}, {"id": 2, "label": "cat"}], tmp_path=tmp_path)
    settle(project.items.get(number=1), cat)
    settle(project.items.get(number=2), dog)
    assert waiting(project) == ["a dog"]
    project.items.filter(number=2).update(state="excluded")
    assert waiting(project) == []


@pytest.mark.parametrize(("source", "left"), [("adjudicated", []), ("gold", []), ("seed", ["a cat"])])
def test_what_a_lead_decided_meanwhile_waits_no_more(tmp_path, source, left):
    project = project_of()
    _, dog = project.labels.all()
    told(project, [{"id": 1, "label": "cat"}], tmp_path=tmp_path)
    item = settle(project.items.get(number=1), dog, source=source)
    assert waiting(project) == left
    # Opened once more, it is asked about like any other.
    item.state = "open"
    item.save()
    assert waiting(project) == ["a cat"]


def test_only_what_contradicts_the_model_in_use_waits(tmp_path):
    project = with_model()
    red = list(project.items.filter(state="open", holdout=False, text__startswith="red")[:3])
    rows = [
        {"id": red[0].key, "label": "red"},
        {"id": red[1].key, "label": "blue"},
        {"id": red[2].key},
    ]
    said = told(project, rows, tmp_path=tmp_path)
    assert feedback.waiting(project) == [red[1].pk, red[2].pk]
    assert "2 go back to people, before anything else" in said
    assert "1 need nothing" in said


def test_one_project_s_feedback_is_not_another_s(tmp_path):
    project, other = project_of(), project_of()
    told(project, [{"id": 1}], tmp_path=tmp_path)
    assert not feedback.waiting(other)
    feedback.handled(other, feedback.waiting(project))
    assert len(feedback.waiting(project)) == 1


def test_a_long_file_costs_the_same_queries_a_piece(tmp_path, django_assert_max_num_queries):
    project = make_project(labels=2, items=1200)
    with django_assert_max_num_queries(60):
        said = told(project, [{"id": n} for n in range(1, 1201)], tmp_path=tmp_path)
    assert "1,200 of 1,200 rows were taken in" in said


# --- the page ----------------------------------------------------------------------------------------------


def hand_in(client, project, text, **fields):
    client.force_login(make_lead(project).user)
    file = ContentFile(text.encode(), "in.csv")
    response = client.post(reverse("model-feedback", args=[project.pk]), {"file": file, **fields})
    return response.status_code, " ".join(response.content.decode().split())


def test_a_lead_hands_a_table_in_on_the_page(client):
    project = project_of()
    status, page = hand_in(client, project, "id,label\n1,dog\n2,wrong\n")
    assert status == 200
    assert "2 rows were taken in." in page
    assert "2 go back to people" in page
    assert "2 items wait for the next round" in page
    assert waiting(project) == ["a cat", "a dog"]


def test_a_table_that_is_handed_in_again_brings_nothing_new(client):
    project = project_of()
    table = "id,label\n1,dog\n2,wrong\n"
    hand_in(client, project, table)
    status, page = hand_in(client, project, table)
    assert status == 200
    assert "Nothing new: all 2 rows were known already." in page
    assert "notice success" not in page
    assert "taken in" not in page
    _, page = hand_in(client, project, "id,label\n1,dog\n")
    assert "Nothing new: the 1 row was known already." in page
    _, page = hand_in(client, project, "id,label\n1,dog\n3,cat\n")
    assert "1 row was taken in." in page
    assert "1 more was known already" in page


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty. Hand in CSV or JSON lines"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "Feedback is a table. Hand in CSV or JSON lines"),
        (b"RIFF" + bytes(4) + b"WEBPVP8 ", "Feedback is a table. Hand in CSV or JSON lines"),
    ],
)
def test_what_is_no_table_is_told_what_feedback_needs(client, data, words):
    project = project_of()
    client.force_login(make_lead(project).user)
    address = reverse("model-feedback", args=[project.pk])
    response = client.post(address, {"file": ContentFile(data, "in.csv")})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert "zip" not in response.content.decode()


def test_the_page_lists_rows_that_cannot_be_used_and_takes_nothing_in(client):
    project = project_of()
    table = "id,label\n1,dog\n2,<b>bird</b>\n"
    status, page = hand_in(client, project, table)
    assert status == 422
    assert "1 row cannot be used" in page
    assert "&lt;b&gt;bird" in page
    assert not Feedback.objects.exists()
    status, page = hand_in(client, project, table, good_rows="on")
    assert status == 200
    assert "1 row was taken in." in page


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The file is empty"),
        ("what\nx\n", "neither a column"),
        ("id\n" + "1\n" * 1_000_001, "larger than 2 MB"),
    ],
)
def test_the_page_refuses_other_files_in_a_sentence(client, text, words):
    status, page = hand_in(client, project_of(), text)
    assert status == 422
    assert words in page
