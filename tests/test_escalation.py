"""What hands items to leads by itself, each trigger by policy, and how urgent that is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import caches
from django.utils.timezone import now

from projects import audit, queue, resolving, settle
from projects.models import (
    Dispute,
    Event,
    GuidelineVersion,
    Item,
    Label,
    Membership,
    Policy,
    Project,
    QueueEntry,
    Resolution,
)
from projects.trust import escalation, triggers
from tests.factories import answer, make_items, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db
Reason = Dispute.Reason
DAY = timedelta(days=1)


def project_with(triggers_: dict[str, float] | None = None, **fields) -> Project:
    policy = {
        "holdout_share": 0.0,
        "agreement_share": 0.0,
        "spot_share": 0.0,
        "model_vote": False,
        "triggers": triggers_ or {},
    }
    return make_project(labels=["spam", "ham", "other", "more"], policy=policy, **fields)


def pick(item: Item, label: Label, share: float, **reason) -> QueueEntry:
    """Queue an item as a round does whose model thinks that this label fits with this probability."""
    others = Label.objects.filter(project=item.project).exclude(pk=label.pk).order_by("position")
    top = [[label.position, share], [others[0].position, 1 - share - 0.001], [others[1].position, 0.001]]
    return QueueEntry.objects.create(
        project=item.project,
        item=item,
        round_number=reason.pop("round", 1),
        rank=item.number,
        stream=reason.pop("stream", QueueEntry.Stream.STRATEGY),
        reason={"score": 0.5, "top": sorted(top, key=lambda pair: -pair[1]), **reason},
        created_at=now() - DAY,
    )


def settled(project: Project, share: float = 0.01, **reason) -> Item:
    """Let one person settle an item as spam, to which its model gave so much."""
    (item,) = make_items(project, 1)
    spam = project.labels.get(name="spam")
    pick(item, spam, share, **reason)
    answer(make_member(project), item, spam)
    item.refresh_from_db()
    assert item.state == Item.State.SETTLED
    return item


def reasons(project: Project) -> list[list[str]]:
    return list(Dispute.objects.filter(project=project).order_by("pk").values_list("reasons", flat=True))


def forget() -> None:
    """Be another process, or the same after a restart."""
    caches["near"].clear()


# --- urgency ---


def test_more_reasons_come_first_then_more_doubt_then_age():
    project = project_with()
    items = make_items(project, 3)
    spam = project.labels.get(name="spam")
    for item, share in zip(items, (0.5, 0.98, 0.98), strict=True):
        pick(item, spam, share)
    given = [[Reason.TIE], [Reason.TIE, Reason.FLAG], [Reason.TIE]]
    found = [
        escalation.urgency(project, project.policy, item, why, now())[0]
        for item, why in zip(items, given, strict=True)
    ]
    assert found[1] > found[0] > found[2]
    assert [int(one) for one in found] == [1, 2, 1]


def test_a_dispute_is_due_after_the_hours_of_the_policy():
    project = project_with()
    Policy.objects.filter(project=project).update(service_hours=7)
    (item,) = make_items(project, 1)
    at = now()
    found = settle.dispute(settle.lock(item.pk), [Reason.TIE], audit.by(project, None), at)
    assert found.due_at == at + timedelta(hours=7)
    again = settle.dispute(settle.lock(item.pk), [Reason.MODEL], audit.by(project, None), at + DAY)
    assert (again.pk, again.reasons, again.due_at) == (found.pk, ["tie", "model"], found.due_at)
    assert again.priority > found.priority


@pytest.mark.parametrize(
    ("reason", "least", "most"),
    [
        ({}, 0, 0),
        ({"score": 0.4}, 0.4, 0.4),
        ({"score": -3.0}, 0, 0),
        ({"score": 12.0}, 1, 1),
        ({"top": [[0, 1.0]]}, 0, 0),
        ({"top": [[0, 0.5], [1, 0.5]]}, 0.6, 1),
        ({"top": [[0, 0.9], [1, 0.5]]}, 1, 1),  # two questions; one is a toss-up
        ({"top": [[0, 0.98], [1, 0.01]]}, 0.01, 0.2),
    ],
)
def test_expected_gain_is_a_share_that_grows_with_doubt(reason, least, most):
    assert least <= escalation.expected_gain(reason) <= most


# --- the model contradicts ---


def test_a_label_that_a_proven_model_holds_for_impossible_is_disputed():
    project = project_with(model_proven=True)
    wrong, right = settled(project, 0.01), settled(project, 0.8)
    assert escalation.scan(project, now()) == 1
    dispute = Dispute.objects.get()
    assert (dispute.item, dispute.reasons) == (wrong, ["model"])
    wrong.refresh_from_db()
    assert wrong.state == Item.State.DISPUTED
    assert wrong.former["labels"] == right.settled_labels
    event = Event.objects.filter(item=wrong).latest("pk")
    assert (event.action, event.kind, event.before["source"]) == ("item.disputed", "system", "single")
    assert "1 %" in event.reason


def test_what_was_raised_before_keeps_nothing_else_from_being_found():
    project = project_with({"model_per_day": 1}, model_proven=True)
    before, fresh = settled(project, 0.001), settled(project, 0.01)
    Dispute.objects.create(
        project=project, item=before, reasons=["model"], state="dismissed", opened_at=now() - 2 * DAY
    )
    assert escalation.scan(project, now()) == 1
    assert Dispute.objects.get(state="open").item == fresh


def test_the_same_is_not_disputed_twice_and_not_after_a_lead_decided():
    project = project_with(model_proven=True)
    item = settled(project, 0.01)
    for _again in range(3):
        escalation.scan(project, now())
        forget()
    dispute = Dispute.objects.get()
    decision = resolving.Decision("labelled", Resolution.Reason.SLIP, dispute.version, tuple(labels_of(item)))
    resolving.resolve(dispute.pk, make_lead(project), decision)
    # Settled by votes again, by whatever way.
    Item.objects.filter(pk=item.pk).update(settled_source=Item.Source.CONSENSUS)
    forget()
    assert escalation.scan(project, now()) == 0
    # Under new guidelines the old decision is of no account.
    GuidelineVersion.objects.create(project=project, version=2, kind="breaking")
    Item.objects.filter(pk=item.pk).update(votes_from=2)
    forget()
    assert escalation.scan(project, now()) == 1


def labels_of(item: Item) -> list[int]:
    return (item.former or {}).get("labels") or [item.project.labels.get(name="spam").pk]


@pytest.mark.parametrize("why", ["not proven", "switched off", "known before", "decided", "held out"])
def test_a_model_stays_silent(why):
    project = project_with(
        {"model_below": 0} if why == "switched off" else {}, model_proven=why != "not proven"
    )
    stream = QueueEntry.Stream.CHECK if why == "known before" else QueueEntry.Stream.STRATEGY
    item = settled(project, 0.01, stream=stream)
    if why == "decided":
        Item.objects.filter(pk=item.pk).update(settled_source=Item.Source.ADJUDICATED)
    if why == "held out":
        QueueEntry.objects.update(reason={"why": "random_holdout"})
    assert escalation.scan(project, now()) == 0
    assert reasons(project) == []


def test_so_many_a_day_and_the_rest_tomorrow():
    project = project_with({"model_per_day": 2}, model_proven=True)
    for share in (0.03, 0.01, 0.02):
        settled(project, share)
    at = now()
    assert [escalation.scan(project, at) for _again in range(3)] == [2, 0, 0]
    doubted = Item.objects.filter(state=Item.State.DISPUTED).order_by("number")
    assert [item.number for item in doubted] == [2, 3]  # the least likely first
    assert escalation.scan(project, at + timedelta(hours=25)) == 1


def test_what_is_settled_later_is_looked_at_without_beginning_again(django_assert_max_num_queries):
    project = project_with(model_proven=True)
    settled(project, 0.9)
    escalation.scan(project, now())
    with django_assert_max_num_queries(8):
        assert escalation.scan(project, now()) == 0
    settled(project, 0.01)
    assert escalation.scan(project, now()) == 1


@pytest.mark.parametrize(
    ("positions", "top", "multi", "share"),
    [
        ([2], [[2, 0.03], [1, 0.9]], False, 0.03),
        ([3], [[0, 0.9], [1, 0.06], [2, 0.02]], False, 0.02),
        ([3], [[0, 0.97], [1, 0.02], [2, 0.01]], False, 0.0),
        ([3], [[0, 0.9], [1, 0.8], [2, 0.3]], True, 0.3),
        ([0, 2], [[0, 0.9], [1, 0.8], [2, 0.04]], True, 0.04),
        ([1], [], False, 1.0),
        ([], [[0, 0.9]], True, 1.0),
    ],
)
def test_what_a_model_gave_a_label_at_the_most(positions, top, multi, share):
    assert triggers.given(positions, {"top": top}, multi) == pytest.approx(share)


# --- open for too long ---


def test_an_item_that_waits_since_its_first_answer_goes_to_a_lead():
    project = project_with({"age_days": 14})
    Policy.objects.filter(project=project).update(overlap=2, max_overlap=3)
    old, new, _silent = make_items(project, 3)
    ann, spam, at = make_member(project), project.labels.get(name="spam"), now()
    make_member(project)
    answer(ann, old, spam, at=at - timedelta(days=15))
    answer(ann, new, spam, at=at - timedelta(days=13))
    assert [escalation.scan(project, at), escalation.scan(project, at)] == [1, 0]
    dispute = Dispute.objects.get()
    assert (dispute.item, dispute.reasons) == (old, ["age"])


def test_known_items_and_projects_that_do_not_want_it_wait():
    project = project_with({"age_days": 0})
    Policy.objects.filter(project=project).update(overlap=2, max_overlap=3)
    (item,) = make_items(project, 1)
    make_member(project)
    answer(make_member(project), item, project.labels.first(), at=now() - timedelta(days=90))
    assert escalation.scan(project, now()) == 0
    Policy.objects.filter(project=project).update(triggers={"age_days": 14})
    Item.objects.update(gold=[[project.labels.first().pk]])
    assert escalation.scan(project, now()) == 0
    Item.objects.update(gold=None)
    assert escalation.scan(project, now()) == 1


# --- a contentious region ---


def region(project: Project, fought: int, calm: int) -> list[Item]:
    """Make a region with so many disputed items, and so many that one answer settled."""
    act = audit.by(project, None)
    items = [settled(project, 0.9, cluster=3, round=n % 4 + 1) for n in range(fought + calm)]
    for item in items[:fought]:
        settle.dispute(settle.lock(item.pk), [Reason.TIE], act, now())
    return items[fought:]


def test_single_answers_in_a_contentious_region_are_asked_again():
    project = project_with({"region_share": 0.4})
    calm = region(project, 4, 6)
    assert [escalation.scan(project, now()), escalation.scan(project, now())] == [6, 0]
    item = Item.objects.get(pk=calm[0].pk)
    assert item.state == Item.State.SETTLED  # it keeps its label until somebody differs
    live = QueueEntry.objects.get(item=item, state=QueueEntry.State.LIVE)
    assert (live.places, live.free) == (2, 1)
    assert Dispute.objects.filter(reasons=["tie", "region"]).count() == 4
    other = make_member(project)
    held = queue.lease(other, 20)
    assert item.pk in {one.item_id for one in held}
    answer(other, item, project.labels.get(name="ham"))
    item.refresh_from_db()
    assert item.state == Item.State.DISPUTED


@pytest.mark.parametrize(
    ("share", "fought", "calm"), [(0, 5, 5), (0.6, 4, 6), (0.4, 3, 6)], ids=["off", "calm", "too few"]
)
def test_a_region_is_left_alone(share, fought, calm):
    project = project_with({"region_share": share})
    region(project, fought, calm)
    assert escalation.scan(project, now()) == 0


def test_where_nobody_is_left_to_ask_a_lead_looks():
    project = project_with({"region_share": 0.4})
    calm = region(project, 4, 6)
    Membership.objects.exclude(user__annotations__item=calm[0]).update(active=False)
    escalation.scan(project, now())
    assert Dispute.objects.get(item=calm[0]).reasons == ["region"]


# --- the switches ---


@pytest.mark.parametrize(("switch", "state"), [(1, Item.State.DISPUTED), (0, Item.State.OPEN)])
def test_a_flag_goes_to_a_lead_where_the_policy_says_so(switch, state):
    project = project_with({"flag": switch})
    (item,) = make_items(project, 1)
    answer(make_member(project), item, kind="flag", note="What is this?")
    item.refresh_from_db()
    assert item.state == state


def test_votes_that_differ_go_to_a_lead_where_the_policy_says_so():
    project = project_with({"tie": 0, "low": 0})
    Policy.objects.filter(project=project).update(overlap=2, max_overlap=2)
    (item,) = make_items(project, 1)
    ann, ben = make_member(project), make_member(project)
    answer(ann, item, project.labels.get(name="spam"))
    answer(ben, item, project.labels.get(name="ham"))
    assert reasons(project) == []
