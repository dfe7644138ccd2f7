"""When votes settle an item, when another one is asked for, and what is exactly undone."""

import pytest
from django.db import transaction
from django.utils.timezone import now

from projects import settle
from projects.audit import Act
from projects.models import Item, Membership, QueueEntry
from tests.factories import answer, make_member, make_project

pytestmark = pytest.mark.django_db


def double(items=1, people=3, **policy):
    """A project that asks two people about every item, and its people."""
    project = make_project(items=items, policy={"overlap": 2, "agreement_overlap": 2, **policy})
    return project, [make_member(project) for _ in range(people)]


def only(project):
    return Item.objects.get(project=project)


def exclude(member, project, on=True):
    """Let a person's votes count for nothing, or again, and judge the items anew."""
    with transaction.atomic():
        Membership.objects.filter(pk=member.pk).update(excluded_at=now() if on else None)
        items = list(project.annotations.filter(annotator=member.user).values_list("item", flat=True))
        return settle.rejudge_items(project, items, Act(project))


def facts(project):
    fields = ("pk", *settle.EMPTY)
    return list(Item.objects.filter(project=project).order_by("pk").values(*fields))


def test_excluded_votes_open_an_item_again_and_undoing_restores_it_exactly():
    project, (ann, ben, _) = double()
    label = project.labels.first()
    answer(ann, only(project), label), answer(ben, only(project), label)
    before = facts(project)
    assert exclude(ann, project) == 1
    assert only(project).state == "open"
    entry = QueueEntry.objects.get(state="live")
    assert (entry.places, entry.free) == (3, 1)
    assert exclude(ann, project, on=False) == 1
    assert facts(project) == before
    assert not QueueEntry.objects.filter(state="live").exists()
