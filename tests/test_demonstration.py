"""The demonstration is real: people answered through the real actions, and the real loop turned."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from annotator import demonstration
from annotator.management.commands import demo
from projects.models import Dispute, Item
from sampling.models import Round

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", demonstration.PROJECTS)
def test_a_visitor_finds_a_trained_model_a_curve_and_two_disputes(name):
    project = demonstration.make_project(name, demonstration.make_people())
    curve = [
        done.metrics["holdout"]["accuracy"]
        for done in project.rounds.filter(model_version__isnull=False).order_by("number")
    ]
    assert len(curve) >= 3
    assert curve[-1] > curve[0] + 0.1
    reasons = [dispute.reasons for dispute in project.disputes.filter(state=Dispute.State.OPEN)]
    assert sorted(reasons) == [[Dispute.Reason.FLAG], [Dispute.Reason.TIE]]
    assert not project.rounds.exclude(state=Round.State.DONE).exists()
    seeds = project.items.filter(settled_source=Item.Source.SEED, holdout=False)
    assert 0 < seeds.count() < 20
    known = project.items.filter(gold__isnull=False)
    assert known.count() == demonstration.KNOWN_ITEMS
    assert project.annotations.filter(item__in=known).exists()


def test_a_folder_with_other_data_is_left_alone(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(connection, "vendor", "sqlite")
    (tmp_path / "annotator.sqlite3").write_text("years of work")
    with pytest.raises(CommandError, match="no demonstration"):
        call_command("demo", "--reset")
    assert (tmp_path / "annotator.sqlite3").read_text() == "years of work"


def test_a_second_demonstration_in_the_same_folder_is_refused(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    with demo._alone_in(tmp_path), pytest.raises(CommandError, match="running already"):
        call_command("demo")
