"""The guidelines change while people answer: nothing is lost, nobody is stuck, old votes decide nothing."""

from __future__ import annotations

from itertools import count
from threading import Event
from time import sleep

import pytest

from projects import actions, guidelines, queue
from projects.guidelines import Kind, News
from projects.models import Item, Membership, Project, QueueEntry
from projects.trust import staleness
from tests.factories import make_admin, make_member, make_project, submission
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
ITEMS, PEOPLE = 30, 3


def work(member: Membership, over: Event) -> None:
    """Answer whatever is given, read what is new, until no change is to come and nothing is left."""
    label, idle = member.project.labels.first(), 0
    while idle < 5:
        member = Membership.objects.select_related("project", "user").get(pk=member.pk)
        if staleness.must_read(member):
            staleness.acknowledge(member, member.user, member.project.guideline_version)
            continue
        given = queue.lease(member, 2)
        for one in given:
            (verdict,) = actions.submit(member, [submission(one.item, label)])
            assert verdict.status == "stored", verdict
        idle = idle + 1 if over.is_set() and not given else 0
        sleep(0 if given else 0.05)


def change(project: Project, admin: Membership) -> None:
    """Change the guidelines twice while the others work, and follow until nothing is due."""
    label = project.labels.first()
    for number in (1, 2):
        news = News(Kind.CLARIFYING, f"Rule {number}", (label.pk,))
        guidelines.change(project, admin.user, f"Text {number}", number, news)
        while staleness.due().exists():
            staleness.follow(project.pk)


def test_people_answer_while_the_guidelines_change():
    policy = {"holdout_share": 0.0, "agreement_share": 0.0, "gold_share": 0.0, "spot_share": 0.0}
    project = make_project(items=ITEMS, policy=policy)
    admin, people = make_admin(project), [make_member(project) for _ in range(PEOPLE)]
    turns, over = count(), Event()

    def turn() -> None:
        mine = next(turns)
        if mine < PEOPLE:
            return work(people[mine], over)
        try:
            change(project, admin)
        finally:
            over.set()

    in_threads(PEOPLE + 1, turn)
    items = list(Item.objects.filter(project=project))
    assert {item.state for item in items} == {"settled"}
    for item in items:
        votes = item.annotations.filter(superseded_by=None)
        assert any(vote.guideline_version >= item.votes_from for vote in votes)
    assert not QueueEntry.objects.filter(state="live", free__gt=0).exists()
    assert not staleness.due().exists()
