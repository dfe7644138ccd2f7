"""The progress page: what it shows, what it refuses to show, and what the loop is doing now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils.timezone import now

from projects import agreement, queue
from projects.models import Item, Membership, Project
from projects.quality.agreement import Agreement
from sampling import live, progress
from sampling.models import FeatureSet, FeatureShard, ModelVersion, Round
from tests.factories import answer, make_admin, make_items, make_lead, make_member, make_project, make_user

pytestmark = pytest.mark.django_db
TWICE = {"agreement_share": 0.5, "holdout_share": 0.0, "agreement_overlap": 2, "batch_size": 10}


@pytest.fixture
def project():
    made = make_project(labels=["refund", "billing"], policy=TWICE)
    make_items(made, 12, agreement=range(6))
    return made


def with_features(project):
    """Pretend that every item has features, so that rounds may begin."""
    features = FeatureSet.objects.create(
        project=project, generation=1, featurizer="lsa", state="ready", fitted_items=12
    )
    FeatureShard.objects.create(feature_set=features, first=1, last=12, path="x", rows=12)
    return features


def done_round(project, number, labelled=20, **holdout):
    """A published round with its figures on the hold-out."""
    figures = {"n": 50, "correct": 40, "accuracy": 0.8, "low": 0.67, "high": 0.89, "macro_f1": 0.7, **holdout}
    return Round.objects.create(
        project=project,
        number=number,
        state="done",
        labelled=labelled,
        picked=10,
        metrics={"holdout": figures},
        finished_at=now(),
    )


def look(project, at=None):
    return live.look(make_lead(project), at or now())


def shown(client, project):
    client.force_login(make_lead(project).user)
    return client.get(reverse("progress", args=[project.pk])).content.decode()


@pytest.mark.parametrize("address", ["progress", "progress-live"])
@pytest.mark.parametrize("who", ["lead", "admin", "annotator", "left", "stranger", "nobody"])
def test_only_leads_and_admins_see_progress(client, project, who, address):
    if who in Membership.Role.values:
        client.force_login(make_member(project, role=who).user)
    elif who == "left":
        client.force_login(make_member(project, role="lead", active=False).user)
    elif who == "stranger":
        client.force_login(make_admin(make_project()).user)
    expected = {"lead": 200, "admin": 200, "annotator": 403, "nobody": 302}.get(who, 404)
    assert client.get(reverse(address, args=[project.pk])).status_code == expected


def test_an_admin_of_a_draft_is_sent_to_its_set_up(client):
    draft = make_project(state="draft")
    client.force_login(make_admin(draft).user)
    reply = client.get(reverse("progress", args=[draft.pk]))
    assert reply.url == reverse("project", args=[draft.pk])
    client.force_login(make_lead(draft).user)
    assert "being set up" in client.get(reverse("progress", args=[draft.pk])).content.decode()


def test_an_empty_project_says_what_comes_next(client):
    html = shown(client, make_project())
    for words in (
        "No items yet",
        "No model yet",
        "Nothing picked yet",
        "Nobody labels yet",
        "No figures yet",
    ):
        assert words in html


def test_a_small_hold_out_is_called_too_small_and_draws_nothing(client, project):
    done_round(project, 1, n=7, correct=7, accuracy=1.0)
    html = shown(client, project)
    assert "The hold-out is too small to say" in html
    assert "It has 7 labelled items" in html
    assert "100 %" not in html


def test_accuracy_is_drawn_with_its_interval_after_each_round(client, project):
    done_round(project, 1, labelled=20, n=7)
    done_round(project, 2, labelled=40, accuracy=0.75)
    done_round(project, 3, labelled=60)
    measured = progress.accuracy(progress.rounds_done(project))
    assert [row[:2] for row in measured.chart.rows] == [["40", "75 %"], ["60", "80 %"]]
    assert (measured.share, measured.low, measured.high, measured.items) == (0.8, 0.67, 0.89, 50)
    assert "67 % – 89 %" in shown(client, project)


def test_agreement_is_measured_on_its_own_sample_only(project):
    ben, mira = make_member(project, "Ben"), make_member(project, "Mira")
    refund, billing = project.labels.all()
    for place, item in enumerate(project.items.order_by("number")[:8]):
        right = refund if place % 2 else billing
        answer(ben, item, right)
        # Outside of the sample they always differ.
        answer(mira, item, right if place < 5 else billing if right == refund else refund)
    whole = agreement.report(project).whole
    assert (whole.items, whole.people) == (6, 2)
    assert whole.raw == pytest.approx(5 / 6)
    report = agreement.report(project)
    assert [(line.name, line.figures.items) for line in report.people] == [("Ben", 6), ("Mira", 6)]
    assert [(pair.first.name, pair.second.name, pair.items) for pair in report.mixed] == [
        ("refund", "billing", 1)
    ]
    assert [line.tag.name for line in report.labels] == ["refund", "billing"]


def test_what_somebody_takes_back_counts_no_more(project):
    ben, mira = make_member(project), make_member(project)
    item, refund = project.items.get(number=1), project.labels.first()
    answer(ben, item, refund)
    answer(mira, item, refund)
    assert agreement.report(project).whole.items == 1
    answer(mira, item, kind="undo")
    cache.clear()
    assert agreement.report(project).whole.undefined == "no_pairs"


def test_sets_of_labels_agree_by_their_overlap():
    project = make_project(labels=["a", "b", "c"], policy=TWICE, task="multi")
    make_items(project, 4, agreement=range(4))
    ben, mira = make_member(project), make_member(project)
    a, b, c = project.labels.all()
    for item, mine, theirs in zip(
        project.items.all(), [[a], [a, b], [], [c]], [[a], [a], [], [b]], strict=True
    ):
        answer(ben, item, *mine)
        answer(mira, item, *theirs)
    whole = agreement.report(project).whole
    assert (whole.items, whole.raw) == (4, 0.5)
    assert 0 < whole.alpha < 1


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((None, None, None, 0, 0, None, "no_pairs"), "two answers yet"),
        ((None, None, None, 9, 2, 1.0, "one_class"), "one and the same label"),
        ((0.9, 0.85, 0.95, 99, 3, 0.9), "agree well"),
        ((0.75, 0.7, 0.79, 99, 3, 0.9), "fairly well"),
        ((0.6, 0.52, 0.7, 99, 3, 0.8), "only in part"),
        ((0.3, 0.2, 0.4, 99, 3, 0.5), "too little"),
        ((0.8, 0.5, 1.0, 9, 3, 0.9), "Too early"),
        ((1.0, None, None, 1, 2, 1.0), "Too few items"),
    ],
)
def test_agreement_is_told_by_its_interval(figures, words):
    assert words in agreement.verdict(Agreement(*figures))


def test_people_are_shown_with_what_they_did_and_how_fast(project):
    ben = make_member(project, "Ben")
    make_member(project, "Idle")
    start = now() - timedelta(hours=1)
    for place, item in enumerate(project.items.order_by("number")[6:9]):
        answer(ben, item, project.labels.first(), at=start + timedelta(seconds=8 * place))
    first, second = progress.people(project)
    assert (first.name, first.answered, first.share, first.seconds) == ("Ben", 3, 1.0, 8.0)
    assert first.last == start + timedelta(seconds=16)
    assert (second.name, second.answered, second.seconds, second.last) == ("Idle", 0, None, None)


def test_labelled_items_add_up_over_time(project):
    ben, start = make_member(project), now().replace(minute=10) - timedelta(days=5)
    for days, item in enumerate(project.items.order_by("number")[6:10]):
        answer(ben, item, project.labels.first(), at=start + timedelta(days=days))
    chart = progress.over_time(project)
    assert [row[1] for row in chart.rows] == ["1", "2", "3", "4"]
    assert chart.columns[0] == "days since the first label"
    counted = progress.settled(project)
    assert (counted.total, list(counted.labels.values()), counted.sources) == (4, [4], {"single": 4})


def test_picks_of_the_last_round_say_why(client, project):
    done_round(project, 3)
    reason = {"why": "unsure", "top": [[0, 0.44], [1, 0.41]], "score": 0.9, "cluster_size": 230}
    items = list(project.items.order_by("number"))[6:9]
    queue.publish(project, [queue.Pick(item.pk, "strategy", reason) for item in items], 3)
    html = shown(client, project)
    assert html.count("Unsure between refund and billing, in a region of 230 items.") == 3


def test_the_live_line_is_not_sent_again_while_nothing_changes(client, project):
    with_features(project)
    client.force_login(make_lead(project).user)
    where = reverse("progress-live", args=[project.pk])
    first = client.get(where)
    assert client.get(where, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert first["Cache-Control"] == "private, no-cache"
    Project.objects.filter(pk=project.pk).update(state="paused")
    again = client.get(where, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert "The project is paused" in again.content.decode()
    assert again["ETag"] != first["ETag"]


def test_the_loop_says_how_many_answers_are_missing(project):
    with_features(project)
    ModelVersion.objects.create(
        project=project, round=done_round(project, 1), learner="logistic", path="x", training_items=20
    )
    Project.objects.filter(pk=project.pk).update(round_mark=1, has_model=True)
    project.refresh_from_db()
    queue.publish(project, [queue.Pick(item.pk, "strategy") for item in project.items.all()], 1)
    seen = look(project)
    assert (seen.title, seen.value, seen.most, seen.tone) == ("Next retrain in 10", 0, 10, "")


def test_a_running_round_shows_its_step(client, project):
    with_features(project)
    Round.objects.create(project=project, number=2, state="running", step="evaluate", heartbeat_at=now())
    seen = look(project)
    assert (seen.title, seen.step, seen.tone) == ("Round 2 is running", "evaluate", "good")
    client.force_login(make_admin(project).user)
    html = client.get(reverse("progress-live", args=[project.pk])).content.decode()
    assert '<li aria-current="step">Measure</li>' in html
    assert '<li class="done">Train</li>' in html


@pytest.mark.parametrize(("step", "shown_as"), [("score", "Score and pick"), ("measure", "Publish")])
def test_every_step_of_a_round_has_its_place(client, project, step, shown_as):
    with_features(project)
    Round.objects.create(project=project, number=2, state="running", step=step, heartbeat_at=now())
    client.force_login(make_admin(project).user)
    html = client.get(reverse("progress-live", args=[project.pk])).content.decode()
    assert f'<li aria-current="step">{shown_as}</li>' in html


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_silent_worker_is_named_with_what_to_do(project, state):
    with_features(project)
    long_ago = now() - timedelta(minutes=3)
    Round.objects.create(
        project=project,
        number=2,
        state=state,
        heartbeat_at=long_ago,
        created_at=long_ago,
        started_at=long_ago,
    )
    seen = look(project)
    assert seen.tone == "bad"
    assert "No worker has been heard of for 3" in seen.detail
    assert "manage.py serve" in seen.advice


def test_a_round_that_nobody_opens_is_noticed_too(project):
    with_features(project)
    ben, labels = make_member(project), list(project.labels.all())
    done_round(project, 0)
    Project.objects.filter(pk=project.pk).update(round_mark=1)
    long_ago = now() - timedelta(minutes=4)
    make_items(project, 12)
    for place, item in enumerate(project.items.filter(agreement=False)[:12]):
        answer(ben, item, labels[place % 2], at=long_ago + timedelta(seconds=place))
    project.refresh_from_db()
    assert "No worker" in look(project).detail
    assert "in a moment" in look(project, long_ago + timedelta(seconds=25)).detail


def test_a_failed_round_tells_what_happened_and_when_it_is_tried_again(project):
    with_features(project)
    Round.objects.create(
        project=project, number=2, state="failed", error="MemoryError: too large", heartbeat_at=now()
    )
    seen = look(project)
    assert (seen.title, seen.error, seen.tone) == ("Round 2 failed", "MemoryError: too large", "bad")
    assert "tried again by itself" in seen.detail


def test_features_are_counted_while_they_are_computed(project):
    features = FeatureSet.objects.create(project=project, generation=1, featurizer="lsa", fitted_items=12)
    FeatureShard.objects.create(feature_set=features, first=1, last=8, path="x", rows=8, claimed_at=now())
    FeatureShard.objects.create(feature_set=features, first=9, last=12, claimed_at=now())
    seen = look(project)
    assert (seen.title, seen.value, seen.most) == ("Reading the items for the model", 8, 12)
    assert "No worker" in look(project, now() + timedelta(minutes=5)).detail
    features.error = "OSError: disk full"
    features.save()
    assert look(project).error == "OSError: disk full"


def test_the_page_asks_the_same_few_questions_whatever_the_size(client, django_assert_max_num_queries):
    for items in (10, 120):
        project = make_project(items=items, policy=TWICE)
        for number in range(items // 10):
            done_round(project, number)
        for person in range(items // 10):
            make_member(project, make_user(f"Person {person}"), answered=3)
        Item.objects.filter(project=project).update(agreement=True)
        client.force_login(make_lead(project).user)
        with django_assert_max_num_queries(40):
            client.get(reverse("progress", args=[project.pk]))
        with django_assert_max_num_queries(18):
            client.get(reverse("progress-live", args=[project.pk]))
