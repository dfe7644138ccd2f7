"""Every address of a project, asked by everybody: who may not come learns nothing, and an annotator learns
nothing of what others or the model think of an item that he may still label.

The second is shown twice: words that stand nowhere else are in no answer, and every answer is the same
whatever others and the model think.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.http import StreamingHttpResponse
from django.urls import reverse
from django.urls.resolvers import URLPattern
from django.utils.timezone import now

from projects import actions, audit, guidelines, queue, settle, uploads
from projects.models import (
    Annotation,
    Assignment,
    Comment,
    Dispute,
    GuidelineNote,
    Item,
    Membership,
    Notice,
    QueueEntry,
    SpotCheck,
)
from projects.urls import urlpatterns as of_projects
from sampling.urls import urlpatterns as of_sampling
from tests.factories import hand, make_items, make_lead, make_member, make_project, make_user, submission

pytestmark = pytest.mark.django_db
Stream = QueueEntry.Stream
NOTE, REMARK, PERSON = "zebrafish", "quokka", "Xanthippe"
# Not of one project, so a stranger is whoever has no project.
ANYBODYS = {"home", "project-new", "notices", "notice"}
ROUTES: dict[str, URLPattern] = {str(one.name): one for one in [*of_projects, *of_sampling]}


class World:
    """A project in which somebody has answered what Ann may still label, and a model has an opinion."""

    def __init__(self) -> None:
        policy = {
            "holdout_share": 0.0,
            "agreement_share": 0.0,
            "overlap": 2,
            "max_overlap": 3,
            "model_vote": False,
        }
        self.project = make_project(labels=["alpha", "beta", "gamma"], policy=policy, model_proven=True)
        self.alpha, self.beta, self.gamma = self.project.labels.order_by("position")
        self.ann = make_member(self.project, "Ann")
        self.ben = make_member(self.project, PERSON)
        self.lea = make_lead(self.project)
        self.items = make_items(self.project, 8)
        self._said()
        self._standing()
        self._things()

    def _said(self) -> None:
        """Let Ben answer each item, leads talk about it, and a model have picked it."""
        for item in self.items[:7]:
            entry = hand(self.ben, item).entry
            reason = {"score": 0.7713, "cluster": 1, "cluster_size": 9, "why": "unsure"}
            reason["top"] = [[self.alpha.position, 0.7713], [self.beta.position, 0.2287]]
            QueueEntry.objects.filter(pk=entry.pk).update(reason=reason, stream=Stream.STRATEGY)
            said = submission(item, self.alpha, note=f"{NOTE} {item.number}")
            assert actions.submit(self.ben, [said])[0].status == "stored"
            Comment.objects.create(
                project=self.project, item=item, author=self.lea.user, text=REMARK, open_to_annotators=True
            )

    def _standing(self) -> None:
        """Settled and asked again, stale, disputed, known, of the agreement sample: all may reach Ann."""
        act = audit.by(self.project, None)
        resting = {"settled_labels": [self.alpha.pk], "posterior": 0.7713, "settled_at": now()}
        _open, settled, stale, disputed, known, agreement, held, fresh = self.items
        settle.become(
            settled, act, now(), state=Item.State.SETTLED, settled_source=Item.Source.SINGLE, **resting
        )
        former = {"labels": [self.alpha.pk], "source": "single", "version": 0}
        settle.become(stale, act, now(), state=Item.State.STALE, former=former)
        live = QueueEntry.objects.filter(state=QueueEntry.State.LIVE)
        live.filter(item=stale).update(stream=Stream.RECHECK, places=2, free=1)
        settle.dispute(settle.lock(disputed.pk), ["tie"], act, now())
        Item.objects.filter(pk=known.pk).update(gold=[[self.alpha.pk]])
        live.filter(item=known).update(stream=Stream.GOLD, places=100, free=99)
        Item.objects.filter(pk=agreement.pk).update(agreement=True)
        live.filter(item=agreement).update(stream=Stream.AGREEMENT)
        hand(self.ann, held)
        hand(self.ann, known)
        hand(self.ann, fresh)

    def _things(self) -> None:
        """One of everything that an address may name."""
        project, lead = self.project, self.lea.user
        upload = uploads.add(project, lead, ContentFile(b"text\nx\n", name="x.csv"))
        first = self.items[0]
        check = SpotCheck.objects.create(project=project, item=first, settled_labels=[self.alpha.pk])
        note = GuidelineNote.objects.create(project=project, text=f"{NOTE} line")
        notice = Notice.objects.create(project=project, user=self.lea.user, kind="comment.added")
        event = audit.record(project, lead, guidelines.CHANGED, after={"text": "x", "version": 1})
        self.named: dict[str, list[Any]] = {
            "project_id": [project.pk],
            "number": [item.number for item in self.items],
            "dispute_id": [Dispute.objects.get().pk],
            "label_id": [self.alpha.pk],
            "upload_id": [upload.pk],
            "membership_id": [self.ben.pk],
            "check_id": [check.pk],
            "note_id": [note.pk],
            "notice_id": [notice.pk],
            "event_id": [event.pk],
            "first": [self.ann.user_id],
            "second": [self.ben.user_id],
            "step": ["data"],
            "what": ["annotations", "settled"],
            "form": ["csv", "jsonl"],
        }

    def addresses(self, name: str) -> Iterator[str]:
        """Yield the addresses of a route, for each thing that there is."""
        parameters = list(ROUTES[name].pattern.converters)
        filled: list[dict[str, Any]] = [{}]
        for one in parameters:
            filled = [{**given, one: value} for given in filled for value in self.named[one]]
        for given in filled:
            yield reverse(name, kwargs=given)

    def think_otherwise(self) -> None:
        """Let everybody but Ann, and the model, be of another opinion."""
        top = [[self.gamma.position, 0.51], [self.beta.position, 0.49]]
        for entry in QueueEntry.objects.exclude(reason={}):
            if "top" in entry.reason:
                entry.reason = {**entry.reason, "score": 0.12, "top": top, "cluster": 4}
                entry.save(update_fields=["reason"])
        Annotation.objects.filter(annotator=self.ben.user).update(labels=[self.beta.pk], note="otherwise")
        Item.objects.exclude(settled_labels=None).update(settled_labels=[self.beta.pk], posterior=0.9)
        Item.objects.exclude(former=None).update(former={"labels": [self.beta.pk], "source": "consensus"})
        Item.objects.exclude(gold=None).update(gold=[[self.gamma.pk]])
        Comment.objects.update(text="So it is")


@pytest.fixture
def world(settings, tmp_path) -> World:
    settings.MEDIA_ROOT = tmp_path
    return World()


def text_of(response: Any) -> str:
    if isinstance(response, StreamingHttpResponse):
        return response.getvalue().decode()
    return str(response.content.decode())


def plain(text: str) -> str:
    """Take out what is new at every answer: tokens, ids that were made just now, how long ago."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]*', r"\1", text)
    return re.sub(r"(less than a minute|\d+\s(second|minute)s?)", "SOON", text)


def everything(client, world: World) -> dict[str, tuple[int, str]]:
    """Ask for every address, and for the JSON that the labelling page lives on."""
    found = {}
    for name in ROUTES:
        for address in world.addresses(name):
            response = client.get(address)
            found[address] = response.status_code, plain(text_of(response))
    found["work"] = 200, plain(work(client, world))
    for number in range(1, 9):
        address = f"{reverse('label', args=[world.project.pk])}?item={world.items[number - 1].pk}"
        found[address] = 200, plain(text_of(client.get(address)))
    return found


def work(client, world: World, *rows: dict[str, Any]) -> str:
    body = {"submissions": list(rows), "want": 12, "have": [], "user": world.ann.user_id}
    address = reverse("work", args=[world.project.pk])
    return text_of(client.post(address, json.dumps(body), content_type="application/json"))


# --- what others think ---


def test_every_address_is_walked(world):
    unknown = {one for name in ROUTES for one in ROUTES[name].pattern.converters if one not in world.named}
    assert not unknown, f"say in World._things what these name: {unknown}"


def test_ann_may_label_items_of_every_kind_that_hides_something(world):
    queue.lease(world.ann, 20)
    mine = Assignment.objects.filter(annotator=world.ann.user)
    # All but the one that waits for a lead.
    assert set(mine.values_list("item__number", flat=True)) == {1, 2, 3, 5, 6, 7, 8}


def test_no_answer_holds_words_of_others(client, world):
    client.force_login(world.ann.user)
    for address, (status, text) in everything(client, world).items():
        assert status < 500, address
        for word in (NOTE, REMARK, PERSON, "0.7713", "77 %", "77.1"):
            assert word not in text, f"{word} at {address}"


def test_every_answer_is_the_same_whatever_others_think(client, world):
    client.force_login(world.ann.user)
    queue.lease(world.ann, 20)
    everything(client, world)  # Whatever a first look changes is changed now.
    before = everything(client, world)
    world.think_otherwise()
    after = everything(client, world)
    assert [address for address in before if before[address] != after[address]] == []


def test_no_answer_to_a_form_holds_words_of_others(client, world):
    client.force_login(world.ann.user)
    for name in ROUTES:
        for address in world.addresses(name):
            text = text_of(client.post(address, {"text": "mine", "minutes": "30"}, follow=True))
            for word in (NOTE, REMARK, PERSON, "0.7713"):
                assert word not in text, f"{word} at {address}"


def test_a_suggestion_is_not_told_of_random_and_known_items_even_once_answered(client, world):
    client.force_login(world.ann.user)
    for item in (world.items[4], world.items[5]):
        hand(world.ann, item)
        row = {"id": str(uuid4()), "item": item.pk, "kind": "answer", "labels": [world.gamma.pk]}
        said = json.loads(work(client, world, row))["verdicts"][0]
        assert said["status"] == "stored"
        assert "alpha" not in said["why"]
        assert NOTE not in json.dumps(said)


# --- who may come ---


def asked(client, address: str) -> list[Any]:
    """Ask for an address, and send an empty form there."""
    return [client.get(address), client.post(address)]


def test_a_stranger_finds_nothing(client, world):
    client.force_login(make_user("Stranger", is_staff=True))
    for name in sorted(set(ROUTES) - ANYBODYS):
        for address in world.addresses(name):
            found = {response.status_code for response in asked(client, address)}
            assert found in ({404}, {404, 405}), address


def test_who_is_not_signed_in_is_sent_to_sign_in(client, world):
    for name in sorted(ROUTES):
        for address in world.addresses(name):
            answers = asked(client, address)
            assert {answer.status_code for answer in answers} <= {302, 401, 405}, address
            away = [answer for answer in answers if answer.status_code == 302]
            assert all(answer.url.startswith(reverse("account_login")) for answer in away), address
            assert away or name in {"work", "together"}, address


def test_what_is_another_projects_is_not_found_in_ones_own(client, world):
    mine = make_project("Mine")
    client.force_login(make_member(mine, "Ada", Membership.Role.ADMIN).user)
    # Names of forms, and numbers of versions, are not things of one project.
    general = {"step", "form", "what"}
    for name in sorted(set(ROUTES) - {"guidelines-numbered"}):
        parameters = set(ROUTES[name].pattern.converters) - {"project_id"}
        if not parameters or parameters & general:
            continue
        for address in world.addresses(name):
            here = address.replace(f"/projects/{world.project.pk}/", f"/projects/{mine.pk}/")
            for response in asked(client, here):
                assert response.status_code in {302, 404, 405}, here
