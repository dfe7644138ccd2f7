"""Projects, labels, policies, guidelines, people: each change is made once, and written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from projects import files, guidelines, labelset, people, policies, setup, uploads
from projects.errors import Refused
from projects.guidelines import News
from projects.labelset import Draft
from projects.models import Item, Label, Membership, Policy, Project, Upload
from tests.factories import make_admin, make_member, make_project, make_user

pytestmark = pytest.mark.django_db


def make_draft(labels: int = 2, **fields: Any) -> tuple[Project, Membership]:
    project = make_project(labels=labels, state=Project.State.DRAFT, **fields)
    return project, make_admin(project)


def add_file(project: Project, rows: list[dict[str, str]], name: str = "items.jsonl") -> Upload:
    body = "".join(json.dumps(row) + "\n" for row in rows)
    return uploads.add(project, make_user(), ContentFile(body.encode(), name=name))


def actions_of(project: Project) -> list[str]:
    return list(project.events.order_by("pk").values_list("action", flat=True))


def test_whoever_creates_a_project_is_its_admin_and_it_begins_as_a_draft():
    ada = make_user("Ada")
    project = setup.create_project(ada, " Post ", Project.Media.TEXT, Project.Task.SINGLE)
    assert project.name == "Post"
    assert project.state == Project.State.DRAFT
    assert project.policy.version == 1
    assert project.memberships.get().user == ada
    assert project.memberships.get().administers
    assert actions_of(project) == ["project.created"]


def test_an_empty_draft_says_all_that_it_lacks():
    project, ada = make_draft(labels=0)
    with pytest.raises(Refused, match=r"no data yet.*two labels"):
        setup.start(project, ada.user)
    project.refresh_from_db()
    assert project.state == Project.State.DRAFT


def test_a_complete_draft_starts_once_and_its_file_is_imported():
    project, ada = make_draft()
    upload = add_file(project, [{"text": "one"}, {"text": "two"}])
    setup.start(project, ada.user)
    setup.start(project, ada.user)
    upload.refresh_from_db()
    assert upload.state == Upload.State.READY
    files.import_upload(upload)
    assert project.items.count() == 2
    assert actions_of(project).count("project.started") == 1


def test_bad_rows_wait_for_a_decision_before_labelling_starts():
    project, ada = make_draft()
    upload = add_file(project, [{"text": "one"}, {"text": ""}])
    with pytest.raises(Refused, match="bad rows"):
        setup.start(project, ada.user)
    with pytest.raises(Refused, match="Choose what becomes"):
        uploads.accept(upload, ada.user, good_rows_only=False)
    uploads.accept(upload, ada.user, good_rows_only=True)
    setup.start(project, ada.user)
    upload.refresh_from_db()
    files.import_upload(upload)
    assert list(project.items.values_list("text", flat=True)) == ["one"]


def test_labels_of_the_file_are_there_before_the_items_are():
    project, ada = make_draft(labels=0)
    upload = add_file(project, [{"text": "a", "label": "spam"}, {"text": "b", "label": "ham"}])
    uploads.choose(upload, {"content": "text", "label": "label", "known": "seed", "new_labels": True})
    upload.refresh_from_db()
    uploads.accept(upload, ada.user, good_rows_only=False)
    assert set(labelset.shown(project).values_list("name", flat=True)) == {"spam", "ham"}
    setup.start(project, ada.user)
    upload.refresh_from_db()
    files.import_upload(upload)
    assert project.labels.count() == 2
    assert set(project.items.values_list("state", flat=True)) == {Item.State.SETTLED}


def test_a_removed_file_leaves_nothing_behind(django_capture_on_commit_callbacks):
    project, ada = make_draft()
    upload = add_file(project, [{"text": "one"}])
    storage, stored = upload.file.storage, str(upload.file.name)
    with django_capture_on_commit_callbacks(execute=True):
        uploads.remove(upload, ada.user)
        uploads.remove(upload, ada.user)
    assert not project.uploads.exists()
    assert not storage.exists(stored)
    assert actions_of(project).count("upload.removed") == 1


def test_an_imported_file_cannot_be_removed():
    project, ada = make_draft()
    upload = add_file(project, [{"text": "one"}])
    files.import_upload(upload)
    with pytest.raises(Refused, match="already imported"):
        uploads.remove(upload, ada.user)


def test_pasted_lines_are_texts_as_they_stand():
    project, ada = make_draft()
    upload = uploads.add_lines(project, ada.user, 'NA\n\n "quoted", and <b>bold</b>\r\nnull\n')
    assert upload.report["good"] == 3
    files.import_upload(upload)
    texts = list(project.items.order_by("number").values_list("text", flat=True))
    assert texts == ["NA", ' "quoted", and <b>bold</b>', "null"]


def test_the_kind_of_answer_is_fixed_once_labelling_started():
    project = make_project()
    ada = make_admin(project)
    with pytest.raises(Refused, match="fixed"):
        setup.describe(project, ada.user, {"task": Project.Task.MULTI})
    setup.describe(project, ada.user, {"name": "New", "question": "Why?"})
    event = project.events.get()
    assert (event.before, event.after) == (
        {"name": "Post", "question": "Which label fits?"},
        {"name": "New", "question": "Why?"},
    )


def test_pause_resume_and_archive_may_be_repeated_and_are_written_down():
    project = make_project()
    ada = make_admin(project)
    for act in (setup.pause, setup.pause, setup.resume, setup.archive, setup.archive, setup.resume):
        act(project, ada.user)
    project.refresh_from_db()
    assert project.state == Project.State.ACTIVE
    moves = ["project.paused", "project.resumed", "project.archived", "project.resumed"]
    assert actions_of(project) == moves


def test_a_draft_can_be_neither_paused_nor_resumed():
    project, ada = make_draft()
    for act in (setup.pause, setup.resume):
        with pytest.raises(Refused, match="not started yet"):
            act(project, ada.user)


# --- labels ---


def test_added_labels_get_positions_hues_and_keys_of_their_own():
    project, ada = make_draft(labels=0)
    names = [f"label {n}" for n in range(150)]
    labelset.add(project, ada.user, [Draft(name) for name in names])
    labels = list(labelset.shown(project))
    assert [label.name for label in labels] == names
    assert [label.position for label in labels] == list(range(150))
    assert "".join(label.key for label in labels) == "1234567890"
    assert {label.hue for label in labels} == set(range(1, 13))
    assert actions_of(project) == ["label.added"]


def test_a_label_that_is_there_is_not_added_twice_whatever_its_case():
    project, ada = make_draft(labels=0)
    labelset.add(project, ada.user, [Draft("Spam"), Draft("spam"), Draft("ham")])
    assert labelset.add(project, ada.user, [Draft("SPAM")]) == []
    assert project.labels.count() == 2


def test_lines_become_labels_with_descriptions_after_a_tab():
    drafts = labelset.drafts_from("  spam  \n\nham\tnot  spam\n")
    assert drafts == [Draft("spam"), Draft("ham", "not spam")]


def test_a_name_that_is_too_long_adds_nothing():
    project, ada = make_draft(labels=0)
    with pytest.raises(Refused, match="too long"):
        labelset.add(project, ada.user, [Draft("fine"), Draft("x" * 81)])
    assert not project.labels.exists()


def test_renaming_keeps_id_and_position():
    project = make_project(labels=["spam", "ham"])
    ada = make_admin(project)
    label = project.labels.get(name="spam")
    labelset.change(label, ada.user, {"name": "junk", "description": "Unwanted"})
    renamed = project.labels.get(name="junk")
    assert (renamed.pk, renamed.position) == (label.pk, label.position)
    assert project.events.get().before == {"name": "spam", "description": ""}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "HAM"}, "already a label «ham»"),
        ({"name": " "}, "needs a name"),
        ({"key": "2"}, "belongs to «ham»"),
        ({"key": "s"}, "needs the key s itself"),
        ({"key": "ab"}, "one letter or digit"),
        ({"key": " "}, "one letter or digit"),
    ],
)
def test_a_label_refuses_what_is_taken_or_reserved(changes, words):
    project = make_project(labels=["spam", "ham"])
    ada = make_admin(project)
    with pytest.raises(Refused, match=words):
        labelset.change(project.labels.get(name="spam"), ada.user, changes)
    assert not project.events.exists()


def test_the_database_itself_keeps_keys_and_names_apart():
    project = make_project(labels=["spam", "ham"])
    for field, value in (("key", "2"), ("name", "ham"), ("position", 1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            project.labels.filter(name="spam").update(**{field: value})


def test_a_retired_label_keeps_its_column_and_frees_its_key():
    project = make_project(labels=["a", "b", "c"])
    ada = make_admin(project)
    gone = project.labels.get(name="a")
    labelset.retire(gone, ada.user)
    labelset.retire(gone, ada.user)
    (new,) = labelset.add(project, ada.user, [Draft("d")])
    assert (new.position, new.key) == (3, "1")
    gone.refresh_from_db()
    assert gone.position == 0
    assert actions_of(project) == ["label.retired", "label.added"]


def test_a_retired_label_comes_back_under_its_own_id():
    project = make_project(labels=["a", "b", "c"])
    ada = make_admin(project)
    gone = project.labels.get(name="a")
    labelset.retire(gone, ada.user)
    (back,) = labelset.add(project, ada.user, [Draft("A")])
    assert back.pk == gone.pk
    assert back.retired_at is None
    assert project.labels.filter(key="1").get() == back


def test_one_of_the_last_two_labels_of_a_running_project_stays():
    project = make_project(labels=2)
    ada = make_admin(project)
    with pytest.raises(Refused, match="at least two"):
        labelset.retire(project.labels.all()[0], ada.user)


def test_a_label_of_an_empty_draft_is_simply_removed():
    project, ada = make_draft()
    labelset.retire(project.labels.all()[0], ada.user)
    assert project.labels.count() == 1


def test_moving_a_label_changes_what_people_see_and_no_column():
    project = make_project(labels=["a", "b", "c"])
    ada = make_admin(project)
    labelset.move(project.labels.get(name="c"), ada.user, -1)
    assert [label.name for label in labelset.shown(project)] == ["a", "c", "b"]
    assert list(project.labels.order_by("position").values_list("name", flat=True)) == ["a", "b", "c"]
    labelset.sort_by_name(project, ada.user)
    assert [label.name for label in labelset.shown(project)] == ["a", "b", "c"]


# --- policy ---


def test_a_change_of_policy_is_a_new_version_and_leaves_the_old_one_alone():
    project = make_project()
    ada = make_admin(project)
    policies.change(project, ada.user, {"batch_size": 20, "overlap": 1}, "Too slow")
    assert [policy.batch_size for policy in project.policies.order_by("version")] == [50, 20]
    event = project.events.get()
    assert event.before == {"version": 1, "batch_size": 50}
    assert event.after == {"version": 2, "batch_size": 20}
    assert event.reason == "Too slow"


def test_a_policy_that_changes_nothing_makes_no_version():
    project = make_project()
    same = policies.change(project, make_admin(project).user, {"batch_size": 50})
    assert same.version == 1
    assert not project.events.exists()


@pytest.mark.parametrize(
    "changes", [{"overlap": 3}, {"batch_size": 0}, {"holdout_share": 0.9}, {"agreement_overlap": 1}]
)
def test_a_policy_that_makes_no_sense_is_refused(changes):
    project = make_project()
    with pytest.raises(Refused):
        policies.change(project, make_admin(project).user, changes)
    assert Policy.objects.filter(project=project).count() == 1


# --- guidelines ---


def test_guidelines_keep_every_version():
    project = make_project(guidelines="old")
    ada = make_admin(project)
    guidelines.change(project, ada.user, "new\r\nlines", seen=1, news=News(summary="Clearer"))
    guidelines.change(project, ada.user, "new\nlines", seen=2)
    project.refresh_from_db()
    assert (project.guidelines, project.guideline_version) == ("new\nlines", 2)
    second, first = guidelines.versions(project)
    assert [(one.row.version, one.row.text) for one in (first, second)] == [(1, "old"), (2, "new\nlines")]
    assert second.row.summary == "Clearer"
    event = project.events.get(action=guidelines.CHANGED)
    assert event.before == {"version": 1, "text": "old"}
    assert event.after == {"version": 2, "text": "new\nlines", "kind": "editorial", "labels": []}


def test_two_people_do_not_overwrite_each_others_guidelines():
    project = make_project(guidelines="old")
    ada = make_admin(project)
    guidelines.change(project, ada.user, "mine", seen=1)
    with pytest.raises(Refused, match="Somebody else"):
        guidelines.change(project, ada.user, "yours", seen=1)


def test_a_comparison_shows_what_came_and_what_went():
    lines = guidelines.comparison("same\nold", "same\nnew")
    assert [(line.sign, line.text) for line in lines] == [("", "same"), ("-", "old"), ("+", "new")]


# --- people ---


def test_the_last_admin_can_neither_leave_nor_step_down():
    project = make_project()
    ada = make_admin(project)
    with pytest.raises(Refused, match="last admin"):
        people.deactivate(ada, ada.user)
    with pytest.raises(Refused, match="last admin"):
        people.change_role(ada, ada.user, Membership.Role.LEAD)
    other = make_admin(project, "Eve")
    people.deactivate(ada, other.user)
    with pytest.raises(Refused, match="last admin"):
        people.deactivate(other, other.user)


def test_who_left_may_come_back_and_keeps_what_was_answered():
    project = make_project()
    ada, ben = make_admin(project), make_member(project, "Ben", answered=7)
    people.deactivate(ben, ada.user)
    back, changed = people.add(project, ada.user, ben.user, Membership.Role.LEAD)
    assert (back.pk, back.role, back.answered, changed) == (ben.pk, Membership.Role.LEAD, 7, True)
    assert people.add(project, ada.user, ben.user, Membership.Role.ADMIN)[1] is False
    assert actions_of(project) == ["member.left", "member.added"]


def test_a_change_of_role_is_written_down_with_both_sides():
    project = make_project()
    ada, ben = make_admin(project), make_member(project, "Ben")
    people.change_role(ben, ada.user, Membership.Role.LEAD)
    people.change_role(ben, ada.user, Membership.Role.LEAD)
    event = project.events.get()
    assert (event.actor, event.before, event.after) == (ada.user, {"role": "annotator"}, {"role": "lead"})


def test_labels_of_different_projects_do_not_meet():
    one, two = make_project(labels=["a", "b"]), make_project(labels=["a", "b"])
    labelset.change(one.labels.get(name="a"), make_admin(one).user, {"name": "z", "key": "9"})
    assert Label.objects.filter(project=two, name="a", key="1").exists()


def test_other_columns_ask_anew_what_becomes_of_the_bad_rows():
    project, ada = make_draft()
    upload = add_file(project, [{"a": "one", "b": ""}, {"a": "", "b": "two"}])
    uploads.accept(upload, ada.user, good_rows_only=True)
    uploads.choose(upload, {"content": "b"})
    with pytest.raises(Refused, match="bad rows"):
        setup.start(project, ada.user)


@pytest.mark.parametrize("state", [Upload.State.READY, Upload.State.IMPORTING])
def test_a_form_from_before_the_import_changes_nothing_of_it(state):
    project, ada = make_draft()
    stale = add_file(project, [{"text": "one"}, {"text": ""}])
    uploads.accept(stale, ada.user, good_rows_only=True)
    Upload.objects.filter(pk=stale.pk).update(state=state)
    for choices in ({"content": "text"}, {"content": "text", "encoding": "utf-16"}):
        with pytest.raises(Refused, match="on its way in"):
            uploads.choose(stale, choices)
    now = Upload.objects.get(pk=stale.pk)
    assert (now.good_rows_only, now.report["good"], now.state) == (True, 1, state)


def test_another_task_has_the_files_checked_again_before_the_start(django_capture_on_commit_callbacks):
    project, ada = make_draft(task=Project.Task.MULTI)
    upload = add_file(project, [{"text": "a", "label": "label 0"}, {"text": "b", "label": "label 0|label 1"}])
    reading = {"content": "text", "label": "label", "known": "seed", "separator": "|"}
    upload = uploads.accept(uploads.choose(upload, reading), ada.user, good_rows_only=True)
    assert upload.report["good"] == 2
    with django_capture_on_commit_callbacks() as rung:
        setup.describe(project, ada.user, {"task": Project.Task.SINGLE})
    upload.refresh_from_db()
    assert (upload.state, upload.good_rows_only, len(rung)) == (Upload.State.WAITING, False, 1)
    with pytest.raises(Refused, match="still being checked"):
        setup.start(project, ada.user)
    upload = files.check(upload)
    assert (upload.report["good"], upload.report["bad"]) == (1, 1)
    with pytest.raises(Refused, match="bad rows"):
        setup.start(project, ada.user)


def test_another_name_leaves_a_checked_file_checked():
    project, ada = make_draft()
    upload = add_file(project, [{"text": "one"}, {"text": ""}])
    uploads.accept(upload, ada.user, good_rows_only=True)
    setup.describe(project, ada.user, {"name": "New"})
    upload.refresh_from_db()
    assert (upload.state, upload.good_rows_only) == (Upload.State.CHECKED, True)
