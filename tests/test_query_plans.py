"""How the database finds what the labelling page asks for: by an index, however many items there are."""

import json
import re
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from benchmarks.load import fill
from projects import queue
from projects.models import Annotation, Assignment, Comment, Item, QueueEntry
from tests.factories import make_items, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db

ITEMS, ANSWERED, PICKED = 8_000, 1_500, 500
# What grows with the work, by its name and by those that statements give it; all else is small here.
LARGE = {"projects_item", "projects_queueentry", "projects_assignment", "projects_annotation"}
SHORT = {"i", "e", "a", "n"}
KEPT = re.compile(r'"projects_item"\."agreement"|COUNT\(\*\).* FROM "projects_item" WHERE .*=\W*settled')


@pytest.fixture
def member(client, monkeypatch):
    """Somebody who labels in a project that is filled, and partly answered by somebody else."""
    project = make_project(has_model=True, policy={"agreement_share": 0.1})
    fill(project.pk, ITEMS)
    project.item_count = ITEMS
    project.save()
    other, member = make_member(project), make_member(project)
    Comment.objects.create(project=project, item=project.items.first(), author=other.user, text="Hm.")
    items = list(project.items.order_by("number")[: ANSWERED + PICKED])
    answer_all(other, items[:ANSWERED])
    queue.publish(project, [queue.Pick(item.pk, "strategy", {"why": "random"}) for item in items], 1)
    if connection.vendor == "postgresql":
        connection.cursor().execute("ANALYZE")
        # What is prepared by now has no text any more that could be captured.
        monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    client.force_login(member.user)
    return member


def answer_all(member, items):
    """Store answers as they are after a while."""
    project, at = member.project, now()
    shared = {"project": project, "annotator": member.user}
    entries = QueueEntry.objects.bulk_create(
        QueueEntry(project=project, item=item, rank=n, stream="strategy", free=0, state="done")
        for n, item in enumerate(items)
    )
    Assignment.objects.bulk_create(
        Assignment(**shared, item=entry.item, entry=entry, state="submitted", expires_at=at)
        for entry in entries
    )
    labels = [project.labels.first().pk]
    Annotation.objects.bulk_create(
        Annotation(**shared, item=item, submission=uuid4(), labels=labels) for item in items
    )
    ids = [item.pk for item in items]
    Item.objects.filter(pk__in=ids).update(state="settled", settled_labels=labels, settled_source="single")


def cycle(client, project, hand):
    """Answer what comes first and take what comes for it, as the page does; return what is in hand."""
    label = project.labels.first().pk
    sent = [{"id": str(uuid4()), "item": hand[0], "kind": "answer", "labels": [label]}] if hand else []
    body = {"submissions": sent, "want": 6, "have": hand[1:]}
    reply = client.post(reverse("work", args=[project.pk]), json.dumps(body), "application/json").json()
    assert [verdict["status"] for verdict in reply["verdicts"]] == ["stored"] * len(sent)
    return reply["held"]


def scans(statement):
    """The tables that a statement reads from end to end."""
    if not re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE|WITH)", statement):
        return set()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            found = {re.match(r"SCAN ([a-zA-Z]\w*)", row[3]) for row in cursor.fetchall()}
            return {match[1] for match in found if match} & {*LARGE, *SHORT}
        # What is prepared has no values in it: its plan has to be good for all of them.
        generic = ", GENERIC_PLAN" if "$1" in statement else ""
        cursor.execute(f"EXPLAIN (FORMAT JSON{generic}) {statement}")
        return set(_scanned(cursor.fetchone()[0][0]["Plan"])) & LARGE


def _scanned(plan):
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _scanned(part)


def judged(captured):
    """Pair each statement of a request with the large tables that it reads from end to end.

    Two figures are kept in the process, so that at most a hundredth of the time goes into them, and are read
    over all there is: how far the agreement sample agrees, and how many items are settled.
    """
    asked = [query["sql"] for query in captured if not KEPT.search(query["sql"])]
    return [(sql, found) for sql in asked if (found := scans(sql))]


def test_a_warm_cycle_reads_no_large_table_from_end_to_end(client, member):
    hand = cycle(client, member.project, [])
    hand = cycle(client, member.project, hand)
    with CaptureQueriesContext(connection) as captured:
        cycle(client, member.project, hand)
    assert len(captured) > 10
    assert judged(captured.captured_queries) == []


def test_nor_does_a_cold_one_with_known_items_and_shared_ones(client, member):
    make_lead(member.project)
    make_items(member.project, 4, gold=[[member.project.labels.first().pk]])
    hand = cycle(client, member.project, [])
    member.project.policies.update(gold_share=0.5)
    QueueEntry.objects.filter(state="live").exclude(stream="gold").update(places=3)
    caches["near"].clear()
    with CaptureQueriesContext(connection) as captured:
        for _ in range(3):
            hand = cycle(client, member.project, hand)
    assert Assignment.objects.filter(entry__stream="gold").exists()
    assert judged(captured.captured_queries) == []


def test_opening_the_page_reads_no_large_table_from_end_to_end(client, member):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(reverse("label", args=[member.project_id])).status_code == 200
    assert judged(captured.captured_queries) == []


def test_an_empty_queue_is_filled_without_reading_all_items(client, member):
    QueueEntry.objects.filter(state="live").update(state="withdrawn")
    with CaptureQueriesContext(connection) as captured:
        assert len(cycle(client, member.project, [])) == 6
    assert judged(captured.captured_queries) == []


def test_a_scan_would_be_found(member):
    assert scans("SELECT * FROM projects_item WHERE text = 'none of these'") == {"projects_item"}
