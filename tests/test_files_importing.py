"""An import adds what is new, once, and says what became of every row."""

import json

import pytest

from projects import draws, files
from projects.errors import Refused
from projects.files import limits
from projects.models import Event, Item, Label, Project, Upload
from projects.signals import items_changed
from tests.factories import make_admin, make_labels, make_project
from tests.uploading import bring, reasons, take, texts

pytestmark = pytest.mark.django_db

ROWS = "id,text,label,place\n" + "".join(f"{n},text {n},label {n % 2},here\n" for n in range(200))


def test_a_check_shows_what_there_is_and_leaves_no_trace():
    project = make_project()
    upload = bring(project, ROWS + "7,other,label 1,here\n8,text 8,label 0,here\nbad\n")
    assert project.items.count() == 0
    counts = {name: upload.report[name] for name in ("rows", "good", "bad", "known", "repeated")}
    assert counts == {"rows": 203, "good": 200, "bad": 2, "known": 0, "repeated": 1}
    assert upload.report["preview"][0] == {"id": "0", "text": "text 0", "label": "label 0", "place": "here"}
    assert len(upload.report["preview"]) == 5
    guess = files.Columns.from_json(upload.columns)
    assert (guess.content, guess.id, guess.label, guess.keep, guess.known) == (
        "text",
        "id",
        "label",
        ("place",),
        "",
    )


def test_items_get_a_number_a_key_and_their_draws():
    project = make_project(policy={"holdout_share": 0.1, "agreement_share": 0.3})
    take(project, ROWS)
    items = list(project.items.order_by("number"))
    assert [item.number for item in items] == list(range(1, 201))
    for item in items:
        assert item.key == f"id:{item.external_id}"
        assert item.shuffle == draws.shuffle(project.seed, item.key)
        assert item.holdout == draws.holdout(project.seed, item.key, 0.1)
        assert item.agreement == draws.agreement(project.seed, item.key, 0.3)
        assert (item.state, item.settled_labels, item.gold) == ("open", None, None)
        assert item.metadata == {"place": "here"}
    assert 0 < sum(item.holdout for item in items) < 60
    project.refresh_from_db()
    assert project.item_count == 200


def test_draws_do_not_depend_on_the_order_of_rows():
    one, other = make_project(seed=5), make_project(seed=5)
    head, *rows = ROWS.splitlines()
    take(one, ROWS)
    take(other, "\n".join([head, *reversed(rows)]))
    drawn = [dict(project.items.values_list("external_id", "shuffle")) for project in (one, other)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("columns", [{}, {"id": ""}], ids=["by id", "by content"])
def test_the_same_file_twice_adds_nothing(columns):
    project = make_project()
    take(project, ROWS, **columns)
    again = take(project, ROWS, **columns)
    assert (again.state, again.report["good"], again.report["known"]) == (Upload.State.DONE, 0, 200)
    assert project.items.count() == 200


def test_a_second_file_goes_on_counting():
    project = make_project()
    take(project, "id,text\n1,a\n2,b\n")
    take(project, "id,text\n2,b\n3,c\n")
    assert list(project.items.order_by("number").values_list("number", "external_id")) == [
        (1, "1"),
        (2, "2"),
        (3, "3"),
    ]


def test_one_bad_row_keeps_everything_out_unless_the_person_wants_the_good_ones():
    project = make_project()
    body = "id,text\n1,a\n2,\n3,c\n"
    refused = take(project, body)
    assert (refused.state, project.items.count()) == (Upload.State.REFUSED, 0)
    assert "1 row cannot be imported, so nothing was" in refused.message
    taken = take(project, body, good=True)
    assert (taken.state, texts(project)) == (Upload.State.DONE, ["a", "c"])
    assert reasons(taken) == [(3, "text", "The text is empty.")]


def test_an_id_with_another_text_is_refused_in_the_file_and_against_the_project():
    project = make_project()
    assert reasons(bring(project, "id,text\n1,a\n1,b\n")) == [(3, "id", "Row 2 has the")]
    take(project, "id,text\n1,a\n")
    upload = bring(project, "id,text\n1,changed\n")
    assert "Item 1 of the project has this id" in upload.problems[0]["reason"]


def test_the_same_text_with_two_known_labels_is_refused():
    project = make_project(labels=["a", "b"])
    body = "text,label\nx,a\nx,b\nx,a\n"
    upload = bring(project, body, label="label", known="seed")
    assert (reasons(upload), upload.report["repeated"]) == ([(3, "text", "Row 2 has the")], 1)
    assert bring(project, body).report["bad"] == 0


def test_seed_labels_settle_items():
    project = make_project()
    take(project, ROWS, known="seed")
    item = project.items.get(number=2)
    label = project.labels.get(name="label 1")
    assert (item.state, item.settled_source, item.settled_labels) == ("settled", "seed", [label.pk])
    assert (item.posterior, item.method, item.gold) == (1.0, "import", None)
    assert item.settled_at


def test_gold_stays_open_in_the_hold_out_as_elsewhere():
    project = make_project(policy={"holdout_share": 0.3, "agreement_share": 0})
    take(project, ROWS, known="gold")
    label = project.labels.get(name="label 0")
    found = project.items.filter(gold=[[label.pk]])
    assert set(found.values_list("state", "settled_source", "settled_labels")) == {("open", "", None)}
    assert found.count() == 100
    assert project.items.filter(holdout=True).exists()


def test_items_that_come_with_a_seed_label_are_in_no_random_sample():
    project = make_project(policy={"holdout_share": 0.5, "agreement_share": 0.5})
    take(project, ROWS, known="seed")
    assert not project.items.filter(settled_source="seed", holdout=True).exists()
    assert not project.items.filter(settled_source="seed", agreement=True).exists()


def test_a_label_column_without_a_use_is_only_counted():
    project = make_project(labels=["other", "one"])
    upload = take(project, ROWS)
    assert upload.report["labels"] == [
        {"name": "label 0", "count": 100, "exists": False},
        {"name": "label 1", "count": 100, "exists": False},
    ]
    assert not project.items.exclude(state=Item.State.OPEN).exists()


def test_a_label_that_the_project_lacks_is_refused_by_row():
    upload = bring(
        make_project(labels=["label 0", "x"]), "id,text,label\n1,a,label 0\n2,b,typo\n", known="seed"
    )
    assert reasons(upload) == [(3, "label", "The project has no")]
    assert {"name": "typo", "count": 1, "exists": False} in upload.report["labels"]


def test_labels_are_created_only_when_the_person_wants_it():
    project = make_project(labels=["label 0", "x"])
    take(project, ROWS, known="seed", new_labels=True)
    assert list(project.labels.values_list("position", "name")) == [(0, "label 0"), (1, "x"), (2, "label 1")]
    assert project.items.filter(settled_labels=[project.labels.get(name="label 1").pk]).count() == 100


def test_a_draft_without_labels_takes_note_of_all_of_them():
    upload = bring(make_project(labels=[], state=Project.State.DRAFT), ROWS, known="seed")
    assert (upload.report["bad"], len(upload.report["labels"])) == (0, 2)


def test_a_label_is_known_in_any_capitals_and_a_retired_one_is_refused():
    project = make_project(labels=["Refund", "gone"])
    Label.objects.filter(name="gone").update(retired_at="2026-01-01T00:00Z")
    body = "id,text,label\n1,a,refund\n2,b,gone\n3,c,\n"
    upload = take(project, body, good=True, known="seed")
    assert reasons(upload) == [(3, "label", "The label is retired.")]
    assert list(project.items.order_by("number").values_list("state", flat=True)) == ["settled", "open"]


@pytest.mark.parametrize("body", ['{"text": "t", "label": ["a", "b"]}\n', '{"text": "t", "label": "b; a"}\n'])
def test_several_labels_come_as_a_list_or_with_a_separator(body):
    project = make_project(labels=["b", "a"], task=Project.Task.MULTI)
    take(project, body, "rows.jsonl", known="seed", separator=";")
    ids = sorted(project.labels.values_list("pk", flat=True))
    assert project.items.get().settled_labels == ids


def test_known_to_be_none_of_them_is_not_the_same_as_unknown():
    project = make_project(task=Project.Task.MULTI)
    body = '{"text": "a", "label": []}\n{"text": "b", "label": null}\n{"text": "c"}\n'
    take(project, body, "rows.jsonl", known="seed", label="label")
    assert list(project.items.order_by("number").values_list("state", "settled_labels")) == [
        ("settled", []),
        ("open", None),
        ("open", None),
    ]


def test_two_labels_are_too_many_for_a_project_of_one():
    upload = bring(
        make_project(), '{"text": "a", "label": ["label 0", "label 1"]}\n', "r.jsonl", known="seed"
    )
    assert "asks for one label; here are 2" in upload.problems[0]["reason"]


def test_a_column_with_too_many_labels_is_no_label_column():
    rows = "".join(f"{n},text {n},{n}\n" for n in range(600))
    upload = bring(make_project(), "id,text,label\n" + rows, known="seed", new_labels=True)
    assert (upload.state, "500 different values" in upload.message) == (Upload.State.REFUSED, True)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"content": "gone"}, "no column “gone”"),
        ({"label": "text", "known": "seed"}, "cannot be the label and something else"),
        ({"label": "", "known": "seed"}, "need a column"),
    ],
)
def test_a_choice_that_the_file_cannot_serve_is_refused_and_can_be_mended(choice, words):
    project = make_project()
    upload = bring(project, ROWS, **choice)
    assert (upload.state, words in upload.message) == (Upload.State.REFUSED, True)
    good = files.Columns(content="text", id="id")
    assert files.choose(upload, good, here=True).state == Upload.State.CHECKED


def test_an_encoding_from_nowhere_is_refused():
    upload = bring(make_project(), ROWS)
    with pytest.raises(Refused):
        files.choose(upload, files.Columns(content="text", encoding="hex"))


def test_an_import_is_announced_once_it_is_there(django_capture_on_commit_callbacks):
    project = make_project()
    admin = make_admin(project).user
    upload = bring(project, ROWS)
    Upload.objects.filter(pk=upload.pk).update(created_by=admin)
    upload.refresh_from_db()
    heard = []

    def hear(sender, project_id, **_):
        heard.append(project_id)

    items_changed.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            upload = files.import_upload(upload)
    finally:
        items_changed.disconnect(hear)
    assert heard == [project.pk]
    event = Event.objects.get(project=project, action="upload.imported")
    assert event.actor == admin
    assert event.after == {"items": 200, "first": 1, "last": 200, "bad": 0}
    assert not upload.file
    assert not Upload.objects.get(pk=upload.pk).file


def test_an_upload_that_is_done_is_not_imported_again():
    project = make_project()
    upload = take(project, ROWS)
    assert files.import_upload(upload).state == Upload.State.DONE
    with pytest.raises(Refused):
        files.start(upload)
    with pytest.raises(Refused):
        files.choose(upload, files.Columns(content="text"))
    assert project.items.count() == 200


def test_a_name_is_kept_short_and_no_path():
    upload = bring(make_project(), ROWS, "../../etc/" + "x" * 400 + ".csv")
    assert len(upload.name) <= 255
    assert "/" not in upload.name
    assert upload.name not in str(upload.file.name)


def test_html_in_a_text_is_a_text():
    project = make_project()
    take(project, "id,text\n1,<script>alert(1)</script>\n")
    assert texts(project) == ["<script>alert(1)</script>"]


def test_only_the_first_thousand_problems_are_kept_and_all_are_counted():
    upload = bring(make_project(), "id,text\n1,a\n" + "2\n" * 2500)
    assert (len(upload.problems), upload.report["bad"]) == (1000, 2500)
    assert len(json.dumps(upload.problems)) < 400_000


def test_the_plain_example_of_other_tools_comes_in():
    project = make_project(labels=[])
    make_labels(project, ["billing", "bug"])
    body = 'id,text,label,annotator,lead_time\nt1,Charged,billing,ana,1.9\nt3,"Thanks, you",bug,ana,1.1\n'
    take(project, body, known="seed")
    assert project.items.get(external_id="t3").metadata == {"annotator": "ana", "lead_time": "1.1"}


def test_a_file_of_too_many_rows_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(limits, "ROWS", 200)
    project = make_project()
    assert bring(project, ROWS).report["good"] == 200
    upload = bring(project, ROWS + "200,more,label 0,here\n")
    assert upload.message == "The file has more than 200 rows. Split it into several files and upload them."


@pytest.mark.parametrize("known", ["seed", "gold"])
def test_one_label_in_two_spellings_counts_once(known):
    project = make_project(labels=["Spam", "other"], task=Project.Task.MULTI, policy={"holdout_share": 0})
    take(project, '{"text": "a", "label": ["Spam", "spam"]}\n', "rows.jsonl", known=known)
    item, spam = project.items.get(), project.labels.get(name="Spam").pk
    assert (item.settled_labels, item.gold) == (([spam], None) if known == "seed" else (None, [[spam]]))
