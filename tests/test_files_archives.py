"""A zip of pictures: joined with its table, and nothing in it is believed."""

import io
import stat
import struct
import zipfile

import pytest

from projects import files, uploads
from projects.errors import Refused
from projects.files import archives, limits
from projects.files.columns import Columns
from projects.models import Item, Project, Upload
from tests.factories import make_project
from tests.uploading import bring, picture, take, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return make_project(media=Project.Media.IMAGE)


def refused(project, *entries):
    """Import one good picture and the entries; return what is wrong with these."""
    upload = take(project, zipped(("good.png", picture(size=(9, 9))), *entries), "pictures.zip", good=True)
    assert upload.state == Upload.State.DONE
    assert [item.metadata["file"] for item in project.items.all()] == ["good.png"]
    return [f"{one['value']}: {one['reason']}" for one in upload.problems]


def test_pictures_come_in_with_the_fields_of_their_table(project):
    table = "file,label,place\nindoor/a.png,label 1,Köln\nb.jpg,label 2,Bonn\n"
    body = zipped(
        ("indoor/a.png", picture()),
        ("deep/er/b.jpg", picture("JPEG")),
        ("labels.csv", table),
        ("c.webp", picture("WEBP")),
    )
    upload = take(project, body, "pictures.zip", label="label", known="seed")
    assert upload.report["columns"] == ["file", "label", "place"]
    found = {item.metadata["file"]: item for item in project.items.all()}
    assert found["indoor/a.png"].metadata == {"file": "indoor/a.png", "place": "Köln"}
    assert found["indoor/a.png"].settled_source == Item.Source.SEED
    assert found["deep/er/b.jpg"].metadata["place"] == "Bonn"
    assert found["c.webp"].state == Item.State.OPEN


def test_folders_may_be_the_labels(project):
    body = zipped(("cats/1.png", picture()), ("dogs/1.png", picture(size=(9, 9))))
    upload = bring(project, body, "pictures.zip")
    assert upload.columns["label"] == "folder"
    assert [one["name"] for one in upload.report["labels"]] == ["cats", "dogs"]
    assert upload.report["bad"] == 0


@pytest.mark.parametrize(
    "name", ["../up.png", "a/../../up.png", "/etc/up.png", "C:/up.png", "..\\up.png", "\\up.png"]
)
def test_a_name_that_points_out_of_the_archive_is_refused(project, tmp_path, name):
    (problem,) = refused(project, (name, picture()))
    assert "points out of the archive" in problem
    assert all(tmp_path in path.parents for path in tmp_path.rglob("*.png"))


def test_a_link_is_refused(project):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    (problem,) = refused(project, (link, "/etc/passwd"))
    assert "a link" in problem


def test_an_encrypted_member_is_refused(project):
    body = bytearray(zipped(("good.png", picture(size=(9, 9))), ("secret.png", picture())))
    start = body.rindex(b"PK\x01\x02")
    body[start + 8] |= 1
    upload = bring(project, bytes(body), "pictures.zip")
    assert [one["reason"] for one in upload.problems] == ["The file is encrypted."]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("drawing.svg", "scripts"),
        ("more.zip", "archive inside the archive"),
        ("page.html", "no picture"),
        ("photo.bmp", "no picture"),
        ("photo.tiff", "no picture"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(project, name, words):
    (problem,) = refused(project, (name, b"x" * 50))
    assert words in problem


@pytest.mark.parametrize("name", ["README.md", "__MACOSX/._good.png", "Thumbs.db", "notes.txt", ".DS_Store"])
def test_what_comes_along_with_pictures_is_passed_over(project, name):
    assert refused(project, (name, b"x")) == []


def test_an_entry_that_unfolds_too_far_is_refused_unread(project):
    (problem,) = refused(project, ("bomb.png", b"\0" * 25_000_000))
    assert "far more than its size" in problem


def test_an_entry_that_is_too_large_is_refused_unread(project):
    (problem,) = refused(project, ("big.png", b"\0" * (limits.IMAGE_BYTES + 1)))
    assert "more than 30 MB" in problem


def test_an_entry_that_lies_about_its_size_is_refused(project):
    body = zipped(("good.png", picture(size=(9, 9))), ("liar.png", picture(size=(200, 200))))
    start = body.rindex(b"PK\x01\x02")
    lying = body[: start + 24] + (100).to_bytes(4, "little") + body[start + 28 :]
    upload = bring(project, lying, "pictures.zip")
    assert [one["value"] for one in upload.problems] == ["liar.png"]


def test_an_archive_that_unfolds_beyond_the_limit_is_refused_unread(project, settings):
    settings.IMPORT_MAX_BYTES = 5_000_000
    upload = bring(project, zipped(*((f"{n}.png", b"\0" * 1_000_000) for n in range(6))), "pictures.zip")
    assert "unpacks to more than 5 MB" in upload.message


def test_a_damaged_archive_is_refused(project):
    upload = bring(project, zipped(("a.png", picture()))[:-10], "pictures.zip")
    assert "damaged or cut off" in upload.message


def test_a_damaged_member_is_refused_alone(project):
    body = bytearray(zipped(("good.png", picture(size=(9, 9))), ("bad.png", picture(size=(50, 50)))))
    at = body.index(b"bad.png") + 60
    body[at] ^= 0xFF
    upload = bring(project, bytes(body), "pictures.zip")
    assert [one["value"] for one in upload.problems] == ["bad.png"]
    assert upload.report["good"] == 1


def test_the_same_name_twice_is_refused(project):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("a.png", picture())
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.png", picture(size=(9, 9)))
    upload = bring(project, into.getvalue(), "pictures.zip")
    assert [one["reason"] for one in upload.problems] == ["Two files of the archive have this name."]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,label\nlost.png,x\n", "no picture of this name"),
        ("file,label\na.png,x\n", "Several folders"),
        ("file,label\none/a.png,x\none/a.png,y\n", "Two rows name"),
        ("file,label\none/a.png\n", "1 fields"),
    ],
)
def test_a_row_of_the_table_that_fits_no_picture_is_refused(project, table, words):
    body = zipped(("one/a.png", picture()), ("two/a.png", picture(size=(9, 9))), ("labels.csv", table))
    upload = bring(project, body, "pictures.zip")
    assert words in upload.problems[0]["reason"]
    assert upload.problems[0]["column"] == "labels.csv: file"
    assert upload.report["good"] == 2


def test_two_tables_are_refused_and_a_table_of_something_else_is_passed_over(project):
    one, other = ("a.csv", "file,x\na.png,1\n"), ("b.csv", "file,x\na.png,2\n")
    assert "Two tables" in bring(project, zipped(("a.png", picture()), one, other), "p.zip").message
    upload = bring(project, zipped(("a.png", picture()), ("c.csv", "x,y\n1,2\n")), "p.zip")
    assert "not used" in upload.report["notes"][0]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("rows.csv", "id,text\n1,a\n")], "holds no PNG"),
        ([("[Content_Types].xml", "<x/>"), ("word/a.png", "x")], "workbook"),
        ([], "holds no PNG"),
    ],
)
def test_a_zip_without_pictures_is_refused_in_words(project, entries, words):
    upload = bring(project, zipped(*entries), "rows.zip")
    assert (upload.state, words in upload.message) == (Upload.State.REFUSED, True)


def test_texts_and_pictures_do_not_mix(project):
    assert "holds texts" in bring(project, "id,text\n1,a\n").message
    assert "holds pictures" in bring(make_project(), zipped(("a.png", picture())), "p.zip").message


def test_the_same_picture_twice_comes_in_once(project):
    body = zipped(("a.png", picture()), ("copy/b.png", picture()), ("c.png", picture(size=(9, 9))))
    assert take(project, body, "p.zip").report["repeated"] == 1
    again = take(project, body, "p.zip")
    assert (again.report["good"], again.report["known"]) == (0, 2)
    assert project.items.count() == 2


def test_an_id_that_now_means_another_picture_is_refused(project):
    table = ("t.csv", "file,id\na.png,7\n")
    take(project, zipped(("a.png", picture()), table), "p.zip", id="id")
    upload = bring(project, zipped(("a.png", picture(size=(9, 9))), table), "p.zip", id="id")
    assert "has this id and another content" in upload.problems[0]["reason"]
    assert bring(project, zipped(("a.png", picture()), table), "p.zip", id="id").report["known"] == 1


def test_a_table_that_unfolds_too_far_is_refused_unread(project, monkeypatch):
    monkeypatch.setattr(archives, "_join", None)
    table = "file,label\n" + "".join(f"{number % 10}.png,x\n" for number in range(200_000))
    upload = bring(project, zipped(("a.png", picture()), ("labels.csv", table)), "p.zip")
    assert "unpacks to far more than its size" in upload.message


def test_a_table_of_more_rows_than_a_zip_may_hold_pictures_is_refused(project, monkeypatch):
    monkeypatch.setattr(limits, "ARCHIVE_FILES", 20)
    table = "file,label\n" + "lost.png,x\n" * 21
    upload = bring(project, zipped(("a.png", picture()), ("labels.csv", table)), "p.zip")
    assert "“labels.csv” has more than 20 rows" in upload.message


def test_the_first_problems_of_a_table_are_kept_and_all_are_counted(project, monkeypatch):
    monkeypatch.setattr(limits, "PROBLEMS", 10)
    table = "file,label\na.png,x\n" + "lost.png,x\n" * 40
    body = zipped(("a.png", picture()), ("labels.csv", table))
    with archives.open_archive(io.BytesIO(body), Columns()) as reader:
        assert len(reader.problems.first) == 10
    upload = bring(project, body, "p.zip")
    assert (upload.report["good"], upload.report["bad"], len(upload.problems)) == (1, 40, 10)


def test_the_first_picture_is_shown_without_a_look_at_the_tables(project, monkeypatch):
    upload = bring(project, zipped(("labels.csv", "file,label\na.png,x\n"), ("a.png", picture())), "p.zip")
    monkeypatch.setattr(archives, "_join", None)
    assert uploads.first_picture(upload).width == 8


def test_a_file_that_is_not_known_to_hold_pictures_is_not_opened_for_its_first(project, monkeypatch):
    upload = bring(project, zipped(("a.png", picture()))[:-10], "p.zip")
    monkeypatch.setattr(files, "open_upload", None)
    assert uploads.first_picture(upload) is None


@pytest.mark.parametrize("comment", [b"", b"a comment"])
@pytest.mark.parametrize("zip64", [False, True])
def test_entries_are_counted_before_the_archive_is_opened(monkeypatch, comment, zip64):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for number in range(7):
            archive.writestr(f"{number}.png", b"x")
        archive.comment = comment
        if zip64:
            monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    body = bytearray(into.getvalue())
    assert (b"PK\x06\x06" in body) == zip64
    # What it states is not believed.
    struct.pack_into("<HH", body, body.rindex(b"PK\x05\x06") + 8, 1, 1)
    monkeypatch.setattr(limits, "ARCHIVE_ENTRIES", 7)
    with archives.open_archive(io.BytesIO(body), Columns()) as reader:
        assert len(reader.entries) == 7
    monkeypatch.setattr(limits, "ARCHIVE_ENTRIES", 6)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with (
        pytest.raises(Refused, match="holds too many files"),
        archives.open_archive(io.BytesIO(body), Columns()),
    ):
        pass


def test_a_list_of_contents_that_is_too_long_to_keep_is_refused(project, monkeypatch):
    monkeypatch.setattr(limits, "ARCHIVE_LIST", 400)
    body = zipped(*((f"{'x' * 100}{number}.png", picture()) for number in range(3)))
    assert "holds too many files" in bring(project, body, "p.zip").message
