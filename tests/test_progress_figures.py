"""The progress page about the model: how good it is, whether to stop, what was saved, whether data drift."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.urls import reverse
from django.utils.timezone import now

from sampling import advice, progress
from sampling.core import rules
from sampling.core.rules import Past
from sampling.models import ModelVersion, Round
from tests.factories import make_admin, make_lead, make_project
from tests.test_progress import done_round
from tests.versions import make_version

pytestmark = pytest.mark.django_db
SHARE = {"value": 0.8, "low": 0.61, "high": 0.92, "n": 40}
REPORT: dict[str, Any] = {
    "n": 50,
    "missing": 0,
    "accuracy": SHARE,
    "macro_f1": {"value": 0.73, "low": 0.58, "high": 0.84, "n": 50},
    "calibration": {"value": 0.06, "low": 0.0, "high": 0.14, "n": 50},
    "bins": 2,
    "labels": [
        {"support": 40, "predicted": 41, "precision": SHARE, "recall": SHARE},
        {"support": 9, "predicted": 9, "precision": None, "recall": None},
    ],
    "slices": [
        {"field": "language", "value": "en", "n": 44, "accuracy": SHARE},
        {"field": "language", "value": "<de>", "n": 6, "accuracy": None},
    ],
}
CURVE = [[10, 0.5, 0.4, 0.6], [100, 0.7, 0.65, 0.75], [300, 0.78, 0.7, 0.83]]
SAVED = {
    "verdict": "saved",
    "labels": 120,
    "accuracy": 0.75,
    "low": 150.2,
    "high": 240.0,
    "limit": 300,
    "control": 100,
    "missing": 0,
    "missing_holdout": 0,
    "curve": CURVE,
}
SIGN = {"value": 0.91, "p": 1e-9, "alert": True}
DRIFT = {
    "boundary": 9,
    "old": 300,
    "new": 62,
    "alert": True,
    "classifier": SIGN,
    "labels": None,
    "clusters": None,
}


@pytest.fixture
def project():
    return make_project(labels=["refund", "billing"])


def a_round(project, number=1, labelled=20, **metrics):
    made = done_round(project, number, labelled)
    made.metrics.update(metrics)
    made.save()
    return made


def shown(client, project, member=make_lead):
    client.force_login(member(project).user)
    return " ".join(client.get(reverse("progress", args=[project.pk])).content.decode().split())


# --- how good is the model -------------------------------------------------------------------------------


def test_each_figure_comes_with_its_interval(client, project):
    a_round(project, evaluation=REPORT)
    html = shown(client, project)
    for words in (
        "0.73 <small>0.58 – 0.84",
        "0.06 <small>0.00 – 0.14",
        '80 % <small class="soft">61 % – 92 %',
    ):
        assert words in html
    assert "in 2 groups of equally many items" in html


def test_a_label_or_slice_with_few_items_has_no_figure_and_the_page_says_so(client, project):
    a_round(project, evaluation=REPORT)
    found = progress.measured(
        progress.newest(project, "evaluation")["evaluation"], list(project.labels.all())
    )
    assert [(line.label.name, line.recall is None) for line in found.labels] == [
        ("refund", False),
        ("billing", True),
    ]
    html = shown(client, project)
    assert "1 label has under 10 items in the hold-out" in html
    assert "No figure under 10 items." in html
    assert "&lt;de&gt;" in html


def test_a_small_hold_out_hides_every_figure(client, project):
    small = {**REPORT, "n": 9, "missing": 11, "macro_f1": None, "calibration": None}
    made = a_round(project, evaluation=small)
    made.metrics["holdout"]["n"] = 9
    made.save()
    html = shown(client, project)
    assert "The hold-out is too small to say" in html
    assert "Macro F1" not in html


def test_the_page_reads_the_long_figures_of_the_newest_round_alone(project):
    a_round(project, 1, evaluation=REPORT)
    a_round(project, 2, evaluation={**REPORT, "bins": 3})
    assert progress.newest(project, "evaluation", "drift") == {
        "evaluation": {**REPORT, "bins": 3},
        "drift": None,
    }
    assert [one.number for one in progress.rounds_done(project)] == [1, 2]


# --- which model is that ---------------------------------------------------------------------------------


def a_model(project, number, state="champion", measured=0.8, **fields):
    """A model and its round, which measured this accuracy; the model's own may be another."""
    made = make_version(project, number, state, **fields)
    report = copy.deepcopy(REPORT)
    report["macro_f1"]["value"] = measured
    held_back = state == "rejected"
    figures = {"n": 50, "accuracy": measured, "low": measured - 0.1, "high": measured + 0.1}
    made.round.metrics.update(holdout=figures, evaluation=report, held_back=held_back)
    made.round.labelled, made.round.finished_at = 20 * number, now()
    made.round.save()
    return made


def own(accuracy):
    return {"metrics": {"n": 40, "accuracy": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.1}}


def test_after_a_model_was_held_back_the_page_says_whose_figures_it_shows(client, project):
    a_model(project, 1, **own(0.81))
    against = {"passed": False, "applied": True, "against": 1}
    a_model(project, 2, "rejected", measured=0.83, gate=against, **own(0.41))
    html = shown(client, project)
    assert "Model 2</a> was held back" in html
    assert "the figures of <a" in html
    assert "83 % <small>73 % – 93 %" in html
    assert "41 %" not in html
    assert "40 <small>held back</small>" in html


@pytest.mark.parametrize("was_held_back", [False, True])
def test_a_model_that_somebody_put_in_use_is_shown_with_its_own_figures(client, project, was_held_back):
    chosen = a_model(project, 1, "rejected" if was_held_back else "retired", 0.77, **own(0.66))
    newest = a_model(project, 2, measured=0.91, **own(0.91))
    assert progress.in_use(project) is None
    ModelVersion.objects.filter(pk=newest.pk).update(state="retired")
    ModelVersion.objects.filter(pk=chosen.pk).update(state="champion")
    html = shown(client, project)
    assert "Somebody put <a" in html
    assert "66 % <small>56 % – 76 %" in html
    # What its round kept is about the model before, where it was held back.
    assert ("0.77 <small>" in html) is not was_held_back
    assert "0.91 <small>" not in html
    # A least accuracy is asked of the model in use.
    used = progress.as_used(progress.rounds_done(project), progress.in_use(project))
    assert [one.accuracy for one in used] == [0.77, 0.66]


def test_a_newest_model_that_was_held_back_and_put_in_use_is_shown_with_its_own_figures(project):
    first = a_model(project, 1, **own(0.8))
    gate = {"passed": False, "applied": True, "against": 1}
    second = a_model(project, 2, "rejected", measured=0.8, gate=gate, **own(0.6))
    assert progress.in_use(project).held_back
    ModelVersion.objects.filter(pk=first.pk).update(state="retired")
    ModelVersion.objects.filter(pk=second.pk).update(state="champion")
    used = progress.in_use(project)
    assert (used.number, used.held_back, used.report) == (2, False, None)
    assert progress.accuracy(progress.rounds_done(project), used).share == 0.6


# --- should we stop --------------------------------------------------------------------------------------


def stopping(**said):
    return {"answers": 100, "trends": {}, "kappa": None, "ahead": None, "ahead_labels": 60, **said}


def test_signs_are_given_with_their_figures(client, project):
    flat = {"5": [0.002, -0.006, 0.011]}
    for number in range(1, 7):
        said = stopping(kappa=0.995, trends=flat, ahead=[0.003, 0.0, 0.008])
        a_round(project, number, 20 * number, stopping=said)
    html = shown(client, project)
    for words in (
        "More labels would bring little",
        "Nothing stops by itself",
        "Over the last 5 rounds it changed by +0.2 points (−0.6 to +1.1). That is surely less than 2 points.",
        "kappa 0.995",
        "60 more labels would add +0.3 points (0 to +0.8). Under 1 counts as little.",
    ):
        assert words in html


def test_before_anything_can_be_told_the_page_says_what_it_takes(client, project):
    a_round(project, stopping=stopping())
    html = shown(client, project)
    assert "Too early to say" in html
    assert "Takes three rounds with a model, and 20 hold-out items." in html
    assert "Settings, Loop" not in html
    assert "Settings, Loop" in shown(client, project, make_admin)


def test_rules_say_what_they_would_have_done_so_far(client, project):
    policy = project.policy
    policy.stop_rules = {"min_accuracy": 0.66, "max_labels": 500, "max_cost": 40, "label_cost": 0.5}
    policy.save()
    for number in (1, 2):
        a_round(project, number, 40 * number, stopping=stopping(answers=50 * number))
    html = shown(client, project)
    for words in (
        "Your rule says: stop",
        "Accuracy of at least 66 %: met",
        "The lower end is at 67 %. It would have stopped after round 1, with 90 labels and an accuracy of 80",
        "500 labelled items: not met",
        "Now: 130. It would not have stopped so far.",
        "A cost of 40, at 0.5 an answer: met",
        "Now: 50. It would have stopped after round 2, with 130 labels",
    ):
        assert words in html


@pytest.mark.parametrize(
    ("rule", "past", "words"),
    [
        ({"min_accuracy": 0.9}, Past(1, 20), "The hold-out is too small to say."),
        ({"plateau_rounds": 4}, Past(1, 20), "Cannot be tested yet."),
        ({"max_cost": 9}, Past(1, 20, answers=5), "What an answer costs is not set."),
    ],
)
def test_a_rule_that_cannot_be_checked_says_why(rule, past, words):
    (line,) = advice.advise([past], rule, 0).rules
    assert (line.met, line.now) == (False, words)


def test_old_rounds_without_signs_do_no_harm(client, project):
    Round.objects.create(project=project, number=0, state="done", metrics={})
    a_round(project, 1)
    assert "Too early to say" in shown(client, project)
    assert rules.verdict([], rules.signs([])) == "early"


# --- what was saved --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "title", "words"),
    [
        ({}, "20 % to 50 % of the labels saved", "as good as 150 to 240 random ones would"),
        ({"high": None}, "At least 20 % of the labels saved", "as good as 150 or more random ones"),
        ({"low": None, "high": None}, "At least 60 % of the labels saved", "as good as 300 or more random"),
        ({"verdict": "not_shown", "low": 90.0}, "No saving is shown", "That may be fewer or more."),
        ({"verdict": "cost", "low": 50.0, "high": 90.0}, "it took more labels", "Random order would have"),
        ({"verdict": "unknown", "missing": 23}, "cannot be said yet", "needs 23 more labelled items."),
        ({"verdict": "unknown", "missing_holdout": 1}, "cannot be said yet", "needs 1 more labelled item."),
    ],
)
def test_savings_are_an_interval_or_the_reason_why_there_is_none(change, title, words):
    found = advice.saved({**SAVED, **change}, 6)
    assert title in found.title
    assert words in found.words


def test_the_newest_round_with_a_control_is_shown_with_its_curve(client, project):
    a_round(project, 3, savings=SAVED)
    a_round(project, 4)
    found = progress.saved(project)
    assert (found.round_number, found.control) == (3, 100)
    assert ["120", "75 %", "", ""] in found.chart.rows
    assert found.chart.rows[0] == ["10", "", "50 %", "40 % – 60 %"]
    html = shown(client, project)
    assert "20 % to 50 % of the labels saved" in html
    assert "100 random items" in html


def test_before_any_comparison_the_page_says_when_it_comes(client, project):
    assert progress.saved(project) is None
    assert "Every third round compares" in shown(client, project)


# --- new items -------------------------------------------------------------------------------------------


def test_an_alert_says_what_differs_and_what_happens(client, project):
    a_round(project, drift=DRIFT)
    html = shown(client, project)
    assert "New items look different" in html
    assert "62 items that came in later are unlike the 300 before them" in html
    assert "area under the curve 0.91" in html


def test_without_an_alert_nothing_is_said(client, project):
    a_round(project, drift={**DRIFT, "alert": False})
    assert "New items look different" not in shown(client, project)
    assert advice.drifted({"boundary": 3}) is None
