"""People's records: warned, paused, lifted; votes left out and taken back exactly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from projects import actions, queue, records, settle
from projects.errors import Refused
from projects.models import Annotation, Assignment, Dispute, Event, Item, Membership, Notice, QueueEntry
from projects.trust import exclusion, gold, standing
from tests.factories import answer, hand, make_lead, make_member, make_project, submission

pytestmark = pytest.mark.django_db
THREE = {"overlap": 3, "agreement_overlap": 3, "holdout_share": 0.0, "agreement_share": 0.0}
ONE = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0}


def fresh(member):
    return Membership.objects.select_related("project", "user").get(pk=member.pk)


def make_known(project, item, *labels):
    """Make an item a known one that anybody may be given."""
    Item.objects.filter(pk=item.pk).update(
        gold=[[label.pk] for label in labels],
        state=Item.State.SETTLED,
        settled_source=Item.Source.GOLD,
        settled_labels=[labels[0].pk],
        settled_at=now(),
    )
    return QueueEntry.objects.create(
        project=project, item=item, rank=0, stream=QueueEntry.Stream.GOLD, places=1000, free=1000
    )


def answer_known(member, item, label, at=None):
    entry = QueueEntry.objects.get(item=item, stream=QueueEntry.Stream.GOLD)
    Assignment.objects.create(
        project=member.project, item=item, annotator=member.user, entry=entry, expires_at=now()
    )
    (verdict,) = actions.submit(fresh(member), [submission(item, label)], at)
    assert verdict.status == "stored"


@pytest.fixture
def known():
    """A project of twenty known items whose right label is the first, a lead, and an annotator."""
    project = make_project(items=24, policy=ONE)
    right = project.labels.get(position=0)
    for item in project.items.order_by("number")[:20]:
        make_known(project, item, right)
    return project, make_lead(project), make_member(project, "Ben")


def miss(member, items):
    wrong = member.project.labels.get(position=1)
    for item in items:
        answer_known(member, item, wrong)


def golds(project):
    return list(project.items.filter(gold__isnull=False).order_by("number"))


def told(member):
    return list(Notice.objects.filter(user=member.user).order_by("pk").values_list("kind", flat=True))


# --- warned, paused, lifted --------------------------------------------------------------------------------


def test_five_misses_warn_three_more_pause_and_both_are_told(known):
    project, lead, ben = known
    items = golds(project)
    miss(ben, items[:5])
    assert fresh(ben).warned_at
    assert not fresh(ben).paused_at
    miss(ben, items[5:8])
    paused = fresh(ben)
    assert (bool(paused.paused_at), paused.paused_by) == (True, "gold")
    assert told(ben) == ["person.warned", "person.paused"]
    (notice,) = Notice.objects.filter(user=lead.user, kind="person.standing")
    assert (notice.facts["standing"], notice.facts["person"]) == ("paused", "Ben")
    actions_seen = Event.objects.filter(action__startswith="person.").order_by("pk")
    assert [event.action for event in actions_seen] == ["person.warned", "person.paused"]
    assert actions_seen[1].actor is None


def test_a_pause_gives_leases_back_and_nothing_new_and_keeps_votes(known):
    project, _lead, ben = known
    queue.lease(ben, 2)
    miss(ben, golds(project)[:8])
    mine = Assignment.objects.filter(annotator=ben.user, entry__stream="random")
    assert set(mine.values_list("state", flat=True)) == {"expired"}
    assert queue.lease(fresh(ben), 3) == []
    assert len(queue.lease(make_member(project), 4)) == 4
    assert Annotation.objects.filter(annotator=ben.user).count() == 8


def test_a_lead_lifts_with_a_reason_and_the_record_begins_anew(known):
    project, lead, ben = known
    miss(ben, golds(project)[:8])
    with pytest.raises(Refused, match="why"):
        standing.lift(ben, lead.user, " ")
    standing.lift(ben, lead.user, "We talked.")
    lifted = fresh(ben)
    assert (lifted.paused_at, lifted.warned_at, lifted.paused_by) == (None, None, "")
    event = Event.objects.get(action="person.lifted")
    assert (event.reason, event.actor, event.before["paused"]) == ("We talked.", lead.user, "gold")
    miss(ben, golds(project)[8:12])
    assert fresh(ben).warned_at is None
    assert len(queue.lease(fresh(ben), 1)) == 1


def test_a_pause_by_hand_is_not_lifted_by_good_answers(known):
    project, lead, ben = known
    standing.pause(ben, lead.user, "Away until May.")
    right = project.labels.get(position=0)
    for item in golds(project)[:6]:
        answer_known(ben, item, right)
    assert fresh(ben).paused_by == "lead"
    standing.lift(ben, lead.user, "Back.")
    assert fresh(ben).lifted_at is None


def test_nobody_lifts_their_own_pause_while_another_lead_is_there(known):
    _project, lead, _ben = known
    other = make_lead(lead.project, "Ole")
    standing.pause(lead, other.user, "Take a rest.")
    with pytest.raises(Refused, match="Another lead"):
        standing.lift(lead, lead.user, "I am fine.")


def test_voiding_known_items_makes_states_what_they_would_have_been_without(known):
    project, _lead, ben = known
    items = golds(project)
    miss(ben, items[:8])
    states = []
    for item in items[:4]:
        Item.objects.filter(pk=item.pk).update(gold=None)
        standing.review(fresh(ben), project.policy, now())
        now_ = fresh(ben)
        states.append((bool(now_.warned_at), bool(now_.paused_at)))
    assert states == [(True, False), (True, False), (True, False), (False, False)]
    assert gold.answers(fresh(ben))[0].item == items[4].pk


def test_voiding_what_a_lifted_pause_rested_on_lets_all_other_answers_count(known):
    project, lead, ben = known
    items = golds(project)
    answer_known(ben, items[8], project.labels.get(position=0))
    miss(ben, items[:8])
    standing.lift(ben, lead.user, "We talked.")
    answer_known(ben, items[9], project.labels.get(position=0))
    assert standing.record(fresh(ben), project.policy).answers == 1
    Item.objects.filter(pk__in=[item.pk for item in items[:8]]).update(gold=None)
    assert standing.record(fresh(ben), project.policy).answers == 2
    (line,) = [one for one in records.lines(project, project.policy) if one.membership.pk == ben.pk]
    assert line.gold.answers == 2


def test_reviewing_again_changes_nothing(known):
    project, _lead, ben = known
    miss(ben, golds(project)[:8])
    before = (fresh(ben).paused_at, Event.objects.count())
    standing.review(fresh(ben), project.policy, now() + timedelta(hours=1))
    assert (fresh(ben).paused_at, Event.objects.count()) == before


def test_items_on_one_person_s_word_are_asked_again_in_small_numbers(monkeypatch):
    project = make_project(items=5)
    lead, ben = make_lead(project), make_member(project)
    make_member(project)
    for item in project.items.all()[:3]:
        answer(ben, item, project.labels.first())
    monkeypatch.setattr(standing, "ASK_AT_ONCE", 2)
    assert standing.alone(ben).count() == 3
    assert [standing.ask_others(ben, lead.user) for _ in range(3)] == [2, 1, 0]
    assert QueueEntry.objects.filter(stream="again", state="live").count() == 3


# --- votes left out ---------------------------------------------------------------------------------------


@pytest.fixture
def voted():
    """Six items judged by three people each; Mal differs on most, and decides two of them."""
    project = make_project(items=6, policy=THREE, labels=["a", "b", "c"])
    lead = make_lead(project)
    people = [make_member(project, name) for name in ("Ann", "Ben", "Mal")]
    a, b, c = project.labels.all()
    said = [(a, a, a), (a, a, b), (a, b, b), (b, a, b), (c, c, a), (a, a, a)]
    for item, labels in zip(project.items.order_by("number"), said, strict=True):
        for person, label in zip(people, labels, strict=True):
            answer(person, item, label)
    return project, lead, people


def facts(project):
    names = [*settle.EMPTY, "pk"]
    return list(project.items.order_by("pk").values_list(*names))


def test_leaving_votes_out_and_taking_that_back_restores_every_item_exactly(voted):
    project, lead, (_ann, _ben, mal) = voted
    before = facts(project)
    effect = exclusion.exclude(mal, lead.user, "Clicked at random.")
    assert fresh(mal).excluded_at
    assert effect.items
    assert facts(project) != before
    exclusion.include(mal, lead.user)
    assert fresh(mal).excluded_at is None
    assert facts(project) == before
    assert not Dispute.objects.filter(state="open", opened_at__gt=before[0][3]).exists()


def test_a_preview_says_what_will_happen_and_changes_nothing(voted):
    project, lead, (_ann, _ben, mal) = voted
    before, events = facts(project), Event.objects.count()
    foreseen = exclusion.preview(mal)
    assert (facts(project), Event.objects.count(), fresh(mal).excluded_at) == (before, events, None)
    assert exclusion.exclude(mal, lead.user, "Clicked at random.") == foreseen
    assert foreseen.changed + foreseen.reopened + foreseen.disputed > 0


def test_leaving_votes_out_is_one_act_in_the_log(voted):
    _project, lead, (_ann, _ben, mal) = voted
    before = Event.objects.count()
    exclusion.exclude(mal, lead.user, "Clicked at random.")
    events = Event.objects.order_by("pk")[before:]
    assert len({event.bulk for event in events}) == 1
    assert events[0].action == "person.excluded"
    assert {event.reason for event in events} == {"Clicked at random."}
    assert Annotation.objects.filter(annotator=mal.user).count() == 6


def test_what_a_lead_decided_never_changes_with_votes_left_out(voted):
    project, lead, (_ann, _ben, mal) = voted
    item = project.items.order_by("number")[2]
    Item.objects.filter(pk=item.pk).update(
        state="settled", settled_source="adjudicated", settled_labels=[1], settled_at=now()
    )
    exclusion.exclude(mal, lead.user, "Clicked at random.")
    item.refresh_from_db()
    assert (item.state, item.settled_source, item.settled_labels) == ("settled", "adjudicated", [1])


def test_what_others_answered_meanwhile_counts_when_votes_come_back(voted):
    project, lead, (_ann, _ben, mal) = voted
    exclusion.exclude(mal, lead.user, "Clicked at random.")
    item = project.items.order_by("number")[2]
    late = make_member(project, "Late")
    hand(late, item)
    label = project.labels.get(position=1)
    assert actions.submit(late, [submission(item, label)])[0].status == "stored"
    exclusion.include(mal, lead.user)
    assert Annotation.objects.filter(item=item, superseded_by=None).count() == 4


def test_a_vote_cannot_be_left_out_twice(voted):
    _project, lead, (_ann, _ben, mal) = voted
    exclusion.exclude(mal, lead.user, "Once.")
    with pytest.raises(Refused, match="already"):
        exclusion.exclude(mal, lead.user, "Twice.")
    exclusion.include(mal, lead.user)
    with pytest.raises(Refused, match="count"):
        exclusion.include(mal, lead.user)
