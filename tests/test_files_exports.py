"""An export read back by an independent reader gives the same data."""

import csv
import io
import json
import tracemalloc
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import files
from projects.files import exporting, writing
from projects.models import Annotation, Dispute, Item, Membership, Project, QueueEntry, Resolution
from tests.factories import answer, make_items, make_lead, make_member, make_project, make_user
from tests.uploading import take

pytestmark = pytest.mark.django_db
Kind = Annotation.Kind


def download(client, person, project, name, query=""):
    client.force_login(person.user)
    what, form = name.split(".")
    response = client.get(reverse("export", args=[project.pk, what, form]) + query)
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def objects(body):
    return [json.loads(line) for line in io.StringIO(body.decode())]


def table(body, encoding="utf-8"):
    return list(csv.DictReader(io.StringIO(body.decode(encoding), newline="")))


@pytest.fixture
def project():
    return make_project(
        labels=["billing", "bug", 'a "b", c\nd'], items=["one 😀", 'two, "quoted"\nline', "=three", "four"]
    )


@pytest.fixture
def lead(project):
    return make_lead(project)


def test_an_annotation_comes_out_in_the_plain_shape_and_with_all_that_it_rests_on(client, project, lead):
    ana = make_member(project, "ana")
    item, bug = project.items.get(number=1), project.labels.get(name="bug")
    Item.objects.filter(pk=item.pk).update(external_id="t1", metadata={"place": "Köln"}, agreement=True)
    answer(ana, item, bug, note="clear", active_ms=1900)
    (row,) = objects(download(client, lead, project, "annotations.jsonl"))
    assert list(row)[:5] == ["id", "text", "label", "annotator", "lead_time"]
    assert (row["id"], row["text"], row["label"], row["lead_time"]) == ("t1", "one 😀", "bug", 1.9)
    assert (row["annotator"], row["labels"], row["label_ids"]) == (ana.user.email, ["bug"], [bug.pk])
    assert (row["note"], row["kind"], row["current"], row["revision"]) == ("clear", "answer", True, 1)
    assert (row["agreement"], row["holdout"], row["gold"]) == (True, False, None)
    assert (row["metadata"], row["item"], row["guideline_version"]) == ({"place": "Köln"}, 1, 1)


def test_revisions_skips_and_flags_come_out_too(client, project, lead):
    ana = make_member(project, "ana")
    one, two = project.items.order_by("number")[:2]
    first, second, _ = project.labels.order_by("position")
    answer(ana, one, first)
    answer(ana, one, second)
    answer(ana, two, kind=Kind.SKIP, reason="language")
    rows = objects(download(client, lead, project, "annotations.jsonl"))
    assert [(row["kind"], row["label"], row["revision"], row["current"]) for row in rows] == [
        ("answer", "billing", 1, False),
        ("answer", "bug", 2, True),
        ("skip", None, 1, True),
    ]
    assert rows[2]["reason"] == "language"


def test_none_of_these_cannot_tell_and_nothing_yet_are_three_things(client):
    project = make_project(task=Project.Task.MULTI, items=4)
    lead, ana = make_lead(project), make_member(project, "ana")
    none, cannot, labelled, _open = project.items.order_by("number")
    answer(ana, none)
    answer(ana, cannot, kind=Kind.CANT_TELL)
    answer(ana, labelled, *project.labels.order_by("position")[:2])
    rows = objects(download(client, lead, project, "settled.jsonl", "?all=1"))
    found = {row["item"]: (row["outcome"], row["labels"]) for row in rows}
    assert found[none.number] == ("none_of_these", [])
    assert found[cannot.number] == ("cant_tell", None)
    assert found[labelled.number] == ("labelled", ["label 0", "label 1"])
    assert found[4] == ("unlabelled", None)
    said = objects(download(client, lead, project, "annotations.jsonl"))
    assert [(row["none_of_these"], row["labels"]) for row in said] == [
        (True, []),
        (False, None),
        (False, ["label 0", "label 1"]),
    ]
    in_table = table(download(client, lead, project, "settled.csv", "?all=1"))
    assert [row["labels"] for row in in_table] == ["[]", "", '["label 0", "label 1"]', ""]


def test_a_settled_item_comes_out_with_votes_decision_and_reason(client, project, lead):
    item, bug = project.items.get(number=2), project.labels.get(name="bug")
    reason = {"why": "random_agreement", "score": 0.5}
    QueueEntry.objects.create(
        project=project, item=item, round_number=3, rank=1, stream="agreement", reason=reason, state="done"
    )
    for name, label in (("ana", "billing"), ("ben", "bug")):
        member = make_member(project, name)
        Annotation.objects.create(
            project=project,
            item=item,
            annotator=member.user,
            submission=uuid4(),
            labels=[project.labels.get(name=label).pk],
            round_number=3,
            stream="agreement",
            note=f"by {name}",
            guideline_version=2,
        )
    dispute = Dispute.objects.create(project=project, item=item, state="resolved")
    Resolution.objects.create(
        dispute=dispute,
        item=item,
        lead=lead.user,
        outcome="labelled",
        labels=[bug.pk],
        reason="slip",
        note="clear",
    )
    settled = {
        "state": "settled",
        "settled_labels": [bug.pk],
        "settled_source": "adjudicated",
        "posterior": 0.97,
    }
    Item.objects.filter(pk=item.pk).update(holdout=True, method="lead", gold=[[bug.pk]], **settled)
    (row,) = objects(download(client, lead, project, "settled.jsonl"))
    assert (row["label"], row["source"], row["method"], row["posterior"]) == (
        "bug",
        "adjudicated",
        "lead",
        0.97,
    )
    assert [(vote["labels"], vote["note"]) for vote in row["votes"]] == [
        (["billing"], "by ana"),
        (["bug"], "by ben"),
    ]
    assert {vote["round"] for vote in row["votes"]} == {3}
    assert row["resolution"]["reason"] == "slip"
    assert row["resolution"]["labels"] == ["bug"]
    assert row["pick"] == {"round": 3, "stream": "agreement"} | reason
    assert "agree" in row["picked_because"]
    assert (row["guideline_version"], row["holdout"], row["gold"]) == (2, True, [["bug"]])


def test_a_label_by_votes_comes_out_with_how_sure_it_is_and_which_votes_count(client):
    project = make_project(labels=["billing", "bug"], items=1, policy={"overlap": 3, "agreement_overlap": 3})
    lead = make_lead(project)
    people = [make_member(project, name) for name in ("ana", "ben", "cleo", "dora")]
    billing, bug = project.labels.order_by("position")
    for person, label in zip(people, (bug, bug, billing), strict=False):
        answer(person, project.items.get(), label)
    Annotation.objects.create(
        project=project,
        item=project.items.get(),
        annotator=people[3].user,
        submission=uuid4(),
        labels=[billing.pk],
    )
    Membership.objects.filter(pk=people[3].pk).update(excluded_at=now())
    (row,) = objects(download(client, lead, project, "settled.jsonl"))
    assert (row["label"], row["source"], row["n"]) == ("bug", "consensus", 3)
    assert row["shares"] == {"billing": pytest.approx(1 / 3), "bug": pytest.approx(2 / 3)}
    assert row["soft"]["bug"] == pytest.approx(row["posterior"], abs=1e-4)
    assert sum(row["soft"].values()) == pytest.approx(1, abs=1e-3)
    assert [vote["counts"] for vote in row["votes"]] == [True, True, True, False]
    assert (row["estimate"], row["method"].startswith("one-coin")) == (None, True)
    (cell,) = table(download(client, lead, project, "settled.csv"))
    assert json.loads(cell["soft"]) == row["soft"]


def test_csv_read_back_gives_the_same_values(client, project, lead):
    ana = make_member(project, "ana")
    for item, label in zip(
        project.items.order_by("number"), project.labels.order_by("position"), strict=False
    ):
        answer(ana, item, label, note='a, "b"\r\nc')
    lines = objects(download(client, lead, project, "settled.jsonl"))
    cells = table(download(client, lead, project, "settled.csv"))
    assert len(lines) == len(cells) == 3
    for line, cell in zip(lines, cells, strict=True):
        assert list(line) == list(cell)
        assert (cell["text"], cell["label"]) == (line["text"], line["label"])
        for name in ("labels", "votes", "metadata", "holdout", "item"):
            assert json.loads(cell[name]) == line[name]


def test_a_file_for_spreadsheets_runs_no_formula_and_shows_umlauts(client, project, lead):
    take(project, 'id,text\n+1,"=HYPERLINK(""http://x"")"\n@a,-2\n', id="id")
    plain = table(download(client, lead, project, "settled.csv", "?all=1"))
    assert [row["text"] for row in plain[-2:]] == ['=HYPERLINK("http://x")', "-2"]
    body = download(client, lead, project, "settled.csv", "?all=1&spreadsheet=1")
    assert body.startswith(b"\xef\xbb\xbf")
    safe = table(body, "utf-8-sig")
    assert [(row["id"], row["text"]) for row in safe[-2:]] == [
        ("'+1", '\'=HYPERLINK("http://x")'),
        ("'@a", "'-2"),
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_like_a_formula(start):
    body = b"".join(writing.as_csv([{"a": f"{start}1+1", f"{start}b": [1]}], True)).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(body, newline="")) for cell in row]
    assert not any(cell.startswith(start) for cell in cells)


def test_a_line_of_json_is_one_line_to_every_reader():
    body = b"".join(writing.jsonl([{"text": "a\u2028b\x85c\u2029d\ne"}])).decode()
    assert len(body.splitlines()) == 1
    assert json.loads(body)["text"] == "a\u2028b\x85c\u2029d\ne"


def test_what_came_in_goes_out_and_comes_in_again(client, project, lead):
    body = download(client, lead, project, "settled.jsonl", "?all=1")
    copy = make_project(labels=["billing", "bug"])
    take(copy, body, "again.jsonl", content="text", id="id", label="", keep=())
    assert list(copy.items.order_by("number").values_list("text", flat=True)) == [
        item.text for item in project.items.order_by("number")
    ]


def test_an_export_takes_the_same_memory_and_statements_a_page_at_any_length(django_assert_max_num_queries):
    project = make_project(items=3000)
    with django_assert_max_num_queries(1 + 5 * (3000 // exporting.PAGE + 1)):
        assert sum(1 for _ in exporting.settled_rows(project, True)) == 3000
    make_items(project, 7000)
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        for _piece in writing.jsonl(exporting.settled_rows(project, True)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 8_000_000


def test_an_empty_export_is_an_empty_file(client, lead, project):
    assert download(client, lead, project, "annotations.jsonl") == b""
    assert download(client, lead, project, "annotations.csv") == b""


def test_pictures_are_named_by_their_file(client, settings, tmp_path):
    from tests.uploading import picture, zipped

    settings.MEDIA_ROOT = tmp_path
    project = make_project(media=Project.Media.IMAGE)
    take(project, zipped(("in/a.png", picture())), "p.zip")
    (row,) = objects(download(client, make_lead(project), project, "settled.jsonl", "?all=1"))
    assert (row["image"], "text" in row) == ("in/a.png", False)


def test_the_bad_rows_come_out_as_a_table(client):
    project = make_project()
    admin = make_member(project, make_user("Ada"), "admin")
    upload = files.receive(project, _file("id,text\n1,a\n2\n3,=x\n3,b\n"), None, here=True)
    client.force_login(admin.user)
    response = client.get(reverse("upload-problems", args=[project.pk, upload.pk]))
    rows = table(b"".join(response.streaming_content), "utf-8-sig")
    assert [(row["row"], row["column"]) for row in rows] == [("3", ""), ("5", "id")]
    assert all(row["remedy"] for row in rows)


def _file(body):
    from django.core.files.base import ContentFile

    return ContentFile(body.encode(), name="rows.csv")


def test_the_reason_of_an_item_is_that_of_its_newest_pick():
    project = make_project(items=1)
    item = project.items.get()
    for round_number, stream, state in ((3, "strategy", "done"), (0, "again", "live")):
        QueueEntry.objects.create(
            project=project, item=item, round_number=round_number, rank=1, stream=stream, state=state
        )
    (row,) = exporting.settled_rows(project, True)
    assert row["pick"]["stream"] == "again"
