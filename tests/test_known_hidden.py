"""Nothing that an annotator is answered tells a known item from another, or what a model thinks of it."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import queue
from projects.models import Annotation, QueueEntry
from projects.trust import known
from tests.factories import make_items, make_member, make_project

pytestmark = pytest.mark.django_db
# Nobody is paused here, however wrong.
MIXED = {"gold_share": 0.2, "gold_floor": 0.0, "triggers": {"gold_people": 0}, "holdout_share": 0.0}
# What a model thought: a label's name in an answer would give it away.
REASON = {"why": "split", "top": [[1, 0.62], [2, 0.3]], "score": 0.8, "disagreement": 0.4, "given": [1]}
NAMES = ["plain", "tellingly", "obviously"]


@pytest.fixture
def member(client):
    """Somebody who labels a project with ordinary items, known ones and an agreement sample."""
    project = make_project(items=20, labels=NAMES, policy=MIXED)
    make_items(project, 6, agreement=set(range(6)))
    made = make_member(project, "Ben")
    right = [[project.labels.get(name="tellingly").pk]]
    for item in make_items(
        project,
        12,
        state="settled",
        settled_source="adjudicated",
        settled_labels=right[0],
        settled_at=now(),
        gold=right,
    ):
        known.serve(project, item)
    client.force_login(made.user)
    return made


def work(client, member, submissions=(), have=()):
    body = {"submissions": list(submissions), "want": 6, "have": list(have)}
    address = reverse("work", args=[member.project_id])
    return client.post(address, json.dumps(body), "application/json").json()


def label_all(client, member):
    """Label to the end; return each item's id with the JSON that brought it and the verdict."""
    plain = member.project.labels.get(name="plain").pk
    brought = {item["id"]: item for item in work(client, member)["items"]}
    found, answered = [], set()
    while hand := [pk for pk in brought if pk not in answered]:
        sent = {"id": str(uuid4()), "item": hand[0], "kind": "answer", "labels": [plain]}
        reply = work(client, member, [sent], have=hand[1:])
        answered.add(hand[0])
        brought |= {item["id"]: item for item in reply["items"]}
        found.append((hand[0], brought[hand[0]], reply["verdicts"][0], reply))
    return found


def stream_of(member):
    said = Annotation.objects.filter(annotator=member.user)
    return dict(said.values_list("item_id", "stream"))


def test_answers_about_known_items_look_like_all_others(client, member):
    found = label_all(client, member)
    streams = stream_of(member)
    shapes: dict[bool, set[str]] = {}
    # The very last answer is told that nothing is left.
    for pk, item, verdict, reply in found[:-1]:
        shape = (sorted(item), sorted(verdict), sorted(reply), verdict["status"], verdict["message"])
        shapes.setdefault(streams[pk] == "gold", set()).add(repr(shape))
    assert len(shapes) == 2
    assert shapes[True] == shapes[False]


def test_why_a_known_item_was_asked_is_a_sentence_that_others_have_too(client, member):
    found = label_all(client, member)
    streams = stream_of(member)
    sentences: dict[bool, set[str]] = {}
    for pk, _item, verdict, _reply in found:
        sentences.setdefault(streams[pk] == "gold", set()).add(verdict["why"])
    assert sentences[True]
    assert sentences[True] <= sentences[False]


def test_nowhere_does_a_page_or_answer_speak_of_known_items(client, member):
    texts = [json.dumps(reply) for *_rest, reply in label_all(client, member)]
    for name in ("label", "my-labels"):
        texts.append(client.get(reverse(name, args=[member.project_id])).content.decode())
    for item in member.project.items.filter(gold__isnull=False):
        address = reverse("label", args=[member.project_id])
        texts.append(client.get(address, {"item": item.pk}).content.decode())
    for text in texts:
        for word in ("gold", "known item", "adjudicated", "lead has decided", "batch before"):
            assert word not in text.lower(), word


def test_my_answers_look_the_same_for_every_item(client, member):
    label_all(client, member)
    page = client.get(reverse("my-labels", args=[member.project_id])).content.decode()
    rows = re.findall(r"<tr.*?</tr>", page.partition("<tbody")[2], re.DOTALL)
    assert {"gold", "agreement"} <= set(stream_of(member).values())
    assert len(rows) > 2
    assert len({tuple(re.findall(r"</?\w+", row)) for row in rows}) == 1


@pytest.mark.parametrize("stream", ["gold", "agreement"])
def test_no_answer_about_a_known_or_sampled_item_holds_what_the_model_thinks(client, member, stream):
    """Invariant 5, though the entry itself knew it."""
    project = member.project
    queue.publish(
        project,
        [queue.Pick(item.pk, "agreement", REASON) for item in project.items.filter(agreement=True)],
        3,
    )
    QueueEntry.objects.filter(stream=stream).update(reason=REASON)
    page = client.get(reverse("label", args=[project.pk]))
    found = label_all(client, member)
    streams = stream_of(member)
    mine = [verdict for pk, _item, verdict, _reply in found if streams[pk] == stream]
    assert len(mine) >= 6
    items = [json.dumps(item) for pk, item, _verdict, _reply in found if streams[pk] == stream]
    for text in [*items, *map(json.dumps, mine), json.dumps(page.context["desk"])]:
        assert "tellingly" not in text
        assert "obviously" not in text
        assert "0.62" not in text
