"""JSON lines and lists: what is JSON comes in, what is not is refused by line."""

import gzip
import json

import pytest

from projects.files import limits
from projects.models import Upload
from tests.factories import make_project
from tests.uploading import bring, reasons, take, texts

pytestmark = pytest.mark.django_db


def lines(*rows):
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "rows.json", "rows.txt"])
def test_json_lines_are_known_by_what_they_are(name):
    project = make_project()
    upload = take(project, lines({"text": "one"}, {"text": "two 😀"}), name)
    assert (upload.report["kind"], texts(project)) == ("jsonl", ["one", "two 😀"])


def test_a_list_of_objects_is_read_piece_by_piece():
    project = make_project()
    rows = [{"text": f"text {n} " + "x" * 400, "more": {"n": n}} for n in range(500)]
    upload = take(project, json.dumps(rows, indent=2), "rows.json")
    assert (upload.report["kind"], project.items.count()) == ("json", 500)
    assert project.items.get(number=500).metadata == {"more": {"n": 499}}


@pytest.mark.parametrize(
    ("body", "row", "words"),
    [
        ('[{"text":"a"} {"text":"b"}]', 2, "no comma"),
        ('[{"text":"a"},', 2, "ends before its list"),
        ('[{"text":"a"}', 1, "ends before its list"),
        ('[{"text":"a"}, 5]', 2, "not an object"),
    ],
)
def test_a_broken_list_says_where_it_breaks(body, row, words):
    upload = bring(make_project(), body, "rows.json")
    assert upload.report["good"] == 1
    assert upload.problems[0]["row"] == row
    assert words in upload.problems[0]["reason"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "b", "n": NaN}', "NaN is not JSON"),
        ('{"text": "b", "n": Infinity}', "Infinity is not JSON"),
        ('{"text": "b", "n": -Infinity}', "-Infinity is not JSON"),
        ('{"text": "b", "n": 1e999}', "number is too large"),
        ('{"text": "b"', "not JSON"),
        ("{'text': 'b'}", "not JSON"),
        ('"b"', "not an object"),
        ("[1]", "not an object"),
        ('{"text": "b", "text": "c"}', "twice in one object"),
        ('{"text": "b\\u0000"}', "NUL character"),
        ('{"text": "b\\ud83d"}', "lone surrogate"),
        ('{"text": "b", "m": {"x": ["\\udc00"]}}', "lone surrogate"),
        ('{"text": "b", "m": {"x\\u0000": 1}}', "NUL character"),
        ('{"text": 5}', "a number, not a text"),
        ('{"text": 5.5}', "a number, not a text"),
        ('{"text": true}', "true or false, not a text"),
        ('{"text": ["b"]}', "a list, not a text"),
        ('{"text": {"b": 1}}', "an object, not a text"),
        ('{"text": null}', "text is missing"),
        ('{"other": "b"}', "text is missing"),
        ('{"text": " "}', "text is empty"),
        ('{"text": "b", "n": ' + "9" * 5000 + "}", "not JSON that can be kept"),
        ('{"text": "b", "m": ' + "[" * 50 + "]" * 50 + "}", "levels deep"),
        ('{"text": "b", "m": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
        ('{"text": "b", "m": "' + "x" * limits.METADATA + '"}', "is the limit"),
        ('{"text": "' + "x" * limits.RECORD + '"}', "is the limit"),
    ],
)
def test_a_bad_line_is_refused_and_its_neighbours_are_not(line, words):
    project = make_project()
    upload = take(
        project, f'{{"text": "a", "m": 1, "n": 2}}\n{line}\n{{"text": "c"}}\n', "rows.jsonl", good=True
    )
    assert [one["row"] for one in upload.problems] == [2]
    assert words in upload.problems[0]["reason"]
    assert upload.problems[0]["remedy"]
    assert texts(project) == ["a", "c"]


def test_a_huge_text_is_refused_without_being_kept_anywhere():
    body = b'{"text": "a"}\n{"text": "' + b"x" * 60_000_000 + b'"}\n{"text": "c"}\n'
    upload = bring(make_project(), body, "rows.jsonl")
    assert [one["row"] for one in upload.problems] == [2]
    assert len(json.dumps(upload.problems)) < 1000


def test_unusual_line_separators_do_not_end_a_line():
    project = make_project()
    take(project, '{"text": "a\u2028b\x85c\u2029d"}\n', "rows.jsonl")
    assert texts(project) == ["a\u2028b\x85c\u2029d"]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_json_lines_may_come_in_other_encodings(mark):
    project = make_project()
    take(project, '{"text": "Zürich"}\n'.encode(mark), "rows.jsonl")
    assert texts(project) == ["Zürich"]


def test_metadata_keeps_its_types():
    project = make_project()
    take(
        project,
        lines({"text": "a", "n": 3, "f": 0.1, "none": None, "flag": True, "deep": {"x": [1, "é"]}}),
        "r.jsonl",
    )
    kept = {"n": 3, "f": 0.1, "none": None, "flag": True, "deep": {"x": [1, "é"]}}
    assert project.items.get().metadata == kept


@pytest.mark.parametrize(("value", "stored"), [(7, "7"), (10**30, str(10**30)), (" x-1 ", "x-1")])
def test_an_id_may_be_a_whole_number_or_a_text(value, stored):
    project = make_project()
    take(project, lines({"text": "a", "id": value}), "rows.jsonl")
    assert project.items.get().external_id == stored


@pytest.mark.parametrize("value", [True, 1.5, None, "", [], {}, "x" * 191, "a\0"])
def test_what_is_no_id_is_refused(value):
    upload = bring(make_project(), lines({"text": "a", "id": 1}, {"text": "b", "id": value}), "rows.jsonl")
    assert [(row, column) for row, column, _ in reasons(upload)] == [(2, "id")]


def test_gz_is_unpacked():
    project = make_project()
    take(project, gzip.compress(lines({"text": "a"}).encode()), "rows.jsonl.gz")
    assert texts(project) == ["a"]


def test_a_gz_bomb_is_refused():
    upload = bring(make_project(), gzip.compress(b"\n" * 30_000_000), "rows.jsonl.gz")
    assert upload.state == Upload.State.REFUSED
    assert "far more than its size" in upload.message


def test_a_gz_that_is_cut_off_is_refused():
    whole = gzip.compress(lines(*({"text": f"text {n}"} for n in range(100))).encode())
    upload = bring(make_project(), whole[:-20], "rows.jsonl.gz")
    assert "damaged or cut off" in upload.message


def test_a_file_beyond_the_limit_is_refused_in_words(settings):
    settings.IMPORT_MAX_BYTES = 3_000_000
    packed = gzip.compress(b"".join(b'{"text": "%d"}\n' % n for n in range(250_000)))
    upload = bring(make_project(), packed, "rows.jsonl.gz")
    assert "larger than 3 MB" in upload.message


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PAR1\x00", "Parquet"),
        (b"\x89PNG\r\n\x1a\n", "zip"),
        (bytes(range(256)), "not a text file"),
    ],
)
def test_other_kinds_of_files_are_refused_in_words(start, words):
    upload = bring(make_project(), start + b"x" * 100, "rows.csv")
    assert (upload.state, words in upload.message) == (Upload.State.REFUSED, True)
