"""The log of events: only ever added to, enough to rebuild every item, readable with filters, taken out."""

from __future__ import annotations

import csv
import io
import json
import random
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError
from django.urls import reverse

from annotator.requests import HEADER
from projects import audit, history, replaying, resolving, settle, setup
from projects.models import Annotation, Dispute, Event, Item, Membership, Project, Resolution
from tests.factories import (
    answer,
    make_admin,
    make_items,
    make_lead,
    make_member,
    make_project,
    make_user,
)
from tests.uploading import take

pytestmark = pytest.mark.django_db
Kind = Annotation.Kind
TWICE = {"holdout_share": 0.0, "agreement_share": 0.0, "overlap": 2, "spot_share": 0.0}


def at(name: str, project: Project, *further: object) -> str:
    return reverse(name, args=[project.pk, *further])


# --- only ever added to ---


@pytest.fixture
def event():
    project = make_project()
    return audit.record(project, None, "project.changed", after={"name": "x"})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE projects_event SET reason = 'another'",
        "UPDATE projects_event SET action = action",
        "DELETE FROM projects_event",
    ],
)
def test_the_database_refuses_to_change_or_delete_events(event, statement):
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)
    assert Event.objects.get().reason == ""


def test_the_orm_is_refused_as_well(event):
    event.reason = "another"
    for change in (
        event.save,
        event.delete,
        lambda: Event.objects.update(reason="another"),
        lambda: Event.objects.all().delete(),
        lambda: Event.objects.bulk_update([event], ["reason"]),
    ):
        with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
            change()
    assert Event.objects.get().reason == ""


def test_events_may_be_added_by_sql_too(event):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO projects_event (project_id, at, kind, action, subject, reason, policy_version,"
            " guideline_version, estimate_version, request)"
            " SELECT project_id, at, kind, action, subject, reason, 0, 0, 0, request FROM projects_event"
        )
    assert Event.objects.count() == 2


def test_what_an_event_names_cannot_be_deleted(event):
    actor = make_user("Ada")
    audit.record(event.project, actor, "project.changed")
    for named in (event.project, actor):
        with pytest.raises(ProtectedError):
            named.delete()
    assert Event.objects.count() == 2


# --- rebuilding ---


def play(project: Project, draw: random.Random, steps: int) -> None:
    """Let people vote, flag, skip and take back, and leads decide and take back, in any order."""
    voters = [make_member(project) for _ in range(3)]
    leads = [make_lead(project), make_admin(project)]
    items, labels = list(project.items.all()), list(project.labels.all())
    for _ in range(steps):
        item, voter = draw.choice(items), draw.choice(voters)
        if draw.random() < 0.3:
            lead_acts(draw, item, draw.choice(leads), labels)
            continue
        kind = draw.choice([Kind.ANSWER] * 6 + [Kind.CANT_TELL, Kind.SKIP, Kind.FLAG, Kind.UNDO])
        chosen = [draw.choice(labels)] if kind == Kind.ANSWER else []
        try_to(lambda: answer(voter, item, *chosen, kind=kind, note="Look" if kind == Kind.FLAG else ""))


def lead_acts(draw: random.Random, item: Item, lead: Membership, labels: list) -> None:
    dispute = Dispute.objects.filter(item=item).order_by("-pk").first()
    if dispute is None:
        return
    if dispute.state != Dispute.State.OPEN:
        try_to(lambda: resolving.undo(dispute.pk, lead))
        return
    outcome = draw.choice(["labelled", "labelled", "sent_back", "bad_item", "cant_tell"])
    chosen = (draw.choice(labels).pk,) if outcome == "labelled" else ()
    decision = resolving.Decision(
        outcome, Resolution.Reason.SLIP, dispute.version, labels=chosen, note="So it is"
    )
    try_to(lambda: resolving.resolve(dispute.pk, lead, decision))


def try_to(act) -> None:
    """Do it, or be refused as anybody may be."""
    try:
        with transaction.atomic():
            act()
    except (resolving.Refused, AssertionError):
        pass


def facts(project: Project) -> dict[int, dict]:
    """What items rest on, those that nothing happened to left out."""
    return {item.pk: audit.facts(item) for item in project.items.all()}


@pytest.mark.parametrize("seed", range(6))
def test_the_log_alone_rebuilds_every_item(seed):
    project = make_project(items=6, labels=3, policy=TWICE)
    play(project, random.Random(seed), 80)
    rebuilt = replaying.rebuild(project, project.events.order_by("pk"))
    assert len(rebuilt) > 3
    assert {pk: rebuilt.get(pk, replaying.NOTHING) for pk in facts(project)} == facts(project)
    assert list(replaying.differences(project)) == []


def test_a_label_that_changed_behind_the_log_is_found():
    project = make_project(items=3)
    ann, label = make_member(project), project.labels.first()
    answer(ann, project.items.first(), label)
    Item.objects.filter(project=project, number=2).update(state=Item.State.EXCLUDED)
    (one,) = replaying.differences(project)
    assert (one.number, one.logged["state"], one.found["state"]) == (2, "open", "excluded")


def test_a_gap_in_the_log_is_found():
    project = make_project(items=1)
    item, act = project.items.get(), audit.by(project, None)
    Item.objects.filter(pk=item.pk).update(state=Item.State.DISPUTED)
    item.refresh_from_db()
    settle.become(item, act, item.project.created_at, state=Item.State.EXCLUDED)
    found = list(replaying.differences(project))
    assert [(one.number, one.event_id is None) for one in found] == [(1, False)]


@pytest.mark.parametrize("known", ["seed", "gold"])
def test_labels_that_come_with_the_data_are_in_the_log(settings, tmp_path, known):
    settings.MEDIA_ROOT = tmp_path
    project = make_project(labels=["spam", "ham"])
    make_items(project, 1)
    take(project, "text,label\nwin!,spam\nhi,ham\nwho,\n", label="label", known=known, content="text")
    assert list(replaying.differences(project)) == []
    made = project.events.filter(action="item.settled")
    assert made.count() == (2 if known == "seed" else 0)
    assert set(made.values_list("kind", flat=True)) <= {Event.Kind.IMPORT}
    imported = project.events.get(action="upload.imported")
    assert set(made.values_list("bulk", flat=True)) <= {imported.bulk}


def test_the_command_checks_and_takes_out(tmp_path, capsys):
    project = make_project(items=2)
    answer(make_member(project), project.items.first(), project.labels.first())
    out = tmp_path / "log.jsonl"
    call_command("audit", str(project.pk), "--check", "--export", str(out))
    assert "rebuilds all 2 items" in capsys.readouterr().out
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["action"] for line in lines] == ["item.settled"]
    assert lines[0]["after"]["source"] == "single"
    Item.objects.filter(project=project, number=1).update(settled_labels=[0])
    with pytest.raises(CommandError, match="1 shown") as ended:
        call_command("audit", project.name, "--check")
    assert ended.value.returncode == 1
    assert "Item 1: the log says" in capsys.readouterr().out


# --- who did it ---


def test_a_request_is_named_in_its_answer_and_in_its_events(client):
    ada = make_admin(make_project())
    client.force_login(ada.user)
    sent = {"name": "Another", "question": "Which?"}
    response = client.post(at("settings", ada.project), sent, headers={"X-Request-ID": "mine"})
    event = Event.objects.get()
    assert event.request == response[HEADER] != "mine"
    assert client.get("/healthz")[HEADER] not in {"", event.request}
    setup.describe(ada.project, ada.user, {"name": "By a command"})
    assert Event.objects.latest("pk").request == ""
