"""The wizard: every step can be left, taken up again and gone back to; text never becomes HTML."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from projects import files, labelset, uploads
from projects.models import Project, Upload
from tests.factories import make_admin, make_project, make_user
from tests.uploading import picture, zipped

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ada(client):
    user = make_user("Ada", is_staff=True)
    client.force_login(user)
    return user


def csv(text: str, name: str = "items.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def begin(client, file: SimpleUploadedFile | None = None, **fields: str) -> Project:
    data = {"name": "Post", "media": "text", "task": "single", **fields}
    response = client.post(reverse("project-new"), {**data, "file": file} if file else data)
    assert response.status_code == 302, response.content.decode()
    return Project.objects.latest("pk")


def draft(ada, labels: int = 2, **fields: Any) -> Project:
    project = make_project(labels=labels, state=Project.State.DRAFT, **fields)
    make_admin(project, ada)
    return project


def test_only_people_who_run_the_site_create_projects(client):
    client.force_login(make_user())
    assert client.get(reverse("project-new")).status_code == 403
    assert client.post(reverse("project-new"), {"name": "x"}).status_code == 403
    assert not Project.objects.exists()


def test_a_file_leads_to_its_columns_with_the_first_rows_and_the_real_labelling_view(client, ada):
    project = begin(client, csv("id,text,team\n1,Where is my card?,cards\n2,Money back,refunds\n"))
    page = client.get(reverse("setup", args=[project.pk, "columns"]))
    assert page.context["upload"].columns["content"] == "text"
    assert page.context["upload"].columns["id"] == "id"
    assert page.context["panel"]["item"].text == "Where is my card?"
    assert b"Every row is fine" in page.content
    assert b"UTF-8" in page.content
    assert b"comma" in page.content


def test_nothing_chosen_makes_no_project(client, ada):
    response = client.post(reverse("project-new"), {"name": "Post", "media": "text", "task": "single"})
    assert response.status_code == 422
    assert "Choose a file, or paste some lines." in response.content.decode()
    assert not Project.objects.exists()


def test_a_file_that_cannot_be_read_is_named_with_a_remedy_and_can_be_replaced(client, ada):
    project = begin(client, csv("", "empty.csv"))
    page = client.get(reverse("setup", args=[project.pk, "data"]))
    assert "The file is empty" in page.content.decode()
    data = {"name": "Post", "media": "text", "task": "single", "file": csv("text\nhello\n")}
    client.post(reverse("setup", args=[project.pk, "data"]), data)
    assert [upload.name for upload in project.uploads.all()] == ["items.csv"]


@pytest.mark.parametrize("file", ["empty", "too large"])
def test_a_new_file_that_is_refused_changes_nothing(client, ada, monkeypatch, tmp_path, settings, file):
    settings.MEDIA_ROOT = tmp_path
    project = begin(client, csv("text\nhello\n"))
    before = project.uploads.get()
    if file == "too large":
        monkeypatch.setattr("projects.files.limits.file_bytes", lambda: 5)
    body = csv("" if file == "empty" else "text\nanother\n", "new.csv")
    data = {"name": "Renamed", "media": "text", "task": "multi", "file": body}
    page = client.post(reverse("setup", args=[project.pk, "data"]), data, follow=True)
    assert "new.csv" in page.content.decode()
    project.refresh_from_db()
    after = project.uploads.get()
    assert (project.name, project.task, after.pk, after.state) == ("Post", "single", before.pk, before.state)
    assert [path.name for path in tmp_path.rglob("*.csv")] == [str(before.file.name).split("/")[-1]]


def test_a_new_file_of_the_other_kind_replaces_the_old_one(
    client, ada, tmp_path, settings, django_capture_on_commit_callbacks
):
    settings.MEDIA_ROOT = tmp_path
    project = begin(client, csv("text\nhello\n"))
    zip_file = SimpleUploadedFile("pictures.zip", zipped(("a.png", picture())))
    data = {"name": "Post", "media": "image", "task": "single", "file": zip_file}
    with django_capture_on_commit_callbacks() as then:
        client.post(reverse("setup", args=[project.pk, "data"]), data)
    upload = project.uploads.get()
    assert upload.name == "pictures.zip"
    assert files.check(upload).report["good"] == 1
    assert len(list(tmp_path.rglob("*.csv"))) == 1
    for callback in then:
        callback()
    assert not list(tmp_path.rglob("*.csv"))


def test_pasted_lines_need_no_file(client, ada):
    project = begin(client, lines="first\nsecond\n")
    assert project.uploads.get().report["good"] == 2


def test_going_back_to_the_data_keeps_the_file(client, ada):
    project = begin(client, csv("text\nhello\n"))
    data = {"name": "Renamed", "media": "text", "task": "multi"}
    response = client.post(reverse("setup", args=[project.pk, "data"]), data)
    assert response.url == reverse("setup", args=[project.pk, "columns"])
    project.refresh_from_db()
    assert (project.name, project.task, project.uploads.count()) == ("Renamed", "multi", 1)


def test_a_new_choice_of_columns_is_checked_at_once_and_leaves_the_form_alone(client, ada):
    project = begin(client, csv("a,b\nx,long text here\ny,\n"))
    upload = project.uploads.get()
    address = reverse("upload-columns", args=[project.pk, upload.pk])
    chosen = client.post(address, {"content": "a", "label": "b"}, headers=HTMX)
    assert (chosen.status_code, chosen["HX-Reswap"]) == (200, "none")
    assert 'id="columns-form"' not in chosen.content.decode()
    assert chosen.context["panel"]["item"].text == "x"
    # The label column is kept while the person has not said yet what its labels are for.
    upload.refresh_from_db()
    assert (upload.columns["label"], upload.columns["known"]) == ("b", "")


def test_another_delimiter_means_other_columns_and_a_fresh_guess(client, ada):
    project = begin(client, csv("id;text\n1;one, two\n2;three, four\n"))
    upload = project.uploads.get()
    assert upload.columns["content"] == "text"
    address = reverse("upload-columns", args=[project.pk, upload.pk])
    page = client.post(address, {"content": "text", "delimiter": ","}, headers=HTMX)
    assert 'id="columns-form"' in page.content.decode()
    upload.refresh_from_db()
    assert "text" not in upload.report["columns"]
    again = client.post(address, {"content": upload.columns["content"], "delimiter": ";"}, headers=HTMX)
    assert again.context["panel"]["item"].text == "one, two"


def test_a_choice_that_makes_no_sense_is_said_in_words(client, ada):
    project = begin(client, csv("a,b\nx,y\n"))
    upload = project.uploads.get()
    address = reverse("upload-columns", args=[project.pk, upload.pk])
    response = client.post(address, {"content": "a", "label": "a", "known": "seed"}, headers=HTMX)
    assert "One column cannot be the label" in response.content.decode()
    assert client.post(address, {"content": "z"}, headers=HTMX).status_code == 422


def test_bad_rows_are_listed_with_number_value_reason_and_remedy(client, ada):
    project = begin(client, csv("text,n\ngood,1\n,2\na,b,c\n"))
    page = client.get(reverse("setup", args=[project.pk, "columns"])).content.decode()
    for words in (
        "2 rows have a problem",
        "The text is empty.",
        "a,b,c",
        "Import the 1 good row",
        "Import nothing",
    ):
        assert words in page
    problems = client.get(reverse("upload-problems", args=[project.pk, project.uploads.get().pk]))
    assert problems.status_code == 200


def test_the_person_chooses_between_nothing_and_the_good_rows(client, ada):
    project = begin(client, csv("text\ngood\n\x00bad\n"))
    upload = project.uploads.get()
    address = reverse("upload-accept", args=[project.pk, upload.pk])
    assert client.post(address).url == reverse("setup", args=[project.pk, "columns"])
    assert client.post(address, {"bad_rows": "leave"}).url == reverse("setup", args=[project.pk, "labels"])
    assert client.post(address, {"bad_rows": "mend"}).url == reverse("setup", args=[project.pk, "data"])
    assert not project.uploads.exists()


def test_a_check_in_the_worker_is_asked_for_until_it_is_done(client, ada):
    project = draft(ada)
    upload = uploads.add(project, ada, csv("text\none\n"))
    Upload.objects.filter(pk=upload.pk).update(state=Upload.State.CHECKING, rows_done=5000)
    address = reverse("upload-state", args=[project.pk, upload.pk])
    busy = client.get(address, {"was": "check"}, headers=HTMX)
    assert 'hx-trigger="every 1s"' in busy.content.decode()
    assert "5,000 rows so far" in busy.content.decode()
    Upload.objects.filter(pk=upload.pk).update(state=Upload.State.REFUSED, message="It is a PDF.")
    done = client.get(address, {"was": "check"}, headers=HTMX)
    assert done["HX-Reswap"] == "none"
    assert "It is a PDF." in done.content.decode()
    # Where no column was known yet, the whole step is new.
    assert client.get(address, {"was": "reading"}, headers=HTMX)["HX-Retarget"] == "#columns"


def test_labels_are_added_changed_moved_and_removed_in_place(client, ada):
    project = draft(ada, labels=0)
    response = client.post(
        reverse("labels-add", args=[project.pk]), {"lines": "spam\nham\tfine mail"}, headers=HTMX
    )
    assert "2 labels added." in response.content.decode()
    spam, ham = labelset.shown(project)
    change = reverse("label-change", args=[project.pk, spam.pk])
    row = client.post(change, {"name": "junk", "description": "", "hue": "9", "key": "J"}, headers=HTMX)
    assert (row.status_code, row["HX-Reswap"]) == (200, "none")
    spam.refresh_from_db()
    assert (spam.name, spam.hue, spam.key) == ("junk", 9, "j")
    client.post(reverse("label-move", args=[project.pk, ham.pk]), {"to": "up"}, headers=HTMX)
    assert list(labelset.shown(project)) == [ham, spam]
    client.post(reverse("label-retire", args=[project.pk, ham.pk]), headers=HTMX)
    assert list(labelset.shown(project)) == [spam]


def test_labels_that_are_there_already_are_named(client, ada):
    project = draft(ada, labels=0)
    add = reverse("labels-add", args=[project.pk])
    client.post(add, {"lines": "Card lost\nRefund"}, headers=HTMX)
    said = client.post(add, {"lines": "card lost\nCash\nREFUND\tback"}, headers=HTMX).content.decode()
    assert "1 label added. card lost, REFUND are there already; left out." in said
    said = client.post(add, {"lines": "Cash"}, headers=HTMX).content.decode()
    assert "Nothing added: these labels are there already." in said


def test_a_key_is_asked_for_only_where_keys_are_used(client, ada):
    few, many = draft(ada, labels=10), draft(ada, labels=11)
    pages = [client.get(reverse("setup", args=[one.pk, "labels"])).content.decode() for one in (few, many)]
    assert [page.count("label-key") for page in pages] == [10, 0]
    label = labelset.shown(many)[0]
    client.post(
        reverse("label-change", args=[many.pk, label.pk]), {"name": "new", "hue": "1", "key": label.key}
    )
    label.refresh_from_db()
    assert label.name == "new"


def test_a_taken_key_is_refused_beside_its_row_and_nothing_moves(client, ada):
    project = draft(ada)
    one, two = labelset.shown(project)
    data = {"name": one.name, "description": "", "hue": "1", "key": two.key}
    response = client.post(reverse("label-change", args=[project.pk, one.pk]), data, headers=HTMX)
    assert (response.status_code, response["HX-Reswap"]) == (409, "none")
    assert f"The key 2 belongs to «{two.name}»" in response.content.decode()


def test_without_scripts_the_same_forms_lead_back_to_the_step(client, ada):
    project = draft(ada)
    step = reverse("setup", args=[project.pk, "labels"])
    assert client.post(reverse("labels-add", args=[project.pk]), {"lines": "x"}).url == step
    label = labelset.shown(project)[0]
    assert client.post(reverse("label-retire", args=[project.pk, label.pk])).url == step
    guidelines = {"text": "Read.", "seen": "1"}
    assert client.post(reverse("settings-guidelines", args=[project.pk]), guidelines).url == step


def test_a_label_that_the_file_needs_keeps_its_name_until_the_import(client, ada):
    project = begin(client, csv("text,label\na,spam\nb,ham\n"))
    upload = project.uploads.get()
    choice = {"content": "text", "label": "label", "known": "gold"}
    client.post(reverse("upload-columns", args=[project.pk, upload.pk]), choice)
    client.post(reverse("upload-accept", args=[project.pk, upload.pk]))
    label = project.labels.get(name="spam")
    data = {"name": "junk", "description": "", "hue": "1", "key": ""}
    refused = client.post(reverse("label-change", args=[project.pk, label.pk]), data, headers=HTMX)
    assert "comes from your file" in refused.content.decode()
    gone = client.post(reverse("label-retire", args=[project.pk, label.pk]), headers=HTMX)
    assert gone.status_code == 409
    assert project.labels.count() == 2


def test_a_hundred_and_fifty_labels_fit_the_page(client, ada, django_assert_max_num_queries):
    project = draft(ada, labels=150)
    with django_assert_max_num_queries(20):
        page = client.get(reverse("setup", args=[project.pk, "labels"]))
    assert page.content.count(b'class="label-row"') == 150
    assert page.context["panel"]["find"] is True


def test_what_is_typed_on_the_labels_step_is_kept_when_one_goes_on(client, ada):
    project = draft(ada)
    data = {"text": "Be kind.", "seen": "1", "lines": "late one\n", "next": "loop"}
    response = client.post(reverse("settings-guidelines", args=[project.pk]), data, headers=HTMX)
    assert response["HX-Redirect"] == reverse("setup", args=[project.pk, "loop"])
    project.refresh_from_db()
    assert project.guidelines == "Be kind."
    assert project.labels.filter(name="late one").exists()


def test_the_loop_step_keeps_a_version_and_starts(client, ada):
    project = begin(client, csv("text\none\ntwo\n"))
    client.post(reverse("labels-add", args=[project.pk]), {"lines": "a\nb"})
    step = reverse("setup", args=[project.pk, "loop"])
    data = json.loads(json.dumps(LOOP)) | {"batch_size": "20", "start": "yes"}
    assert client.post(step, data).url == reverse("project", args=[project.pk])
    project.refresh_from_db()
    assert project.state == Project.State.ACTIVE
    assert (project.policy.version, project.policy.batch_size, project.policy.agreement_share) == (2, 20, 0.1)
    files.import_upload(project.uploads.get())
    assert project.items.count() == 2
    # The wizard of a project at work leads to its settings.
    assert client.get(step).url == reverse("settings", args=[project.pk])


LOOP = {
    "strategy": "default",
    "batch_size": "50",
    "overlap": "1",
    "agreement_share": "10",
    "agreement_overlap": "2",
    "holdout_share": "5",
    "holdout_max": "500",
    "holdout_mix": "15",
    "committee_size": "3",
    "lease_minutes": "10",
}


def test_a_loop_that_makes_no_sense_is_shown_again(client, ada):
    project = draft(ada)
    step = reverse("setup", args=[project.pk, "loop"])
    for wrong in ({"batch_size": "0"}, {"overlap": "5"}, {"holdout_share": "80"}, {"strategy": "magic"}):
        assert client.post(step, LOOP | wrong).status_code == 422
    assert project.policies.count() == 1


def test_starting_too_early_says_what_is_missing(client, ada):
    project = draft(ada, labels=1)
    response = client.post(reverse("setup", args=[project.pk, "loop"]), LOOP | {"start": "yes"}, follow=True)
    assert "There is no data yet" in response.content.decode()
    project.refresh_from_db()
    assert project.state == Project.State.DRAFT


def test_the_set_up_goes_on_where_it_was_left(client, ada):
    project = begin(client, csv("text\none\n"))
    resume = reverse("setup-resume", args=[project.pk])
    assert client.get(resume).url == reverse("setup", args=[project.pk, "labels"])
    client.post(reverse("labels-add", args=[project.pk]), {"lines": "a\nb"})
    assert client.get(resume).url == reverse("setup", args=[project.pk, "loop"])
    assert client.get(reverse("setup", args=[project.pk, "nonsense"])).status_code == 404


def test_markup_in_items_labels_and_names_shows_as_text(client, ada):
    evil = "<script>alert(1)</script>"
    project = begin(client, csv(f"text\n{evil}\n"), name=evil)
    client.post(reverse("labels-add", args=[project.pk]), {"lines": f"{evil}\t{evil}\n<img src=x>\n"})
    for step in ("data", "columns", "labels", "loop"):
        page = client.get(reverse("setup", args=[project.pk, step])).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_labels_that_are_refused_stay_in_the_box(client, ada):
    project = draft(ada)
    lines = {"lines": "x" * 81}
    response = client.post(reverse("labels-add", args=[project.pk]), lines, headers=HTMX)
    assert (response.status_code, response["HX-Reswap"]) == (409, "none")
    assert 'id="add-problem"' in response.content.decode()


def test_a_reading_that_fails_can_be_taken_back(client, ada):
    project = begin(client, SimpleUploadedFile("umlaut.csv", "text\nGröße\n".encode()))
    upload = project.uploads.get()
    address = reverse("upload-columns", args=[project.pk, upload.pk])
    client.post(address, {"content": "text", "encoding": "utf-16"})
    upload.refresh_from_db()
    assert upload.state == Upload.State.REFUSED
    page = client.get(reverse("setup", args=[project.pk, "columns"])).content.decode()
    assert "Read it as it was found out" in page
    client.post(address, {"content": ""})
    upload.refresh_from_db()
    assert (upload.state, upload.report["good"]) == (Upload.State.CHECKED, 1)
