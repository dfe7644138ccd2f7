"""What becomes of a spot check that differs: taken back, decided by another lead, one of the answers."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import audit, disputes
from projects.errors import Refused
from projects.models import Dispute, Event, Item, SpotCheck
from projects.trust import spotchecks
from tests.factories import make_lead
from tests.test_disputes import settle
from tests.test_spot_checks import address, ids, settled

pytestmark = pytest.mark.django_db


def differ():
    project, lead = settled()
    check = SpotCheck.objects.get()
    before = audit.facts(check.item), check.item.settled_at, check.item.soft, check.item.estimate
    spotchecks.answer(lead, check.pk, ids(project, "card"))
    return project, lead, check, before


def test_a_wrong_key_is_taken_back_and_nothing_is_left_of_it(client):
    project, lead, check, before = differ()
    client.force_login(lead.user)
    assert "Take it back" in client.get(address(project), {"last": check.pk}).content.decode()
    assert client.post(address(project, check), {"undo": "1"}).url == address(project, check)
    item = Item.objects.get(pk=check.item_id)
    assert (audit.facts(item), item.settled_at, item.soft, item.estimate) == before
    assert item.former is None
    assert Dispute.objects.get().state == "dismissed"
    assert Event.objects.get(action="spot.undone").before["right"] is False
    assert list(spotchecks.waiting_for(lead)) == [check]
    assert spotchecks.figures(project).all.checked == 0


def test_a_check_is_not_taken_back_by_another_nor_after_the_decision():
    project, lead, check, _before = differ()
    other = make_lead(project)
    with pytest.raises(Refused):
        spotchecks.undo(other, check.pk)
    settle(Dispute.objects.get(), other, project.labels.get(name="card"))
    with pytest.raises(Refused, match="moved on"):
        spotchecks.undo(lead, check.pk)


def test_a_lead_decides_about_an_own_check_only_where_nobody_else_can(client):
    project, lead, _check, _before = differ()
    dispute, card = Dispute.objects.get(), project.labels.get(name="card")
    client.force_login(lead.user)
    where = reverse("dispute", args=[project.pk, dispute.pk])
    assert "You are the only lead" in client.get(where).content.decode()
    assert disputes.next_for(project.pk, lead.user_id) == dispute
    other = make_lead(project)
    html = client.get(where).content.decode()
    assert "another lead must decide it" in html
    assert 'id="decision"' not in html
    assert disputes.next_for(project.pk, lead.user_id) is None
    assert disputes.next_for(project.pk, other.user_id) == dispute
    with pytest.raises(Refused, match="another lead"):
        settle(dispute, lead, card)
    # The blind answer is among the letters, and needs no note.
    client.force_login(other.user)
    assert "spot check</span>" in client.get(where).content.decode()
    settle(dispute, other, card)
    assert Item.objects.get(pk=dispute.item_id).settled_labels == [card.pk]
