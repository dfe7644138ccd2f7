"""The page of agreement: which answers it counts, what it shows, and the items behind each number."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from unittest.mock import Mock
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils.timezone import now

from projects import agreement, draws, queue
from projects.models import Annotation, Dispute, GuidelineVersion, Item, Label, Membership, Policy, Project
from projects.quality.agreement import Agreement
from tests.factories import answer, make_admin, make_items, make_lead, make_member, make_project
from tests.uploading import take

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
    """Store answers as (member, label name) past the queue; a person's next one replaces the last."""
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
            submission=uuid4(),
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
    return [
        int(number) for number in re.findall(r'<th scope="row" class="number"><a href="[^"]*/(\d+)/"', page)
    ]


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
    weeks = [now() - timedelta(weeks=at % 3) for at in range(8)]
    for at, item in enumerate(items(project)[:8]):
        other = "billing" if at < 2 else "refund" if at < 5 else "other"
        say(project, item, (ben, "refund" if at < 5 else "other"), (mira, other), at=weeks[at])
    page = shown(client, project)
    for words in ("Krippendorff", "8", "75 %", "Mixed up most", "By label", "Ben", "Mira", 'role="img"'):
        assert words in page
    assert agreement.width(whole(project)) in page
    assert "No figure yet" not in page


def test_weeks_and_versions_make_a_series_with_intervals_and_numbers_of_items(project, team):
    ben, mira, _ = team
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    for at, item in enumerate(items(project)[:8]):
        word = "billing" if at % 2 else "refund"
        when = monday + timedelta(days=6 + at // 4)
        say(project, item, (ben, word), at=monday, version=1 + at // 4)
        say(project, item, (mira, word if at else "other"), at=when, version=1 + at // 4)
    report = agreement.report(project)
    assert [one.at for one in report.weeks] == [(monday.date() - date(1970, 1, 1)).days + n for n in (0, 7)]
    weeks, versions = agreement.week_chart(report.weeks), agreement.version_chart(report.versions)
    assert weeks.columns == ["week from", "alpha", "interval", "items"]
    assert [(row[0], row[-1]) for row in weeks.rows] == [("March 2", "4"), ("March 9", "4")]
    assert [(row[0], row[-1]) for row in versions.rows] == [("version 1", "4"), ("version 2", "4")]
    assert "band" in weeks.svg
    assert agreement.week_chart(report.weeks[:1]).empty


def test_a_figure_that_is_undefined_is_a_dash(client, project, team):
    for item in items(project)[:3]:
        say(project, item, (team[0], "refund"), (team[1], "refund"))
    page = shown(client, project)
    assert re.search(r'class="big-figure">–', page)
    assert "nothing to disagree on yet" in page
    assert "nothing can be mixed up" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"ordinal": True}, "answers further apart weigh more"), ({"task": "multi"}, "agree in part")],
)
def test_scales_and_sets_are_measured_by_their_own_distance(client, fields, words):
    made = make_project(labels=["low", "middle", "high"], policy=TWICE, **fields)
    make_items(made, 6, agreement=range(6))
    ben, mira = make_member(made), make_member(made)
    near = ["low+middle", "low"] if fields.get("task") else ["low", "middle"]
    far = ["low", "high"]
    for at, item in enumerate(items(made)):
        say(made, item, (ben, ["low", "high"][at % 2]), (mira, ["low", "high"][at % 2]))
    results = []
    for one, other in (near, far):
        Annotation.objects.filter(item__number=1).delete()
        say(made, items(made)[0], (ben, one), (mira, other))
        results.append(whole(made).alpha)
    assert results[0] > results[1]
    assert words in shown(client, made)


def test_asking_once_more_where_people_differ_moves_nothing(project, team):
    ben, mira, tom = team
    for at, item in enumerate(items(project)[:8]):
        say(project, item, (ben, "refund"), (mira, "refund" if at < 5 else "billing"))
    before = whole(project)
    for item in items(project)[5:8]:
        say(project, item, (tom, "refund"))
    assert whole(project) == before
    # Nor does who of the two corrects an answer later, without knowing more.
    say(project, items(project)[7], (ben, "billing"))
    assert whole(project).raw == pytest.approx(6 / 8)


@pytest.mark.parametrize("stream", ["again", "check", "returned", "recheck", "gold"])
def test_what_is_said_when_asked_again_does_not_count(project, team, stream):
    ben, mira, tom = team
    say(project, items(project)[0], (ben, "refund"), (mira, "billing"))
    say(project, items(project)[1], (ben, "refund"))
    before = whole(project)
    assert (before.items, before.raw) == (1, 0)
    say(project, items(project)[0], (mira, "refund"), stream=stream)
    say(project, items(project)[1], (tom, "refund"), stream=stream)
    assert whole(project) == before


def test_items_outside_of_the_sample_and_first_items_stand_apart(client, project, team):
    ben, mira, tom = team
    first, picked = items(project)[9], items(project)[10]
    Item.objects.filter(pk=first.pk).update(calibration=True)
    say(project, items(project)[0], (ben, "refund"), (mira, "refund"))
    say(project, first, (ben, "refund"), (mira, "billing"), (tom, "other"), stream="calibrate")
    say(project, picked, (ben, "refund"), (mira, "billing"), stream="strategy")
    say(project, items(project)[11], (ben, "refund"), (mira, "billing"), stream="random")
    report = agreement.report(project)
    assert (report.whole.items, report.whole.raw) == (1, 1)
    assert (report.first.items, report.first.people, report.first.raw) == (1, 3, 0)
    assert (report.picked.items, report.picked.raw) == (1, 0)
    page = shown(client, project)
    assert "First items, for everybody" in page
    assert "Items that rounds picked" in page
    assert listed(client, project, "?mark=first") == [10]


def test_answers_of_excluded_people_are_left_out_and_it_is_said(client, project, team):
    ben, mira, tom = team
    gone = now() - timedelta(hours=1)
    early, late = gone - timedelta(hours=1), gone + timedelta(minutes=1)
    one, other = items(project)[:2]
    say(project, one, (ben, "refund"), (mira, "billing"), at=early)
    say(project, other, (ben, "refund"), (mira, "billing"), at=early)
    # Tom was asked on the first in doubt, and on the second in the place of Mira, who was excluded by then.
    say(project, one, (tom, "refund"), at=early + timedelta(minutes=1))
    say(project, other, (tom, "billing"), at=late)
    Membership.objects.filter(pk=mira.pk).update(excluded_at=gone)
    found = whole(project)
    assert (found.items, found.people, found.raw) == (1, 2, 0)
    assert "their answers do not count: Mira" in shown(client, project)
    Membership.objects.filter(pk=mira.pk).update(excluded_at=None)
    assert whole(project).items == 2


def test_who_cannot_tell_holds_a_place(project, team):
    ben, mira, tom = team
    item = items(project)[0]
    say(project, item, (ben, "refund"), (mira, "refund"))
    Annotation.objects.filter(annotator=mira.user).update(kind="cant_tell", labels=[])
    say(project, item, (tom, "billing"))
    assert whole(project).undefined == "no_pairs"


def test_the_least_overlap_since_the_first_answer_decides_what_was_asked_blindly(project, team):
    ben, mira, tom = team
    Policy.objects.filter(project=project).update(created_at=now() - timedelta(days=9))
    say(project, items(project)[0], (ben, "refund"), (mira, "billing"), (tom, "refund"))
    Policy.objects.create(project=project, version=2, **{**TWICE, "agreement_overlap": 3})
    assert whole(project).raw == 0
    Policy.objects.filter(version=2).update(created_at=now() - timedelta(days=8))
    assert whole(project).raw == pytest.approx(1 / 3)


def test_agreement_is_never_pooled_across_a_breaking_change(client, project, team):
    ben, mira, _ = team
    for at, item in enumerate(items(project)[:8]):
        version = 1 if at < 3 else 2 if at < 6 else 3
        say(project, item, (ben, "refund"), (mira, "billing" if at < 3 else "refund"), version=version)
    say(project, items(project)[8], (ben, "billing"), version=1)
    say(project, items(project)[8], (mira, "billing"), version=2)
    for number, kind in ((2, "breaking"), (3, "clarifying")):
        GuidelineVersion.objects.create(project=project, version=number, kind=kind)
    project.guideline_version, project.agreed_version = 3, 2
    project.save()
    report = agreement.report(project)
    assert (report.whole.items, report.whole.raw) == (5, 1)
    assert [(era.figures.items, era.figures.raw) for era in report.eras] == [(5, 1), (3, 0)]
    assert [(one.at, one.era, one.figures.items) for one in report.versions] == [
        (1, 0, 3),
        (2, 1, 3),
        (3, 1, 2),
    ]
    page = shown(client, project)
    assert "Agreement sample, version 1" in page
    assert "Since version 2 of the guidelines" in page


def test_labels_that_were_merged_are_one(project, team):
    ben, mira, _ = team
    say(project, items(project)[0], (ben, "refund"), (mira, "billing"))
    say(project, items(project)[1], (ben, "other"), (mira, "other"))
    assert whole(project).raw == 0.5
    refund, billing, _ = project.labels.all()
    Label.objects.filter(pk=billing.pk).update(merged_into=refund, retired_at=now())
    assert whole(project).raw == 1
    assert [line.tag.name for line in agreement.report(project).labels] == ["refund", "other"]


def test_nothing_is_measured_twice_until_somebody_says_something_new(project, team, monkeypatch):
    say(project, items(project)[0], (team[0], "refund"), (team[1], "billing"))
    first = agreement.report(project)
    measured = Mock(return_value=first)
    monkeypatch.setattr(agreement, "_measure", measured)
    # An hour later nothing is kept for its mere youth.
    later = time.time() + 3600
    monkeypatch.setattr("projects.remembered.time.time", lambda: later)
    assert agreement.report(project) == first
    measured.assert_not_called()
    say(project, items(project)[1], (team[0], "refund"))
    agreement.report(project)
    measured.assert_called_once()


def test_the_page_asks_the_same_few_questions_whatever_the_size(client, django_assert_max_num_queries):
    for size in (10, 60):
        made = make_project(labels=4, policy=TWICE)
        make_items(made, size, agreement=range(size))
        people = [make_member(made) for _ in range(size // 10)]
        for at, item in enumerate(items(made)):
            for member in (people[at % len(people)], make_member(made) if at % 10 == 0 else people[0]):
                if not Annotation.objects.filter(item=item, annotator=member.user).exists():
                    say(made, item, (member, f"label {at % 4}"))
        client.force_login(make_lead(made).user)
        with django_assert_max_num_queries(20):
            client.get(reverse("agreement", args=[made.pk]))
        pair = f"{people[0].user_id}-{people[-1].user_id}"
        with django_assert_max_num_queries(24):
            client.get(reverse("items", args=[made.pk]) + f"?mark=differ&person={pair}")


def test_membership_of_the_sample_is_a_matter_of_seed_and_key_alone():
    """Invariant 4: not of the order of import, of people, answers, rounds or a model."""
    rows = [f"{n},text {n}" for n in range(120)]
    plain, other = (make_project(seed=11, policy={**TWICE, "agreement_share": 0.2}) for _ in range(2))
    take(plain, "\n".join(["id,text", *rows]), id="id", content="text")
    make_lead(other)
    ben = make_member(other)
    take(other, "\n".join(["id,text", *rows[:30:-1]]), id="id", content="text")
    first, *rest = items(other)
    answer(ben, first, other.labels.first())
    queue.publish(other, [queue.Pick(item.pk, "strategy", {"top": [[0, 0.9]]}) for item in rest[:40]], 1)
    Project.objects.filter(pk=other.pk).update(has_model=True, model_proven=True)
    take(other, "\n".join(["id,text", *rows[30::-1]]), id="id", content="text")
    drawn = [
        set(p.items.filter(agreement=True).values_list("external_id", flat=True)) for p in (plain, other)
    ]
    assert drawn[0] == drawn[1]
    assert 10 < len(drawn[0]) < 40
    assert drawn[0] == {str(n) for n in range(120) if draws.agreement(11, f"id:{n}", 0.2)}


@pytest.fixture
def mixed_up(project, team):
    """Eight items, answered in pairs by three people who mix up refund and billing, and once other."""
    ben, mira, tom = team
    told = [("refund", "billing"), ("billing", "refund"), ("refund", "other"), *[("refund", "refund")] * 5]
    pairs = [(ben, mira), (mira, tom), (tom, ben)]
    for at, (item, words) in enumerate(zip(items(project), told, strict=False)):
        say(project, item, *zip(pairs[at % 3], words, strict=True))
    return project


def test_every_number_opens_the_very_items(client, mixed_up):
    page = shown(client, mixed_up)
    links = re.findall(r'<a[^>]*href="[^"]*/items/(\?[^"]+)"[^>]*>([\d,]+)</a>', page)
    assert len(links) > 15
    for query, number in {(query.replace("&amp;", "&"), int(number)) for query, number in links}:
        assert len(listed(client, mixed_up, query)) == number, query


def test_labels_lead_to_the_items_on_which_people_differ_about_them(client, mixed_up):
    refund, billing, other = (label.pk for label in mixed_up.labels.all())
    assert listed(client, mixed_up, f"?mixed={refund}-{billing}") == [1, 2]
    assert listed(client, mixed_up, f"?mixed={other}-{refund}") == [3]
    assert listed(client, mixed_up, f"?mixed={refund}-{refund}") == [4, 5, 6, 7, 8]
    assert listed(client, mixed_up, f"?mixed={billing}") == [1, 2]
    assert listed(client, mixed_up, "?mark=differ") == [1, 2, 3]
    page = shown(client, mixed_up, f"?mixed={refund}-{billing}", name="items")
    assert "one person said «refund», another one «billing»" in page
    assert f'name="mixed" value="{refund}-{billing}"' in page


def test_who_mixes_labels_up_is_named_with_the_items(client, mixed_up, team):
    ben, mira, tom = team
    refund, billing, _ = mixed_up.labels.all()
    pair = agreement.report(mixed_up).mixed[0]
    assert (pair.first.name, pair.second.name, pair.items) == ("refund", "billing", 2)
    assert [(who.name, who.items) for who in pair.people] == [("Mira", 2), ("Ben", 1), ("Tom", 1)]
    key = f"?mixed={refund.pk}-{billing.pk}&person="
    assert listed(client, mixed_up, f"{key}{ben.user_id}") == [1]
    # Two people in turn: what the first said, then the second.
    assert listed(client, mixed_up, f"{key}{ben.user_id}-{mira.user_id}") == [1]
    assert listed(client, mixed_up, f"{key}{mira.user_id}-{ben.user_id}") == []
    assert listed(client, mixed_up, f"?mark=differ&person={tom.user_id}") == [2, 3]
    assert listed(client, mixed_up, f"?person={tom.user_id}-{ben.user_id}") == [3, 6]


def test_names_are_kept_from_whoever_still_decides(client, mixed_up, team):
    ben, mira, _ = team
    refund, billing, _ = (label.pk for label in mixed_up.labels.all())
    Dispute.objects.create(project=mixed_up, item=items(mixed_up)[0])
    pair = agreement.report(mixed_up).mixed[0]
    assert pair.items == 2
    assert "Ben" not in {who.name for who in pair.people}
    for query in (f"?mixed={refund}-{billing}&person={mira.user_id}", f"?mark=differ&person={mira.user_id}"):
        assert listed(client, mixed_up, query) == [2]
    assert 1 not in listed(client, mixed_up, f"?person={ben.user_id}")
    assert "must not know who said what" in shown(client, mixed_up, f"?person={ben.user_id}", name="items")
    Dispute.objects.update(state="resolved", closed_at=now())
    cache.clear()
    assert "Ben" in {who.name for who in agreement.report(mixed_up).mixed[0].people}


@pytest.mark.parametrize("query", ["?mixed=refund", "?mixed=1-2-3", "?person=me", "?mixed=%27", "?person=-1"])
def test_what_no_link_says_is_ignored(client, mixed_up, query):
    assert len(listed(client, mixed_up, query)) == 12


def test_labels_and_people_of_another_project_find_nothing(client, mixed_up):
    other = make_project()
    stranger = make_member(other)
    first = other.labels.first().pk
    for query in (f"?mixed={first}-{first}", f"?mixed={first}", f"?person={stranger.user_id}"):
        page = shown(client, mixed_up, query, name="items")
        assert "No item fits" in page
        assert stranger.user.name not in page
    client.force_login(make_lead(mixed_up, "Lou").user)
    pair = [stranger.user_id, mixed_up.memberships.first().user_id]
    assert client.get(reverse("agreement-pair", args=[mixed_up.pk, *pair])).status_code == 404


def test_two_people_are_compared_on_their_common_items(client, team, project):
    ben, mira, _ = team
    make_items(project, 30, agreement=range(30))
    drawn = [item for item in items(project) if item.agreement]
    for at, item in enumerate(drawn[:29]):
        say(project, item, (ben, "refund"), (mira, "billing" if at < 4 else "refund" if at < 20 else "other"))
    people = {"first": ben.user_id, "second": mira.user_id}
    page = shown(client, project, name="agreement-pair", **people)
    assert "From 30 common items on" in page
    assert "Cohen" not in page
    say(project, drawn[29], (ben, "refund"), (mira, "refund"))
    cache.clear()
    page = shown(client, project, name="agreement-pair", **people)
    assert "kappa" in page
    for query, number in re.findall(r'href="[^"]*/items/(\?[^"]+)"[^>]*>([\d,]+)</a>', page):
        assert len(listed(client, project, query.replace("&amp;", "&"))) == int(number)


def test_a_form_leads_to_the_page_of_two_people(client, mixed_up, team):
    client.force_login(make_lead(mixed_up).user)
    address = reverse("agreement", args=[mixed_up.pk])
    ben, mira, _ = (member.user_id for member in team)
    assert client.get(f"{address}?first={ben}&second={mira}").url == f"{address}{ben}/{mira}/"
    assert "two different people" in client.get(f"{address}?first={ben}&second={ben}").content.decode()
    assert client.get(f"{address}{ben}/{ben}/").status_code == 404
    nobody = make_lead(mixed_up, "Nora").user_id
    assert "No common item" in shown(client, mixed_up, name="agreement-pair", first=ben, second=nobody)


def test_of_many_labels_the_table_shows_those_mixed_up_most_and_leads_to_the_others(client):
    made = make_project(labels=25, policy=TWICE)
    make_items(made, 24, agreement=range(24))
    ben, mira = make_member(made), make_member(made)
    for at, item in enumerate(items(made)):
        say(made, item, (ben, f"label {at}"), (mira, f"label {at + 1}" if at < 14 else f"label {at}"))
    report = agreement.report(made)
    grid = agreement.grid(report)
    assert len(grid.tags) == 20
    assert {f"label {n}" for n in range(15)} <= {tag.name for tag in grid.tags}
    last = made.labels.get(name="label 23")
    around = agreement.grid(report, last.pk)
    assert last.name not in {tag.name for tag in grid.tags}
    assert last.name in {tag.name for tag in around.tags}
    page = shown(client, made)
    assert "Show 4 more" in page
    assert page.count("<td class=") > 300
    assert "Show 4 more" not in shown(client, made, f"?pairs=all&labels=all&around={last.pk}")


def test_words_follow_the_interval():
    def figures(low, high, items=100):
        return Agreement((low + high) / 2, low, high, items, 3, 0.9)

    intervals = [(0.85, 0.9), (0.1, 0.6), (0.7, 0.9), (0.7, 0.75), (0.5, 0.7), (0.5, 0.9)]
    bands = ["above .8", "below .667", "above .667", ".667 to .8", "below .8", "too wide to tell"]
    assert [agreement.band(figures(*one)) for one in intervals] == bands
    # Half as wide takes four times as many.
    assert agreement.missing(figures(0.5, 0.9)) == 300
    assert agreement.missing(figures(0.5, 0.7)) == 0
    assert "About 300 more items" in agreement.width(figures(0.5, 0.9))
    assert agreement.band(Agreement(0.5, None, None, 1, 2, 0.5)) == "–"
