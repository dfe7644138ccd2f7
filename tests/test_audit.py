"""The log of events: only ever added to, enough to rebuild every item, readable with filters, taken out."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.urls import reverse
from django.utils.timezone import now

from annotator.requests import HEADER
from projects import audit, history, history_names, policies, replaying, resolving, settle, setup
from projects.errors import Refused
from projects.models import Annotation, Dispute, Event, Item, Label, Membership, Project, Resolution
from projects.trust import exclusion
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
    refused = pytest.raises(DatabaseError, match="only ever added")
    with refused, transaction.atomic(), connection.cursor() as cursor:
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
        if draw.random() < 0.1:
            leave_out = partial(exclusion.exclude, voter, leads[0].user, "Clicks at random")
            try_to(draw.choice([leave_out, partial(exclusion.include, voter, leads[0].user)]))
            continue
        kind = draw.choice([Kind.ANSWER] * 6 + [Kind.CANT_TELL, Kind.SKIP, Kind.FLAG, Kind.UNDO])
        chosen = [draw.choice(labels)] if kind == Kind.ANSWER else []
        note = "Look" if kind == Kind.FLAG else ""
        try_to(partial(answer, voter, item, *chosen, kind=kind, note=note))


def lead_acts(draw: random.Random, item: Item, lead: Membership, labels: list[Label]) -> None:
    dispute = Dispute.objects.filter(item=item).order_by("-pk").first()
    if dispute is None:
        return
    if dispute.state != Dispute.State.OPEN:
        try_to(lambda: resolving.undo(dispute.pk, lead))
        return
    outcome = draw.choice(["labelled", "both", "sent_back", "returned", "bad_item", "cant_tell"])
    chosen = tuple(label.pk for label in draw.sample(labels, {"labelled": 1, "both": 2}.get(outcome, 0)))
    decision = resolving.Decision(
        outcome, Resolution.Reason.SLIP, dispute.version, labels=chosen, note="So it is"
    )
    try_to(lambda: resolving.resolve(dispute.pk, lead, decision))


def try_to(act) -> None:
    """Do it, or be refused as anybody may be."""
    try:
        with transaction.atomic():
            act()
    except (Refused, AssertionError, IntegrityError):  # The last: no place is left to hand out.
        pass


def facts(project: Project) -> dict[int, replaying.Facts]:
    """What items rest on, those that nothing happened to left out."""
    return {item.pk: audit.facts(item) for item in project.items.all()}


@pytest.mark.parametrize("seed", range(4))
def test_the_log_alone_rebuilds_every_item(seed):
    project = make_project(items=6, labels=3, policy=TWICE)
    play(project, random.Random(seed), 120)
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


# --- in words ---


@pytest.fixture
def lea(client):
    member = make_lead(make_project("Post", labels=["spam", "ham"], items=3))
    client.force_login(member.user)
    return member


def listed(client, lea: Membership, **query: object) -> list[str]:
    page = client.get(at("history", lea.project), query)
    assert page.status_code == 200
    return [row.title for row in page.context["page"].rows]


def test_what_happened_to_items_is_told_in_words_but_does_not_bury_the_rest(client, lea):
    setup.describe(lea.project, lea.user, {"name": "Letters"})
    answer(make_member(lea.project), lea.project.items.first(), lea.project.labels.first())
    assert listed(client, lea) == ["Project changed"]
    told = listed(client, lea, all="on")
    assert told[0].startswith("Settled as spam by one answer")
    assert told[1:] == ["Project changed"]
    assert len(listed(client, lea, item=1)) == len(listed(client, lea, about="item")) == 1


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"state": "settled", "label_ids": [1], "source": "consensus", "posterior": 0.97}, "97 % sure"),
        (
            {"state": "settled", "label_ids": [1], "source": "seed", "posterior": 1.0},
            "Came with the label spam",
        ),
        (
            {"state": "settled", "label_ids": [], "source": "adjudicated"},
            "as “none of these” by a lead",
        ),
        ({"state": "settled", "label_ids": None, "source": "single"}, "Settled as “nobody can tell” by one"),
        ({"state": "settled", "label_ids": [9], "source": ""}, "Settled as label 9"),
        ({"state": "disputed", "label_ids": None, "source": ""}, "Disputed: it waits for a lead"),
        ({"state": "excluded", "label_ids": None, "source": ""}, "Excluded"),
    ],
)
def test_what_a_label_rests_on_in_words(facts, words):
    assert words in history.resting(facts, {1: "spam"})


def test_events_are_found_by_who_when_what_and_which(client, lea):
    ada = make_admin(lea.project)
    setup.describe(lea.project, ada.user, {"name": "By Ada"})
    event = audit.record(lea.project, lea.user, "dispute.resolved", item=lea.project.items.get(number=2))
    assert listed(client, lea, by=ada.user.pk) == listed(client, lea, kind="admin") == ["Project changed"]
    assert listed(client, lea, item=2) == listed(client, lea, about="dispute") == ["Dispute resolved"]
    today = event.at.date()
    assert len(listed(client, lea, since=today, until=today)) == 2
    assert listed(client, lea, since=today + timedelta(days=1)) == []
    assert listed(client, lea, until=today - timedelta(days=1)) == []
    for nonsense in ({"since": "soon"}, {"item": "x"}, {"by": "0"}, {"bulk": "1"}, {"kind": "nobody"}):
        assert len(listed(client, lea, **nonsense)) == 2


def test_one_act_of_many_events_is_one_line_that_opens(client, lea):
    together, act = uuid4(), audit.by(lea.project, lea.user)
    for item in make_items(lea.project, history.PAGE_SIZE + 20):
        settle.become(item, replace(act, bulk=together), now(), state=Item.State.EXCLUDED)
    setup.describe(lea.project, lea.user, {"name": "Later"})
    page = client.get(at("history", lea.project), {"all": "on"})
    assert [row.more for row in page.context["page"].rows] == [0, history.PAGE_SIZE + 19]
    assert f"and {history.PAGE_SIZE + 19} more in the same act" in page.content.decode()
    older = page.context["page"].older
    assert listed(client, lea, all="on", before=older, past=together) == []
    assert len(listed(client, lea, bulk=together)) == history.PAGE_SIZE


def test_what_is_filtered_is_taken_out_safe_for_spreadsheets(client, lea):
    setup.describe(lea.project, lea.user, {"name": "=1+1"})
    audit.record(lea.project, lea.user, "policy.changed", "=cmd", reason="=2+2")
    answer(make_member(lea.project), lea.project.items.first(), lea.project.labels.first())

    def out(form: str, **query: object) -> str:
        response = client.get(at("history-export", lea.project, form), query)
        assert "attachment" in response["Content-Disposition"]
        return b"".join(response.streaming_content).decode()

    lines = [json.loads(line) for line in out("jsonl", all="on").splitlines()]
    assert [line["action"] for line in lines] == ["project.changed", "policy.changed", "item.settled"]
    assert lines[2]["item"] == 1
    (row,) = csv.DictReader(io.StringIO(out("csv", about="policy", spreadsheet="1").lstrip("\ufeff")))
    assert (row["subject"], row["reason"], row["kind"]) == ("'=cmd", "'=2+2", "lead")
    assert client.get(at("history-export", lea.project, "xml")).status_code == 404


def test_only_leads_and_admins_read_the_history(client):
    project = make_project()
    for member, status in ((make_member(project), 403), (make_admin(project), 200)):
        client.force_login(member.user)
        for address in (at("history", project), at("history-export", project, "csv")):
            assert client.get(address).status_code == status


def test_the_page_of_an_item_tells_its_story(client, lea):
    item = lea.project.items.first()
    answer(make_member(lea.project), item, lea.project.labels.first())
    settle.dispute(settle.lock(item.pk), ["model"], audit.by(lea.project, None, "It differs"), now())
    page = client.get(at("item", lea.project, 1)).content.decode()
    story = page[page.index("What happened") :]
    assert story.index("Disputed: it waits for a lead") < story.index("Settled as spam by one answer")
    assert "“It differs”" in story
    assert "Was settled as" in page


def test_a_page_of_the_history_costs_the_same_at_any_length(client, lea, django_assert_max_num_queries):
    for item in make_items(lea.project, 60):
        audit.record(lea.project, lea.user, "dispute.resolved", item=item)
    with django_assert_max_num_queries(10):
        client.get(at("history", lea.project))


def test_every_action_in_the_code_has_a_name():
    files = [path for app in ("projects", "sampling", "annotator") for path in Path(app).rglob("*.py")]
    code = "".join(path.read_text() for path in files)
    written = set(re.findall(r'record\(\s*[^()]*?"([a-z_]+\.[a-z_]+)"', code))
    assert len(written) > 15
    assert {one for one in written if not one.startswith("item.")} <= history_names.TITLES.keys()
    assert {one.partition(".")[0] for one in history_names.TITLES} <= history_names.SUBJECTS.keys()


def test_every_setting_has_a_name():
    assert set(policies.FIELDS) <= history_names.NAMES.keys()


def test_checking_the_log_costs_the_same_few_questions_a_page(django_assert_max_num_queries):
    project = make_project(items=300)
    with django_assert_max_num_queries(3):
        assert list(replaying.differences(project)) == []
