"""CSV: every row comes in as it stands, or is refused by number, with a reason and a remedy."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.files import limits
from projects.files.csvs import open_csv
from projects.files.problems import Problem
from projects.files.records import Row
from projects.models import Upload
from tests.factories import make_project
from tests.uploading import bring, reasons, take, texts

pytestmark = pytest.mark.django_db


def read(body, **how):
    reader = open_csv(io.BytesIO(body.encode() if isinstance(body, str) else body), **how)
    return reader, list(reader.rows())


@pytest.mark.parametrize("text", ["NA", "null", "None", "nan", "NaN", "N/A", "true", "0", "-", " padded "])
def test_a_text_that_looks_like_nothing_stays_a_text(text):
    project = make_project()
    take(project, f"id,text\n1,{text}\n")
    assert texts(project) == [text]


def test_a_ragged_row_is_refused_and_shifts_nothing():
    upload = bring(make_project(), "id,text,label\n1,one,a\n2,two\n3,three,a,b\n4,four,a\n")
    assert reasons(upload) == [(3, "", "The row has 2"), (4, "", "The row has 4")]
    assert upload.report["good"] == 2


def test_an_unclosed_quote_costs_its_own_row_only():
    project = make_project()
    upload = take(project, 'id,text\n1,one\n2,"two\n3,three\n4,"fo, ur"\n', good=True)
    assert reasons(upload) == [(3, "", "A quote opens in")]
    assert texts(project) == ["one", "three", "fo, ur"]


def test_an_unclosed_quote_before_many_rows_loses_none_of_them():
    rows = "".join(f"{number},{'x' * 50}{number}\n" for number in range(limits.RECORD // 40))
    reader, found = read('id,text\na,"open\n' + rows)
    assert reader.columns == ["id", "text"]
    assert [row.row for row in found if isinstance(row, Problem)] == [2]
    assert sum(isinstance(row, Row) for row in found) == limits.RECORD // 40


def test_an_unclosed_quote_in_a_file_of_one_column_is_refused_with_all_that_it_swallows():
    upload = bring(make_project(), 'text\none\n"two\nthree\n')
    assert reasons(upload) == [(3, "", "A quote opens here")]
    assert "Lines 3 to 4" in upload.problems[0]["reason"]


def test_words_after_a_closing_quote_are_refused():
    upload = bring(make_project(), 'id,text\n1,"one" more\n2,two\n')
    assert reasons(upload) == [(2, "", "After a closing quote")]


def test_quotes_commas_and_line_ends_within_a_text_are_kept():
    project = make_project()
    take(project, 'id,text\r\n1,"a ""b"", c\nd\r\ne"\r\n2,5" pipe\r\n')
    assert texts(project) == ['a "b", c\nd\r\ne', '5" pipe']


def test_empty_lines_are_passed_over_but_counted_as_a_spreadsheet_counts():
    _, found = read("id,text\n\n1,one\n\n\n2,two\n")
    assert [row.number for row in found] == [3, 6]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_machine(end):
    _, found = read(end.join(["id,text", "1,one", "2,two"]))
    assert [row.fields["text"] for row in found] == ["one", "two"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(mark):
    text = "one; two" if mark == "," else "one, two"
    reader, found = read(f"id{mark}text{mark}label\n1{mark}{text}{mark}x\n")
    assert reader.delimiter == mark
    assert found[0].fields["text"] == text


def test_a_file_of_one_column_needs_no_quotes_around_commas():
    project = make_project()
    take(project, "text\nOne, two; three\nfour\n")
    assert texts(project) == ["One, two; three", "four"]


def test_excels_own_first_line_names_the_delimiter():
    reader, found = read("sep=;\nid;text\n1;a,b\n")
    assert (reader.delimiter, found[0].fields) == (";", {"id": "1", "text": "a,b"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "file is empty"),
        ("  \n\n", "file is empty"),
        ("text,id,text\na,b,c\n", "same name: “text”"),
        (",,\na,b,c\n", "first row is empty"),
        ('"text\n', "first row cannot be read"),
    ],
)
def test_a_file_without_a_usable_header_is_refused_in_words(body, words):
    upload = bring(make_project(), body)
    assert upload.state == Upload.State.REFUSED
    assert words in upload.message


def test_a_header_without_a_name_gets_its_place():
    reader, _ = read("id,text,\n1,a,b\n")
    assert reader.columns == ["id", "text", "column 3"]


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_encoding_that_says_so_is_certain(mark):
    project = make_project()
    upload = take(project, "id,text\n1,Zürich 😀 日本\n".encode(mark))
    assert upload.report["sure"]
    assert texts(project) == ["Zürich 😀 日本"]


def test_latin_1_is_a_guess_that_the_person_sees():
    project = make_project()
    upload = take(project, "id,text\n1,Müller fährt\n".encode("latin-1"))
    assert (upload.report["encoding"], upload.report["sure"]) == ("cp1252", False)
    assert "Windows-1252" in upload.report["notes"][0]
    assert texts(project) == ["Müller fährt"]


def test_utf_16_without_a_mark_is_a_guess():
    upload = bring(make_project(), "id,text\n1,hello there\n".encode("utf-16-le"))
    assert (upload.report["encoding"], upload.report["sure"], upload.report["good"]) == (
        "utf-16-le",
        False,
        1,
    )


def test_the_person_may_name_the_encoding():
    project = make_project()
    take(project, "id,text\n1,Привет\n".encode("cp1251"), encoding="cp1251")
    assert texts(project) == ["Привет"]


def test_a_few_broken_bytes_are_bad_rows_not_another_encoding():
    body = "id,text\n1,Zürich und Köln\n".encode() + b"2,M\xfcller\n" + "3,größer\n".encode()
    upload = bring(make_project(), body)
    assert upload.report["encoding"] == "utf-8"
    assert reasons(upload) == [(3, "text", "The value holds bytes")]


def test_half_a_character_in_utf_16_is_a_bad_row():
    body = "id,text\n1,one\n2,".encode("utf-16") + b"\x00\xd8" + "\n3,three\n".encode("utf-16-le")
    upload = bring(make_project(), body)
    assert [row for row, _, _ in reasons(upload)] == [3]
    assert upload.report["good"] == 2


@pytest.mark.parametrize("column", ["text", "id", "more"])
def test_a_nul_character_is_refused_wherever_it_stands(column):
    values = {"id": "7", "text": "fine", "more": "also"} | {column: "a\0b"}
    upload = bring(make_project(), f"id,text,more\n{values['id']},{values['text']},{values['more']}\n")
    assert reasons(upload) == [(2, column, "The value holds a")]


@pytest.mark.parametrize("text", ["", "   ", '"\n\t"', "\u200b\ufeff"])
def test_an_empty_text_is_refused(text):
    upload = bring(make_project(), f"id,text\n1,{text}\n2,b\n")
    assert reasons(upload) == [(2, "text", "The text is empty.")]


def test_a_text_beyond_the_limit_is_refused_and_its_neighbours_are_not():
    long = "x" * (limits.TEXT + 1)
    upload = bring(make_project(), f"id,text\n1,one\n2,{long}\n3,three\n")
    assert reasons(upload) == [(3, "text", "The text has 1,000,001")]
    assert upload.report["good"] == 2
    assert len(upload.problems[0]["value"]) < 100


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_too_long_to_read_is_refused_and_the_next_is_read(quote):
    long = "hello world " * (limits.RECORD // 6)
    _, found = read(f"id,text\n1,{quote}{long}{quote}\n2,two\n")
    assert isinstance(found[0], Problem)
    assert "more than 4,000,000 characters" in found[0].reason
    assert found[1].fields == {"id": "2", "text": "two"}


def test_a_long_text_of_many_lines_is_refused_whole():
    long = "hello world\n" * (limits.RECORD // 6)
    _, found = read(f'text\n"{long}"\ntwo\n')
    assert [type(one) for one in found] == [Problem, Row]


rows = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), st.text('ab,\n" ')
    )
)


@given(rows)
def test_what_pythons_own_writer_writes_is_read_back(written):
    import csv

    into = io.StringIO(newline="")
    writer = csv.writer(into, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    writer.writerows(written)
    _, found = read(into.getvalue(), delimiter=",", encoding="utf-8")
    assert [tuple(row.fields.values()) for row in found] == written


@pytest.mark.parametrize("body", ["id,text\n1,one\n", '{"text": "one"}\n'])
@pytest.mark.parametrize("written", ["utf-8", "utf-16-le"])
def test_utf_16_chosen_for_a_file_without_its_mark_is_refused_in_words(body, written):
    upload = bring(make_project(), body.encode(written), encoding="utf-16")
    assert upload.state == Upload.State.REFUSED
    assert "lacks the mark that UTF-16 begins with" in upload.message
