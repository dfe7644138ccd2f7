"""Leads decide: what a decision does, what it must not do, and what the log tells of it."""

from __future__ import annotations

import pytest

from projects import actions, disputes, precedents, queries, queue, resolving, votes
from projects.disputes import Wanted
from projects.errors import Refused
from projects.models import Annotation, Dispute, Event, Item, Resolution
from projects.resolving import Decision, Stale
from projects.signals import judgements_changed
from tests.factories import answer, make_lead, make_member, make_project, submission
from tests.threads import in_threads

pytestmark = pytest.mark.django_db
TWICE = {"agreement_share": 0.0, "holdout_share": 0.0, "overlap": 2, "agreement_overlap": 2}
# Nobody is asked on.
ALONE = {**TWICE, "max_overlap": 2}


def make_dispute(project=None, *, voters=None, flagged=False, **fields):
    """Make an item on which two people differ, or that somebody flagged; return its open dispute."""
    project = project or make_project(items=3, labels=["refund", "billing", "card"], policy=TWICE, **fields)
    ben, mira = voters or (make_member(project, "Ben"), make_member(project, "Mira"))
    item = project.items.filter(state="open").order_by("number").first()
    refund, billing, _card = project.labels.all()
    answer(ben, item, refund, note="They want money.")
    if flagged:
        answer(mira, item, kind="flag", note="Two things at once")
    else:
        answer(mira, item, billing)
    return Dispute.objects.get(item=item, state="open")


def decision(dispute, *labels, outcome="labelled", reason="slip", version=None, note=""):
    ids = tuple(label.pk for label in labels)
    return Decision(outcome, reason, version or dispute.version, ids, note)


def settle(dispute, lead, *labels, **fields):
    return resolving.resolve(dispute.pk, lead, decision(dispute, *labels, **fields))


def say_again(member, item, *labels):
    return actions.submit(member, [submission(item, *labels)])


def votes_hash():
    """All that people said, as it stands in the table."""
    return list(Annotation.objects.order_by("pk").values_list())


def test_a_decision_is_the_label_that_the_next_round_learns():
    dispute = make_dispute()
    project, refund = dispute.project, dispute.project.labels.get(name="refund")
    settle(dispute, make_lead(project), refund)
    item = Item.objects.get(pk=dispute.item_id)
    assert (item.state, item.settled_source, item.settled_labels) == ("settled", "adjudicated", [refund.pk])
    assert [(known.item_id, known.positions) for known in queries.training(project)] == [(item.pk, (0,))]
    assert Dispute.objects.get(pk=dispute.pk).state == "resolved"


@pytest.mark.parametrize(
    ("outcome", "state", "closed"),
    [
        ("cant_tell", "settled", "resolved"),
        ("bad_item", "excluded", "resolved"),
        ("sent_back", "open", "sent_back"),
    ],
)
def test_every_other_outcome_leaves_its_state_and_nothing_to_learn(outcome, state, closed):
    dispute = make_dispute()
    settle(dispute, make_lead(dispute.project), outcome=outcome, note="Nobody could know.")
    dispute.refresh_from_db()
    assert (Item.objects.get(pk=dispute.item_id).state, dispute.state) == (state, closed)
    assert not list(queries.training(dispute.project))


def test_who_is_asked_again_decides_and_learns_why():
    dispute = make_dispute()
    project, refund = dispute.project, dispute.project.labels.get(name="refund")
    third = make_member(project, "Third")
    settle(dispute, make_lead(project), outcome="sent_back", note="See rule 3")
    held = queue.lease(third, 1)
    assert [assignment.item_id for assignment in held] == [dispute.item_id]
    assert held[0].entry.reason == {"why": "lead_asked", "note": "See rule 3"}
    answer(third, held[0].item, refund)
    item = Item.objects.get(pk=dispute.item_id)
    assert (item.state, item.settled_source, item.settled_labels) == ("settled", "consensus", [refund.pk])


def test_votes_stay_whatever_a_lead_decides_or_takes_back():
    dispute = make_dispute()
    lead, before = make_lead(dispute.project), votes_hash()
    settle(dispute, lead, dispute.project.labels.get(name="card"), note="Rule 4")
    again = resolving.undo(dispute.pk, lead)
    settle(again, lead, outcome="bad_item", note="Spam")
    assert votes_hash() == before


def test_a_late_vote_never_changes_a_decision():
    dispute = make_dispute()
    project = dispute.project
    ben = project.memberships.get(user__name="Ben")
    refund, billing, _card = project.labels.all()
    settle(dispute, make_lead(project), refund)
    (verdict,) = say_again(ben, dispute.item, billing)
    assert verdict.status == "superseded"
    item = Item.objects.get(pk=dispute.item_id)
    assert (item.settled_labels, item.settled_source) == ([refund.pk], "adjudicated")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"labels": ["card"]}, "Nobody voted for this"),
        ({"labels": ["card"], "note": "   "}, "Nobody voted for this"),
        ({"outcome": "bad_item"}, "Nobody voted for this"),
        ({"outcome": "cant_tell"}, "Nobody voted for this"),
        ({"labels": []}, "exactly one"),
        ({"labels": ["refund", "billing"]}, "exactly one"),
        ({"labels": ["refund"], "reason": ""}, "Choose a reason"),
        ({"labels": ["refund"], "reason": "because"}, "Choose a reason"),
        ({"outcome": ""}, "Choose an answer"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(fields, words):
    dispute = make_dispute()
    labels = [dispute.project.labels.get(name=name) for name in fields.pop("labels", [])]
    with pytest.raises(Refused, match=words):
        settle(dispute, make_lead(dispute.project), *labels, **fields)
    assert not Resolution.objects.exists()
    assert Dispute.objects.get(pk=dispute.pk).state == "open"


def test_labels_of_another_project_or_out_of_use_are_refused():
    dispute = make_dispute()
    lead, refund = make_lead(dispute.project), dispute.project.labels.get(name="refund")
    foreign = make_project().labels.first()
    refund.retired_at = dispute.opened_at
    refund.save()
    for label in (foreign, refund):
        with pytest.raises(Refused, match="no longer in use"):
            settle(dispute, lead, label, note="It fits")


def test_a_flag_speaks_for_a_bad_item():
    dispute = make_dispute(flagged=True)
    settle(dispute, make_lead(dispute.project), outcome="bad_item")
    assert Item.objects.get(pk=dispute.item_id).state == "excluded"


def test_nobody_decides_on_an_item_that_they_judged():
    project = make_project(items=3, labels=["refund", "billing", "card"], policy=TWICE)
    lead, ben = make_lead(project), make_member(project)
    own = make_dispute(project, voters=(ben, lead))
    other = make_dispute(project, voters=(ben, make_member(project)))
    with pytest.raises(Refused, match="another lead"):
        settle(own, lead, project.labels.first())
    assert disputes.next_for(project.pk, lead.user_id) == other
    assert disputes.next_for(project.pk, make_lead(project, "Lou").user_id) == own
    settle(own, make_lead(project, "Leo"), project.labels.first())
    with pytest.raises(Refused, match="another lead"):
        resolving.undo(own.pk, lead)


def test_a_vote_that_changes_makes_the_lead_look_again():
    dispute = make_dispute()
    project = dispute.project
    say_again(project.memberships.get(user__name="Ben"), dispute.item, project.labels.get(name="card"))
    with pytest.raises(Stale, match="votes changed"):
        settle(dispute, make_lead(project), project.labels.get(name="refund"))
    assert Dispute.objects.get(pk=dispute.pk).state == "open"


def test_the_second_of_two_leads_is_told():
    dispute = make_dispute()
    refund, billing, _card = dispute.project.labels.all()
    settle(dispute, make_lead(dispute.project), refund)
    with pytest.raises(Stale, match="no longer open"):
        settle(dispute, make_lead(dispute.project, "Lou"), billing)
    assert Item.objects.get(pk=dispute.item_id).settled_labels == [refund.pk]


@pytest.mark.django_db(transaction=True)
def test_of_many_leads_at_once_one_decides():
    dispute = make_dispute()
    lead, refund = make_lead(dispute.project), dispute.project.labels.get(name="refund")

    def decide():
        try:
            return settle(dispute, lead, refund)
        except Stale:
            return None

    assert len([one for one in in_threads(6, decide) if one]) == 1
    assert Resolution.objects.count() == Event.objects.filter(action="dispute.resolved").count() == 1


def test_a_decision_taken_back_waits_at_its_old_place_and_stays_in_the_log():
    dispute = make_dispute()
    project, lead = dispute.project, make_lead(dispute.project)
    settle(dispute, lead, project.labels.get(name="refund"))
    again = resolving.undo(dispute.pk, lead)
    assert (again.state, again.opened_at, again.reasons) == ("open", dispute.opened_at, dispute.reasons)
    item = Item.objects.get(pk=dispute.item_id)
    assert (item.state, item.settled_labels, item.settled_source) == ("disputed", None, "")
    assert Resolution.objects.count() == 1
    acts = Event.objects.filter(action__startswith="dispute.").order_by("pk")
    assert [event.action for event in acts] == ["dispute.resolved", "dispute.undone"]
    states = Event.objects.filter(action__startswith="item.").order_by("pk")
    assert [event.action for event in states] == ["item.disputed", "item.settled", "item.disputed"]
    assert [r.dispute_id for r, _labels in precedents.earlier(project, again)] == [dispute.pk]
    assert not precedents.recent(project, [], but=0)


def test_what_has_moved_on_is_not_taken_back():
    dispute = make_dispute()
    project, lead = dispute.project, make_lead(dispute.project)
    with pytest.raises(Refused, match="no decision"):
        resolving.undo(dispute.pk, lead)
    settle(dispute, lead, outcome="sent_back")
    third = make_member(project)
    answer(third, queue.lease(third, 1)[0].item, project.labels.get(name="refund"))
    with pytest.raises(Refused, match="moved on"):
        resolving.undo(dispute.pk, lead)


def test_the_log_alone_rebuilds_what_leads_decided():
    project = make_project(items=4, labels=["refund", "billing", "card"], policy=TWICE)
    voters, lead = (make_member(project), make_member(project)), make_lead(project)
    refund = project.labels.get(name="refund")
    settle(make_dispute(project, voters=voters), lead, refund)
    wrong = make_dispute(project, voters=voters)
    settle(wrong, lead, outcome="bad_item", note="Spam")
    settle(resolving.undo(wrong.pk, lead), lead, refund)
    settle(make_dispute(project, voters=voters), lead, outcome="cant_tell", note="No context")
    told = {}
    for event in project.events.filter(action__startswith="dispute.").order_by("pk"):
        told[event.subject] = event.after.get("label_ids") if event.action == "dispute.resolved" else None
        assert event.actor_id == lead.user_id
    items = project.items.filter(settled_source="adjudicated")
    assert {f"Item {i.number}": i.settled_labels or [] for i in items} == told


def test_the_loop_hears_of_a_decision_after_it_is_stored(django_capture_on_commit_callbacks):
    heard = []
    receiver = lambda **news: heard.append(news["project_id"])  # noqa: E731
    dispute = make_dispute()
    lead = make_lead(dispute.project)
    judgements_changed.connect(receiver)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            settle(dispute, lead, dispute.project.labels.first())
            assert heard == []
    finally:
        judgements_changed.disconnect(receiver)
    assert heard == [dispute.project_id]


def test_letters_are_mixed_by_item_and_the_same_at_every_look():
    project = make_project(items=30, labels=["refund", "billing", "card"], policy=TWICE)
    voters = (make_member(project, "Ben"), make_member(project, "Mira"))
    orders = set()
    for _ in range(12):
        item = make_dispute(project, voters=voters).item
        people = [vote.person for vote in votes.votes(project, item)]
        assert people == [vote.person for vote in votes.votes(project, item)]
        orders.add(tuple(people))
    assert len(orders) == 2


def test_a_set_of_labels_that_nobody_chose_needs_a_note():
    project = make_project(items=1, labels=["a", "b", "c"], policy=ALONE, task="multi")
    a, b, c = project.labels.all()
    ben, mira, lead = make_member(project), make_member(project), make_lead(project)
    item = project.items.get()
    answer(ben, item, a, b)
    answer(mira, item, c)
    dispute = Dispute.objects.get()
    with pytest.raises(Refused, match="Nobody voted"):
        settle(dispute, lead, a, c)
    settle(dispute, lead, b, a)
    assert Item.objects.get().settled_labels == [a.pk, b.pk]


def test_disputes_wait_by_urgency_then_age_and_are_counted_by_reason():
    project = make_project(items=5, labels=["refund", "billing", "card"], policy=TWICE)
    voters = (make_member(project), make_member(project))
    tied = make_dispute(project, voters=voters)
    flagged = make_dispute(project, voters=voters, flagged=True)
    urgent = make_dispute(project, voters=voters)
    Dispute.objects.filter(pk=urgent.pk).update(priority=9)
    assert list(disputes.waiting(project.pk)) == [urgent, tied, flagged]
    assert list(disputes.waiting(project.pk, Wanted(reason="flag"))) == [flagged]
    found = disputes.counts(project.pk)
    assert (found["all"], found["tie"], found["flag"], found["age"], found["late"]) == (3, 2, 1, 0, 0)
    lead = make_lead(project).user_id
    order = [disputes.next_for(project.pk, lead, after) for after in (None, urgent, tied, flagged)]
    assert [one.pk for one in order] == [urgent.pk, tied.pk, flagged.pk, urgent.pk]


def test_nobody_is_asked_when_everybody_has_answered():
    dispute = make_dispute()
    assert not disputes.askable(dispute.project_id, dispute.item)
    make_member(dispute.project)
    assert disputes.askable(dispute.project_id, dispute.item)
