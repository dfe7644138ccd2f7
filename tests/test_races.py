"""Many people at once, in real threads and on real locks."""

import json
from collections import Counter
from threading import Barrier, Event, Thread
from time import sleep
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from projects import actions, cards, queries, queue, returning, settle
from projects.models import Annotation, Assignment, Dispute, Membership, QueueEntry
from tests.factories import answer, hand, make_items, make_lead, make_member, make_project, submission

pytestmark = pytest.mark.django_db(transaction=True)


def together(*works):
    """Run all at the same moment; raise what any of them raised."""
    start, errors = Barrier(len(works)), []

    def run(work):
        try:
            start.wait()
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def labeller(membership, hold=3):
    """Label until nothing is left, holding some items ahead."""

    def work():
        member = Membership.objects.select_related("project").get(pk=membership.pk)
        label = member.project.labels.first()
        while held := queue.lease(member, hold):
            actions.submit(member, [submission(held[0].item, label)])

    return work


def test_eight_people_at_once_never_get_the_same_item():
    project = make_project(items=80)
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.all()[:40]], 1)
    together(*[labeller(make_member(project)) for _ in range(8)])
    judged = list(Annotation.objects.values_list("item", flat=True))
    assert len(judged) == len(set(judged)) == 80
    assert not project.items.exclude(state="settled").exists()


def test_items_for_three_go_to_exactly_three_different_people():
    project = make_project(items=30, policy={"overlap": 3, "agreement_overlap": 3})
    together(*[labeller(make_member(project)) for _ in range(6)])
    assert set(Counter(Annotation.objects.values_list("item", flat=True)).values()) == {3}
    assert not QueueEntry.objects.exclude(free=0).exists()


def test_two_tabs_of_one_person_share_their_assignments():
    project = make_project(items=40)
    member = make_member(project)
    together(*[lambda: queue.lease(Membership.objects.get(pk=member.pk), 5) for _ in range(4)])
    assert Assignment.objects.count() == 5


def test_the_same_submission_from_many_threads_is_stored_once():
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    hand(member, item)
    sent = submission(item, project.labels.first(), id=uuid4())
    seen = []
    together(*[lambda: seen.extend(actions.submit(member, [sent])) for _ in range(6)])
    assert Counter(v.status for v in seen) == {"stored": 1, "duplicate": 5}
    member.refresh_from_db()
    assert member.answered == 1


def test_a_round_published_while_people_label_serves_nothing_twice():
    project = make_project(items=90)
    items = list(project.items.order_by("number"))

    def publish():
        for number in range(1, 7):
            queue.publish(project, [queue.Pick(item.pk, "strategy") for item in items[number * 10 :]], number)

    together(publish, *[labeller(make_member(project)) for _ in range(4)])
    judged = Counter(Annotation.objects.values_list("item", flat=True))
    assert set(judged.values()) == {1}
    assert len(judged) == 90


def answering(membership, item, label):
    """Answer one item; the assignment is there."""

    def work():
        member = Membership.objects.select_related("project").get(pk=membership.pk)
        (verdict,) = actions.submit(member, [submission(item, label)])
        assert verdict.status == "stored"

    return work


def test_the_last_two_votes_at_once_settle_an_item_once_or_make_one_dispute():
    project = make_project(items=6, policy={"overlap": 2, "agreement_overlap": 2})
    ann, ben = make_member(project), make_member(project)
    first, second, _ = project.labels.all()
    for item in project.items.order_by("number"):
        hand(ann, item), hand(ben, item)
        together(answering(ann, item, first), answering(ben, item, second if item.number % 2 else first))
    for item in project.items.all():
        assert item.state == ("disputed" if item.number % 2 else "settled")
        assert item.disputes.count() == item.number % 2
        assert item.events.count() == 1
    assert not QueueEntry.objects.filter(state="live").exists()


def test_people_in_doubt_at_once_never_ask_more_than_the_most():
    policy = {"overlap": 2, "agreement_overlap": 2, "max_overlap": 4, "triggers": {"tie": 0}}
    project = make_project(items=12, policy=policy)
    labels = list(project.labels.all())

    def at_odds(membership, turn):
        def work():
            member = Membership.objects.select_related("project").get(pk=membership.pk)
            while held := queue.lease(member, 2):
                actions.submit(member, [submission(held[0].item, labels[(held[0].item_id + turn) % 3])])

        return work

    works = [at_odds(make_member(project), turn) for turn in range(6)]
    together(*works)
    for work in works:
        work()  # Whoever had left finds what was asked since.
    counts = Counter(Annotation.objects.values_list("item", flat=True))
    assert max(counts.values()) <= 4
    assert not project.items.filter(state="open").exists()
    assert Dispute.objects.filter(state="open").count() == project.items.filter(state="disputed").count()


def test_an_answer_that_waits_while_a_lead_sends_the_item_back_is_stored():
    project = make_project(items=1)
    member, item = make_member(project), project.items.get()
    first, second, _ = project.labels.all()
    answer(member, item, first)
    held = Event()

    def send_back():
        with transaction.atomic():
            returning.hold(item.pk)
            returning.send_back(settle.lock(item.pk), "Look again.", now())
            held.set()
            sleep(0.3)  # The answer comes to the lock meanwhile.

    def correct():
        held.wait(10)
        answering(member, item, second)()

    together(send_back, correct)
    assert Annotation.objects.get(revision=2).stream == "returned"


def test_a_page_of_a_project_that_rests_enlists_known_items_on_any_database(client):
    project = make_project(policy={"qualification": 4}, state="paused")
    make_lead(project)
    make_items(project, 6, gold=[[project.labels.first().pk]])
    client.force_login(make_member(project).user)
    assert client.get(reverse("label", args=[project.pk])).status_code == 200


def page(membership, want=3):
    """Label by way of the page's own address, each answer sent twice as by a line that breaks."""

    def work():
        client, url = Client(), reverse("work", args=[membership.project_id])
        client.force_login(membership.user)
        label = membership.project.labels.first().pk
        hand: list[int] = []
        while True:
            sent = (
                [{"id": str(uuid4()), "item": hand[0], "kind": "answer", "labels": [label]}] if hand else []
            )
            body = json.dumps({"submissions": sent, "want": want, "have": hand[1:]})
            first, again = (client.post(url, body, "application/json").json() for _ in range(2))
            assert [v["status"] for v in first["verdicts"]] == ["stored"] * len(sent)
            assert [v["status"] for v in again["verdicts"]] == ["duplicate"] * len(sent)
            hand = again["held"]
            if not hand:
                return

    return work


@pytest.mark.parametrize("places", [1, 3])
def test_a_crowd_at_once_keeps_to_the_places_and_loses_nothing(places):
    people = 50 if connection.vendor == "postgresql" else 8
    policy = {"overlap": places, "agreement_overlap": max(2, places), "max_overlap": max(3, places)}
    project = make_project(items=90 // places, policy=policy)
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.all()[:20]], 1)
    together(*[page(make_member(project)) for _ in range(people)])
    judged = Counter(Annotation.objects.values_list("item", flat=True))
    assert set(judged.values()) == {places}
    assert len(judged) == 90 // places
    assert not project.items.exclude(state="settled").exists()
    assert not QueueEntry.objects.filter(state="live").exists()
    answered = sum(Membership.objects.values_list("answered", flat=True))
    assert answered == Annotation.objects.count() == places * (90 // places)


@pytest.fixture
def slow_entries():
    """Let each new entry take a while, so that two who add several meet in the middle."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END'"
        )
        cursor.execute(
            "CREATE TRIGGER slowly BEFORE INSERT ON projects_queueentry"
            " FOR EACH ROW EXECUTE FUNCTION slowly()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION slowly CASCADE")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one write at a time")
@pytest.mark.parametrize("ways", ["deal lease", "deal publish", "lease publish"])
def test_two_who_add_the_same_items_in_another_order_never_wait_for_each_other(slow_entries, ways):
    project = make_project(items=9, policy={"bulk": True, "gold_share": 0.0, "agreement_share": 0.0})
    first, *others = project.items.order_by("-shuffle")
    ann, ben = make_member(project), make_member(project)
    entry = hand(ann, first).entry
    reason = {"why": "first", "alike": [item.pk for item in others]}
    QueueEntry.objects.filter(pk=entry.pk).update(stream="strategy", reason=reason)
    picks = [queue.Pick(item.pk, "strategy") for item in (others if "lease" in ways else others[::-1])]
    acts = {
        "deal": lambda: cards.deal(ann, queries.rules(project), first.pk),
        "lease": lambda: queue.lease(ben, 5),
        "publish": lambda: queue.publish(project, picks, 1),
    }
    together(*[acts[way] for way in ways.split()])
    live = Counter(QueueEntry.objects.filter(state="live").values_list("item", flat=True))
    assert set(live.values()) == {1}
