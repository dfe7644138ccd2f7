"""Who is asked: skills, senior people, items that came back, and everybody meeting everybody."""

from collections import Counter
from datetime import timedelta
from itertools import combinations

import pytest
from django.utils.timezone import now

from projects import actions, queue, returning, serving, settle
from projects.models import Annotation, Assignment, Item, Membership, QueueEntry
from projects.trust import standing
from tests.factories import answer, make_items, make_lead, make_member, make_project, submission

pytestmark = pytest.mark.django_db
PLAIN = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0}
TWO = {**PLAIN, "overlap": 2, "agreement_overlap": 2}


def picks(items):
    return [queue.Pick(item.pk, "strategy") for item in items]


def numbers(assignments):
    return [assignment.item.number for assignment in assignments]


# --- skills and senior people --------------------------------


@pytest.fixture
def tongues():
    project = make_project(policy={**PLAIN, "skill_field": "language"})
    for language in ("de", "fr", "", "xx", "de"):
        make_items(project, 1, metadata={"language": language} if language else {})
    queue.publish(project, picks(project.items.order_by("number")), 1)
    return project


def test_an_item_goes_to_who_has_its_skill_and_to_everybody_where_nobody_has(tongues):
    german, french = make_member(tongues, skills=["de"]), make_member(tongues, skills=["fr"])
    assert numbers(queue.lease(french, 9)) == [2, 3, 4]
    assert numbers(queue.lease(german, 9)) == [1, 5]


def test_a_skill_that_only_somebody_paused_has_is_nobody_s(tongues):
    make_member(tongues, skills=["de"], paused_at=now())
    assert numbers(queue.lease(make_member(tongues), 9)) == [1, 2, 3, 4, 5]


def test_the_fallback_and_a_lead_s_question_keep_the_skill(tongues):
    QueueEntry.objects.all().delete()
    french = make_member(tongues, skills=["fr"])
    make_member(tongues, skills=["de"])
    assert sorted(numbers(queue.lease(french, 9))) == [2, 3, 4]
    item = tongues.items.get(number=1)
    QueueEntry.objects.filter(item=item).update(state="done")
    queue.ask_again(item)
    assert QueueEntry.objects.get(item=item, state="live").skill == "de"


def test_senior_items_go_to_senior_people_and_to_everybody_where_there_are_none():
    project = make_project(items=2, policy=PLAIN)
    queue.publish(project, picks(project.items.order_by("number")), 1)
    QueueEntry.objects.filter(item__number=1).update(senior=True)
    old = make_member(project, senior=True)
    young = make_member(project)
    assert numbers(queue.lease(young, 9)) == [2]
    assert numbers(queue.lease(old, 9)) == [1]
    Assignment.objects.all().delete()
    QueueEntry.objects.update(free=1)
    Membership.objects.filter(pk=old.pk).update(active=False)
    assert numbers(queue.lease(make_member(project), 9)) == [1, 2]


# --- items that come back --------------------------------


def sent_back():
    """An item that two people answered and that a lead sent back to them, among others that wait."""
    project = make_project(items=4, policy=TWO)
    people = [make_member(project) for _ in range(3)]
    item = project.items.order_by("-number").first()
    for person, label in zip(people[:2], project.labels.all()[:2], strict=True):
        answer(person, item, label)
    item = settle.lock(item.pk)
    item.disputes.update(state="sent_back", closed_at=now())
    returning.send_back(item, "Look at the second sentence.", now())
    Item.objects.filter(pk=item.pk).update(state="open")
    return project, item, people


def test_what_was_sent_back_comes_first_to_those_very_people_and_to_nobody_else():
    project, item, (ann, ben, cleo) = sent_back()
    for person in (ann, ben):
        first = queue.lease(person, 1)[0]
        assert (first.item_id, first.note) == (item.pk, "Look at the second sentence.")
        label = project.labels.first()
        (verdict,) = actions.submit(person, [submission(item, label)])
        assert verdict.status == "stored"
    assert item.pk not in {one.item_id for one in queue.lease(cleo, 9)}
    assert Annotation.objects.filter(item=item, superseded_by=None).count() == 2


def test_a_lease_on_what_was_sent_back_ends_without_giving_the_place_away():
    _project, item, (ann, _ben, cleo) = sent_back()
    queue.lease(ann, 1)
    later = now() + timedelta(minutes=11)
    queue.expire_all(later)
    assert Assignment.objects.get(item=item, annotator=ann.user).state == "sent_back"
    assert item.pk not in {one.item_id for one in queue.lease(cleo, 9, later)}
    assert queue.lease(ann, 1, later)[0].item_id == item.pk


def test_nobody_waits_for_a_second_look_of_somebody_who_was_paused(django_capture_on_commit_callbacks):
    project, item, (ann, ben, _cleo) = sent_back()
    lead = make_lead(project)
    queue.lease(ann, 1)
    for person in (ann, ben):
        with django_capture_on_commit_callbacks(execute=True):
            standing.pause(person, lead.user, "Away.")
    assert set(Assignment.objects.filter(item=item).values_list("state", flat=True)) == {"submitted"}
    # They still differ: a lead decides, or somebody else is asked.
    assert item.disputes.filter(state="open").exists() or QueueEntry.objects.filter(item=item, free__gt=0)


def test_a_recheck_may_go_to_those_who_answered_before_and_to_others():
    project = make_project(items=2, policy=PLAIN)
    ann, ben = make_member(project), make_member(project)
    item = project.items.order_by("number").first()
    answer(ann, item, project.labels.first())
    Assignment.objects.filter(item=item).update(state="sent_back")
    Item.objects.filter(pk=item.pk).update(state="stale")
    make_entry(project, item, "recheck", rank=0)
    assert numbers(queue.lease(ann, 1)) == [1]
    Assignment.objects.filter(item=item).update(state="submitted")
    QueueEntry.objects.filter(item=item).update(free=1)
    assert 1 not in [one.item.number for one in queue.lease(ann, 9)]
    assert 1 in numbers(queue.lease(ben, 9))


def make_entry(project, item, stream, rank=5):
    return QueueEntry.objects.create(project=project, item=item, rank=rank, stream=stream, places=1, free=1)


@pytest.mark.parametrize("stream", serving.LASTING)
def test_a_round_never_withdraws_what_somebody_asked_for(stream):
    project = make_project(items=3, policy=PLAIN)
    first, *others = project.items.order_by("number")
    entry = make_entry(project, first, stream)
    queue.publish(project, picks(others), 1)
    queue.publish(project, picks(others), 2)
    entry.refresh_from_db()
    assert entry.state == "live"


# --- everybody meets everybody --------------------------------


def meetings(monkeypatch, *, spread):
    """Let six people label in turns, always in the same order; return the items that each pair shares."""
    if not spread:
        monkeypatch.setattr(serving, "spread", lambda *_: None)
    project = make_project(items=120, policy=TWO)
    people = [make_member(project) for _ in range(6)]
    queue.publish(project, picks(project.items.order_by("number")), 1)
    label = project.labels.first()
    while held := [(person, queue.lease(person, 3)) for person in people]:
        if not any(hand for _person, hand in held):
            break
        for person, hand in held:
            for one in hand[:2]:
                actions.submit(person, [submission(one.item, label)])
    pairs = Counter(dict.fromkeys(combinations(sorted(person.user_id for person in people), 2), 0))
    rows = Annotation.objects.order_by("item", "annotator").values_list("item", "annotator")
    by_item: dict[int, list[int]] = {}
    for item, user in rows:
        by_item.setdefault(item, []).append(user)
    assert {len(who) for who in by_item.values()} == {2}
    pairs.update((first, second) for first, second in by_item.values())
    return sorted(pairs.values())


def test_six_people_meet_each_other_about_equally_often(monkeypatch):
    counts = meetings(monkeypatch, spread=True)
    # 120 items, 15 pairs: eight each would be perfect.
    assert sum(counts) == 120
    assert min(counts) >= 4, counts
    assert max(counts) <= 14, counts


def test_without_a_choice_of_partners_some_pairs_hardly_meet(monkeypatch):
    counts = meetings(monkeypatch, spread=False)
    assert min(counts) <= 1, counts
    assert max(counts) >= 25, counts


def test_the_first_items_of_a_project_keep_their_order_for_everybody():
    project = make_project(items=6, policy=TWO)
    items = list(project.items.order_by("number"))
    for rank, item in enumerate(items):
        entry = make_entry(project, item, "calibrate", rank)
        QueueEntry.objects.filter(pk=entry.pk).update(places=3, free=3)
    ann, ben = make_member(project), make_member(project)
    make_lead(project)
    assert numbers(queue.lease(ann, 4)) == [1, 2, 3, 4]
    assert numbers(queue.lease(ben, 4)) == [1, 2, 3, 4]
