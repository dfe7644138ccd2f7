"""Disputes that are alike: decided together after a preview, taken back as one."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse

from projects import actions, alike, audit, queue, resolving
from projects.errors import Refused
from projects.models import Dispute, Event, GuidelineNote, Item, Resolution
from projects.resolving import Decision, Stale
from tests.factories import answer, make_admin, make_items, make_lead, make_member, make_project, submission
from tests.test_disputes import TWICE

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    """Twelve items on which the same two people differ in the same way; the model leans to «refund»."""
    made = make_project(items=12, labels=["refund", "billing", "card"], policy=TWICE)
    make_member(made, "Ben"), make_member(made, "Mira")
    for item in made.items.order_by("number"):
        differ(made, item, "refund", "billing")
    return made


def differ(project, item, first, second, leaning=0):
    """Let two people give these answers, in an order of their own."""
    queue.publish(project, [queue.Pick(item.pk, "strategy", {"top": [[leaning, 0.6]]})], item.number)
    names = {label.name: label for label in project.labels.all()}
    ben, mira = project.memberships.filter(user__name__in=("Ben", "Mira")).order_by("pk")
    if item.number % 2:
        ben, mira = mira, ben
    answer(ben, item, names[first])
    answer(mira, item, names[second])


def seen(group):
    return {one.pk: one.version for one in group.disputes}


def decision(project, name="refund", outcome="labelled", **fields):
    ids = (project.labels.get(name=name).pk,) if outcome == "labelled" else ()
    return Decision(outcome, "slip", 0, ids, **fields)


def first(project):
    return project.disputes.filter(state="open").order_by("pk").first()


def snapshot(project):
    """What every item rests on, and what waits for leads."""
    waiting = project.disputes.filter(state="open").order_by("item_id")
    places = list(waiting.values_list("item_id", "reasons", "priority", "opened_at", "due_at"))
    return [(item.pk, audit.facts(item)) for item in project.items.order_by("pk")], places


def test_only_the_same_answers_with_the_same_leaning_are_alike(project):
    lead = make_lead(project)
    other_pair, other_leaning = two_others(project)
    group = alike.group(first(project), lead)
    assert len(group.disputes) == 12
    assert not {other_pair.pk, other_leaning.pk}.intersection(one.item_id for one in group.disputes)
    assert alike.group(other_pair.disputes.get(), lead) is None


def two_others(project):
    """Two more disputed items: another pair of labels, another leaning of the model."""
    one, two = make_items(project, ["Another pair", "Another leaning"])
    differ(project, one, "refund", "card")
    differ(project, two, "refund", "billing", leaning=1)
    return one, two


def test_ten_are_shown_whoever_looks(project):
    group = alike.group(first(project), make_lead(project))
    shown = [one.pk for one in group.preview()]
    last = alike.group(project.disputes.order_by("-pk")[0], make_admin(project))
    assert len(shown) == 10
    assert [one.pk for one in last.preview()] == shown


def test_one_decision_settles_all_with_one_event_each_under_a_common_id(project):
    lead = make_lead(project)
    done = alike.decide(
        lead, decision(project, line="A fee is no refund."), seen(alike.group(first(project), lead))
    )
    assert (len(done.disputes), done.left_out) == (12, [])
    refund = project.labels.get(name="refund")
    assert {tuple(item.settled_labels) for item in project.items.all()} == {(refund.pk,)}
    acts = Event.objects.filter(action="dispute.resolved", bulk=done.bulk)
    assert sorted(acts.values_list("item_id", flat=True)) == sorted(
        project.items.values_list("pk", flat=True)
    )
    assert Event.objects.filter(action="item.settled", bulk=done.bulk).count() == 12
    assert set(Resolution.objects.values_list("bulk", flat=True)) == {done.bulk}
    assert GuidelineNote.objects.get().text == "A fee is no refund."


def test_those_that_changed_meanwhile_are_left_out_and_named(project):
    lead = make_lead(project)
    group = alike.group(first(project), lead)
    changed, gone = group.disputes[3], group.disputes[0]
    ben = project.memberships.get(user__name="Ben")
    actions.submit(ben, [submission(changed.item, project.labels.get(name="card"))])
    resolving.resolve(gone.pk, make_admin(project), decision_for(gone, project))
    done = alike.decide(lead, decision(project), seen(group))
    assert {one.pk for one, _why in done.left_out} == {changed.pk, gone.pk}
    assert len(done.disputes) == 10
    assert Dispute.objects.get(pk=changed.pk).state == "open"


def decision_for(dispute, project):
    billing = project.labels.get(name="billing")
    return Decision("labelled", "slip", dispute.version, (billing.pk,))


def test_a_form_that_mixes_others_in_decides_only_those_that_are_alike(project):
    lead = make_lead(project)
    other_pair, _ = two_others(project)
    stranger = other_pair.disputes.get()
    done = alike.decide(lead, decision(project), {**seen(alike.group(first(project), lead)), stranger.pk: 1})
    assert [(one.pk, why) for one, why in done.left_out] == [
        (stranger.pk, "It is no longer like the others.")
    ]


@pytest.mark.parametrize("role", ["lead", "admin"])
def test_nobody_decides_an_own_vote_among_many(project, role):
    ben = project.memberships.get(user__name="Ben")
    ben.role = role
    ben.save()
    assert alike.group(first(project), ben) is None
    with pytest.raises(Stale):
        alike.decide(ben, decision(project), {one.pk: one.version for one in project.disputes.all()})
    assert not Resolution.objects.exists()


def test_what_was_flagged_or_taken_by_another_lead_is_not_among_them(project):
    lead = make_lead(project)
    ids = list(project.disputes.order_by("pk").values_list("pk", flat=True))
    Dispute.objects.filter(pk=ids[1]).update(reasons=["tie", "flag"])
    Dispute.objects.filter(pk=ids[2]).update(assigned_to=make_admin(project).user)
    found = {one.pk for one in alike.group(first(project), lead).disputes}
    assert found == set(ids) - {ids[1], ids[2]}


@pytest.mark.parametrize("outcome", ["labelled", "both", "cant_tell", "bad_item"])
def test_taking_all_back_restores_every_item_and_the_log_holds_both_acts(project, outcome):
    lead, before = make_lead(project), snapshot(project)
    given = decision(project, outcome=outcome, note="Together")
    if outcome == "both":
        given = Decision("both", "slip", 0, tuple(project.labels.values_list("pk", flat=True)[:2]))
    done = alike.decide(lead, given, seen(alike.group(first(project), lead)))
    assert snapshot(project) != before
    undone = alike.undo(done.bulk, lead)
    assert len(undone.disputes) == 12
    assert snapshot(project) == before
    acts = Event.objects.filter(bulk=done.bulk, action__startswith="dispute.")
    for action in ("dispute.resolved", "dispute.undone"):
        assert acts.filter(action=action).count() == 12
    with pytest.raises(Refused, match="no decision"):
        alike.undo(done.bulk, lead)


def test_what_moved_on_stays_when_all_are_taken_back(project):
    lead = make_lead(project)
    done = alike.decide(lead, decision(project), seen(alike.group(first(project), lead)))
    moved = done.disputes[0]
    say = submission(moved.item, project.labels.get(name="card"))
    actions.submit(project.memberships.get(user__name="Ben"), [say])
    undone = alike.undo(done.bulk, lead)
    assert [one.pk for one, _why in undone.left_out] == [moved.pk]
    assert Item.objects.get(pk=moved.item_id).state == "settled"


@pytest.mark.parametrize(("who", "expected"), [("lead", 200), ("annotator", 403), ("stranger", 404)])
def test_only_leads_decide_together(client, project, who, expected):
    member = {"lead": make_lead, "annotator": make_member}.get(who, lambda _: make_lead(make_project()))(
        project
    )
    client.force_login(member.user)
    where = reverse("dispute-bulk", args=[project.pk, first(project).pk])
    assert client.get(where).status_code == expected
    form = {"choice": f"labels:{project.labels.first().pk}", "reason": "slip"}
    if expected != 200:
        assert client.post(where, form).status_code == expected
        assert client.post(where, {"undo": str(uuid4())}).status_code == expected
        assert not Resolution.objects.exists()


def test_the_page_shows_how_many_decides_and_takes_back(client, project):
    client.force_login(make_lead(project).user)
    where = reverse("dispute-bulk", args=[project.pk, first(project).pk])
    html = client.get(where).content.decode()
    assert "12 disputes that are alike" in html
    assert "10 of 12, drawn at random" in html
    assert "Ben" not in html
    given = {"choice": f"labels:{project.labels.first().pk}", "reason": "slip"}
    versions = [f"{one.pk}:{one.version}" for one in project.disputes.all()]
    form = {**given, "seen": versions}
    assert client.post(where, {**form, "choice": ""}).status_code == 422
    assert client.post(where, {**form, "seen": ["1x", "7:0"]}).status_code == 409
    after = client.post(where, form, follow=True).content.decode()
    assert "12 disputes decided together" in after
    bulk = Resolution.objects.first().bulk
    back = client.post(where, {"undo": str(bulk)}, follow=True).content.decode()
    assert "12 decisions taken back" in back
    assert project.disputes.filter(state="open").count() == 12
    assert client.post(where, {"undo": "x"}).status_code == 302


def test_only_what_is_ticked_or_not_shown_is_decided(client, project):
    client.force_login(make_lead(project).user)
    where = reverse("dispute-bulk", args=[project.pk, first(project).pk])
    html = client.get(where).content.decode()
    assert (html.count('name="seen" form="decision"'), html.count('type="hidden" name="seen"')) == (10, 2)
    assert "Open item 3" in client.get(f"{where}?all").content.decode()
    assert client.get(f"{where}?all").content.decode().count('name="seen" form="decision"') == 12
    form = {"choice": f"labels:{project.labels.first().pk}", "reason": "slip"}
    refused = client.post(where, form)
    assert (refused.status_code, "Tick at least one" in refused.content.decode()) == (422, True)
    odd = project.disputes.get(item__number=3)
    ticked = [f"{one.pk}:{one.version}" for one in project.disputes.exclude(pk=odd.pk)]
    again = client.post(f"{where}?all", {**form, "seen": ticked, "choice": ""}).content.decode()
    assert again.count(" checked>") == 11 + 2  # and the two labels that were voted for
    client.post(where, {**form, "seen": ticked})
    assert list(project.disputes.filter(state="open")) == [odd]


def test_what_is_shown_is_among_those_that_one_form_decides(project, monkeypatch):
    monkeypatch.setattr(alike, "MOST", 10)
    group = alike.group(first(project), make_lead(project))
    assert set(group.preview()) == set(group.together())


def test_a_dispute_without_others_like_it_has_no_such_page(client, project):
    lead = make_lead(project)
    client.force_login(lead.user)
    alone, _ = two_others(project)
    where = reverse("dispute-bulk", args=[project.pk, alone.disputes.get().pk])
    assert client.get(where).url == reverse("dispute", args=[project.pk, alone.disputes.get().pk])
