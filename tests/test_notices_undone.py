"""What is undone, or does not wait any more, is told to nobody who has not read it yet."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import audit, resolving, settle
from projects.models import Dispute, Membership, Notice
from projects.trust import mailing, notices, standing
from projects.trust.notice_words import sentence
from tests.factories import answer, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db
TWO = {"overlap": 2, "agreement_overlap": 2, "holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0}


@pytest.fixture
def differing():
    """Three items on which Ann and Ben differ, and a lead."""
    project = make_project(items=3, policy=TWO)
    lead, ann, ben = make_lead(project), make_member(project, "Ann"), make_member(project, "Ben")
    first, second, *_rest = project.labels.all()
    for item in project.items.order_by("number"):
        answer(ann, item, first)
        answer(ben, item, second)
    return project, lead, ann, ben


def decide(lead: Membership, outcome: str, *labels: int) -> list[Dispute]:
    found = list(Dispute.objects.filter(project=lead.project, state="open").order_by("item__number"))
    for one in found:
        resolving.resolve(
            one.pk, lead, resolving.Decision(outcome, "slip", one.version, labels, "Look again")
        )
    return found


def said(member: Membership) -> list[str]:
    found = Notice.objects.filter(user_id=member.user_id).exclude(kind="dispute.opened")
    return [sentence(notice) for notice in found.order_by("pk")]


def test_a_decision_that_is_taken_back_is_told_to_nobody(differing):
    project, lead, ann, ben = differing
    first, *others = decide(lead, "labelled", project.labels.first().pk)
    assert (len(said(ann)), len(said(ben))) == (0, 3)
    resolving.undo(first.pk, lead)
    assert said(ben) == [f"A lead has decided item {number}, which you labelled." for number in (2, 3)]
    notices.read(ben.user_id, now())
    resolving.undo(others[0].pk, lead)
    assert len(said(ben)) == 2


def test_items_that_are_not_sent_back_any_more_are_not_told_of(differing):
    _project, lead, ann, _ben = differing
    first, second, third = decide(lead, "returned")
    assert said(ann) == ["A lead sent 3 items back to you: please look again."]
    resolving.undo(first.pk, lead)
    resolving.undo(third.pk, lead)
    assert said(ann) == ["A lead sent item 2 back to you: please look again."]
    resolving.undo(second.pk, lead)
    assert said(ann) == []


def test_who_had_a_mail_of_it_reads_that_it_was_taken_back(differing):
    project, lead, _ann, ben = differing
    first, *_others = decide(lead, "labelled", project.labels.first().pk)
    Notice.objects.update(mailed_at=now())
    resolving.undo(first.pk, lead)
    assert said(ben)[0] == "A lead has decided item 1, which you labelled. That was taken back."
    assert notices.unread(ben.user_id) == 2


def test_leads_read_how_many_disputes_wait_now(client, differing):
    project, lead, *_ = differing
    notices.tell_of_disputes(project, "/disputes/")
    client.force_login(lead.user)
    assert "3 new disputes wait for a lead." in client.get(reverse("notices")).content.decode()
    first, *others = Dispute.objects.filter(state="open").order_by("pk")
    label = project.labels.first().pk
    resolving.resolve(first.pk, lead, resolving.Decision("labelled", "slip", first.version, (label,)))
    assert "2 new disputes wait for a lead." in client.get(reverse("notices")).content.decode()
    resolving.undo(first.pk, lead)
    notices.tell_of_disputes(project, "/disputes/")
    # The one that came back is no fourth one.
    assert "3 new disputes wait for a lead." in client.get(reverse("notices")).content.decode()
    resolving.resolve(others[0].pk, lead, resolving.Decision("labelled", "slip", 1, (label,)))
    notices.read(lead.user_id, now())
    assert sentence(Notice.objects.get(user=lead.user)) == "2 new disputes wait for a lead."


def test_that_disputes_wait_is_not_told_where_none_waits(client, differing):
    project, lead, *_ = differing
    notices.tell_of_disputes(project, "/disputes/")
    assert notices.unread(lead.user_id) == 1
    decide(lead, "labelled", project.labels.first().pk)
    assert notices.unread(lead.user_id) == 0
    client.force_login(lead.user)
    assert "disputes wait" not in client.get(reverse("notices")).content.decode()
    assert mailing.claim(lead.user_id, now() + mailing.PATIENCE) == []
    item = settle.lock(project.items.first().pk)
    settle.dispute(item, ["tie"], audit.by(project, None), now())
    assert notices.unread(lead.user_id) == 1


def test_other_leads_hear_of_a_pause_in_sentences_and_who_acted_does_not(differing):
    project, lead, ann, _ben = differing
    other = make_lead(project)
    standing.pause(ann, lead.user, "Let us talk.")
    assert (said(lead), said(other)) == ([], [f"{lead.user} has paused Ann."])
    standing.lift(ann, other.user, "We talked.")
    assert said(lead) == [f"{other.user} has let Ann go on."]
    assert notices.unread(other.user_id) == 0
