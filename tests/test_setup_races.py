"""Several admins at the same moment: what only one may do, only one does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from projects import guidelines, labelset, people, policies, setup
from projects.errors import Refused
from projects.labelset import Draft
from projects.models import Membership, Project
from tests.factories import make_admin, make_project
from tests.threads import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_admins_who_remove_each_other_leave_one():
    project = make_project()
    ada, eve = make_admin(project, "Ada"), make_admin(project, "Eve")
    turns: Iterator[tuple[Membership, Membership]] = iter([(ada, eve), (eve, ada)])

    def remove() -> bool:
        actor, other = next(turns)
        try:
            people.deactivate(other, actor.user)
        except Refused:
            return False
        return True

    assert sorted(in_threads(2, remove)) == [False, True]
    assert project.memberships.filter(role=Membership.Role.ADMIN, active=True).count() == 1


def test_the_same_labels_added_at_once_come_in_once():
    project = make_project(labels=0, state=Project.State.DRAFT)
    ada = make_admin(project)
    drafts = [Draft(f"label {n}") for n in range(20)]
    added = in_threads(4, lambda: len(labelset.add(project, ada.user, drafts)))
    assert sorted(added) == [0, 0, 0, 20]
    assert sorted(project.labels.values_list("position", flat=True)) == list(range(20))


def test_versions_of_a_policy_are_numbered_without_gaps():
    project = make_project()
    ada = make_admin(project)
    sizes = iter(range(10, 16))
    in_threads(6, lambda: policies.change(project, ada.user, {"batch_size": next(sizes)}))
    assert sorted(project.policies.values_list("version", flat=True)) == [1, 2, 3, 4, 5, 6, 7]


def test_of_two_texts_that_began_at_the_same_version_one_wins():
    project = make_project()
    ada = make_admin(project)
    texts = iter(["mine", "yours"])

    def write() -> bool:
        try:
            guidelines.change(project, ada.user, next(texts), seen=1)
        except Refused:
            return False
        return True

    assert sorted(in_threads(2, write)) == [False, True]
    project.refresh_from_db()
    assert project.guideline_version == 2


def test_a_project_paused_by_everybody_is_paused_once():
    project = make_project()
    ada = make_admin(project)
    in_threads(4, lambda: setup.pause(project, ada.user))
    assert list(project.events.values_list("action", flat=True)) == ["project.paused"]
