"""The factories make what they say."""

from pathlib import Path

import pytest
from django.db import connection

from projects.models import Item
from tests.factories import answer, make_items, make_member, make_project


@pytest.mark.django_db
def test_an_answer_through_the_real_action_settles_an_item():
    project = make_project(labels=["spam", "ham"], items=["Win a prize", "See you at noon"])
    answer(make_member(project, "Ana"), project.items.get(number=1), project.labels.get(name="spam"))
    settled = project.items.get(state=Item.State.SETTLED)
    assert (settled.number, settled.settled_labels) == (1, [project.labels.get(name="spam").pk])


@pytest.mark.django_db
def test_positions_choose_what_is_held_out():
    project = make_project()
    make_items(project, 3)
    make_items(project, 4, holdout=[0], agreement=[1, 2])
    numbers = project.items.filter(holdout=True).values_list("number", flat=True)
    assert (list(numbers), project.items.filter(agreement=True).count()) == ([4], 2)


@pytest.mark.django_db
def test_the_test_database_is_never_in_memory():
    assert connection.vendor == "postgresql" or Path(connection.settings_dict["NAME"]).exists()
