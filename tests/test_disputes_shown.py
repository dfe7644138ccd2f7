"""What the page of a dispute tells, keeps and holds back."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import assigning, resolving
from projects.models import Resolution
from projects.trust import talk
from tests.factories import make_lead, make_member
from tests.test_disputes import make_dispute, settle

pytestmark = pytest.mark.django_db


def shown(client, dispute, **query):
    where = reverse("dispute", args=[dispute.project_id, dispute.pk])
    return client.get(where, query).content.decode()


@pytest.fixture
def dispute():
    return make_dispute()


@pytest.fixture
def lead(client, dispute):
    member = make_lead(dispute.project, "Lea Lindt")
    client.force_login(member.user)
    return member


def test_an_item_that_came_back_is_shown_as_it_is(client, dispute, lead):
    settle(dispute, lead, dispute.project.labels.first())
    html = shown(client, resolving.undo(dispute.pk, lead))
    assert "This item before" in html
    assert "&lt;Resolution" not in html


@pytest.mark.parametrize("outcome", ["sent_back", "returned"])
def test_no_name_is_told_while_somebody_is_asked(client, dispute, lead, outcome):
    make_member(dispute.project, "Third")
    talk.add(dispute.project.memberships.get(user__name="Ben"), dispute.item, "I was not sure")
    following = make_dispute_beside(dispute)
    settle(dispute, lead, note="Look again", outcome=outcome)
    for html in (shown(client, following, last=dispute.pk), shown(client, dispute)):
        assert "Who said what is told once the item is decided." in html
        assert "Mira" not in html
        assert "Ben" not in html


def make_dispute_beside(dispute):
    voters = [dispute.project.memberships.get(user__name=name) for name in ("Ben", "Mira")]
    return make_dispute(dispute.project, voters=voters)


def test_a_decision_that_was_taken_back_tells_no_names(client, dispute, lead):
    settle(dispute, lead, dispute.project.labels.first())
    assert "Mira" in shown(client, dispute)
    again = resolving.undo(dispute.pk, lead)
    for html in (shown(client, dispute), shown(client, again, last=dispute.pk)):
        assert "Mira" not in html


def test_what_a_lead_asks_another_stands_at_the_top(client, dispute, lead):
    lou = make_lead(dispute.project, "Lou")
    assigning.ask(dispute.pk, lead, lou.user_id, "Fee or refund?")
    assigning.ask(dispute.pk, lead, lou.user_id, "Or billing?")
    talk.add(lou, dispute.item, "Later")
    client.force_login(lou.user)
    html = shown(client, dispute).split('id="decision"', maxsplit=1)[0]
    assert "Lea Lindt asks another lead:" in html
    assert "Or billing?" in html
    assert "Later" not in html


def test_a_note_that_came_too_late_is_shown_again(client, dispute, lead):
    settle(dispute, make_lead(dispute.project), dispute.project.labels.first())
    form = {"version": dispute.version, "choice": "cant_tell", "reason": "slip", "note": "My long note"}
    reply = client.post(reverse("dispute", args=[dispute.project_id, dispute.pk]), form)
    assert reply.status_code == 409
    assert "My long note" in reply.content.decode()
    assert Resolution.objects.count() == 1


def test_what_unfolds_stands_below_the_causes(client, dispute, lead):
    html = shown(client, dispute)
    assert html.index('name="reason"') < html.index('id="model"')
