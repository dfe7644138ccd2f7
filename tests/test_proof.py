"""A model has a vote once the hold-out says that it is right more often than one annotator."""

import pytest

from projects import queries
from projects.models import Event
from sampling import proof
from tests.factories import answer, make_member, make_project

pytestmark = pytest.mark.django_db


def paired(equal, pairs=40):
    """A project whose agreement sample has so many pairs of answers, of which so many are equal."""
    project = make_project(items=pairs, policy={"overlap": 1, "agreement_overlap": 2})
    project.items.update(agreement=True)
    ann, ben = make_member(project), make_member(project)
    first, second, _ = project.labels.all()
    for at, item in enumerate(project.items.order_by("number")):
        answer(ann, item, first)
        answer(ben, item, first if at < equal else second)
    queries.near.clear()
    return project


def test_a_model_above_one_annotator_by_its_interval_is_proven():
    project = paired(equal=24)
    assert proof.proven(project, {"n": 200, "low": 0.9})
    assert not proof.proven(project, {"n": 200, "low": 0.5})
    assert not proof.proven(project, {"n": 99, "low": 0.9})
    assert not proof.proven(project, None)


def test_where_nobody_knows_how_good_an_annotator_is_nothing_is_proven():
    assert not proof.proven(make_project(), {"n": 500, "low": 0.99})


def test_what_changes_is_written_down_once():
    project = make_project()
    for says in (True, True, False):
        proof.settle_on(project, says)
        project.refresh_from_db()
        assert project.model_proven == says
    assert list(Event.objects.order_by("pk").values_list("action", flat=True)) == [
        "model.proven",
        "model.unproven",
    ]
