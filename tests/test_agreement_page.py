"""The page of agreement: which answers it counts, what it shows, and the items behind each number."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils.timezone import now

from projects import agreement
from projects.models import Annotation, Dispute, GuidelineVersion, Item, Label, Membership, Policy
from tests.factories import answer, make_admin, make_items, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db
TWICE = {"agreement_share": 0.5, "holdout_share": 0.0, "agreement_overlap": 2}


@pytest.fixture
def project():
    made = make_project(labels=["refund", "billing", "other"], policy=TWICE)
    make_items(made, 12, agreement=range(10))
    return made


@pytest.fixture
def team(project):
    return [make_member(project, name) for name in ("Ben", "Mira", "Tom")]


def labels(project):
    return {label.name: label for label in project.labels.all()}


def say(project, item, *words, stream="agreement", version=1, at=None):
    """Store answers as (member, label name) without asking the queue; a person's next one replaces the last."""
    every = labels(project)
    for member, name in words:
        mine = Annotation.objects.filter(item=item, annotator=member.user)
        before = mine.order_by("-revision").first()
        Annotation.objects.create(
            project=project,
            item=item,
            annotator=member.user,
            revision=before.revision + 1 if before else 1,
            supersedes=before,
            submission=f"00000000-0000-4000-8000-{Annotation.objects.count():012d}",
            labels=sorted(every[one].pk for one in name.split("+")),
            stream=stream,
            guideline_version=version,
            created_at=at or now(),
        )


def whole(project):
    cache.clear()
    return agreement.report(project).whole


def shown(client, project, query="", name="agreement", **words):
    lead = Membership.objects.filter(project=project, role="lead").first() or make_lead(project)
    client.force_login(lead.user)
    reply = client.get(reverse(name, args=[project.pk, *words.values()]) + query)
    assert reply.status_code == 200
    return reply.content.decode()


def listed(client, project, query):
    """The numbers of the items that a filter leaves."""
    page = shown(client, project, query, name="items")
    return [int(number) for number in re.findall(r'<th scope="row" class="number"><a href="[^"]*/(\d+)/"', page)]


def items(project):
    return list(project.items.order_by("number"))


@pytest.mark.parametrize("address", ["agreement", "pair"])
@pytest.mark.parametrize("who", ["lead", "admin", "annotator", "left", "stranger", "nobody"])
def test_only_leads_and_admins_see_agreement(client, project, team, who, address):
    if who in Membership.Role.values:
        client.force_login(make_member(project, role=who).user)
    elif who == "left":
        client.force_login(make_member(project, role="lead", active=False).user)
    elif who == "stranger":
        client.force_login(make_admin(make_project()).user)
    people = [team[0].user_id, team[1].user_id]
    url = reverse("agreement", args=[project.pk])
    url = reverse("agreement-pair", args=[project.pk, *people]) if address == "pair" else url
    expected = {"lead": 200, "admin": 200, "annotator": 403, "nobody": 302}.get(who, 404)
    assert client.get(url).status_code == expected


def test_a_small_project_reads_sentences(client, project, team):
    assert "10 items are drawn at random" in shown(client, project)
    assert "No item was drawn" in shown(client, make_project(items=3))
    alone = make_project()
    make_items(alone, 2, agreement=range(2))
    assert "only one person here" in shown(client, alone)


def test_the_page_shows_each_figure(client, project, team):
    ben, mira, _ = team
    for at, item in enumerate(items(project)[:8]):
        say(project, item, (ben, "refund"), (mira, "billing" if at < 2 else "refund" if at < 5 else "refund"))
    page = shown(client, project)
    for words in ("Krippendorff", "What is mixed up", "By label", "By person", "By week", "Ben", "Mira"):
        assert words in page
    assert "No figure yet" not in page
