"""New guidelines and leads: what is in dispute, what a lead decided, what a lead has answered."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import disputes, migrating, queries, queue, resolving
from projects.labelset import Draft
from projects.migrating import Merge, Split
from projects.models import Assignment, Dispute, Event, Item, Label, QueueEntry, Resolution
from projects.trust import staleness, touching
from tests.factories import answer, make_lead, make_member
from tests.test_staleness import clarify, read, setting, settle_as, states

pytestmark = pytest.mark.django_db
TWO = {"overlap": 2, "agreement_overlap": 2}


def split(project, admin, gone):
    migrating.split(project, admin.user, Split(gone, [Draft("one"), Draft("other")], "Two labels now."))
    staleness.follow(project.pk)
    project.refresh_from_db()


def merge(project, admin, gone, into):
    migrating.merge(project, admin.user, Merge(gone, into, "One label for both."))
    staleness.follow(project.pk)
    project.refresh_from_db()


def decide(dispute: Dispute, lead, outcome="labelled", label: Label | None = None):
    dispute.refresh_from_db()
    lead.project.refresh_from_db()
    chosen = (label.pk,) if label else ()
    wanted = resolving.Decision(outcome, Resolution.Reason.SLIP, dispute.version, chosen, "Look again.")
    return resolving.resolve(dispute.pk, lead, wanted)


def only(project) -> Item:
    return project.items.get()


# --- what is in dispute ---


def test_votes_for_a_split_label_settle_nothing_after_a_lead_asks_again():
    project, ada, (ann, ben, cleo, dan) = setting(people=4, items=1, overlap=3, agreement_overlap=3)
    a = project.labels.first()
    answer(ann, only(project), a), answer(ben, only(project), a)
    answer(cleo, only(project), kind="flag", note="Which one?")
    dispute = Dispute.objects.get()
    split(project, ada, a)
    item, before = only(project), dispute.version
    assert (item.state, item.votes_from) == ("disputed", 2)
    dispute.refresh_from_db()
    assert (dispute.state, dispute.version) == ("open", before + 1)
    decide(dispute, make_lead(project), Resolution.Outcome.SENT_BACK)
    read(dan, ann, ben)
    new = project.labels.get(name="one")
    answer(dan, item, new)
    assert only(project).state == "open"
    # Those who said something under the old label are asked too.
    for member in (ann, ben):
        assert [one.item for one in queue.lease(member, 1)] == [item]
        answer(member, item, new)
    assert only(project).settled_labels == [new.pk]


def test_a_disputed_item_that_does_not_touch_the_label_is_left_alone():
    project, ada, (ann, ben) = setting(people=2, items=1, **TWO)
    a, b, c = project.labels.all()
    answer(ann, only(project), a), answer(ben, only(project), b)
    clarify(project, ada, c)
    assert (only(project).votes_from, Dispute.objects.get().version) == (0, 1)
    assert touching.effect(project, [a.pk]) == touching.Effect(0, 0)


def test_a_vote_on_a_flagged_item_does_not_dismiss_what_nobody_took_back():
    project, ada, (ann, ben) = setting(people=2, items=1, **TWO)
    a = project.labels.first()
    answer(ann, only(project), a)
    answer(ben, only(project), kind="flag", note="?")
    clarify(project, ada, a)
    read(ann)
    answer(ann, only(project), a)
    assert Dispute.objects.get().state == "open"


def test_an_excluded_item_that_comes_back_has_no_say_of_old_votes():
    project, ada, (ann, *_) = setting(people=2, items=1)
    a = project.labels.first()
    answer(ann, only(project), a)
    Item.objects.update(state="excluded", settled_labels=None, settled_source="")
    split(project, ada, a)
    assert (only(project).state, only(project).votes_from) == ("excluded", 2)


def test_the_lead_sees_which_votes_are_older_than_the_guidelines(client):
    project, ada, (ann, ben) = setting(people=2, items=1, **TWO)
    a, b, _ = project.labels.all()
    answer(ann, only(project), a), answer(ben, only(project), b)
    page = reverse("dispute", args=[project.pk, Dispute.objects.get().pk])
    client.force_login(make_lead(project).user)
    assert "older than the guidelines" not in client.get(page).content.decode()
    clarify(project, ada, a)
    assert client.get(page).content.decode().count("older than the guidelines") == 2


def test_a_tie_that_a_merge_ends_is_judged_anew():
    project, ada, (ann, ben) = setting(people=2, items=2, **TWO)
    a, b, c = project.labels.all()
    ended, stays = project.items.order_by("number")
    answer(ann, ended, a), answer(ben, ended, b)
    answer(ann, stays, a), answer(ben, stays, c)
    merge(project, ada, a, b)
    ended.refresh_from_db()
    assert (ended.state, ended.settled_labels) == ("settled", [b.pk])
    assert states(project) == ["settled", "disputed"]
    found = Dispute.objects.order_by("item__number").values_list("state", flat=True)
    assert list(found) == ["dismissed", "open"]
    assert Event.objects.filter(item=ended).last().action == "item.settled"
    assert not staleness.due().exists()
    assert disputes.waiting(project.pk).count() == 1


# --- what a lead decided ---


def test_a_flag_taken_back_leaves_a_leads_decision_to_be_confirmed():
    project, ada, (ann, ben) = setting(people=2, items=1)
    a, b, _ = project.labels.all()
    settle_as(only(project), a)
    clarify(project, ada, a)
    clarify(project, ada, a)
    read(ann, ben)
    answer(ann, only(project), kind="flag", note="Hm.")
    assert only(project).state == "disputed"
    answer(ann, only(project), kind="undo")
    assert (only(project).state, Dispute.objects.get().state) == ("stale", "dismissed")
    assert QueueEntry.objects.filter(state="live").exists()
    answer(ann, only(project), b)
    assert only(project).state == "disputed"
    assert Dispute.objects.get(state="open").reasons == ["guideline"]


def test_a_flag_taken_back_on_what_votes_settled_leaves_it_open():
    project, ada, (ann, ben) = setting(people=2, items=1)
    a = project.labels.first()
    answer(ann, only(project), a)
    clarify(project, ada, a)
    read(ann, ben)
    answer(ben, only(project), kind="flag", note="Hm.")
    answer(ben, only(project), kind="undo")
    assert only(project).state == "open"


def test_several_acceptable_labels_stay_so_when_they_are_reconfirmed():
    project, ada, (ann, *_) = setting(items=1)
    a, b, c = project.labels.all()
    settle_as(only(project), a, soft={str(a.pk): 0.5, str(b.pk): 0.25, str(c.pk): 0.25})
    clarify(project, ada, a)
    merge(project, ada, c, b)
    read(ann)
    answer(ann, only(project), a)
    item = only(project)
    assert (item.state, item.settled_source) == ("settled", "adjudicated")
    assert item.soft == {str(a.pk): 0.5, str(b.pk): 0.5}


# --- what a lead has answered ---


def test_a_flag_that_a_lead_answered_does_not_count_again():
    project, ada, (ann, ben) = setting(people=2, items=1)
    a = project.labels.first()
    answer(ann, only(project), kind="flag", note="What is this?")
    decide(Dispute.objects.get(), make_lead(project), label=a)
    clarify(project, ada, a)
    read(ben)
    answer(ben, only(project), a)
    assert (only(project).state, only(project).settled_source) == ("settled", "adjudicated")
    assert Dispute.objects.count() == 1


# --- who is left to ask ---


def test_whoever_answered_under_old_guidelines_may_be_asked_and_is():
    project, ada, (ann, *_) = setting(items=1)
    a = project.labels.first()
    answer(ann, only(project), a)
    assert queries.askable(project.pk, only(project).pk) == []
    clarify(project, ada, a)
    assert queries.askable(project.pk, only(project).pk) == [ann]
    read(ann)
    assert len(queue.lease(ann, 1)) == 1
    answer(ann, only(project), a)
    assert queries.askable(project.pk, only(project).pk) == []
    # What nobody gives back to a person is not theirs to be asked.
    Item.objects.update(votes_from=9)
    assert Assignment.objects.get().state == "submitted"
    assert queries.askable(project.pk, only(project).pk) == []


def test_a_skill_that_nobody_has_is_asked_of_everybody():
    project, _ada, (ann,) = setting(items=1)
    assert queries.askable(project.pk, only(project).pk, "de") == [ann]
    ben = make_member(project, skills=["de"])
    assert queries.askable(project.pk, only(project).pk, "de") == [ben]
