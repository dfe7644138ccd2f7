"""What rounds measure besides their batch: on the hold-out, against earlier models, and what comes in new."""

from __future__ import annotations

import numpy as np
import pytest

from projects.models import Annotation, Item
from sampling import figures, measures, snapshots
from sampling.core import savings
from sampling.models import ModelVersion, Round
from sampling.scoring import table_of
from tests.factories import answer, make_items, make_member
from tests.loops import label, make_loop, right, turn, with_model
from tests.test_rounds_policies import judged

pytestmark = pytest.mark.django_db


def measured_again(round_: Round) -> dict[str, object]:
    known, _picked, _reserve = snapshots.load(round_.snapshot)
    table = table_of(known)
    return figures.after_round(round_, known, snapshots.compute(known, table), table)


def settle_holdout(project, **metadata):
    """Let the hold-out know its labels, as if people had answered; ``metadata`` by number of the item."""
    for item in project.items.filter(holdout=True):
        item.state, item.settled_labels, item.settled_source = "settled", [right(item).pk], "single"
        item.metadata = {name: value(item.number) for name, value in metadata.items()}
        item.save()


def make_round(project, labels=10):
    label(project, labels, text__regex="^(red|blue)", holdout=False)
    return turn(project)


def test_a_round_before_any_model_only_marks_what_it_has_seen():
    project = make_loop()
    first = turn(project)
    newest = project.items.latest("pk").pk
    assert first.metrics["drift"] == {"boundary": newest}
    assert not {"evaluation", "stopping", "savings"} & set(first.metrics)


def test_a_small_hold_out_has_no_figures_but_says_how_many_are_missing():
    project = with_model()
    settle_holdout(project)
    found = make_round(project).metrics["evaluation"]
    assert (found["n"], found["missing"], found["accuracy"]) == (6, 14, None)


def test_a_large_hold_out_is_measured_with_slices_of_its_metadata():
    project = with_model(items=240)
    settle_holdout(
        project,
        language=lambda n: "en" if n % 3 else "de",
        number=lambda n: n,
        constant=lambda n: "same",
        nested=lambda n: {"a": n % 2},
    )
    found = make_round(project).metrics["evaluation"]
    assert (found["n"], found["missing"]) == (24, 0)
    assert found["accuracy"]["low"] < 1
    assert {(one["field"], one["value"], one["n"]) for one in found["slices"]} == {
        ("language", "en", 16),
        ("language", "de", 8),
    }
    assert [one["accuracy"] is None for one in found["slices"]] == [False, True]


def test_each_round_is_compared_with_the_models_before_it():
    project = with_model(items=240)
    settle_holdout(project)
    first = project.rounds.latest("number")
    assert first.metrics["stopping"]["kappa"] is None
    second, third = make_round(project), make_round(project)
    assert 0.5 < second.metrics["stopping"]["kappa"] <= 1
    assert second.metrics["stopping"]["trends"] == {}
    assert list(third.metrics["stopping"]["trends"]) == ["2"]
    assert third.metrics["stopping"]["answers"] == 30


def test_a_model_whose_file_is_gone_is_left_out():
    project = with_model(items=240)
    settle_holdout(project)
    ModelVersion.objects.update(path="models/gone.npz")
    found = make_round(project).metrics["stopping"]
    assert (found["kappa"], found["trends"]) == (None, {})


def test_the_same_round_measures_the_same_again():
    project = with_model(items=240)
    settle_holdout(project, language=lambda n: n % 2)
    round_ = make_round(project)
    again = measured_again(round_)
    assert again == {name: round_.metrics[name] for name in again}
    assert {"evaluation", "stopping", "drift"} <= set(again)


# --- models held back --------------------------------------------------------------------------------------


def test_of_a_model_that_is_held_back_only_its_version_keeps_the_figures():
    project = judged()
    round_ = turn(project)
    rejected, found = round_.model_version, round_.metrics
    assert rejected.state == "rejected"
    assert rejected.metrics["accuracy"] < 0.7 < found["holdout"]["accuracy"]
    assert found["evaluation"]["accuracy"]["value"] == round(found["holdout"]["accuracy"], 4)
    assert measures.figures(rejected).accuracy.value == rejected.metrics["accuracy"]
    assert measures.figures(project.model_versions.get(state="champion")).calibration


def test_a_round_without_a_new_model_in_use_is_no_sign_that_predictions_stay():
    project = judged()
    assert turn(project).metrics["stopping"]["kappa"] is None
    # The labels are put right: the next model is compared with the one in use, not with the one held back.
    for item in project.items.filter(holdout=False, state="settled"):
        Item.objects.filter(pk=item.pk).update(settled_labels=[right(item).pk])
    label(project, 10, number__gt=100, holdout=False)
    third = turn(project)
    assert third.model_version.state == "champion"
    assert third.metrics["stopping"]["kappa"] > 0.5


# --- labels saved ------------------------------------------------------------------------------------------


def with_control(monkeypatch, items=600, control=60, strategy="default"):
    """A project whose next round looks at a random control of so many items."""
    monkeypatch.setattr(figures, "EVERY", 1)
    project = with_model(items=items, strategy=strategy)
    settle_holdout(project)
    person = make_member(project)
    drawn = project.items.filter(holdout=False, state="open", assignments=None).order_by("shuffle")
    items = list(drawn[:control])
    for item in items:
        answer(person, item, right(item))
    Item.objects.filter(pk__in=[item.pk for item in items]).update(agreement=True)
    # No model had a say in the first ten either, but somebody chose them.
    Annotation.objects.filter(item__agreement=False).update(stream="strategy")
    return project


def test_without_a_control_the_round_says_how_many_items_it_needs(monkeypatch):
    project = with_control(monkeypatch, items=240, control=30)
    found = turn(project).metrics["savings"]
    assert (found["verdict"], found["control"], found["missing"]) == ("unknown", 30, 20)


def test_the_control_is_random_and_learnt_from_and_never_of_the_hold_out(monkeypatch):
    project = with_control(monkeypatch)
    # Known at import: nobody's draw. In the hold-out: never.
    seed = project.items.filter(agreement=True).first()
    Item.objects.filter(pk=seed.pk).update(settled_source="seed")
    project.items.filter(holdout=True).update(agreement=True)
    found = turn(project).metrics["savings"]
    assert found["control"] == 59
    assert found["verdict"] in {"saved", "not_shown", "cost"}
    assert found["curve"][-1][0] == savings.BEYOND * 59


def test_answers_from_the_random_streams_belong_to_the_control(monkeypatch):
    project = with_control(monkeypatch, control=50)
    picked = Annotation.objects.filter(item__agreement=False, item__holdout=False)
    some = list(picked.values_list("pk", flat=True)[:3])
    Annotation.objects.filter(pk__in=some).update(stream="control")
    assert turn(project).metrics["savings"]["control"] == 53


def test_a_strategy_that_asks_a_committee_is_compared_with_the_control_too(monkeypatch):
    found = turn(with_control(monkeypatch, control=50, strategy="bald")).metrics
    assert {"drift", "evaluation", "stopping", "savings"} <= set(found)
    assert (found["savings"]["control"], found["savings"]["missing"]) == (50, 0)
    assert found["savings"]["curve"]


@pytest.mark.parametrize("name", ["drift", "evaluation", "stopping", "savings"])
def test_a_figure_that_fails_is_logged_and_takes_no_other_with_it(monkeypatch, caplog, name):
    project = with_control(monkeypatch, items=240, control=30)
    monkeypatch.setattr(figures, f"_{name}", lambda *_: 1 / 0)
    found = turn(project)
    every = {"drift", "evaluation", "stopping", "savings"}
    assert found.state == "done"
    assert every & set(found.metrics) == every - {name}
    assert f"{name} failed" in caplog.text


def test_the_control_is_looked_at_every_few_rounds():
    project = with_model(items=120)
    for _ in range(figures.EVERY):
        make_round(project)
    numbers = {r.number for r in project.rounds.all() if "savings" in r.metrics}
    assert numbers == {3}


# --- drift -------------------------------------------------------------------------------------------------

STRANGE = "zebra lion {} giraffe {} elephant"


def bring(project, texts):
    """Items that come later, with features."""
    make_items(project, texts)
    turn(project)


def alike(count):
    """Texts of the two kinds that a loop has, none of them a copy."""
    rng, kinds = np.random.default_rng(0), ("blue sky {} over the sea {}", "red apple {} and cherry {}")
    numbers = 2 * rng.integers(200, size=(count, 2)) + (np.arange(count) % 2)[:, None]
    factors = (5, 7)
    return [kinds[n % 2].format(a, b * factors[n % 2]) for n, (a, b) in enumerate(numbers.tolist())]


def strange(count):
    return [STRANGE.format(n, n * 7) for n in range(count)]


@pytest.mark.parametrize(("settled", "grown"), [(200, False), (60, True)])
def test_new_items_like_the_old_raise_no_alert_and_grow_old(monkeypatch, settled, grown):
    monkeypatch.setattr(figures, "SETTLED_NEW", settled)
    project = with_model(items=400)
    boundary = project.rounds.latest("number").metrics["drift"]["boundary"]
    bring(project, alike(60))
    found = make_round(project).metrics["drift"]
    assert (found["alert"], found["new"]) == (False, 60)
    assert found["boundary"] == (project.items.latest("pk").pk if grown else boundary)


def test_new_items_unlike_the_old_raise_an_alert_and_are_named():
    project = with_model(items=300)
    bring(project, strange(60))
    round_ = make_round(project)
    found = round_.metrics["drift"]
    assert (found["alert"], found["old"], found["new"]) == (True, 300, 60)
    named = Item.objects.in_bulk(found["strange"])
    assert len(named) == 60
    assert all(item.text.startswith("zebra") for item in named.values())
    following = Round(project=project, number=round_.number + 1)
    assert figures.new_region(following) == found["strange"]


def test_the_alert_ends_when_the_model_has_met_the_new_items():
    project = with_model(items=300)
    bring(project, strange(60))
    make_round(project)
    zebras = list(project.items.filter(text__startswith="zebra").order_by("number"))[:20]
    Item.objects.filter(pk__in=[item.pk for item in zebras]).update(
        state="settled", settled_labels=[project.labels.first().pk], settled_source="single"
    )
    found = make_round(project).metrics["drift"]
    assert (found["alert"], found["boundary"]) == (False, project.items.latest("pk").pk)
    assert found["learnt"] >= 20
    assert figures.new_region(Round(project=project, number=99)) == []


def test_a_few_new_items_are_not_compared():
    project = with_model(items=300)
    bring(project, strange(39))
    found = make_round(project).metrics["drift"]
    assert (found["new"], "alert" in found) == (39, False)
    assert np.isfinite(found["boundary"])
