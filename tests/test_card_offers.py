"""Cards: which items the page is told of, and which answers are believed to have been given on one."""

from __future__ import annotations

from uuid import uuid4

import pytest

from projects import actions, cards, queries
from projects.models import Annotation, Assignment, Item, Membership, Policy, QueueEntry
from tests.factories import hand, make_member, submission
from tests.test_cards import begin, deal, items, label_together, make

pytestmark = pytest.mark.django_db


# --- offered ---


def told(member: Membership, item: Item) -> int:
    held = Assignment.objects.select_related("item", "entry").get(annotator=member.user, item=item)
    return cards.alike(member, queries.rules(member.project), held)


@pytest.mark.parametrize("never", [{"agreement": True}, {"calibration": True}, {"gold": [[1]]}])
def test_the_page_is_told_of_no_look_alikes_where_none_are_dealt(never):
    project = make()
    member, first = begin(project), items(project)[0]
    assert told(member, first) == 11
    Item.objects.filter(pk=first.pk).update(**never)
    assert told(member, first) == 0
    assert deal(member) == [first]


def test_look_alikes_are_withheld_as_often_as_known_items_come_at_most():
    project = make(items=80, gold_share=0.2)
    member, everything = make_member(project), items(project)
    for item in everything:
        hand(member, item)
    QueueEntry.objects.update(stream="strategy", reason={"alike": [one.pk for one in everything[:20]]})
    withheld = [item for item in everything if not told(member, item)]
    # Three times a fifth, as in a person's first answers; the bounds are four standard errors wide.
    assert 30 <= len(withheld) <= 66
    assert deal(member, withheld[0]) == [withheld[0]]


# --- believed ---


def stored(member: Membership, item: Item, **fields) -> Annotation:
    one = submission(item, member.project.labels.first(), **{"bulk": uuid4(), **fields})
    assert actions.submit(member, [one])[0].status == "stored"
    return Annotation.objects.get(submission=one.id)


@pytest.mark.parametrize("bulk", [True, False])
def test_a_browser_that_says_it_was_a_card_is_not_believed_where_there_was_none(bulk):
    project = make(bulk=bulk)
    member = make_member(project)
    far = items(project)[18]
    hand(member, far)
    assert stored(member, far).bulk is None


def test_a_look_alike_that_was_picked_for_itself_is_of_the_card_while_its_first_item_is_known():
    project = make()
    member = begin(project)
    first, one, other, *_rest = items(project)
    for item in (one, other):
        hand(member, item)
    bulk = uuid4()
    assert stored(member, one, bulk=bulk).bulk == stored(member, first, bulk=bulk).bulk == bulk
    assert stored(member, other, bulk=bulk).bulk == bulk


def test_what_was_dealt_before_cards_were_switched_off_stays_a_card():
    project = make()
    member = begin(project)
    dealt = deal(member)
    Policy.objects.filter(project=project).update(bulk=False)
    label_together(member, dealt)
    assert not Annotation.objects.filter(bulk=None).exists()
