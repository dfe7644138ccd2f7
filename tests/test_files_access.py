"""Who may take data out, and who may see a picture: member, too low a role, stranger."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from projects import files
from projects.files import thumbnails
from projects.models import Item, Membership, Project
from tests.factories import make_admin, make_lead, make_member, make_project, make_user
from tests.uploading import picture, take, zipped

pytestmark = pytest.mark.django_db
EXPORTS = [("annotations", "jsonl"), ("annotations", "csv"), ("settled", "jsonl"), ("settled", "csv")]


@pytest.fixture
def project(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    made = make_project(media=Project.Media.IMAGE)
    take(made, zipped(("a.png", picture())), "p.zip")
    return made


def people(project):
    """Return everybody who may come, by what they are."""
    gone = make_member(project, "gone", Membership.Role.ADMIN, active=False)
    found = {
        "annotator": make_member(project),
        "lead": make_lead(project),
        "admin": make_admin(project),
        "gone": gone,
    }
    other = make_admin(make_project("other"))
    return {name: member.user for name, member in found.items()} | {
        "elsewhere": other.user,
        "nobody": make_user(),
    }


def read(client, address):
    """Return a response that was read to its end."""
    response = client.get(address)
    if response.streaming:
        b"".join(response.streaming_content)
    return response


def answers(client, project, address):
    """Return the status that each of the people gets, and that of somebody who is not signed in."""
    found = {"signed out": read(client, address).status_code}
    for name, user in people(project).items():
        client.force_login(user)
        found[name] = read(client, address).status_code
        client.logout()
    return found


STRANGERS = {"gone": 404, "elsewhere": 404, "nobody": 404, "signed out": 302}


@pytest.mark.parametrize("what", EXPORTS, ids=".".join)
def test_leads_and_admins_take_data_out(client, project, what):
    found = answers(client, project, reverse("export", args=[project.pk, *what]))
    assert found == {"annotator": 403, "lead": 200, "admin": 200, **STRANGERS}


def test_leads_and_admins_see_the_export_page(client, project):
    found = answers(client, project, reverse("exports", args=[project.pk]))
    assert found == {"annotator": 403, "lead": 200, "admin": 200, **STRANGERS}


def test_bad_rows_are_for_admins_of_the_very_project(client, project):
    upload = files.receive(project, ContentFile(b"x", name="a.csv"), None, here=True)
    found = answers(client, project, reverse("upload-problems", args=[project.pk, upload.pk]))
    assert found == {"annotator": 403, "lead": 403, "admin": 200, **STRANGERS}
    elsewhere = make_admin(make_project("third"))
    client.force_login(elsewhere.user)
    assert client.get(reverse("upload-problems", args=[elsewhere.project_id, upload.pk])).status_code == 404


@pytest.mark.parametrize("name", ["item-image", "item-thumbnail"])
def test_pictures_are_for_members(client, project, name):
    found = answers(client, project, reverse(name, args=[project.pk, 1]))
    assert found == {"annotator": 200, "lead": 200, "admin": 200, **STRANGERS}


def test_a_picture_is_served_as_nothing_but_a_picture(client, project):
    client.force_login(make_member(project).user)
    response = client.get(reverse("item-image", args=[project.pk, 1]))
    assert response["Content-Type"] == "image/png"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Disposition"] == 'inline; filename="item-1.png"'
    assert response["Cache-Control"].startswith("private")
    assert b"".join(response.streaming_content).startswith(b"\x89PNG")


def test_a_thumbnail_is_served_once_it_is_there(client, project):
    client.force_login(make_member(project).user)
    address = reverse("item-thumbnail", args=[project.pk, 1])
    before = read(client, address)
    assert (before["Content-Type"], "immutable" in before["Cache-Control"]) == ("image/png", False)
    thumbnails.make(5)
    after = read(client, address)
    assert (after["Content-Type"], "immutable" in after["Cache-Control"]) == ("image/webp", True)


@pytest.mark.parametrize("path", ["images/x.html", "images/x.svg", "images/gone.png", "images/x.txt"])
def test_what_is_no_picture_is_never_served(client, project, path):
    if "gone" not in path:
        default_storage.save(path, ContentFile(b"<script>alert(1)</script>"))
    Item.objects.filter(project=project).update(image=path, thumbnail=path)
    client.force_login(make_member(project).user)
    for name in ("item-image", "item-thumbnail"):
        assert client.get(reverse(name, args=[project.pk, 1])).status_code == 404


def test_a_text_has_no_picture(client):
    project = make_project(items=1)
    client.force_login(make_member(project).user)
    assert client.get(reverse("item-image", args=[project.pk, 1])).status_code == 404
    assert client.get(reverse("item-image", args=[project.pk, 99])).status_code == 404


@pytest.mark.parametrize("address", ["items.jsonl", "annotations.exe", "settled.html"])
def test_an_export_that_does_not_exist_is_not_found(client, project, address):
    client.force_login(make_lead(project).user)
    what, form = address.split(".")
    assert client.get(reverse("export", args=[project.pk, what, form])).status_code == 404


@pytest.mark.parametrize("name", ["exports", "export"])
def test_exports_are_read_only(client, project, name):
    client.force_login(make_lead(project).user)
    given = [project.pk] if name == "exports" else [project.pk, "settled", "csv"]
    assert client.post(reverse(name, args=given)).status_code == 405


def test_a_download_is_kept_by_no_cache(client, project):
    client.force_login(make_lead(project).user)
    response = read(client, reverse("export", args=[project.pk, "settled", "csv"]))
    assert response["Content-Disposition"].startswith('attachment; filename="post-settled-')
    assert response["Cache-Control"] == "private, no-store"
