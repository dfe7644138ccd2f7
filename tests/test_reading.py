"""How people read: what they like is kept, a text says its language, a picture stands upright."""

import io

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from PIL import Image

from annotator.models import User
from projects import labelling, reading
from projects.files import images
from projects.models import Project
from tests.factories import make_items, make_member, make_project, make_user
from tests.uploading import picture, take, zipped

START = {"size": "m", "width": "normal", "lines": "normal"}


def kept(user):
    return User.objects.get(pk=user.pk).reading


@pytest.mark.parametrize(
    "tag",
    ["de", "pt-BR", "zh-Hant-TW", "sr-Latn", "es-419", "sl-rozaj-biske", "de-1996", "en-u-ca-gregory", "ar"],
)
def test_a_language_tag_that_is_well_formed_is_taken(tag):
    assert reading.tag(tag) == tag


@pytest.mark.parametrize(
    "value", ["", "a", "german language", 'de" onclick="', "de-", "d3", "-", "x" * 40, None, 5, ["de"], "дe"]
)
def test_what_is_no_language_tag_is_ignored(value):
    assert reading.tag(value) == ""


def test_the_underscore_of_other_programs_is_read_as_a_hyphen():
    assert reading.tag(" pt_BR ") == "pt-BR"


@pytest.mark.django_db
def test_an_item_names_its_own_language_before_the_project_does():
    project = make_project(language="en", language_field="lang")
    own, wrong, none = make_items(project, 3)
    own.metadata, wrong.metadata = {"lang": "ar"}, {"lang": "not a tag"}
    assert [reading.language(item, project) for item in (own, wrong, none)] == ["ar", "en", "en"]


@pytest.mark.django_db
def test_the_item_on_the_page_says_its_language_or_that_nobody_knows():
    project = make_project(language="ja", items=["本日"])
    item = project.items.get()
    assert ' dir="auto" lang="ja">本日</div>' in labelling.item_html(item, project)
    project.language = ""
    assert ' lang="">' in labelling.item_html(item, project)


@pytest.mark.parametrize(
    "text",
    ["one line " * 400, "a\n" * 3000, "\n\n" + "long " * 500 + "\r\n\n" + "b" * 4000, "x\u2028y" * 900],
)
def test_the_pieces_of_a_long_text_are_the_text(text):
    assert "".join(piece.text for piece in reading.pieces(text)) == text


def test_pieces_end_where_lines_do_and_are_small_where_lines_are():
    parts = reading.pieces("A line of forty characters, more or less\n" * 500)
    assert all(part.text.endswith("\n") and part.several for part in parts)
    assert max(len(part.text) for part in parts) <= 1500


@pytest.mark.django_db
def test_a_long_text_is_shown_to_the_last_sign():
    text = "<b>First</b> & second\n\n" + "word " * 600 + "\nالنهاية"
    project = make_project(items=[text])
    html = labelling.item_html(project.items.get(), project)
    assert html.count('class="piece') == 3
    assert "&lt;b&gt;First&lt;/b&gt; &amp; second\n\n</span>" in html


@pytest.mark.parametrize("stored", [{}, None, [], {"size": "huge", "width": 3, "lines": ["loose"]}])
def test_what_nobody_chose_is_as_everybody_starts(stored):
    assert reading.preferences(stored) == START


@pytest.mark.django_db
def test_a_choice_is_kept_and_stands_on_the_next_page(client):
    member = make_member(make_project(items=3))
    client.force_login(member.user)
    said = {"size": "xl", "width": "wide", "user": member.user_id}
    assert client.post(reverse("reading"), said).status_code == 204
    assert kept(member.user) == START | {"size": "xl", "width": "wide"}
    page = client.get(reverse("label", args=[member.project_id])).content.decode()
    assert 'data-text-size="xl" data-text-width="wide" data-text-lines="normal">' in page


@pytest.mark.django_db
def test_one_choice_leaves_the_others(client):
    user = make_user(reading=START | {"lines": "loose"})
    client.force_login(user)
    client.post(reverse("reading"), {"size": "s", "user": user.pk})
    assert kept(user) == START | {"lines": "loose", "size": "s"}


@pytest.mark.django_db
def test_what_is_not_offered_is_refused_and_changes_nothing(client):
    user = make_user(reading={"size": "l"})
    client.force_login(user)
    assert client.post(reverse("reading"), {"size": "huge", "user": user.pk}).status_code == 422
    assert client.get(reverse("reading")).status_code == 405
    assert kept(user) == {"size": "l"}


@pytest.mark.django_db
def test_a_page_of_somebody_else_changes_nobody_s_choice(client):
    user, other = make_user(), make_user()
    assert client.post(reverse("reading"), {"size": "s", "user": user.pk}).status_code == 401
    client.force_login(other)
    assert client.post(reverse("reading"), {"size": "s", "user": user.pk}).status_code == 401
    assert client.post(reverse("reading"), {"size": "s"}).status_code == 401
    assert (kept(user), kept(other)) == ({}, {})


# Pictures. Red, green, blue and white stand in the four corners, clockwise from the upper left.
CORNERS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
# How a camera has to have turned the pixels so that the orientation brings them back.
TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upright():
    image = Image.new("RGB", (40, 20))
    for colour, place in zip(CORNERS, [(0, 0), (20, 0), (20, 10), (0, 10)], strict=True):
        image.paste(colour, (*place, place[0] + 20, place[1] + 10))
    return image


def taken(orientation, kind, **options):
    """The upright picture as a camera held that way stores it."""
    turn = TURNED[orientation]
    image = upright() if turn is None else upright().transpose(turn)
    exif, into = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    image.save(into, kind, exif=exif, **options)
    return into.getvalue()


def corners(image):
    image = image.convert("RGB")
    assert image.size == (40, 20)
    points = [image.getpixel(at) for at in [(5, 4), (35, 4), (35, 15), (5, 15)]]
    return [tuple(255 * (level > 127) for level in point) for point in points]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp")])
def test_a_picture_stands_upright_however_the_camera_was_held(orientation, kind, name):
    found = images.clean(taken(orientation, kind, quality=95), name)
    image = Image.open(io.BytesIO(found.data))
    assert corners(image) == CORNERS
    assert (found.width, found.height) == (40, 20)
    assert 0x0112 not in image.getexif()


@pytest.mark.django_db
def test_all_eight_orientations_are_imported_upright(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    project = make_project(media=Project.Media.IMAGE)
    entries = [(f"{way}.png", taken(way, "PNG")) for way in range(1, 9)]
    take(project, zipped(*entries), "p.zip")
    assert project.items.count() == 8
    for item in project.items.all():
        with default_storage.open(item.image) as file:
            assert corners(Image.open(file)) == CORNERS
        assert (item.width, item.height) == (40, 20)


@pytest.fixture
def served(client, settings, tmp_path):
    """The address of a picture, for somebody who may see it."""
    settings.MEDIA_ROOT = tmp_path
    project = make_project(media=Project.Media.IMAGE)
    take(project, zipped(("a.png", picture())), "p.zip")
    client.force_login(make_member(project).user)
    return reverse("item-image", args=[project.pk, 1])


@pytest.mark.django_db
def test_a_picture_is_kept_by_the_browser_alone_and_for_long(client, served):
    response = client.get(served)
    assert b"".join(response.streaming_content)
    assert response["Cache-Control"] == "private, max-age=86400, immutable"
    assert response["ETag"].startswith('"')


@pytest.mark.django_db
def test_a_picture_that_the_browser_has_is_not_sent_again(client, served):
    first = client.get(served)
    b"".join(first.streaming_content)
    again = client.get(served, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["Cache-Control"] == first["Cache-Control"]
    other = client.get(served, headers={"If-None-Match": '"other"'})
    assert (other.status_code, len(b"".join(other.streaming_content)) > 0) == (200, True)


@pytest.mark.django_db
def test_whoever_left_is_not_told_that_the_picture_is_the_same(client, served):
    first = client.get(served)
    b"".join(first.streaming_content)
    client.force_login(make_user())
    assert client.get(served, headers={"If-None-Match": first["ETag"]}).status_code == 404
