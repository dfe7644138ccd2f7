"""What was labelled together is asked singly, some of it: who gets it, and what follows from the answer."""

from __future__ import annotations

import pytest
from django.utils.timezone import now

from projects import actions, cards, queries, queue
from projects.models import Membership, Project, QueueEntry
from tests.factories import answer, hand, make_member, submission
from tests.test_cards import begin, deal, items, label_together, make

pytestmark = pytest.mark.django_db
Stream = QueueEntry.Stream


def checks(project: Project) -> list[QueueEntry]:
    return list(QueueEntry.objects.filter(project=project, stream=Stream.CARD_CHECK, state="live"))


def test_no_share_checks_nothing_and_a_whole_one_checks_everything():
    for share, count in ((0.0, 0), (1.0, 12)):
        project = make(bulk_check=share)
        member = begin(project)
        label_together(member, deal(member))
        assert len(checks(project)) == count


def test_a_tenth_is_drawn_by_the_item_alone_whoever_says_what():
    drawn = []
    for position in (0, 1):
        project = make(items=200, bulk_check=0.1)
        member = begin(project)
        for item in items(project):
            hand(member, item)
        QueueEntry.objects.filter(project=project).update(
            reason={"alike": [one.pk for one in items(project)[1:12]]}
        )
        label_together(member, items(project), position)
        drawn.append({one.item.number for one in checks(project)})
    assert drawn[0] == drawn[1]
    assert 8 <= len(drawn[0]) <= 35


def checked(**policy) -> tuple[Project, Membership, Membership]:
    """A card of two labelled by Ann, both to be checked; and Ben, who may."""
    project = make(items=3, bulk_check=1.0, gold_share=0.0, **policy)
    ann, ben = begin(project, "Ann"), make_member(project, "Ben")
    label_together(ann, deal(ann)[:2])
    return project, ann, ben


def test_another_person_gets_a_check_as_an_item_like_any_other():
    project, _ann, ben = checked()
    held = {one.item: one for one in queue.lease(ben, 5)}
    first = items(project)[0]
    assert held[first].entry.stream == Stream.CARD_CHECK
    assert "alike" not in held[first].entry.reason
    assert held[first].entry.reason["why"] == "first"


def test_an_item_stays_settled_and_taught_while_its_check_waits():
    project, _ann, _ben = checked()
    assert {one.item_id for one in queries.training(project)} == {one.pk for one in items(project)[:2]}


def test_an_equal_answer_confirms():
    project, _ann, ben = checked()
    first = items(project)[0]
    queue.lease(ben, 5)
    answer(ben, first, project.labels.get(position=0))
    first.refresh_from_db()
    assert (first.state, first.settled_labels) == ("settled", [project.labels.get(position=0).pk])
    assert not QueueEntry.objects.filter(item=first, state="live").exists()


def test_another_answer_goes_the_way_of_votes():
    project, _ann, ben = checked(max_overlap=2)
    first = items(project)[0]
    queue.lease(ben, 5)
    answer(ben, first, project.labels.get(position=1))
    first.refresh_from_db()
    assert first.state == "disputed"


def test_where_votes_differ_a_third_person_may_be_asked():
    project, _ann, ben = checked(triggers={"tie": 0})
    cleo, first = make_member(project, "Cleo"), items(project)[0]
    queue.lease(ben, 5)
    answer(ben, first, project.labels.get(position=1))
    first.refresh_from_db()
    assert first.state == "open"
    assert first in {one.item for one in queue.lease(cleo, 5)}


def test_a_round_that_publishes_leaves_checks_in_the_queue():
    project, _ann, _ben = checked()
    queue.publish(project, [], 2)
    assert len(checks(project)) == 2


def test_one_that_is_taken_back_is_checked_no_more():
    project, ann, _ben = checked()
    first = items(project)[0]
    actions.submit(ann, [submission(first, kind="undo")])
    assert [one.item for one in checks(project)] == [items(project)[1]]
    first.refresh_from_db()
    assert first.state == "open"
    label_together(ann, [first], 1)
    assert len(checks(project)) == 2
    first.refresh_from_db()
    assert first.settled_labels == [project.labels.get(position=1).pk]


def test_a_card_with_an_item_that_two_people_labelled_on_cards_asks_a_third_singly():
    project = make(overlap=2, agreement_overlap=2, bulk_check=1.0)
    QueueEntry.objects.update(places=2, free=2)
    for member in [begin(project, name) for name in ("Ann", "Ben")]:
        label_together(member, deal(member))
    assert {one.places for one in checks(project)} == {3}
    assert len(checks(project)) == 12


def alone() -> tuple[Project, Membership]:
    """A person who works alone and is to check the own card."""
    project = make(items=3, bulk_check=1.0, gold_share=0.0)
    ann = begin(project, "Ann")
    label_together(ann, deal(ann)[:2])
    assert cards.ask_themselves(project, now()) == 0
    assert cards.ask_themselves(project, now() + cards.LATER) == 2
    assert cards.ask_themselves(project, now() + cards.LATER) == 0
    return project, ann


def test_who_works_alone_gets_the_item_again_later_and_an_equal_answer_confirms():
    project, ann = alone()
    first = items(project)[0]
    assert first in {one.item for one in queue.lease(ann, 5)}
    actions.submit(ann, [submission(first, project.labels.get(position=0))])
    first.refresh_from_db()
    assert first.state == "settled"
    assert first not in {one.item for one in queue.lease(ann, 5)}


def test_who_says_something_else_alone_hands_the_item_to_a_lead():
    project, ann = alone()
    first = items(project)[0]
    queue.lease(ann, 5)
    actions.submit(ann, [submission(first, project.labels.get(position=1))])
    first.refresh_from_db()
    assert first.state == "disputed"


def test_who_works_alone_may_take_a_card_back_although_it_is_to_be_checked():
    project, ann = alone()
    first = items(project)[0]
    actions.submit(ann, [submission(first, kind="undo")])
    actions.submit(ann, [submission(first, project.labels.get(position=2))])
    first.refresh_from_db()
    assert first.settled_labels == [project.labels.get(position=2).pk]
    assert [one.item for one in checks(project)] == [items(project)[1]]
