"""Cards of look-alikes: dealt, given back, stored one by one."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.urls import reverse

from projects import actions, cards, queries, queue
from projects.errors import Refused
from projects.models import Annotation, Assignment, Item, Membership, Project, QueueEntry
from tests.factories import answer, hand, make_member, make_project, make_user, submission
from tests.test_races import together

pytestmark = pytest.mark.django_db
Stream = QueueEntry.Stream
ALIKE = 15


def make(items: int = 20, **policy) -> Project:
    """A project whose first item has the next fifteen as its look-alikes."""
    plain = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0}
    plain |= {"bulk": True, "bulk_check": 0.0}
    project = make_project(items=items, policy={**plain, **policy})
    first, *others = project.items.order_by("number")
    reason = {"why": "first", "round": 1, "alike": [one.pk for one in others[:ALIKE]]}
    queue.publish(project, [queue.Pick(first.pk, Stream.STRATEGY, reason)], 1)
    return project


def begin(project: Project, name: str = "") -> Membership:
    """Somebody who has the first item in hand."""
    member = make_member(project, name)
    hand(member, items(project)[0])
    return member


def items(project: Project) -> list[Item]:
    return list(project.items.order_by("number"))


def deal(member: Membership, item: Item | None = None) -> list[Item]:
    first = item or items(member.project)[0]
    return [one.item for one in cards.deal(member, queries.rules(member.project), first.pk)]


def label_together(member: Membership, dealt: list[Item], position: int = 0, **fields) -> None:
    """Hand in what a browser sends: each item by itself, under one common id."""
    label, bulk = member.project.labels.get(position=position), uuid4()
    rows = [submission(item, label, bulk=bulk, active_ms=200, **fields) for item in dealt]
    assert {one.status for one in actions.submit(member, rows)} == {"stored"}


# --- dealt ---


def test_a_card_has_twelve_items_the_one_in_hand_first_then_the_most_alike():
    project = make()
    assert deal(begin(project)) == items(project)[:12]


def test_every_item_of_a_card_is_leased_and_takes_a_place():
    project = make()
    member = begin(project)
    dealt = deal(member)
    held = Assignment.objects.filter(annotator=member.user, state="leased", placed=True)
    assert {one.item for one in held} == set(dealt)
    assert set(QueueEntry.objects.values_list("free", flat=True)) == {0}


def test_a_card_that_is_dealt_again_is_the_same_card():
    project = make()
    member = begin(project)
    assert deal(member) == deal(member)
    assert Assignment.objects.count() == 12


def test_items_that_need_two_people_go_on_asking_for_the_second():
    project = make(overlap=2, agreement_overlap=2)
    ann, ben = begin(project), make_member(project)
    label_together(ann, deal(ann))
    assert not project.items.filter(state="settled").exists()
    second = {one.item for one in queue.lease(ben, 12)}
    assert second == set(items(project)[:12])


@pytest.mark.parametrize(
    "never",
    [{"holdout": True}, {"agreement": True}, {"calibration": True}, {"gold": [[1]]}, {"state": "settled"}],
    ids=lambda never: next(iter(never)),
)
def test_what_is_drawn_known_or_decided_never_comes_on_a_card(never):
    project = make()
    second = items(project)[1]
    Item.objects.filter(pk=second.pk).update(**never)
    dealt = deal(begin(project))
    assert second not in dealt
    assert len(dealt) == 12


@pytest.mark.parametrize(
    "stream", [Stream.HOLDOUT, Stream.AGREEMENT, Stream.GOLD, Stream.CHECK, Stream.AGAIN]
)
def test_an_item_asked_for_another_reason_begins_no_card(stream):
    project = make()
    member = begin(project)
    QueueEntry.objects.update(stream=stream)
    assert deal(member) == items(project)[:1]


def test_without_the_policy_there_are_no_cards():
    project = make(bulk=False)
    assert deal(begin(project)) == items(project)[:1]


def test_what_another_person_holds_or_answered_does_not_come():
    project = make()
    ben = make_member(project)
    _first, second, third, *_rest = items(project)
    hand(ben, second)
    answer(ben, third, project.labels.first())
    dealt = deal(begin(project))
    assert second not in dealt
    assert third not in dealt


def test_only_an_item_in_hand_opens_a_card():
    project = make()
    with pytest.raises(Refused):
        deal(make_member(project))
    stranger = make_member(make_project(items=1))
    with pytest.raises(Refused):
        deal(stranger, items(project)[0])


@pytest.mark.parametrize(("limit", "size"), [({"person_most": 4}, 4), ({"person_hourly": 3}, 3)])
def test_limits_of_a_person_hold_for_cards_too(limit, size):
    assert len(deal(begin(make(**limit)))) == size


def test_items_in_a_persons_hands_come_on_the_card_without_a_second_lease():
    project = make()
    member = begin(project)
    hand(member, items(project)[3])
    assert items(project)[3] in deal(member)
    assert Assignment.objects.count() == 12


# --- given back ---


def test_a_closed_card_leaves_the_queue_as_it_was():
    project = make()
    member = begin(project)
    first, *others = deal(member)
    assert cards.give_back(member, first.pk, [one.pk for one in others]) == 11
    assert [one.item for one in Assignment.objects.filter(state="leased")] == [first]
    assert [one.item for one in QueueEntry.objects.filter(state="live")] == [first]


def test_what_was_picked_itself_stays_in_the_queue_when_it_is_given_back():
    project = make()
    second = items(project)[1]
    queue.publish(project, [queue.Pick(second.pk, Stream.RESERVE)], 1)
    member = begin(project)
    deal(member)
    cards.give_back(member, items(project)[0].pk, [second.pk])
    entry = QueueEntry.objects.get(item=second, state="live")
    assert (entry.stream, entry.free) == (Stream.RESERVE, 1)


def test_only_look_alikes_are_given_back():
    project = make()
    member = begin(project)
    other = items(project)[18]
    hand(member, other)
    assert cards.give_back(member, items(project)[0].pk, [other.pk, items(project)[0].pk]) == 0


def test_a_card_given_back_can_be_dealt_again():
    project = make()
    member = begin(project)
    dealt = deal(member)
    cards.give_back(member, dealt[0].pk, [one.pk for one in dealt[1:]])
    assert deal(member) == dealt


# --- stored ---


def test_items_of_a_card_are_stored_one_by_one_under_a_common_id():
    project = make()
    member = begin(project)
    label_together(member, deal(member))
    said = Annotation.objects.all()
    assert (said.count(), len(set(said.values_list("bulk", flat=True)))) == (12, 1)
    assert project.items.filter(state="settled").count() == 12


def test_an_item_that_is_asked_singly_is_never_marked_as_bulk():
    project = make()
    member = make_member(project)
    drawn = items(project)[5]
    Item.objects.filter(pk=drawn.pk).update(holdout=True)
    answer(member, drawn, project.labels.first(), bulk=uuid4())
    assert Annotation.objects.get().bulk is None


# --- records ---


def test_times_and_runs_of_cards_are_no_signs_of_haste():
    from projects import records

    project = make(items=60, fastest_seconds=2.0)
    member = begin(project)
    for item in items(project):
        hand(member, item)
    QueueEntry.objects.filter(stream=Stream.RANDOM).update(stream=Stream.CARD)
    label_together(member, items(project))
    (figures,) = records.team(project, project.policy).values()
    assert figures.signs == []
    assert figures.seconds is None


# --- the address ---


def ask(client, member: Membership, **body):
    address = reverse("together", args=[member.project_id])
    return client.post(address, json.dumps(body), content_type="application/json")


def test_the_page_gets_each_item_as_the_stage_and_as_the_card_show_it(client):
    project = make()
    member = begin(project)
    client.force_login(member.user)
    rows = ask(client, member, item=items(project)[0].pk).json()["items"]
    assert [row["id"] for row in rows] == [one.pk for one in items(project)[:12]]
    assert all("item-text" in row["html"] and "checkbox" in row["card"] for row in rows)


def test_the_page_gives_back_what_was_not_labelled(client):
    project = make()
    member = begin(project)
    client.force_login(member.user)
    dealt = deal(member)
    told = ask(client, member, item=dealt[0].pk, back=[one.pk for one in dealt[1:]]).json()
    assert told == {"given_back": 11}


def test_strangers_find_no_card_and_whoever_is_signed_out_is_told_so(client):
    project = make()
    member = begin(project)
    assert ask(client, member, item=1).status_code == 401
    client.force_login(make_user())
    assert ask(client, member, item=1).status_code == 404
    client.force_login(member.user)
    assert ask(client, member, item=items(project)[0].pk, user=0).status_code == 401
    assert ask(client, member, item=items(project)[4].pk).status_code == 409


@pytest.mark.parametrize(
    "body", [{}, {"item": "x"}, {"item": 1, "back": "all"}, {"item": 1, "back": [1] * 13}]
)
def test_what_no_page_of_ours_sends_is_refused(client, body):
    member = begin(make())
    client.force_login(member.user)
    assert ask(client, member, **body).status_code == 422


def test_a_body_of_brackets_alone_is_refused(client):
    member = begin(make())
    client.force_login(member.user)
    address = reverse("together", args=[member.project_id])
    assert client.post(address, "[" * 200_000, content_type="application/json").status_code == 422


# --- many at once ---


@pytest.mark.django_db(transaction=True)
def test_eight_people_who_open_cards_at_once_never_get_the_same_item():
    project = make(items=60)
    people, everything = [], items(project)
    for number in range(8):
        first = everything[number]
        member = make_member(project)
        entry = hand(member, first).entry
        QueueEntry.objects.filter(pk=entry.pk).update(
            stream=Stream.STRATEGY, reason={"alike": [one.pk for one in everything[8 + number : 28 + number]]}
        )
        people.append((member.pk, first))

    def labeller(pk, first):
        def work():
            member = Membership.objects.select_related("project").get(pk=pk)
            label_together(member, deal(member, first))
            while held := queue.lease(member, 3):
                actions.submit(member, [submission(held[0].item, project.labels.first())])

        return work

    together(*[labeller(*one) for one in people])
    judged = list(Annotation.objects.values_list("item", flat=True))
    assert len(judged) == len(set(judged)) == 60
    assert not project.items.exclude(state="settled").exists()


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_open_the_same_card_at_once_get_one():
    project = make()
    member = begin(project)
    dealt = []
    together(*[lambda: dealt.append(deal(Membership.objects.get(pk=member.pk))) for _ in range(4)])
    assert Assignment.objects.count() == 12
    assert [len(one) for one in dealt] == [12] * 4
