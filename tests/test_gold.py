"""Known items: who is given which, what the answers count for, and what nobody can tell from them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from projects import actions, queries, queue, resolving
from projects.agreement import setting, votes
from projects.errors import Refused
from projects.models import Annotation, Assignment, Dispute, Event, Item, Membership, Notice
from projects.trust import gold, known
from tests.factories import (
    answer,
    make_items,
    make_lead,
    make_member,
    make_project,
    submission,
)

pytestmark = pytest.mark.django_db
POLICY = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.3}
ALL_GOLD = {**POLICY, "gold_share": 0.5}


def make_known(project, count=1, labels=None, **fields):
    """Items that a lead decided and confirmed as known ones; right is the first label."""
    right = [[project.labels.first().pk]] if labels is None else labels
    settled = {"state": "settled", "settled_labels": right[0], "settled_source": "adjudicated"}
    items = make_items(project, count, settled_at=now(), gold=right, **{**settled, **fields})
    for item in items:
        known.serve(project, item)
    return items


def given(member):
    return Assignment.objects.filter(annotator=member.user, entry__stream="gold")


def work_through(member, count, choose=None):
    """Answer what the queue gives; return the items in order."""
    label = member.project.labels.first()
    done = []
    for _ in range(count):
        held = queue.lease(member, 6)
        if not held:
            break
        chosen = choose(held[0].item) if choose else label
        (verdict,) = actions.submit(member, [submission(held[0].item, chosen)])
        assert verdict.status == "stored", verdict
        done.append(held[0].item)
    return done


def hand_known(member, item):
    """Give this very known item to a person."""
    given_already = Assignment.objects.filter(item=item, annotator=member.user).exists()
    entry = gold.serving(item.project_id).get(item=item)
    if not given_already:
        Assignment.objects.create(
            project=member.project,
            item=item,
            annotator=member.user,
            entry=entry,
            expires_at=now() + timedelta(minutes=5),
        )


def answer_known(member, item, *labels, **fields):
    """Give this very known item to a person and hand in an answer."""
    hand_known(member, item)
    (verdict,) = actions.submit(member, [submission(item, *labels, **fields)])
    assert verdict.status == "stored", verdict
    return verdict


def test_each_known_item_comes_once_to_each_person():
    project = make_project(items=60, policy=ALL_GOLD)
    items = make_known(project, 8)
    for name in ("Ben", "Mira"):
        member = make_member(project, name)
        asked = [item.pk for item in work_through(member, 60)]
        assert len(asked) == len(set(asked))
        assert {item.pk for item in items} <= set(asked)
        assert gold.unseen(member, project.policy).count() == 0


def test_known_items_come_at_the_policy_s_rate_three_times_as_often_at_first():
    project = make_project(policy={**POLICY, "gold_share": 0.1})
    policy = project.policy
    hits = [gold.drawn(project, policy, person, number) for person in range(200) for number in range(300)]
    early = [hit for at, hit in enumerate(hits) if at % 300 < 100]
    late = [hit for at, hit in enumerate(hits) if at % 300 >= 100]
    assert sum(early) / len(early) == pytest.approx(0.3, abs=0.01)
    assert sum(late) / len(late) == pytest.approx(0.1, abs=0.01)


def test_the_share_among_what_is_given_is_the_policy_s():
    project = make_project(items=150, policy={**POLICY, "gold_share": 0.1})
    make_known(project, 80)
    member = make_member(project)
    work_through(member, 100)
    expected = sum(gold.drawn(project, project.policy, member.user_id, n) for n in range(100))
    assert given(member).count() == pytest.approx(expected, abs=2)
    assert 12 <= expected <= 50


def test_looking_again_without_answering_brings_no_further_known_item():
    project = make_project(items=0, policy={**POLICY, "gold_share": 0.5})
    make_known(project, 10)
    member = make_member(project)
    for _ in range(10):
        queue.lease(member, 6)
    assert given(member).count() <= 1


def test_nobody_is_given_a_known_item_that_they_voted_on_or_decided():
    project = make_project(items=0, policy={**ALL_GOLD, "overlap": 2, "agreement_overlap": 2})
    ben, mira, zoe = (make_member(project, name) for name in ("Ben", "Mira", "Zoe"))
    lead = make_lead(project)
    (item,) = make_items(project, 1)
    one, other, _third = project.labels.all()
    answer(ben, item, one)
    answer(mira, item, other)
    decide(lead, item, one)
    assert known.confirm(lead, [item.number]) == 1
    policy = project.policy
    asked = {member.pk: gold.unseen(member, policy).exists() for member in (ben, mira, zoe, lead)}
    assert asked == {ben.pk: False, mira.pk: False, zoe.pk: True, lead.pk: False}


def decide(lead, item, *labels, outcome="labelled"):
    """Let a lead decide the open dispute about an item."""
    dispute = item.disputes.get(state="open")
    ids = tuple(label.pk for label in labels)
    decision = resolving.Decision(outcome, "slip", dispute.version, ids, "Because it says so.")
    return resolving.resolve(dispute.pk, lead, decision)


def test_answers_to_known_items_count_neither_for_overlap_nor_for_agreement():
    project = make_project(items=0, policy={**ALL_GOLD, "agreement_share": 0.2})
    (item,) = make_known(project, 1, agreement={0})
    for name in ("Ben", "Mira", "Zoe"):
        answer_known(make_member(project, name), item, project.labels.last())
    assert set(Annotation.objects.values_list("stream", flat=True)) == {"gold"}
    assert not queries.votes([item.pk]).exists()
    assert len(votes.sample(setting.of(project))) == 0
    assert queries.proven_accuracy(project) is None


def test_an_answer_to_a_known_item_does_not_change_it():
    project = make_project(items=0, policy=ALL_GOLD)
    (item,) = make_known(project, 1)
    before = Item.objects.values().get(pk=item.pk)
    answer_known(make_member(project), item, project.labels.last())
    assert Item.objects.values().get(pk=item.pk) == before


def test_several_answers_may_be_right():
    project = make_project(items=0, policy=ALL_GOLD)
    one, two, three = project.labels.all()
    (item,) = make_known(project, 1, labels=[[one.pk], [two.pk]])
    right = {}
    for label in (one, two, three):
        member = make_member(project)
        answer_known(member, item, label)
        right[label.pk] = [is_right for _item, is_right, _at in gold.answers(member)]
    assert right == {one.pk: [True], two.pk: [True], three.pk: [False]}


def missed_by(project, item, count):
    """Let so many people give a wrong answer to a known item."""
    wrong = project.labels.last()
    people = [make_member(project) for _ in range(count)]
    for member in people:
        answer_known(member, item, wrong)
    return people


def test_a_known_item_that_three_people_miss_is_handed_to_a_lead_and_given_to_nobody():
    project = make_project(items=0, policy=ALL_GOLD)
    lead = make_lead(project)
    (item,) = make_known(project, 1)
    missed_by(project, item, 2)
    assert not Dispute.objects.exists()
    people = missed_by(project, item, 1)
    assert Dispute.objects.get(item=item).reasons == ["gold"]
    assert not gold.unseen(make_member(project), project.policy).exists()
    assert Notice.objects.get(user=lead.user).kind == "gold.doubted"
    assert gold.answers(people[0]) == []


def test_a_known_item_that_a_lead_confirms_is_given_again_and_doubted_only_by_new_people():
    project = make_project(items=0, policy=ALL_GOLD)
    lead = make_lead(project)
    (item,) = make_known(project, 1)
    people = missed_by(project, item, 3)
    decide(lead, item, project.labels.first())
    assert gold.unseen(make_member(project), project.policy).count() == 1
    assert [one.right for one in gold.answers(people[0])] == [False]
    missed_by(project, item, 2)
    assert not Dispute.objects.filter(state="open").exists()


def test_a_decision_about_a_known_item_becomes_what_is_right():
    project = make_project(items=0, policy=ALL_GOLD)
    lead = make_lead(project)
    one, _two, three = project.labels.all()
    (item,) = make_known(project, 1)
    people = missed_by(project, item, 3)
    decide(lead, item, three)
    assert Item.objects.get(pk=item.pk).gold == [[three.pk]]
    assert [one.right for one in gold.answers(people[0])] == [True]
    assert Event.objects.get(action="gold.changed").before == {"gold": [[one.pk]]}


def test_a_known_item_that_nobody_can_tell_is_none_any_more():
    project = make_project(items=0, policy=ALL_GOLD)
    lead = make_lead(project)
    (item,) = make_known(project, 1)
    missed_by(project, item, 3)
    decide(lead, item, outcome="cant_tell")
    assert Item.objects.get(pk=item.pk).gold is None
    assert not gold.serving(project.pk).exists()


def test_a_flag_on_a_known_item_reaches_a_lead():
    project = make_project(items=0, policy=ALL_GOLD)
    (item,) = make_known(project, 1)
    answer_known(make_member(project), item, kind="flag", note="Which language is this?")
    assert Dispute.objects.get(item=item).reasons == ["flag"]


def test_only_a_lead_s_decision_makes_a_known_item_never_unanimity():
    project = make_project(
        items=0, policy={**ALL_GOLD, "overlap": 3, "agreement_overlap": 3, "max_overlap": 3}
    )
    lead = make_lead(project)
    (item,) = make_items(project, 1)
    for _ in range(3):
        answer(make_member(project), item, project.labels.first())
    assert Item.objects.get(pk=item.pk).settled_source == "consensus"
    assert not known.candidates(project).exists()
    assert known.confirm(lead, [item.number]) == 0


def test_several_acceptable_labels_are_several_right_answers():
    project = make_project(items=0, policy={**ALL_GOLD, "overlap": 2, "agreement_overlap": 2})
    lead = make_lead(project)
    (item,) = make_items(project, 1)
    one, other, _third = project.labels.all()
    answer(make_member(project), item, one)
    answer(make_member(project), item, other)
    decide(lead, item, one, other, outcome="both")
    known.confirm(lead, [item.number])
    assert Item.objects.get(pk=item.pk).gold == [[one.pk], [other.pk]]


def test_items_that_came_with_a_known_label_are_served_and_settled_by_it():
    project = make_project(items=0, policy=ALL_GOLD)
    right = [[project.labels.first().pk]]
    make_items(project, 3, gold=right)
    held = make_items(project, 2, gold=right, holdout={0}, agreement={1})
    member = make_member(project)
    work_through(member, 40)
    served = Item.objects.filter(settled_source="gold")
    assert (served.count(), given(member).count()) == (3, 3)
    assert Item.objects.filter(pk__in=[item.pk for item in held], settled_source="gold").count() == 0
    assert Event.objects.filter(action="item.settled", item__in=served).count() == 3


def test_a_known_item_rests_once_everybody_had_it_and_serves_whoever_joins():
    project = make_project(items=0, policy=ALL_GOLD)
    (item,) = make_known(project, 1)
    ben, mira = make_member(project, "Ben"), make_member(project, "Mira")
    answer_known(ben, item, project.labels.first())
    assert gold.serving(project.pk).get().state == "live"
    answer_known(mira, item, project.labels.first())
    assert gold.serving(project.pk).get().state == "done"
    assert gold.unseen(make_member(project, "Zoe"), project.policy).count() == 1


# --- voiding -----------------------------------------------------------------------------------------------


def life(project, people, items, answers):
    """Play answers (person, item, right?) in order; wrong ones are the last label."""
    first, last = project.labels.first(), project.labels.last()
    for person, item, is_right in answers:
        answer_known(people[person], items[item], first if is_right else last)


def standing_of(people):
    """Scores, warnings and pauses as they are now: moments are whatever they were."""
    rows = Membership.objects.filter(pk__in=[member.pk for member in people]).order_by("pk")
    return [
        (
            [right for _item, right, _at in gold.answers(member)],
            member.warned_at is not None,
            member.paused_at is not None,
            member.paused_by,
        )
        for member in rows
    ]


@pytest.mark.parametrize("voided", [0, 3, 7])
def test_voiding_a_known_item_leaves_every_score_and_pause_as_if_it_had_never_been(voided):
    """Invariant 13: the same life is lived with the item and without."""
    sharp = [(0, item, True) for item in range(10)]
    # Paused with all ten; whoever is without one of the misses may be warned only.
    bad = [(1, item, item in {1, 2}) for item in range(10)]
    edge = [(2, item, item in {1, 2, 5, 8}) for item in range(9)]
    ends = []
    for without in (False, True):
        policy = {**ALL_GOLD, "triggers": {"gold_people": 0}}
        project = make_project(items=0, policy=policy)
        items = make_known(project, 10)
        people = [make_member(project) for _ in range(3)]
        rows = [row for row in (*sharp, *bad, *edge) if not (without and row[1] == voided)]
        life(project, people, items, rows)
        if not without:
            known.change(make_lead(project), items[voided].number, [], "It is ambiguous.")
        ends.append(standing_of(people))
    assert ends[0] == ends[1]


def test_voiding_lifts_a_pause_that_rested_on_it_and_leaves_the_item_settled():
    project = make_project(items=0, policy={**ALL_GOLD, "triggers": {"gold_people": 0}})
    items = make_known(project, 8)
    member = make_member(project)
    life(project, [member], items, [(0, at, False) for at in range(8)])
    assert Membership.objects.get(pk=member.pk).paused_by == "gold"
    lead = make_lead(project)
    for item in items[:4]:
        known.change(lead, item.number, [], "Wrong all along.")
    assert Membership.objects.get(pk=member.pk).paused_at is None
    assert set(project.items.values_list("state", "settled_source")) == {("settled", "adjudicated")}
    assert Event.objects.filter(action="gold.voided", reason="Wrong all along.").count() == 4


def test_voiding_needs_a_reason_and_a_known_item():
    project = make_project(items=0, policy=ALL_GOLD)
    lead = make_lead(project)
    (item,) = make_known(project, 1)
    with pytest.raises(Refused):
        known.change(lead, item.number, [], " ")
    known.change(lead, item.number, [], "Ambiguous.")
    with pytest.raises(Refused):
        known.change(lead, item.number, [], "Ambiguous.")


def test_confusions_name_labels_and_never_items():
    project = make_project(items=0, policy={**ALL_GOLD, "triggers": {"gold_people": 0}})
    one, two, three = project.labels.all()
    items = make_known(project, 4)
    member = make_member(project)
    for item, label in zip(items, (two, two, three, one), strict=True):
        answer_known(member, item, label)
    assert gold.confusions(member) == [(one.pk, two.pk, 2), (one.pk, three.pk, 1)]
    assert gold.confusions(member, least=2) == [(one.pk, two.pk, 2)]
    assert gold.confusions(member, before=now() - timedelta(days=1)) == []


def test_of_several_labels_at_once_what_is_missing_or_too_many_is_confused():
    project = make_project(items=0, policy=ALL_GOLD, task="multi")
    one, two, three = project.labels.all()
    (item,) = make_known(project, 1, labels=[[one.pk, two.pk]])
    member = make_member(project)
    answer_known(member, item, one, three)
    assert gold.confusions(member) == [(two.pk, three.pk, 1)]
