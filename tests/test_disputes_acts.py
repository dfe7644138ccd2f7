"""What leads do besides taking a vote's side: several labels, sending back, handing over, drafting lines."""

from __future__ import annotations

import random

import pytest
from django.urls import reverse

from projects import actions, assigning, disputes, queries, queue, resolving, returning, votes
from projects.errors import Refused
from projects.models import Assignment, Dispute, Event, GuidelineNote, Item, Notice, QueueEntry, Resolution
from projects.resolving import Decision
from tests.factories import answer, hand, make_admin, make_lead, make_member, make_project, submission
from tests.test_disputes import TWICE, make_dispute, settle

pytestmark = pytest.mark.django_db


def say(member, item, *labels, **fields):
    return actions.submit(member, [submission(item, *labels, **fields)])


def voters(project):
    return [project.memberships.get(user__name=name) for name in ("Ben", "Mira")]


def test_of_several_acceptable_labels_the_one_with_most_votes_settles_the_item():
    project = make_project(
        items=1,
        labels=["refund", "billing", "card"],
        policy={**TWICE, "overlap": 3, "agreement_overlap": 3, "max_overlap": 3},
    )
    refund, billing, card = project.labels.all()
    item = project.items.get()
    answer(make_member(project), item, card)
    answer(make_member(project), item, billing)
    answer(make_member(project), item, kind="flag", note="Either")
    dispute = Dispute.objects.get()
    with pytest.raises(Refused, match="at least two"):
        settle(dispute, make_lead(project), card, outcome="both")
    with pytest.raises(Refused, match="Nobody voted"):
        settle(dispute, make_lead(project), card, refund, outcome="both")
    say(project.memberships.get(user_id=item.annotations.get(labels=[billing.pk]).annotator_id), item, card)
    dispute.refresh_from_db()
    settle(dispute, make_lead(project), billing, card, outcome="both", note="Both are fine")
    item.refresh_from_db()
    assert (item.state, item.settled_labels, item.settled_source) == ("settled", [card.pk], "adjudicated")
    assert item.soft == {str(card.pk): 0.5, str(billing.pk): 0.5}
    assert Resolution.objects.get().labels == [card.pk, billing.pk]


def test_with_as_many_votes_the_first_label_in_order_settles_the_item():
    dispute = make_dispute()
    refund, billing, _card = dispute.project.labels.all()
    settle(dispute, make_lead(dispute.project), billing, refund, outcome="both")
    assert Item.objects.get(pk=dispute.item_id).settled_labels == [refund.pk]


def test_items_with_several_labels_have_no_either_or():
    project = make_project(items=1, labels=["a", "b"], policy=TWICE, task="multi")
    a, b = project.labels.all()
    answer(make_member(project), project.items.get(), a)
    answer(make_member(project), project.items.get(), kind="flag", note="a, or b?")
    with pytest.raises(Refused, match="set of labels"):
        settle(Dispute.objects.get(), make_lead(project), a, b, outcome="both")


def test_what_is_sent_back_waits_for_everybody_who_answered_then_the_votes_decide():
    dispute = make_dispute()
    project, refund = dispute.project, dispute.project.labels.get(name="refund")
    ben, mira = voters(project)
    with pytest.raises(Refused, match="Write a note"):
        settle(dispute, make_lead(project), outcome="returned")
    settle(dispute, make_lead(project), outcome="returned", note="Look at rule 3")
    mine = Assignment.objects.filter(item=dispute.item)
    assert set(mine.values_list("annotator", "state", "note")) == {
        (ben.user_id, "sent_back", "Look at rule 3"),
        (mira.user_id, "sent_back", "Look at rule 3"),
    }
    entry = QueueEntry.objects.get(item=dispute.item, state="live")
    assert (entry.stream, entry.places, entry.free) == ("returned", 2, 0)
    assert dispute.item_id not in [one.item_id for one in queue.lease(make_member(project), 5)]
    assert Dispute.objects.get(pk=dispute.pk).state == "sent_back"
    assert set(Notice.objects.filter(kind="dispute.returned").values_list("user", flat=True)) == {
        ben.user_id,
        mira.user_id,
    }
    say(ben, dispute.item, refund)
    assert Item.objects.get(pk=dispute.item_id).state == "open"
    say(mira, dispute.item, refund)
    item = Item.objects.get(pk=dispute.item_id)
    assert (item.state, item.settled_labels, item.settled_source) == ("settled", [refund.pk], "consensus")


def test_who_looks_again_sees_the_note_and_the_own_answer_only(client):
    dispute = make_dispute()
    settle(dispute, make_lead(dispute.project), outcome="returned", note="Look at rule 3")
    client.force_login(voters(dispute.project)[1].user)
    page = client.get(reverse("label", args=[dispute.project_id])).content.decode()
    stage = page[page.index('id="stage"') : page.index('id="answer"')]
    assert "Look at rule 3" in stage
    assert "Your answer was: billing." in stage
    assert "refund" not in stage
    assert "They want money" not in page


def test_who_still_differs_after_a_second_look_is_disputed_again():
    dispute = make_dispute()
    ben, mira = voters(dispute.project)
    refund, billing, _card = dispute.project.labels.all()
    settle(dispute, make_lead(dispute.project), outcome="returned", note="Look again")
    say(ben, dispute.item, refund)
    say(mira, dispute.item, billing)
    assert [one.state for one in dispute.item.disputes.order_by("pk")] == ["sent_back", "open"]


def test_sending_back_is_taken_back_as_long_as_nobody_answered():
    dispute = make_dispute()
    lead, refund = make_lead(dispute.project), dispute.project.labels.get(name="refund")
    settle(dispute, lead, outcome="returned", note="Look again")
    again = resolving.undo(dispute.pk, lead)
    mine = Assignment.objects.filter(item=dispute.item)
    assert set(mine.values_list("state", "note")) == {("submitted", "")}
    assert not QueueEntry.objects.filter(item=dispute.item, state="live").exists()
    settle(again, lead, outcome="returned", note="Look again")
    say(voters(dispute.project)[0], dispute.item, refund)
    with pytest.raises(Refused, match="moved on"):
        resolving.undo(again.pk, lead)


def test_only_people_who_are_still_here_are_asked_to_look_again():
    dispute = make_dispute()
    ben, mira = voters(dispute.project)
    ben.active = mira.active = False
    ben.save(), mira.save()
    with pytest.raises(Refused, match="Nobody who answered"):
        settle(dispute, make_lead(dispute.project), outcome="returned", note="Look again")
    assert Dispute.objects.get(pk=dispute.pk).state == "open"
    assert Item.objects.get(pk=dispute.item_id).state == "disputed"


def test_a_lead_takes_a_dispute_and_others_go_on_with_the_next():
    project = make_project(items=3, labels=["refund", "billing", "card"], policy=TWICE)
    people = (make_member(project), make_member(project))
    first, second = make_dispute(project, voters=people), make_dispute(project, voters=people)
    lea, lou = make_lead(project, "Lea"), make_lead(project, "Lou")
    assigning.take(first.pk, lea)
    assert disputes.next_for(project.pk, lea.user_id) == first
    assert disputes.next_for(project.pk, lou.user_id) == second
    assert [one.pk for one in disputes.waiting(project.pk, disputes.Wanted(who="mine"), lea.user_id)] == [
        first.pk
    ]
    assert disputes.waiting(project.pk, disputes.Wanted(who="nobody")).get() == second
    assigning.release(first.pk, lea)
    assert disputes.next_for(project.pk, lou.user_id) == first
    told = Event.objects.filter(action="dispute.assigned").order_by("pk")
    assert [event.after for event in told] == [{"assigned": "Lea"}, {"assigned": None}]


def test_another_lead_is_asked_with_a_remark_that_leads_see_and_the_dispute_stays_open():
    dispute = make_dispute()
    lea, lou = make_lead(dispute.project, "Lea"), make_lead(dispute.project, "Lou")
    assigning.ask(dispute.pk, lea, lou.user_id, "Is a fee a refund?")
    dispute.refresh_from_db()
    assert (dispute.state, dispute.assigned_to_id) == ("open", lou.user_id)
    comment = dispute.item.comments.get()
    assert (comment.text, comment.open_to_annotators) == ("Is a fee a refund?", False)
    notice = Notice.objects.get(kind="dispute.assigned")
    assert (notice.user_id, notice.facts["number"]) == (lou.user_id, dispute.item.number)


def test_a_lead_who_voted_neither_takes_a_dispute_nor_is_asked():
    project = make_project(items=3, labels=["refund", "billing", "card"], policy=TWICE)
    lea, lou = make_lead(project, "Lea"), make_admin(project, "Lou")
    dispute = make_dispute(project, voters=(make_member(project), lea))
    with pytest.raises(Refused, match="judged this item"):
        assigning.take(dispute.pk, lea)
    with pytest.raises(Refused, match="has not judged"):
        assigning.ask(dispute.pk, lou, lea.user_id)
    assert [one.user_id for one in disputes.colleagues(project.pk, dispute.item_id, 0)] == [lou.user_id]


def test_a_line_that_the_guidelines_lack_waits_with_the_labels_and_goes_with_the_decision():
    dispute = make_dispute()
    lead, refund = make_lead(dispute.project), dispute.project.labels.get(name="refund")
    decided = Decision("labelled", "guideline_gap", dispute.version, (refund.pk,), line=" A fee is billing. ")
    resolving.resolve(dispute.pk, lead, decided)
    note = GuidelineNote.objects.get()
    names = set(dispute.project.labels.filter(pk__in=note.labels).values_list("name", flat=True))
    assert (note.text, note.state, note.dispute_id) == ("A fee is billing.", "open", dispute.pk)
    assert names == {"refund", "billing"}
    resolving.undo(dispute.pk, lead)
    assert GuidelineNote.objects.get().state == "dropped"


def test_only_a_known_item_can_have_a_wrong_known_answer():
    dispute = make_dispute()
    lead, refund = make_lead(dispute.project), dispute.project.labels.get(name="refund")
    with pytest.raises(Refused, match="never a known item"):
        settle(dispute, lead, refund, reason="gold_wrong")
    Dispute.objects.filter(pk=dispute.pk).update(reasons=["gold"])
    settle(dispute, lead, refund, reason="gold_wrong")


def test_those_whose_answer_was_not_taken_hear_of_the_decision():
    dispute = make_dispute()
    _ben, mira = voters(dispute.project)
    third = make_member(dispute.project)
    answer(third, dispute.item, dispute.project.labels.get(name="billing"))
    third.user.annotations.update(stream="gold")
    dispute.refresh_from_db()
    settle(dispute, make_lead(dispute.project), dispute.project.labels.get(name="refund"))
    notice = Notice.objects.get(kind="dispute.decided")
    assert (notice.user_id, notice.facts["number"]) == (mira.user_id, dispute.item.number)
    assert notice.address == reverse("comment", args=[dispute.project_id, dispute.item.number])


def test_a_decision_on_a_known_item_that_is_taken_back_gives_it_its_answers_back():
    dispute = make_dispute()
    lead, card = make_lead(dispute.project), dispute.project.labels.get(name="card")
    Item.objects.filter(pk=dispute.item_id).update(gold=[[card.pk]])
    refund = dispute.project.labels.get(name="refund")
    settle(dispute, lead, refund, reason="gold_wrong")
    assert Item.objects.get(pk=dispute.item_id).gold == [[refund.pk]]
    again = resolving.undo(dispute.pk, lead)
    assert Item.objects.get(pk=dispute.item_id).gold == [[card.pk]]
    settle(again, lead, outcome="bad_item", reason="gold_wrong", note="Spam")
    assert Item.objects.get(pk=dispute.item_id).gold is None


def test_votes_of_somebody_whose_votes_are_left_out_are_marked_and_do_not_make_a_pair():
    dispute = make_dispute()
    ben = voters(dispute.project)[0]
    ben.excluded_at = dispute.opened_at
    ben.save()
    cast = {vote.person: vote.left_out for vote in votes.votes(dispute.project, dispute.item)}
    assert cast == {"Ben": True, "Mira": False}
    billing = dispute.project.labels.get(name="billing")
    assert disputes.answers_of(dispute.project_id) == {dispute.pk: f"labels:{billing.pk}"}


def test_who_got_it_as_a_known_item_is_not_asked_to_look_again():
    dispute = make_dispute()
    ben, mira = voters(dispute.project)
    ben.user.annotations.update(stream="gold")
    assert returning.people(dispute.item) == [mira.user_id]


def check_disputes(project):
    """Invariant 10: one open dispute an item in dispute and no other; each closed one is explained."""
    open_items = list(project.disputes.filter(state="open").values_list("item_id", flat=True))
    assert len(open_items) == len(set(open_items))
    assert set(open_items) == set(project.items.filter(state="disputed").values_list("pk", flat=True))
    for closed in project.disputes.exclude(state__in=("open", "dismissed")):
        decision = closed.resolution
        assert decision.outcome
        assert decision.reason
        assert decision.lead_id
        if decision.outcome in {"labelled", "both"}:
            assert decision.labels


def random_act(project, people, leads, dice):
    """Let somebody do something that the pages allow; what is refused changes nothing."""
    labels, item = list(project.labels.all()), dice.choice(list(project.items.all()))
    kind = dice.choice(
        ["answer", "answer", "answer", "flag", "undo", "decide", "decide", "take back", "take"]
    )
    if kind in {"answer", "flag", "undo"}:
        person = dice.choice(people)
        if not item.assignments.filter(annotator_id=person.user_id).exists():
            hand(person, item) if item.entries.filter(state="live", free__gt=0).exists() else None
        say(person, item, *([dice.choice(labels)] if kind == "answer" else []), kind=kind, note="Hm")
        return
    lead, dispute = dice.choice(leads), item.disputes.order_by("-pk").first()
    if dispute is None:
        return
    outcome = dice.choice(Resolution.Outcome.values)
    chosen = {"labelled": 1, "both": 2}.get(outcome, 0)
    ids = tuple(label.pk for label in dice.sample(labels, chosen))
    try:
        if kind == "decide":
            resolving.resolve(dispute.pk, lead, Decision(outcome, "slip", dispute.version, ids, "Because"))
        elif kind == "take":
            assigning.take(dispute.pk, lead)
        else:
            resolving.undo(dispute.pk, lead)
    except Refused:
        pass


@pytest.mark.parametrize("seed", range(6))
def test_whatever_people_do_each_disputed_item_has_one_open_dispute(seed):
    dice = random.Random(seed)
    project = make_project(items=4, labels=["refund", "billing", "card"], policy=TWICE)
    people = [make_member(project) for _ in range(4)]
    leads = [make_lead(project), make_admin(project)]
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.all()], 1)
    for _ in range(60):
        random_act(project, people, leads, dice)
        check_disputes(project)
    assert project.disputes.exclude(state="open").exists()
    assert all(len(known.positions) <= 1 for known in queries.training(project))
