"""Judgements: stored once, settled, taken back, disputed."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from projects import actions, queries, queue
from projects.errors import Refused
from projects.models import Annotation, Dispute, Item, QueueEntry
from projects.signals import judgements_changed
from tests.factories import answer, hand, make_member, make_project, submission

pytestmark = pytest.mark.django_db


def double(items=1, **fields):
    """A project in which two people answer every item, and those two."""
    project = make_project(items=items, policy={"overlap": 2, "agreement_overlap": 2}, **fields)
    return project, make_member(project), make_member(project)


def only(project):
    return Item.objects.get(project=project)


def test_one_answer_settles_an_item_that_needs_one():
    project = make_project(items=1)
    label = project.labels.first()
    answer(make_member(project), only(project), label)
    item = only(project)
    assert (item.state, item.settled_labels, item.settled_source) == ("settled", [label.pk], "single")
    assert 0.5 < item.posterior < 1


def test_the_same_submission_twice_is_one_annotation():
    project = make_project(items=1)
    member, label = make_member(project), project.labels.first()
    hand(member, only(project))
    sent = submission(only(project), label)
    assert [actions.submit(member, [sent])[0].status for _ in range(3)] == [
        "stored",
        "duplicate",
        "duplicate",
    ]
    assert Annotation.objects.count() == 1
    member.refresh_from_db()
    assert member.answered == 1


def test_one_refused_answer_stops_no_other():
    project = make_project(items=2)
    member, label = make_member(project), project.labels.first()
    good, bad = queue.lease(member, 2)
    verdicts = actions.submit(
        member, [submission(bad.item), submission(good.item, label), submission(bad.item, kind="nonsense")]
    )
    assert [v.status for v in verdicts] == ["rejected", "stored", "rejected"]


def test_an_item_that_was_never_given_to_a_person_takes_no_answer():
    project = make_project(items=1)
    (verdict,) = actions.submit(make_member(project), [submission(only(project), project.labels.first())])
    assert verdict.status == "rejected"
    assert not Annotation.objects.exists()


def test_a_label_of_another_project_is_refused():
    project, other = make_project(items=1), make_project()
    member = make_member(project)
    hand(member, only(project))
    (verdict,) = actions.submit(member, [submission(only(project), other.labels.first())])
    assert verdict.status == "rejected"


def test_a_changed_answer_is_a_new_revision_and_the_old_one_stays():
    project = make_project(items=1)
    member = make_member(project)
    first, second, _ = project.labels.all()
    answer(member, only(project), first)
    answer(member, only(project), second)
    assert list(Annotation.objects.order_by("pk").values_list("revision", "labels")) == [
        (1, [first.pk]),
        (2, [second.pk]),
    ]
    assert [a.labels for a in queries.current(Annotation.objects.all())] == [[second.pk]]
    assert only(project).settled_labels == [second.pk]
    member.refresh_from_db()
    assert member.answered == 1


def test_taking_an_answer_back_opens_the_item_again_for_the_same_person():
    project = make_project(items=1)
    member = make_member(project)
    answer(member, only(project), project.labels.first())
    actions.submit(member, [submission(only(project), kind="undo")])
    item = only(project)
    assert (item.state, item.settled_labels) == ("open", None)
    assert [a.item_id for a in queue.lease(member, 1)] == [item.pk]
    assert queue.lease(make_member(project), 1) == []
    member.refresh_from_db()
    assert member.answered == 0


def test_nothing_can_be_taken_back_twice():
    project = make_project(items=1)
    member = make_member(project)
    answer(member, only(project), project.labels.first())
    undo = [submission(only(project), kind="undo") for _ in range(2)]
    assert [v.status for v in actions.submit(member, undo)] == ["stored", "rejected"]


def test_two_that_agree_settle_by_consensus_with_a_higher_posterior_than_one():
    project, ann, ben = double()
    label = project.labels.first()
    answer(ann, only(project), label)
    assert only(project).state == "open"
    answer(ben, only(project), label)
    item = only(project)
    assert (item.state, item.settled_source) == ("settled", "consensus")
    assert item.posterior > 0.9


def test_two_that_differ_become_one_dispute():
    project, ann, ben = double()
    first, second, _ = project.labels.all()
    answer(ann, only(project), first)
    answer(ben, only(project), second)
    assert only(project).state == "disputed"
    assert Dispute.objects.get().reasons == ["tie"]
    assert not QueueEntry.objects.filter(state="live").exists()


def test_a_vote_that_changes_marks_the_dispute_and_does_not_close_it():
    project, ann, ben = double()
    first, second, _ = project.labels.all()
    answer(ann, only(project), first)
    answer(ben, only(project), second)
    answer(ben, only(project), first)
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.version) == ("open", 2)


def test_a_majority_of_three_settles_and_three_ways_do_not():
    project = make_project(items=2, policy={"overlap": 3, "agreement_overlap": 3})
    people = [make_member(project) for _ in range(3)]
    one, two = project.items.order_by("number")
    first, second, third = project.labels.all()
    for person, label in zip(people, (first, first, second), strict=True):
        answer(person, one, label)
    for person, label in zip(people, (first, second, third), strict=True):
        answer(person, two, label)
    assert list(project.items.order_by("number").values_list("state", flat=True)) == ["settled", "disputed"]


def test_a_flag_goes_to_the_lead_at_once_and_is_gone_when_taken_back():
    project, ann, ben = double()
    answer(ann, only(project), kind="flag", note="Two questions in one")
    assert Dispute.objects.get().reasons == ["flag"]
    assert queue.lease(ben, 1) == []
    actions.submit(ann, [submission(only(project), kind="undo")])
    assert Dispute.objects.get().state == "dismissed"
    assert only(project).state == "open"
    assert len(queue.lease(ben, 1)) == 1


def test_a_flag_without_a_note_is_refused():
    project = make_project(items=1)
    member = make_member(project)
    hand(member, only(project))
    (verdict,) = actions.submit(member, [submission(only(project), kind="flag", note=" ")])
    assert verdict.status == "rejected"
    assert "note" in verdict.message


def test_cant_tell_is_an_answer_that_settles_without_a_label_and_trains_nothing():
    project = make_project(items=1)
    answer(make_member(project), only(project), kind="cant_tell")
    item = only(project)
    assert (item.state, item.settled_labels) == ("settled", None)
    assert list(queries.training(project)) == []


def test_cant_tell_against_a_label_is_a_dispute():
    project, ann, ben = double()
    answer(ann, only(project), kind="cant_tell")
    answer(ben, only(project), project.labels.first())
    assert only(project).state == "disputed"


def test_none_of_these_is_an_answer_where_several_labels_may_apply():
    project = make_project(items=1, task="multi")
    answer(make_member(project), only(project))
    assert [known.positions for known in queries.training(project)] == [()]


def test_single_choice_wants_exactly_one_label():
    project = make_project(items=1)
    member = make_member(project)
    hand(member, only(project))
    sent = [submission(only(project)), submission(only(project), *project.labels.all()[:2])]
    assert {v.status for v in actions.submit(member, sent)} == {"rejected"}


def test_votes_change_nothing_about_a_label_known_at_import():
    project = make_project(items=1)
    first, second, _ = project.labels.all()
    Item.objects.update(state="settled", settled_labels=[first.pk], settled_source="gold")
    answer(make_member(project), only(project), second)
    assert only(project).settled_labels == [first.pk]


def test_training_never_holds_a_hold_out_item():
    project = make_project(items=4)
    member = make_member(project)
    Item.objects.filter(project=project, number__lte=2).update(holdout=True)
    for item in project.items.all():
        answer(member, item, project.labels.first())
    known = {k.item_id for k in queries.training(project)}, {k.item_id for k in queries.evaluation(project)}
    held = set(project.items.filter(holdout=True).values_list("pk", flat=True))
    assert known[1] == held
    assert not known[0] & held


def test_news_goes_out_after_commit_and_not_for_a_repeat(django_capture_on_commit_callbacks):
    project = make_project(items=1)
    member = make_member(project)
    hand(member, only(project))
    sent, heard = submission(only(project), project.labels.first()), []

    def listen(project_id, **_):
        heard.append(project_id)

    judgements_changed.connect(listen)
    try:
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                actions.submit(member, [sent])
    finally:
        judgements_changed.disconnect(listen)
    assert heard == [project.pk]


def test_an_id_of_another_person_s_answer_is_refused_and_tells_nothing():
    project, ann, ben = double()
    sent = submission(only(project), project.labels.first(), id=uuid4())
    hand(ann, only(project)), hand(ben, only(project))
    actions.submit(ann, [sent])
    (verdict,) = actions.submit(ben, [sent])
    assert verdict.status == "rejected"
    assert Annotation.objects.count() == 1


@pytest.mark.parametrize(
    "row",
    [
        None,
        {},
        {"id": "x", "item": 1, "kind": "answer"},
        {"id": str(uuid4()), "item": "1", "kind": "answer"},
        {"id": str(uuid4()), "item": 1, "kind": "answer", "labels": [1.5]},
        {"id": str(uuid4()), "item": 1, "kind": "answer", "labels": 3},
        {"id": str(uuid4()), "item": 2**70, "kind": "answer"},
        {"id": str(uuid4()), "item": True, "kind": "answer"},
        {"id": str(uuid4()), "item": 1, "kind": "answer", "active_ms": -1},
    ],
)
def test_what_no_browser_of_ours_sends_is_refused(row):
    with pytest.raises(Refused):
        actions.parse([row])


def test_notes_lose_what_a_database_cannot_keep():
    (read,) = actions.parse([{"id": str(uuid4()), "item": 1, "kind": "flag", "note": "a\0b\ud800c"}])
    assert read.note == "ab?c"


def test_a_flag_that_a_lead_sent_back_does_not_come_again():
    project, ann, ben = double()
    answer(ann, only(project), kind="flag", note="Which one?")
    Dispute.objects.update(state="sent_back", closed_at=now() + timedelta(seconds=1))
    item = only(project)
    Item.objects.filter(pk=item.pk).update(state="open")
    queue.ask_again(item)
    answer(ben, item, project.labels.first())
    assert (only(project).state, Dispute.objects.filter(state="open").count()) == ("settled", 0)
