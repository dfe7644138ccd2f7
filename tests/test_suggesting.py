"""What the model suggests: who is told, when, of which items, and what is kept of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from projects import actions, policies, queries, suggesting
from projects.errors import Refused
from projects.models import Annotation, Assignment, Item, Label, Membership, Project, QueueEntry
from tests.factories import answer, hand, make_items, make_member, make_project, submission

pytestmark = pytest.mark.django_db
Stream = QueueEntry.Stream
PLAIN = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0, "blind_share": 0.0}
SILENT = sorted(set(Stream) - suggesting.STREAMS)


def make(suggest: str = "always", **fields: Any) -> tuple[Project, Membership, list[Label]]:
    """A project whose policy has no blind answers, with one person and three labels."""
    policy = {**PLAIN, "suggest": suggest, **fields.pop("policy", {})}
    project = make_project(labels=["a", "b", "c"], policy=policy, **fields)
    return project, make_member(project), list(project.labels.order_by("position"))


def picked(
    member: Membership, *top: tuple[int, float], stream: str = Stream.STRATEGY, **item: Any
) -> Assignment:
    """An item in somebody's hands that a round picked with this opinion of the model."""
    (made,) = make_items(member.project, 1, **item)
    held = hand(member, made)
    reason = {"why": "unsure", "top": [list(pair) for pair in top or ((1, 0.7), (0, 0.2))]}
    QueueEntry.objects.filter(pk=held.entry_id).update(stream=stream, reason=reason)
    return Assignment.objects.select_related("item", "entry").get(pk=held.pk)


def told(member: Membership, held: Assignment) -> dict[str, Any] | None:
    return suggesting.offered(member, queries.rules(member.project), [held]).get(held.item_id)


def answered(
    member: Membership, held: Assignment, label: Label, how: str | None, ms: int | None = 900
) -> Any:
    """Answer as a page does, and return what was kept of the suggestion."""
    met = suggesting.parse({"how": how, "ms": ms}) if how else None
    said = submission(held.item, label, suggestion=met)
    assert actions.submit(member, [said])[0].status == "stored"
    return Annotation.objects.get(submission=said.id).suggestion


# --- what is told ---


def test_a_page_is_told_the_likeliest_label_where_the_policy_shows_it():
    _project, member, (_a, b, _c) = make("always")
    assert told(member, picked(member)) == {"when": "always", "labels": [b.pk], "p": 0.7}


def test_nothing_is_told_and_nothing_asked_of_the_database_where_it_is_hidden():
    _project, member, _labels = make("hidden")
    held, rules = picked(member), queries.rules(member.project)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert suggesting.offered(member, rules, [held]) == {}
    assert len(asked) == 0


def test_telling_costs_no_query():
    project, member, _labels = make("key", policy={"likely_first": True, "highlight": True})
    held, rules = [picked(member) for _ in range(3)], queries.rules(project)
    with CaptureQueriesContext(connection) as asked:
        assert len(suggesting.offered(member, rules, held)) == 3
    assert len(asked) == 0


@pytest.mark.parametrize("stream", SILENT)
def test_nothing_is_told_of_items_that_measure_or_that_are_asked_again(stream):
    _project, member, _labels = make("always", policy={"likely_first": True, "highlight": True})
    assert told(member, picked(member, stream=stream)) is None


@pytest.mark.parametrize(
    "flag", [{"holdout": True}, {"agreement": True}, {"calibration": True}, {"gold": [[1]]}]
)
def test_nothing_is_told_of_a_drawn_item_however_it_was_queued(flag):
    _project, member, (_a, b, _c) = make("always")
    held = picked(member)
    Item.objects.filter(pk=held.item_id).update(
        **{name: v if v is True else [[b.pk]] for name, v in flag.items()}
    )
    held.item.refresh_from_db()
    assert told(member, held) is None


def test_whoever_is_asked_because_the_first_answers_left_doubt_is_told_nothing():
    _project, member, _labels = make("always")
    held = picked(member)
    held.entry.places = 2
    assert told(member, held) is None


def test_a_retired_label_is_never_suggested():
    project, member, (_a, b, _c) = make("always", policy={"likely_first": True})
    project.labels.filter(pk=b.pk).update(retired_at=now())
    assert told(member, picked(member)) is None


def test_a_merged_label_counts_for_what_it_became():
    project, member, (a, b, _c) = make("always")
    project.labels.filter(pk=b.pk).update(retired_at=now(), merged_into=a)
    found = told(member, picked(member, (1, 0.5), (0, 0.3), (2, 0.2)))
    assert found == {"when": "always", "labels": [a.pk], "p": 0.8}


def test_of_several_labels_those_are_suggested_that_likely_apply():
    _project, member, (a, b, _c) = make("always", task=Project.Task.MULTI)
    assert told(member, picked(member, (1, 0.9), (0, 0.6), (2, 0.4))) == {
        "when": "always",
        "labels": [a.pk, b.pk],
        "p": 0.6,
    }
    assert told(member, picked(member, (1, 0.4))) is None


def test_likely_labels_alone_are_told_without_the_suggestion():
    _project, member, (a, b, c) = make("hidden", policy={"likely_first": True})
    assert told(member, picked(member, (2, 0.6), (0, 0.3), (1, 0.1))) == {"likely": [c.pk, a.pk, b.pk]}


def test_words_are_told_only_with_a_suggestion_and_where_the_policy_marks_them():
    project, member, _labels = make("key", policy={"highlight": True})
    held = picked(member)
    held.item.text = "one\r\ntwo 🙂 three"
    held.entry.reason["words"] = [[5, 8], [11, 16]]
    # A browser reads the line's end as one character.
    assert told(member, held)["words"] == [[4, 7], [10, 15]]
    policies.change(project, None, {"highlight": False})
    assert "words" not in told(member, held)
    policies.change(project, None, {"highlight": True, "likely_first": True, "suggest": "hidden"})
    assert list(told(member, held)) == ["likely"]


# --- blind answers ---


def test_the_blind_share_is_drawn_for_each_person_and_item_and_stays():
    project, member, _labels = make("always", policy={"blind_share": 0.4})
    other = make_member(project)
    held = [picked(member) for _ in range(200)]
    mine = [told(member, one) is None for one in held]
    assert 50 < sum(mine) < 110
    assert mine == [told(member, one) is None for one in held]
    assert mine != [told(other, one) is None for one in held]


def test_a_blind_item_tells_neither_likely_labels_nor_words():
    _project, member, _labels = make(
        "always", policy={"blind_share": 0.9, "likely_first": True, "highlight": True}
    )
    found = [told(member, picked(member)) for _ in range(30)]
    assert found.count(None) > 15


def test_there_are_blind_answers_wherever_known_items_must_not_be_recognised():
    project, _member, _labels = make("always", policy={"gold_share": 0.05})
    assert suggesting.blind_share(project.policy) == pytest.approx(0.15)
    changed = policies.change(project, None, {"blind_share": 0.3})
    assert suggesting.blind_share(changed) == pytest.approx(0.3)


# --- what is kept ---


@pytest.mark.parametrize(("how", "ms"), [("always", 0), ("revealed", 900), ("unseen", None)])
def test_how_it_was_met_is_kept_with_the_answer(how, ms):
    _project, member, (_a, b, _c) = make("key")
    kept = answered(member, picked(member), b, how, ms)
    assert kept == {"labels": [b.pk], "p": 0.7, "how": how, "ms": ms}


def test_what_was_suggested_is_never_the_browsers_word():
    row = {"id": str(uuid4()), "item": 1, "kind": "answer", "labels": [1]}
    row["suggestion"] = {"how": "revealed", "ms": 5, "labels": [99], "p": 1.0}
    (parsed,) = actions.parse([row])
    assert parsed.suggestion == {"how": "revealed", "ms": 5}


@pytest.mark.parametrize(
    "said", [{"how": "blind"}, {"how": "always", "ms": -1}, {"how": "unseen", "ms": True}, "m"]
)
def test_what_no_page_sends_is_refused(said):
    row = {"id": str(uuid4()), "item": 1, "kind": "answer", "labels": [1], "suggestion": said}
    with pytest.raises(Refused):
        actions.parse([row])


def test_a_blind_answer_is_kept_as_such():
    _project, member, (a, b, _c) = make("always", policy={"blind_share": 0.9})
    held = next(one for one in (picked(member) for _ in range(50)) if told(member, one) is None)
    assert answered(member, held, a, "unseen") == {"labels": [b.pk], "p": 0.7, "how": "blind", "ms": None}


@pytest.mark.parametrize("stream", [Stream.HOLDOUT, Stream.AGREEMENT, Stream.CHECK, Stream.RECHECK])
def test_nothing_is_kept_where_nothing_may_be_suggested(stream):
    _project, member, (a, *_rest) = make("always")
    assert answered(member, picked(member, stream=stream), a, "always") is None


def test_nothing_is_kept_without_a_script_or_on_a_card():
    _project, member, (a, *_rest) = make("always")
    assert answered(member, picked(member), a, None) is None
    (card,) = make_items(member.project, 1)
    met = suggesting.parse({"how": "always", "ms": 0})
    answer(member, card, a, bulk=uuid4(), suggestion=met)
    assert Annotation.objects.get(item=card).suggestion is None
    single = picked(member)
    answer(member, single.item, a, bulk=uuid4(), suggestion=met)
    assert Annotation.objects.get(item=single.item).suggestion["how"] == "always"


def test_a_correction_counts_as_made_with_it_in_view():
    _project, member, (a, b, _c) = make("key", policy={"blind_share": 0.9})
    held = picked(member)
    answered(member, held, a, "unseen")
    assert answered(member, held, b, "unseen")["how"] == "revealed"


def test_storing_it_costs_no_query_more(django_assert_num_queries):
    _project, member, (a, *_rest) = make("always")
    warm, first, second = picked(member), picked(member), picked(member)
    answered(member, warm, a, "always", 0)
    with CaptureQueriesContext(connection) as without:
        answered(member, first, a, None)
    with django_assert_num_queries(len(without)):
        answered(member, second, a, "always", 0)


# --- the page ---


def work(client, member: Membership, *rows: dict[str, Any]) -> dict[str, Any]:
    client.force_login(member.user)
    body = {"submissions": list(rows), "want": 6, "have": [], "user": member.user_id}
    address = reverse("work", args=[member.project_id])
    return dict(client.post(address, json.dumps(body), content_type="application/json").json())


def row(held: Assignment, label: Label, **fields: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "item": held.item_id, "kind": "answer", "labels": [label.pk], **fields}


@pytest.mark.parametrize("suggest", ["hidden", "key"])
def test_whoever_has_answered_is_told_what_the_model_thought(client, suggest):
    _project, member, (a, b, _c) = make(suggest)
    found = work(client, member, row(picked(member), a, suggestion={"how": "unseen", "ms": None}))
    assert found["verdicts"][0]["thought"] == {"labels": [b.pk], "p": 0.7}


def test_nothing_of_the_model_leaves_the_server_before_the_answer_where_it_is_hidden(client):
    _project, member, _labels = make("hidden")
    held = picked(member, (1, 0.7123))
    client.force_login(member.user)
    page = client.get(reverse("label", args=[member.project_id])).content.decode()
    assert str(held.item.number) in page
    assert "0.7123" not in page
    assert [one["thought"] for one in work(client, member)["items"]] == [None]


def test_known_items_and_the_agreement_sample_keep_silent_after_the_answer(client):
    _project, member, (a, b, _c) = make("always")
    agreed, known = picked(member), picked(member, stream=Stream.GOLD)
    Item.objects.filter(pk=agreed.item_id).update(agreement=True)
    settled = {"state": Item.State.SETTLED, "settled_labels": [b.pk]}
    Item.objects.filter(pk=known.item_id).update(gold=[[b.pk]], **settled)
    found = work(client, member, row(agreed, a), row(known, a))
    assert [one["thought"] for one in found["verdicts"]] == [None, None]
