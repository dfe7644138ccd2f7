"""Spot checks: what is drawn, that the lead judges blind, and what the figure says."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import draws
from projects.errors import Refused
from projects.models import Dispute, Event, Item, Notice, SpotCheck
from projects.quality.agreement import wilson
from projects.trust import spotchecks
from tests.factories import answer, make_items, make_labels, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db
EVERY = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0, "spot_share": 0.5}


def settled(count=1, **policy):
    """A project in which one person labelled so many items «refund», all drawn for a check."""
    project = make_project(labels=["refund", "billing", "card"], policy={**EVERY, **policy})
    member = make_member(project, "Zacharias")
    lead = make_lead(project)
    for item in make_items(project, 3 * count):
        if draws.spot(project.seed, item.key, 0.5) and SpotCheck.objects.count() < count:
            answer(member, item, project.labels.get(name="refund"))
    assert SpotCheck.objects.count() == count
    return project, lead


def ids(project, *names):
    return [project.labels.get(name=name).pk for name in names]


def test_items_settled_by_votes_are_drawn_by_the_policy_s_share():
    project = make_project(items=200, policy={**EVERY, "spot_share": 0.3})
    member = make_member(project)
    for item in project.items.all():
        answer(member, item, project.labels.first())
    drawn = [draws.spot(project.seed, item.key, 0.3) for item in project.items.all()]
    assert SpotCheck.objects.count() == sum(drawn)
    assert 35 <= sum(drawn) <= 85


def test_the_draw_knows_neither_people_nor_labels():
    shares = [draws.spot(seed, f"key-{n}", 0.02) for seed in range(20) for n in range(1000)]
    assert sum(shares) / len(shares) == pytest.approx(0.02, abs=0.004)


def test_an_item_settled_anew_before_it_is_checked_is_checked_as_it_is_now():
    project, _lead = settled()
    check = SpotCheck.objects.select_related("item").get()
    member = project.memberships.get(role="annotator")
    answer(member, check.item, project.labels.get(name="card"))
    assert SpotCheck.objects.get().settled_labels == ids(project, "card")


def test_a_right_answer_is_counted_and_makes_no_dispute():
    project, lead = settled()
    check = spotchecks.answer(lead, SpotCheck.objects.get().pk, ids(project, "refund"))
    assert check.right is True
    assert not Dispute.objects.exists()
    assert Event.objects.get(action="spot.checked").after["right"] is True
    assert spotchecks.figures(project).all == spotchecks.Error("", 0, 1)


def test_an_answer_that_differs_makes_a_dispute_and_tells_the_other_leads():
    project, lead = settled()
    other = make_lead(project, "Leo")
    check = spotchecks.answer(lead, SpotCheck.objects.get().pk, ids(project, "card"))
    assert check.right is False
    assert Dispute.objects.get(item=check.item).reasons == ["spot"]
    assert Item.objects.get(pk=check.item_id).state == "disputed"
    assert Notice.objects.get(kind="spot.differs").user == other.user


def test_where_the_policy_has_it_off_a_difference_is_only_counted():
    project, lead = settled(triggers={"spot": 0})
    spotchecks.answer(lead, SpotCheck.objects.get().pk, ids(project, "card"))
    assert not Dispute.objects.exists()
    assert spotchecks.figures(project).all.wrong == 1


def test_a_lead_never_checks_an_item_that_he_voted_on():
    project, _lead = settled()
    voter = project.memberships.get(role="annotator")
    voter.role = "lead"
    voter.save()
    assert spotchecks.next_for(voter) is None
    with pytest.raises(Refused):
        spotchecks.answer(voter, SpotCheck.objects.get().pk, ids(project, "refund"))


def test_a_check_is_answered_once_and_only_while_its_item_stands():
    project, lead = settled(2)
    first, second = SpotCheck.objects.order_by("pk")
    spotchecks.answer(lead, first.pk, ids(project, "refund"))
    with pytest.raises(Refused):
        spotchecks.answer(lead, first.pk, ids(project, "card"))
    Item.objects.filter(pk=second.item_id).update(state="stale")
    with pytest.raises(Refused):
        spotchecks.answer(lead, second.pk, ids(project, "refund"))
    assert not spotchecks.waiting(project).exists()


@pytest.mark.parametrize("names", [(), ("refund", "card")])
def test_a_single_choice_is_exactly_one_label(names):
    project, lead = settled()
    with pytest.raises(Refused):
        spotchecks.answer(lead, SpotCheck.objects.get().pk, ids(project, *names))


def test_the_figure_has_a_wilson_interval_and_lines_from_five_checks_on():
    project, lead = settled(6, triggers={"spot": 0})
    for at, check in enumerate(SpotCheck.objects.order_by("pk")):
        name = "card" if at == 0 else "refund"
        spotchecks.answer(lead, check.pk, ids(project, name))
    found = spotchecks.figures(project)
    assert (found.all.low, found.all.high) == wilson(1 / 6, 6)
    assert [(line.name, line.wrong, line.checked) for line in found.people] == [("Zacharias", 1, 6)]
    assert [(line.name, line.wrong, line.checked) for line in found.labels] == [("refund", 1, 6)]
    SpotCheck.objects.filter(right=True).first().delete()
    SpotCheck.objects.filter(right=True).first().delete()
    few = spotchecks.figures(project)
    assert (few.people, few.labels, few.few) == ([], [], 2)


# --- pages -------------------------------------------------------------------------------------------------


def address(project, check=None):
    return reverse("check", args=[project.pk, check.pk]) if check else reverse("checks", args=[project.pk])


@pytest.mark.parametrize(
    ("role", "status"), [("lead", 200), ("admin", 200), ("annotator", 403), ("stranger", 404)]
)
def test_only_leads_and_admins_see_the_pages(client, role, status):
    project, _lead = settled()
    host = project if role != "stranger" else make_project()
    client.force_login(make_member(host, role="annotator" if role == "stranger" else role).user)
    assert client.get(address(project)).status_code == status
    assert client.get(address(project, SpotCheck.objects.get())).status_code == status


def test_the_page_shows_the_item_and_the_labels_and_nothing_of_what_was_said(client):
    project, lead = settled()
    check = SpotCheck.objects.select_related("item").get()
    client.force_login(lead.user)
    page = client.get(address(project, check)).content.decode()
    assert check.item.text in page
    for shown in ("Zacharias", "settled_labels", "posterior", "Consensus", "One annotation", "checked"):
        assert shown not in page
    assert page.count("refund") == page.count("billing") == page.count("card")


def test_answering_opens_the_next_one_and_says_what_became_of_it(client):
    project, lead = settled(2)
    first, second = SpotCheck.objects.order_by("pk")
    client.force_login(lead.user)
    reply = client.post(address(project, first), {"label": ids(project, "card")[0]})
    assert reply["Location"] == f"{address(project, second)}?last={first.pk}"
    page = client.get(reply["Location"]).content.decode()
    assert "your answer differs" in page
    assert "It is a dispute now." in page
    last = client.post(address(project, second), {"label": ids(project, "refund")[0]})
    assert last["Location"] == f"{address(project)}?last={second.pk}"
    assert "as it was settled" in client.get(last["Location"]).content.decode()


def test_nothing_chosen_is_refused_in_words(client):
    project, lead = settled()
    client.force_login(lead.user)
    reply = client.post(address(project, SpotCheck.objects.get()), {}, follow=True)
    assert "Choose a label first." in reply.content.decode()
    assert SpotCheck.objects.get().answered_at is None


def test_cant_tell_is_an_answer_that_differs(client):
    project, lead = settled()
    client.force_login(lead.user)
    client.post(address(project, SpotCheck.objects.get()), {"kind": "cant_tell"})
    found = SpotCheck.objects.get()
    assert (found.labels, found.right) == (None, False)


def test_among_many_labels_one_is_found_by_typing_and_no_letter_is_a_shortcut(client):
    project, lead = settled()
    make_labels(project, [f"topic {n}" for n in range(12)])
    client.force_login(lead.user)
    page = client.get(address(project, SpotCheck.objects.get())).content.decode()
    assert 'id="find"' in page
    assert "aria-keyshortcuts" not in page.split('<form method="post" class="answer">')[1].split("</form>")[0]


def test_a_check_of_another_project_is_not_found(client):
    project, _lead = settled()
    other = make_lead(make_project())
    client.force_login(other.user)
    wrong = reverse("check", args=[other.project_id, SpotCheck.objects.get().pk])
    assert client.get(wrong).status_code == 404
    assert project.pk != other.project_id
