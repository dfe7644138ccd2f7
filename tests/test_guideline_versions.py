"""Versions of the guidelines: what kind of change, who has read it, suggested lines; and their pages."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import audit, guidelines, people, queue
from projects.errors import Refused
from projects.guidelines import Kind, News
from projects.models import Dispute, Event, GuidelineNote, Membership, Notice
from projects.trust import staleness, workload
from tests.factories import (
    answer,
    hand,
    make_admin,
    make_lead,
    make_member,
    make_project,
    make_user,
    submission,
)
from tests.test_setup_pages import HTMX

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(items=3, guidelines="## label 0\n- one\n\n## label 1\n- two")


@pytest.fixture
def ada(project):
    return make_admin(project)


def at(name, project, *further):
    return reverse(name, args=[project.pk, *further])


def save(project, admin, text="New", kind=Kind.CLARIFYING, labels=(), summary="A new rule."):
    seen = audit.hold(project).guideline_version
    guidelines.change(project, admin.user, text, seen, News(kind, summary, tuple(one.pk for one in labels)))
    project.refresh_from_db()


# --- versions ---


def test_the_first_version_is_kept_when_the_second_one_comes(project, ada):
    save(project, ada, kind=Kind.EDITORIAL)
    first, second = project.guideline_versions.order_by("version")
    assert (first.version, first.text.splitlines()[0], first.kind) == (1, "## label 0", "editorial")
    assert (second.version, second.text, second.created_by) == (2, "New", ada.user)


def test_only_a_breaking_version_draws_a_line(project, ada):
    for kind, line in ((Kind.EDITORIAL, 1), (Kind.CLARIFYING, 1), (Kind.BREAKING, 4)):
        save(project, ada, f"Text {kind}", kind, project.labels.all()[:1])
        assert project.agreed_version == line
    assert project.guideline_version == 4


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (News(Kind.CLARIFYING), "in a sentence"),
        (News(Kind.BREAKING, "New"), "mean something else"),
        (News(Kind.CLARIFYING, "New", (0,)), "no longer in use"),
        (News("odd", "New"), "what kind"),
    ],
)
def test_a_version_that_nobody_could_follow_is_refused(project, ada, news, words):
    with pytest.raises(Refused, match=words):
        guidelines.change(project, ada.user, "New", 1, news)
    project.refresh_from_db()
    assert (project.guideline_version, project.guidelines[:2]) == (1, "##")


def test_a_renamed_label_does_not_stop_whoever_writes(project, ada):
    guidelines.advance(audit.hold(project), ada.user, News(summary="Renamed"))
    guidelines.change(project, ada.user, "New", seen=1)
    project.refresh_from_db()
    assert (project.guideline_version, project.guidelines) == (3, "New")


# --- reading ---


def test_people_read_what_is_new_before_anything_else(client, project, ada):
    ann = make_member(project)
    client.force_login(ann.user)
    save(project, ada, "## label 0\n- one, but never two", labels=project.labels.all()[:1])
    assert client.get(at("label", project)).url == at("guidelines-read", project)
    page = client.get(at("guidelines-read", project)).content.decode()
    for words in ("What is new", "A new rule.", "<ins>- one, but never two</ins>", "I have read it"):
        assert words in page
    assert client.post(at("guidelines-read", project), {"version": "2"}).url == at("label", project)
    assert client.get(at("label", project)).status_code == 200
    event = Event.objects.get(action="guidelines.acknowledged")
    assert (event.actor, event.kind, event.after) == (ann.user, "person", {"version": 2})
    client.post(at("guidelines-read", project), {"version": "2"})
    assert Event.objects.filter(action="guidelines.acknowledged").count() == 1
    assert not Notice.objects.filter(user=ann.user, read_at=None).exists()


def test_all_that_was_missed_is_shown_and_only_what_was_shown_is_read(client, project, ada):
    ann = make_member(project)
    client.force_login(ann.user)
    save(project, ada, "One", summary="First.")
    save(project, ada, "Two", summary="Second.")
    page = client.get(at("guidelines-read", project)).content.decode()
    assert page.index("First.") < page.index("Second.")
    save(project, ada, "Three", summary="Third.")
    client.post(at("guidelines-read", project), {"version": "3"})
    ann.refresh_from_db()
    assert (ann.read_version, staleness.must_read(ann).summary) == (3, "Third.")


@pytest.mark.parametrize("typed", ["", "x", "-1", "99999999999"])
def test_what_is_no_version_is_not_read(client, project, ada, typed):
    ann = make_member(project)
    client.force_login(ann.user)
    save(project, ada)
    client.post(at("guidelines-read", project), {"version": typed})
    ann.refresh_from_db()
    assert ann.read_version == 1


def test_an_editorial_version_stops_nobody(client, project, ada, django_assert_num_queries):
    ann = make_member(project)
    save(project, ada, kind=Kind.EDITORIAL)
    ann = Membership.objects.select_related("project").get(pk=ann.pk)
    with django_assert_num_queries(0):
        assert staleness.must_read(ann) is None
    assert not Notice.objects.exists()


def test_those_who_label_are_told_and_whoever_changed_it_has_read_it(project, ada):
    ann, lea = make_member(project), make_lead(project)
    make_member(project, active=False)
    save(project, ada)
    told = Notice.objects.filter(kind="guidelines.changed")
    assert set(told.values_list("user", flat=True)) == {ann.user_id, lea.user_id}
    assert told.first().address == at("guidelines-read", project)
    ada.refresh_from_db()
    assert ada.read_version == 2


def test_who_joins_or_comes_back_starts_with_the_present_version(project, ada):
    save(project, ada)
    member, _ = people.add(project, ada.user, make_user("New"), "annotator")
    assert staleness.must_read(member) is None
    gone = make_member(project, active=False)
    back, _ = people.add(project, ada.user, gone.user, "annotator")
    assert back.read_version == 2


def test_a_running_page_gets_no_more_items_and_keeps_its_answers(client, project, ada):
    ann = make_member(project)
    item = project.items.first()
    hand(ann, item)
    save(project, ada)
    client.force_login(ann.user)
    sent = submission(item, project.labels.first())
    row = {"id": str(sent.id), "item": item.pk, "kind": "answer", "labels": list(sent.labels)}
    body = {"submissions": [row], "want": 5, "have": [], "user": ann.user_id}
    reply = client.post(at("work", project), body, content_type="application/json").json()
    assert [one["status"] for one in reply["verdicts"]] == ["stored"]
    assert reply["items"] == []
    assert at("guidelines-read", project) in str(reply["nothing"])
    assert item.annotations.get().guideline_version == 1


def test_the_queue_gives_nothing_to_whoever_has_not_read(project, ada):
    ann = make_member(project)
    save(project, ada)
    ann.refresh_from_db()
    assert queue.lease(ann, 3) == []
    assert workload.why(ann, project.policy).address == at("guidelines-read", project)


def test_leads_see_who_has_read_what_and_annotators_do_not(client, project, ada):
    ann, _ = make_member(project, "Ann"), make_member(project, "Ben")
    save(project, ada)
    staleness.acknowledge(ann, ann.user, 2)
    newest = guidelines.versions(project)[0]
    assert (newest.have_read, newest.have_not) == (["Ada", "Ann"], ["Ben"])
    lea = make_lead(project)
    Membership.objects.filter(pk=lea.pk).update(read_version=2)
    client.force_login(lea.user)
    assert "3 of 4" in client.get(at("guidelines-read", project)).content.decode()
    assert "Ben" in client.get(at("guidelines-numbered", project, 2)).content.decode()
    assert client.get(at("guidelines-numbered", project, 9)).status_code == 404
    client.force_login(ann.user)
    page = client.get(at("guidelines-read", project)).content.decode()
    assert "Version 2" in page
    assert "Ben" not in page
    assert "of 3" not in page


# --- writing ---


def test_the_page_says_what_saving_would_do(client, project, ada):
    label = project.labels.first()
    answer(make_member(project), project.items.first(), label)
    client.force_login(ada.user)
    data = {"text": "New", "seen": "1", "kind": "clarifying", "labels": [label.pk], "summary": "New."}
    page = client.post(at("settings-guidelines", project), data | {"act": "look"}).content.decode()
    assert "1 settled item becomes stale and is asked again." in page
    shown = client.post(at("guidelines-effect", project), data, headers=HTMX).content.decode()
    assert "1 settled item becomes stale" in shown
    assert "begin anew" not in shown
    shown = client.post(at("guidelines-effect", project), data | {"kind": "breaking"}).content.decode()
    assert "begin anew" in shown
    assert project.guideline_versions.count() == 0
    assert client.post(at("settings-guidelines", project), data).status_code == 302
    assert project.guideline_versions.get(version=2).labels == [label.pk]


def test_a_refused_version_keeps_what_was_typed(client, project, ada):
    client.force_login(ada.user)
    data = {"text": "Typed", "seen": "1", "kind": "breaking", "summary": "New."}
    reply = client.post(at("settings-guidelines", project), data, headers=HTMX)
    assert reply.status_code == 409
    page = reply.content.decode()
    assert "Choose the labels that mean something else" in page
    assert "Typed" in page
    assert 'value="breaking" checked' in page


def test_a_line_goes_under_the_heading_of_its_label(project):
    first, second, third = project.labels.all()
    make = project.guideline_notes.create
    text = guidelines.with_note(project, project.guidelines, make(text="Also  three", labels=[first.pk]))
    assert text == "## label 0\n- one\n- Also three\n\n## label 1\n- two"
    text = guidelines.with_note(project, text, make(text="Four", labels=[third.pk]))
    assert text.endswith("- two\n\n## label 2\n\n- Four")
    assert guidelines.with_note(project, "", make(text="Five")) == "## Decided cases\n\n- Five"
    assert "- two\n- Six" in guidelines.with_note(project, text, make(text="Six", labels=[second.pk]))


def test_a_suggested_line_is_taken_with_the_text_that_holds_it(client, project, ada):
    label = project.labels.first()
    dispute = Dispute.objects.create(project=project, item=project.items.first(), state="resolved")
    note = project.guideline_notes.create(text="Refunds too", labels=[label.pk], dispute=dispute)
    client.force_login(ada.user)
    page = client.get(at("settings-guidelines", project)).content.decode()
    assert at("dispute", project, dispute.pk) in page
    data = {"text": "## label 0\n- typed", "seen": "1", "kind": "editorial", "take": note.pk}
    form = client.post(at("settings-guidelines", project), data, headers=HTMX).context["guidelines"]
    assert form["text"].value() == "## label 0\n- typed\n- Refunds too"
    assert (form["kind"].value(), form["labels"].value(), form["notes"].value()) == (
        "clarifying",
        [label.pk],
        [note.pk],
    )
    note.refresh_from_db()
    assert note.state == "open"
    data = {"text": form["text"].value(), "seen": "1", "kind": "clarifying", "labels": [label.pk]}
    client.post(at("settings-guidelines", project), data | {"notes": [note.pk], "summary": "Refunds."})
    note.refresh_from_db()
    assert note.state == "taken"
    assert Event.objects.filter(action="guidelines.note_taken").exists()


def test_a_suggested_line_is_dropped(client, project, ada):
    note = GuidelineNote.objects.create(project=project, text="No")
    client.force_login(ada.user)
    assert client.post(at("guidelines-note", project, note.pk)).status_code == 302
    note.refresh_from_db()
    assert note.state == "dropped"
    assert guidelines.notes(project) == []


# --- merging and splitting, as pages ---


def test_labels_are_merged_after_a_look_at_what_it_does(client, project, ada):
    a, b, _ = project.labels.all()
    client.force_login(ada.user)
    data = {"gone": a.pk, "into": b.pk}
    assert "becomes part of" in client.get(at("labels-merge", project), data).content.decode()
    assert client.post(at("labels-merge", project), data).status_code == 409
    assert client.post(at("labels-merge", project), data | {"summary": "One."}).status_code == 302
    a.refresh_from_db()
    assert a.merged_into == b


def test_a_label_is_split_after_a_look_at_what_it_does(client, project, ada):
    a = project.labels.first()
    client.force_login(ada.user)
    assert "in place of" in client.get(at("labels-split", project), {"gone": a.pk}).content.decode()
    data = {"gone": a.pk, "lines": "x\ny", "summary": "Two."}
    assert client.post(at("labels-split", project), data).status_code == 302
    assert project.labels.filter(name__in=("x", "y"), retired_at=None).count() == 2


def test_new_labels_say_what_they_mean_for_what_is_settled(client, project, ada):
    client.force_login(ada.user)
    data = {"lines": "rare", "concerns": "clarifying"}
    client.post(at("labels-add", project), data)
    client.post(at("labels-add", project), {"lines": "rarer"})
    kinds = project.guideline_versions.order_by("version").values_list("kind", flat=True)
    assert list(kinds) == ["editorial", "clarifying", "breaking"]


PAGES = [
    ("guidelines-read", "get", "annotator"),
    ("guidelines-read", "post", "annotator"),
    ("guidelines-numbered", "get", "lead"),
    ("guidelines-effect", "post", "admin"),
    ("guidelines-note", "post", "admin"),
    ("labels-merge", "get", "admin"),
    ("labels-merge", "post", "admin"),
    ("labels-split", "get", "admin"),
    ("labels-split", "post", "admin"),
]


@pytest.mark.parametrize(("name", "method", "role"), PAGES)
def test_each_page_is_for_its_role(client, project, name, method, role):
    note = GuidelineNote.objects.create(project=project, text="x")
    further = {"guidelines-numbered": [1], "guidelines-note": [note.pk]}.get(name, [])
    ask = getattr(client, method)
    client.force_login(make_user("Stranger", is_staff=True))
    assert ask(at(name, project, *further)).status_code == 404
    ranks = ["annotator", "lead", "admin"]
    for one in ranks:
        client.force_login(make_member(project, role=one).user)
        allowed = ranks.index(one) >= ranks.index(role)
        assert (ask(at(name, project, *further)).status_code == 403) is not allowed
