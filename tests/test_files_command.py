"""``manage.py import_items``: the same import, from a shell."""

import io

import pytest
from django.core.management import CommandError, call_command

from projects.models import Upload
from tests.factories import make_project
from tests.uploading import texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(tmp_path):
    def write(body, name="rows.csv"):
        path = tmp_path / name
        path.write_text(body)
        return str(path)

    return write


def run(*given, **options):
    out = io.StringIO()
    call_command("import_items", *map(str, given), stdout=out, **options)
    return out.getvalue()


def test_it_imports_and_says_what_it_did(rows):
    project = make_project()
    said = run(
        project.pk, rows("id,text,label\n1,a,label 0\n2,b,label 1\n"), "--known", "seed", "--label", "label"
    )
    assert "2 rows, 2 new, 0 bad" in said
    assert "Imported 2 items." in said
    assert project.items.filter(settled_source="seed").count() == 2


def test_it_names_bad_rows_and_imports_nothing(rows):
    project = make_project("Letters")
    path = rows("id,text\n1,a\n2,\n")
    out = io.StringIO()
    with pytest.raises(CommandError, match="nothing was") as refused:
        call_command("import_items", "Letters", path, stdout=out)
    assert refused.value.returncode == 1
    assert "row 3: text “”: The text is empty. Give every row a text" in out.getvalue()
    assert texts(project) == []
    assert "Imported 1 items" in run(project.pk, path, "--good-rows")
    assert texts(project) == ["a"]


def test_columns_can_be_named(rows):
    project = make_project()
    path = rows("a;b;c\nx;1;u\n")
    run(project.pk, path, "--text", "c", "--id", "b", "--keep", "a")
    item = project.items.get()
    assert (item.text, item.external_id, item.metadata) == ("u", "1", {"a": "x"})


def test_a_check_leaves_no_trace(rows):
    project = make_project()
    assert "1 new" in run(project.pk, rows("text\na\n"), "--check")
    assert (project.items.count(), Upload.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("project", "body", "words"),
    [
        ("nowhere", "text\na\n", "no project"),
        ("Post", "", "file is empty"),
        ("Post", "text,text\n", "same name"),
    ],
)
def test_it_refuses_in_words(rows, project, body, words):
    make_project("Post")
    with pytest.raises(CommandError, match=words):
        run(project, rows(body))


def test_a_missing_file_is_refused():
    make_project("Post")
    with pytest.raises(CommandError, match="There is no file"):
        run("Post", "/nowhere/rows.csv")
