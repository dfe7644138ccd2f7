"""The label set of a project at work: rename, add, merge, split. Votes stay, what they count for may not."""

from __future__ import annotations

import pytest

from projects import files, guidelines, labelset, migrating, policies, queries
from projects.errors import Refused
from projects.guidelines import Kind, News
from projects.labelset import Draft
from projects.migrating import Merge, Split
from projects.models import Event, Item, Label, Project, Upload
from projects.trust import staleness
from tests.factories import answer, make_items, make_member, make_project
from tests.test_staleness import clarify, read, setting, settle_as, states, votes_hash
from tests.uploading import bring, reasons

pytestmark = pytest.mark.django_db


def merge(project, admin, gone, into):
    made = migrating.merge(project, admin.user, Merge(gone, into, "One label for both."))
    staleness.follow(project.pk)
    project.refresh_from_db()
    return made


def split(project, admin, gone, *names):
    parts = [Draft(name) for name in names]
    made = migrating.split(project, admin.user, Split(gone, parts, "Two labels now."))
    staleness.follow(project.pk)
    project.refresh_from_db()
    return made


# --- one counter for text and labels ---


def test_a_rename_is_an_editorial_version_and_answers_keep_their_label():
    project, ada, (ann, *_) = setting(items=1)
    a = project.labels.first()
    answer(ann, project.items.get(), a)
    labelset.change(a, ada.user, {"name": "spam"})
    project.refresh_from_db()
    row = project.guideline_versions.get(version=2)
    assert (row.kind, project.agreed_version) == ("editorial", 1)
    assert row.migration["rename"] == {"label": a.pk, "from": "label 0", "to": "spam"}
    assert project.items.get().settled_labels == [a.pk]
    ann.refresh_from_db()
    assert staleness.must_read(ann) is None


def test_colours_and_keys_are_no_version():
    project, ada, _ = setting()
    labelset.change(project.labels.first(), ada.user, {"hue": 4, "key": "q"})
    project.refresh_from_db()
    assert project.guideline_version == 1


def test_a_new_label_breaks_with_what_was_unless_nothing_settled_belongs_there():
    project, ada, (ann, *_) = setting(items=2)
    a, b, _ = project.labels.all()
    one, two = project.items.order_by("number")
    answer(ann, one, a), answer(ann, two, b)
    labelset.add(project, ada.user, [Draft("rare")], News(Kind.CLARIFYING))
    project.refresh_from_db()
    assert (project.guideline_version, project.agreed_version) == (2, 1)
    labelset.add(project, ada.user, [Draft("between")], News(Kind.BREAKING, labels=(a.pk,)))
    staleness.follow(project.pk)
    project.refresh_from_db()
    assert (project.guideline_version, project.agreed_version) == (3, 3)
    assert states(project) == ["stale", "settled"]
    summaries = [one.row.summary for one in guidelines.versions(project)]
    assert summaries == ["New label: between.", "New label: rare.", ""]


def test_a_draft_counts_no_versions():
    project = make_project(labels=2, state=Project.State.DRAFT)
    admin = make_member(project, role="admin")
    labelset.add(project, admin.user, [Draft("x")])
    labelset.change(project.labels.first(), admin.user, {"name": "y"})
    guidelines.change(project, admin.user, "Text", 1)
    project.refresh_from_db()
    assert (project.guideline_version, project.guideline_versions.count()) == (1, 0)


def test_people_read_of_a_label_that_goes_or_comes_back():
    project, ada, (ann, *_) = setting()
    gone = project.labels.last()
    labelset.retire(gone, ada.user)
    ann.refresh_from_db()
    assert staleness.must_read(ann).summary == "«label 2» is no longer in use."
    labelset.restore(gone, ada.user)
    ann.refresh_from_db()
    assert staleness.must_read(ann).summary == "«label 2» is in use again."
    assert not staleness.due().exists()


# --- merging ---


def test_a_merge_maps_what_is_settled_and_leaves_votes_alone():
    project, ada, (ann, *_) = setting(items=3)
    a, b, c = project.labels.all()
    items = list(project.items.order_by("number"))
    for item, label in zip(items, (a, b, c), strict=True):
        answer(ann, item, label)
    before = votes_hash()
    made = merge(project, ada, a, b)
    assert votes_hash() == before
    assert [item.settled_labels for item in project.items.order_by("number")] == [[b.pk], [b.pk], [c.pk]]
    a.refresh_from_db()
    assert (a.merged_into, a.key) == (b, "")
    assert a.retired_at
    (event,) = Event.objects.filter(item__isnull=False, reason="One label for both.")
    assert (event.item, event.before["label_ids"], event.after["label_ids"]) == (items[0], [a.pk], [b.pk])
    assert (event.after["method"], str(event.bulk)) == ("merged", made.migration["bulk"])
    assert queries.rules(project).merged == {a.pk: b.pk}


def test_a_leads_decision_stays_one_and_known_items_follow():
    project, ada, _ = setting(items=1)
    a, b, c = project.labels.all()
    item = project.items.get()
    settle_as(item, a, gold=[[a.pk], [c.pk]], soft={str(a.pk): 0.6, str(b.pk): 0.3, str(c.pk): 0.1})
    merge(project, ada, a, b)
    item.refresh_from_db()
    assert (item.settled_source, item.settled_labels, item.gold) == ("adjudicated", [b.pk], [[b.pk], [c.pk]])
    assert item.soft == {str(b.pk): pytest.approx(0.9), str(c.pk): 0.1}


def test_votes_for_a_merged_label_count_for_the_other_one():
    project, ada, (ann, ben) = setting(items=1, people=2, overlap=2, agreement_overlap=2)
    a, b, _ = project.labels.all()
    item = project.items.get()
    answer(ann, item, a)
    merge(project, ada, a, b)
    read(ben)
    answer(ben, item, b)
    item.refresh_from_db()
    assert (item.state, item.settled_labels) == ("settled", [b.pk])


def test_labels_merged_one_after_the_other_end_in_the_last():
    project, ada, (ann, *_) = setting(items=1, labels=4)
    a, b, c, _ = project.labels.all()
    answer(ann, project.items.get(), a)
    merge(project, ada, a, b)
    merge(project, ada, b, c)
    assert project.items.get().settled_labels == [c.pk]
    assert queries.rules(project).merged == {a.pk: c.pk, b.pk: c.pk}


def test_several_labels_of_one_item_become_one():
    project = make_project(items=1, task=Project.Task.MULTI, labels=3)
    ada = make_member(project, role="admin")
    a, b, c = project.labels.all()
    Item.objects.update(state="settled", settled_labels=[a.pk, b.pk, c.pk], settled_source="consensus")
    merge(project, ada, a, b)
    assert project.items.get().settled_labels == [b.pk, c.pk]


def test_a_stale_item_whose_label_was_merged_is_reconfirmed_by_the_other():
    project, ada, (ann, *_) = setting(items=1)
    a, b, _ = project.labels.all()
    item = project.items.get()
    settle_as(item, a)
    clarify(project, ada, a)
    merge(project, ada, a, b)
    read(ann)
    answer(ann, item, b)
    item.refresh_from_db()
    assert (item.state, item.settled_source, item.settled_labels) == ("settled", "adjudicated", [b.pk])


def test_the_loops_settings_follow_a_merge_or_refuse_it():
    project, ada, _ = setting(labels=4)
    a, b, c, d = project.labels.all()
    quota = {"of": "label", "value": a.position, "at_least": 0.1}
    policies.change(project, ada.user, {"rare": {"labels": [0, 3]}, "quotas": [quota]})
    merge(project, ada, a, b)
    policy = project.policy
    assert (policy.rare["labels"], policy.quotas[0]["value"]) == ([1, 3], b.position)
    other = {"of": "label", "value": c.position, "at_least": 0.1}
    policies.change(project, ada.user, {"quotas": [*policy.quotas, other]})
    with pytest.raises(Refused, match="quota for"):
        merge(project, ada, b, c)
    with pytest.raises(Refused, match="Take it out there first"):
        split(project, ada, d, "d1", "d2")


def test_what_a_merge_cannot_be_is_refused_in_words():
    project, ada, _ = setting(labels=2)
    a, b = project.labels.all()
    for gone, into, words in ((a, a, "two different"), (a, b, "at least two labels")):
        with pytest.raises(Refused, match=words):
            merge(project, ada, gone, into)
    c = labelset.add(project, ada.user, [Draft("c")])[0]
    with pytest.raises(Refused, match="Say in a sentence"):
        migrating.merge(project, ada.user, Merge(a, b, " "))
    merge(project, ada, a, c)
    with pytest.raises(Refused, match="no longer in use"):
        merge(project, ada, a, b)
    with pytest.raises(Refused, match="was merged into «c»"):
        labelset.restore(Label.objects.get(pk=a.pk), ada.user)
    assert labelset.shown(project).count() == 2


def test_what_a_merge_would_map_is_counted_first():
    project, _ada, (ann, *_) = setting(items=2)
    a, b, _ = project.labels.all()
    one, two = project.items.order_by("number")
    answer(ann, one, a), answer(ann, two, b)
    make_items(project, 1, gold=[[a.pk]])
    assert migrating.merge_effect(project, a) == migrating.Mapped(items=1, gold=1, votes=1)


# --- splitting ---


def test_after_a_split_items_that_touch_the_old_label_are_asked_again():
    project, ada, (ann, *_) = setting(items=2)
    a, b, _ = project.labels.all()
    one, two = project.items.order_by("number")
    answer(ann, one, a), answer(ann, two, b)
    before = votes_hash()
    assert migrating.split_effect(project, a).settled == 1
    split(project, ada, a, "a1", "a2")
    assert votes_hash() == before
    assert states(project) == ["stale", "settled"]
    assert [label.name for label in labelset.shown(project)] == ["label 1", "label 2", "a1", "a2"]
    assert project.agreed_version == project.guideline_version == 2
    read(ann)
    new = project.labels.get(name="a2")
    answer(ann, one, new)
    one.refresh_from_db()
    assert one.settled_labels == [new.pk]


def test_an_open_vote_for_a_split_label_settles_nothing():
    project, ada, (ann, ben) = setting(items=1, people=2, overlap=2, agreement_overlap=2)
    a = project.labels.first()
    item = project.items.get()
    answer(ann, item, a)
    split(project, ada, a, "a1", "a2")
    new = project.labels.get(name="a1")
    read(ann, ben)
    answer(ben, item, new)
    item.refresh_from_db()
    assert item.state == "open"
    answer(ann, item, new)
    item.refresh_from_db()
    assert (item.state, item.settled_labels) == ("settled", [new.pk])


@pytest.mark.parametrize(
    ("names", "words"),
    [(["x"], "two new names"), (["x", "X"], "two new names"), (["label 1", "x"], "already")],
)
def test_parts_of_a_split_are_new_and_two_at_least(names, words):
    project, ada, _ = setting()
    with pytest.raises(Refused, match=words):
        split(project, ada, project.labels.first(), *names)
    assert project.labels.count() == 3


def test_a_draft_neither_merges_nor_splits():
    project = make_project(labels=3, state=Project.State.DRAFT)
    ada = make_member(project, role="admin")
    a, b, _ = project.labels.all()
    with pytest.raises(Refused, match="not started"):
        merge(project, ada, a, b)


def test_a_file_that_names_a_merged_label_is_told_so():
    project, ada, _ = setting(items=0)
    a, b, _ = project.labels.all()
    rows = "text,label\nhello,label 0\n"
    upload = bring(project, rows, content="text", label="label", known="seed")
    merge(project, ada, a, b)
    files.import_upload(upload)
    assert not project.items.exists()
    late = bring(project, rows, content="text", label="label", known="seed")
    for one in (Upload.objects.get(pk=upload.pk), late):
        assert reasons(one) == [(2, "label", "The label is retired.")]
    assert labelset.add(project, ada.user, [Draft("label 0")]) == []


def test_a_part_gets_the_key_of_the_label_that_was_split():
    project, ada, _ = setting(labels=10)
    for label in project.labels.all():
        label.key = labelset.AUTOMATIC_KEYS[label.position]
        label.save()
    split(project, ada, project.labels.get(key="4"), "x", "y")
    assert [project.labels.get(name=name).key for name in "xy"] == ["4", ""]


def test_a_text_that_names_labels_out_of_use_is_found():
    project, ada, _ = setting(labels=["card", "card payment", "cash"])
    guidelines.change(project, ada.user, "- **Card payment**: paid so\n- cashier, CASH", 1)
    project.refresh_from_db()
    assert guidelines.still_named(project) == []
    card, payment, cash = project.labels.all()
    Label.objects.filter(pk__in=[card.pk, cash.pk]).update(retired_at=project.created_at)
    assert [label.name for label in guidelines.still_named(project)] == ["cash"]
    Label.objects.filter(pk=payment.pk).update(retired_at=project.created_at)
    assert "«card payment», «cash»" in guidelines.naming_words(guidelines.still_named(project))
