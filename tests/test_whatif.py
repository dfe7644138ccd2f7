"""The page «What if»: who sees it, what it runs on, what a worker makes of it, and what it says."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils.timezone import now

from projects import policy_names
from projects.errors import Refused
from projects.models import Item, Membership
from sampling import bench, features, replays, tasks, whatif
from sampling.core.strategies import STRATEGIES
from sampling.models import Comparison
from tests.factories import make_admin, make_items, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db
PLAIN = {"holdout_share": 0.0, "agreement_share": 0.0}
TEXTS = [f"red apple {n} and cherry {n * 7}" if n % 2 else f"blue sky {n} over {n * 5}" for n in range(240)]


@pytest.fixture(autouse=True)
def silent_bell(monkeypatch):
    rung = []

    def send(*what):
        rung.append(what)
        return True

    monkeypatch.setattr("sampling.bell.send", send)
    return rung


@pytest.fixture
def labelled(settings, tmp_path):
    """A project of 240 texts, all settled; a quarter is hold-out, every tenth of the agreement sample."""
    settings.MEDIA_ROOT = tmp_path
    made = make_project(labels=["red", "blue"], policy=PLAIN, featurizer="lsa")
    make_items(made, TEXTS, holdout=range(0, 240, 4), agreement=range(1, 240, 10))
    for label in made.labels.all():
        Item.objects.filter(project=made, text__startswith=label.name).update(
            state="settled", settled_labels=[label.pk], settled_source="votes", settled_at=now()
        )
    return made


@pytest.fixture
def project(labelled):
    while features.advance(labelled, now()):
        pass
    return labelled


def run(project, *strategies):
    """Ask and let a worker finish it."""
    found = whatif.ask(project, strategies or ("default", "random"))
    while whatif.advance(found.pk):
        pass
    found.refresh_from_db()
    return found


# --- who ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "method", "good"),
    [
        ("what-if", "get", 200),
        ("what-if", "post", 422),
        ("what-if-live", "get", 200),
        ("what-if-stop", "post", 302),
    ],
)
@pytest.mark.parametrize("who", ["lead", "admin", "annotator", "left", "stranger", "nobody"])
def test_only_leads_and_admins_may_ask_what_if(client, who, address, method, good):
    project = make_project()
    if who in Membership.Role.values:
        client.force_login(make_member(project, role=who).user)
    elif who == "left":
        client.force_login(make_member(project, role="lead", active=False).user)
    elif who == "stranger":
        client.force_login(make_admin(make_project()).user)
    expected = {"lead": good, "admin": good, "annotator": 403, "nobody": 302}.get(who, 404)
    assert getattr(client, method)(reverse(address, args=[project.pk])).status_code == expected
    assert not Comparison.objects.exists()


# --- asking ------------------------------------------------------------------------------------------------


def test_a_form_asks_a_worker_once_it_is_kept(
    client, labelled, silent_bell, django_capture_on_commit_callbacks
):
    client.force_login(make_lead(labelled).user)
    with django_capture_on_commit_callbacks(execute=True):
        reply = client.post(reverse("what-if", args=[labelled.pk]), {"strategies": ["default", "margin"]})
    assert reply.url == reverse("what-if", args=[labelled.pk])
    found = labelled.comparisons.get()
    assert (found.state, found.strategies, found.labelled) == ("queued", ["default", "margin"], 240)
    assert silent_bell == [("compare", found.pk)]


@pytest.mark.parametrize(
    "strategies", [[], ["default"], ["default", "random", "margin", "entropy"], ["default", "luck"]]
)
def test_fewer_than_two_more_than_three_or_unknown_strategies_are_refused(client, labelled, strategies):
    client.force_login(make_lead(labelled).user)
    reply = client.post(reverse("what-if", args=[labelled.pk]), {"strategies": strategies})
    assert reply.status_code == 422
    assert not labelled.comparisons.exists()


def test_too_few_labels_are_said_so_and_refused(client):
    project = make_project(items=20)
    client.force_login(make_lead(project).user)
    page = client.get(reverse("what-if", args=[project.pk])).content.decode()
    assert "0 of 150 items that it takes are labelled" in page
    reply = client.post(reverse("what-if", args=[project.pk]), {"strategies": ["default", "random"]})
    assert reply.status_code == 409


def test_a_project_has_one_comparison_at_a_time(client, labelled):
    whatif.ask(labelled, ["default", "random"])
    client.force_login(make_lead(labelled).user)
    reply = client.post(reverse("what-if", args=[labelled.pk]), {"strategies": ["default", "random"]})
    assert reply.status_code == 409
    assert "running already" in reply.content.decode()


def test_every_strategy_on_offer_is_in_the_registry_and_the_projects_own_comes_first():
    project = make_project(policy={**PLAIN, "strategy": "entropy", "mode": "diverse"})
    names = [name for name, _title in replays.choices(project)]
    assert names[0] == "entropy/diverse"
    assert set(names[1:]) <= set(STRATEGIES)
    assert len(set(names)) == len(names)


def test_a_strategy_is_called_the_same_where_it_is_set_and_where_it_is_compared():
    project = make_project(policy={**PLAIN, "strategy": "bald", "mode": "diverse"})
    offered = dict(replays.choices(project))
    assert offered["bald/diverse"] == "Committee divided · Highest first, none alike"
    set_by = {row[0]: str(row[1]) for row in (*policy_names.STRATEGIES, *policy_names.OTHER_STRATEGIES)}
    assert all(set_by[name] == title for name, title in offered.items() if "/" not in name)
    assert not set(offered.values()) & set(STRATEGIES)
    old = Comparison(strategies=["cluster-uncertain", "hybrid"])
    assert replays.shown(old, 0).names == "Most uncertain of each region, A mix of your own"


@pytest.mark.parametrize(
    ("holdout", "agreement", "picked"),
    [(0, 0, 160), (60, 15, 80), (30, 40, 60), (0, 200, 0), (900, 0, 90), (20, 400, 1800), (49, 3, 80)],
)
def test_what_is_left_to_choose_from_is_counted_as_the_worker_parts_it(holdout, agreement, picked):
    kinds = np.repeat([bench.HOLDOUT, bench.AGREEMENT, bench.PICKED], [holdout, agreement, picked])
    learn, _test, _uniform = bench.parts(kinds, np.random.default_rng(1))
    assert whatif.left(agreement + picked, agreement, holdout) == len(learn)


def test_nothing_is_offered_that_would_leave_too_little_to_choose_from(client, labelled):
    # Of those that are not of the hold-out a quarter is tested on: they are of the agreement sample.
    labelled.items.filter(number__lte=184).update(holdout=True)
    Item.objects.filter(project=labelled, holdout=False).update(agreement=True)
    choosable = labelled.items.filter(holdout=False).count()
    left = choosable - choosable // 4
    assert left < whatif.LEARN
    client.force_login(make_lead(labelled).user)
    page = client.get(reverse("what-if", args=[labelled.pk])).content.decode()
    assert f"{left} of 80 labelled items that may be replayed are there" in page
    assert 'id="compare"' not in page
    with pytest.raises(Refused, match=f"{left} of 80"):
        whatif.ask(labelled, ["default", "random"])


# --- in the worker -----------------------------------------------------------------------------------------


def test_a_worker_makes_one_replay_at_a_time_and_leaves_no_file(project):
    found = whatif.ask(project, ["default", "random"])
    assert whatif.advance(found.pk)
    found.refresh_from_db()
    assert (found.state, len(found.replays), found.heartbeat_at) == ("running", 1, None)
    assert default_storage.exists(found.path)
    path = found.path
    while whatif.advance(found.pk):
        pass
    found.refresh_from_db()
    assert (found.state, len(found.replays), found.facts["seeds"]) == ("done", 10, 5)
    assert [one["strategy"] for one in found.replays[:2]] == ["default", "random"]
    assert not default_storage.exists(path)
    assert not whatif.advance(found.pk)


def test_it_is_tested_on_items_drawn_at_random_and_never_learns_from_the_hold_out(project):
    found = run(project)
    facts = found.facts
    # 60 of the hold-out; 24 of the agreement sample lie beside it, 12 more in it.
    assert (facts["uniform"], facts["holdout"], facts["test"], facts["learn"]) == (True, 60, 84, 156)


@pytest.mark.parametrize(
    ("holdout", "agreement", "picked", "expected"),
    [
        (60, 30, 300, (300, 90, True)),
        # A quarter of what may be learnt from, at most, goes to the test.
        (40, 100, 20, (90, 70, True)),
        # Under 50 drawn at random: a random third of the others, and none of the hold-out.
        (30, 10, 190, (140, 60, False)),
        (0, 0, 3000, (1400, 600, False)),
        (900, 0, 3000, (1400, 600, True)),
    ],
)
def test_parts_are_apart_and_bounded(holdout, agreement, picked, expected):
    kinds = np.repeat([bench.HOLDOUT, bench.AGREEMENT, bench.PICKED], [holdout, agreement, picked])
    learn, test, uniform = bench.parts(kinds, np.random.default_rng(0))
    assert (len(learn), len(test), uniform) == expected
    assert not set(learn) & set(test)
    assert not (kinds[learn] == bench.HOLDOUT).any()
    assert uniform or not (kinds[test] == bench.HOLDOUT).any()


def test_two_workers_never_make_the_same_replay(project, monkeypatch):
    found = whatif.ask(project, ["default", "random"])
    second = []
    real = bench.replay

    def busy(*arguments):
        second.append(whatif.advance(found.pk))
        return real(*arguments)

    monkeypatch.setattr(bench, "replay", busy)
    assert whatif.advance(found.pk)
    assert second == [False]


def test_a_dead_workers_replay_is_taken_over_and_given_up_after_three_deaths(project):
    found = whatif.ask(project, ["default", "random"])
    row = Comparison.objects.filter(pk=found.pk)
    row.update(state="running", attempt=1, heartbeat_at=now())
    assert not whatif.advance(found.pk)
    assert found.pk not in whatif.waiting(now())
    row.update(heartbeat_at=now() - timedelta(minutes=5))
    assert found.pk in whatif.waiting(now())
    assert whatif.advance(found.pk)
    row.update(attempt=4, heartbeat_at=now() - timedelta(minutes=5))
    assert not whatif.advance(found.pk)
    found.refresh_from_db()
    assert found.state == "failed"
    assert "several times" in found.error


def test_a_stopped_comparison_keeps_nothing_whoever_works_on_it(client, project, monkeypatch):
    found = whatif.ask(project, ["default", "random"])
    assert whatif.advance(found.pk)
    found.refresh_from_db()
    path, real = found.path, bench.replay
    client.force_login(make_lead(project).user)

    def stopped(*arguments):
        made = real(*arguments)
        client.post(reverse("what-if-stop", args=[project.pk]))
        return made

    monkeypatch.setattr(bench, "replay", stopped)
    assert not whatif.advance(found.pk)
    found.refresh_from_db()
    assert (found.state, len(found.replays), found.path) == ("stopped", 1, "")
    assert not default_storage.exists(path)
    assert whatif.ask(project, ["default", "random"])


def test_a_file_that_a_worker_names_while_it_is_stopped_goes_too(project, monkeypatch):
    found = whatif.ask(project, ["default", "random"])
    early = whatif.live(project)
    assert whatif.advance(found.pk)
    # Whoever looked before the worker named its file does not know of it.
    monkeypatch.setattr(whatif, "live", lambda _project: early)
    found.refresh_from_db()
    assert default_storage.exists(found.path)
    assert whatif.stop(project)
    assert not default_storage.exists(found.path)
    assert not whatif.stop(project)


def test_what_goes_wrong_is_shown_to_leads(client, project, monkeypatch):
    monkeypatch.setattr(bench, "replay", lambda *_: 1 / 0)
    found = run(project)
    assert (found.state, found.error) == ("failed", "ZeroDivisionError: division by zero")
    client.force_login(make_lead(project).user)
    page = client.get(reverse("what-if", args=[project.pk])).content.decode()
    assert "The comparison failed." in page


def test_without_features_it_says_to_try_again(labelled):
    found = run(labelled)
    assert found.state == "failed"
    assert "try again in a minute" in found.error


def test_slow_replays_make_fewer_seeds_but_whole_ones():
    found = Comparison(strategies=["a", "b"], seeds=5)
    made = []
    for count in range(1, 11):
        found.replays = [{}] * count
        found.seconds = count * 9.0
        if whatif.enough(found):
            made.append(count)
    # 36 s after two seeds: a third one would end at 54, a fourth at 72.
    assert made[0] == 6
    found.replays, found.seconds = [{}] * 4, 400.0
    assert whatif.enough(found)
    found.replays, found.seconds = [{}] * 2, 400.0
    assert not whatif.enough(found)


def test_a_tick_rings_for_those_that_nobody_works_on(labelled, silent_bell):
    found = whatif.ask(labelled, ["default", "random"])
    tasks.tick()
    assert ("compare", found.pk) in silent_bell


def test_the_task_rings_for_the_next_replay_until_all_are_made(project, silent_bell):
    found = whatif.ask(project, ["default", "random"])
    tasks.compare(found.pk)
    assert silent_bell == [("compare", found.pk)]


def test_old_comparisons_are_forgotten(labelled):
    for _ in range(8):
        whatif.ask(labelled, ["default", "random"])
        assert whatif.stop(labelled)
    assert not whatif.stop(labelled)
    assert labelled.comparisons.count() <= whatif.KEPT + 1
    with pytest.raises(Refused):
        whatif.ask(labelled, ["default"])


# --- what it says ------------------------------------------------------------------------------------------


def finished(project, **changes):
    """A finished comparison with figures by hand."""
    curve = {"labels": [20, 40], "mean": [0.5, 0.7], "error": [0.02, 0.01], "needed": 40}
    rows = {
        "default": {**curve, "height": 0.62, "gap": None, "reach": None, "beyond": None},
        "random": {**curve, "height": 0.58, "gap": -0.04, "reach": 0.01, "beyond": True, **changes},
    }
    facts = {"learn": 300, "test": 90, "uniform": True, "holdout": 60, "budget": 40, "batch": 20}
    return Comparison.objects.create(
        project=project,
        state="done",
        strategies=["default", "random"],
        labelled=400,
        facts={**facts, "rows": rows, "reference": "default", "own": True, "seeds": 5},
        finished_at=now(),
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {},
            "«Diverse and uncertain» was right more often than «Random order»: by 4 points on average (± 1)",
        ),
        (
            {"gap": 0.04, "height": 0.66},
            "«Random order» was right more often than «Diverse and uncertain»: by 4 points",
        ),
        (
            {"gap": -0.01, "beyond": False, "reach": 0.03},
            "«Diverse and uncertain» was right 1 points more often than",
        ),
        ({"gap": 0.01, "beyond": False, "reach": 0.03}, "«Random order» was right 1 points more often than"),
    ],
)
def test_one_sentence_says_who_was_right_more_often_and_whether_that_may_be_chance(changes, words):
    project = make_project()
    shown = replays.shown(finished(project, **changes), 400)
    assert words in shown.sentence()
    assert ("not beyond chance" in shown.sentence()) == (changes.get("beyond") is False)


def test_the_page_shows_curves_a_table_and_what_it_is_measured_on(client, project):
    run(project, "default", "random", "margin")
    client.force_login(make_lead(project).user)
    page = client.get(reverse("what-if", args=[project.pk])).content.decode()
    assert "With this project&#x27;s labels so far" in page
    assert page.count('class="band"') == 3
    assert "Tested on 84 items that were drawn at random before anybody labelled: 60 of the hold-out" in page
    assert "hx-trigger" not in page


def test_the_page_says_that_streams_and_quotas_are_left_out(client, project):
    finished(project)
    client.force_login(make_lead(project).user)
    page = client.get(reverse("what-if", args=[project.pk])).content.decode()
    assert "its streams and quotas are left out" in page
    assert "the streams and quotas of this project's policy are left out" in page.replace("&#x27;", "'")


def test_a_result_stays_until_labels_changed_much(client):
    project = make_project()
    found = finished(project)
    assert replays.shown(found, 480).grown == 0
    assert replays.shown(found, 481).grown == 81
    Comparison.objects.create(project=project, state="stopped", strategies=["default", "random"])
    client.force_login(make_lead(project).user)
    page = client.get(reverse("what-if", args=[project.pk])).content.decode()
    assert "The last comparison was stopped." in page
    assert "Tested on 90 items" in page


def test_the_running_part_asks_again_and_hears_304_while_nothing_changed(client, project):
    found = whatif.ask(project, ["default", "random"])
    client.force_login(make_lead(project).user)
    address = reverse("what-if-live", args=[project.pk])
    first = client.get(address)
    assert 'hx-trigger="every 2s"' in first.content.decode()
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    whatif.advance(found.pk)
    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert "1 / 10" in again.content.decode()
