"""Every address of set-up and settings, asked by a member, by one with too low a role, and by a stranger."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from annotator import accounts
from annotator.models import Invitation
from projects import guidelines, uploads
from projects.models import Membership, Project
from tests.factories import make_items, make_member, make_project, make_user

pytestmark = pytest.mark.django_db
Role = Membership.Role

# Address, method, lowest role.
PAGES = [
    ("setup-resume", "get", Role.ADMIN),
    ("setup/data", "get", Role.ADMIN),
    ("setup/columns", "get", Role.ADMIN),
    ("setup/labels", "get", Role.ADMIN),
    ("setup/loop", "get", Role.ADMIN),
    ("setup/loop", "post", Role.ADMIN),
    ("upload", "get", Role.ADMIN),
    ("upload-state", "get", Role.ADMIN),
    ("upload-picture", "get", Role.ADMIN),
    ("upload-columns", "post", Role.ADMIN),
    ("upload-accept", "post", Role.ADMIN),
    ("upload-remove", "post", Role.ADMIN),
    ("labels-add", "post", Role.ADMIN),
    ("labels-sort", "post", Role.ADMIN),
    ("label-change", "post", Role.ADMIN),
    ("label-move", "post", Role.ADMIN),
    ("label-retire", "post", Role.ADMIN),
    ("label-restore", "post", Role.ADMIN),
    ("settings", "get", Role.ADMIN),
    ("settings", "post", Role.ADMIN),
    ("settings-labels", "get", Role.ADMIN),
    ("settings-guidelines", "get", Role.ADMIN),
    ("settings-guidelines", "post", Role.ADMIN),
    ("guidelines-preview", "post", Role.ADMIN),
    ("guidelines-version", "get", Role.LEAD),
    ("settings-loop", "get", Role.ADMIN),
    ("settings-loop", "post", Role.ADMIN),
    ("settings-data", "get", Role.ADMIN),
    ("settings-data", "post", Role.ADMIN),
    ("settings-danger", "get", Role.ADMIN),
    ("settings-danger", "post", Role.ADMIN),
    ("people", "get", Role.ADMIN),
    ("people-invite", "post", Role.ADMIN),
    ("member-role", "post", Role.ADMIN),
    ("member-leave", "post", Role.ADMIN),
    ("invitation-withdraw", "post", Role.ADMIN),
    ("history", "get", Role.LEAD),
    ("items", "get", Role.LEAD),
    ("item", "get", Role.LEAD),
    ("project", "get", Role.ANNOTATOR),
]
BELOW = {
    Role.ADMIN: (Role.LEAD, Role.ANNOTATOR),
    Role.LEAD: (Role.ANNOTATOR,),
    Role.ANNOTATOR: (),
}


@pytest.fixture
def project() -> Project:
    made = make_project(items=1)
    ada = make_member(made, "Ada", Role.ADMIN)
    uploads.add(made, ada.user, ContentFile(b"text\nx\n", name="x.csv"))
    guidelines.change(made, ada.user, "Read.", seen=1)
    accounts.invite(made, Role.ANNOTATOR, "new@example.org", by=ada.user)
    return made


def address(name: str, project: Project) -> str:
    """Return the address of ``name`` for things that exist in ``project``."""
    name, _slash, step = name.partition("/")
    further = {
        "setup": lambda: step,
        "upload": lambda: project.uploads.get().pk,
        "label": lambda: project.labels.all()[0].pk,
        "member": lambda: project.memberships.all()[0].pk,
        "item": lambda: 1,
        "invitation": lambda: Invitation.objects.get(project=project).pk,
        "guidelines": lambda: project.events.get(action=guidelines.CHANGED).pk,
    }
    plain = {"setup-resume", "guidelines-preview", "labels-add", "labels-sort"}
    kind = name.partition("-")[0]
    arguments = [further[kind]()] if kind in further and name not in plain else []
    return reverse(name, args=[project.pk, *arguments])


def ask(client, name: str, method: str, project: Project) -> int:
    status: int = getattr(client, method)(address(name, project)).status_code
    return status


@pytest.mark.parametrize(("name", "method", "role"), PAGES)
def test_a_stranger_learns_nothing(client, project, name, method, role):
    client.force_login(make_user("Stranger", is_staff=True))
    assert ask(client, name, method, project) == 404


@pytest.mark.parametrize(("name", "method", "role"), PAGES)
def test_who_is_not_signed_in_is_sent_to_sign_in(client, project, name, method, role):
    response = getattr(client, method)(address(name, project))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


@pytest.mark.parametrize(("name", "method", "role"), PAGES)
def test_too_low_a_role_is_refused(client, project, name, method, role):
    for below in BELOW[role]:
        client.force_login(make_member(project, "Low", below).user)
        assert ask(client, name, method, project) == 403


@pytest.mark.parametrize(("name", "method", "role"), PAGES)
def test_who_left_has_no_access_any_more(client, project, name, method, role):
    client.force_login(make_member(project, "Gone", role, active=False).user)
    assert ask(client, name, method, project) == 404


@pytest.mark.parametrize(("name", "method", "role"), PAGES)
def test_the_right_role_gets_an_answer(client, project, name, method, role):
    client.force_login(make_member(project, "Right", role).user)
    # A text file has no first picture, and a form without its fields is shown again.
    expected = {404} if name == "upload-picture" else {200, 302, 409, 422}
    assert ask(client, name, method, project) in expected


@pytest.mark.parametrize(
    "name", ["upload", "label-change", "label-retire", "member-role", "item", "guidelines-version"]
)
def test_things_of_another_project_are_not_found(client, project, name):
    mine = make_project()
    client.force_login(make_member(mine, "Ada", Role.ADMIN).user)
    foreign = address(name, project).replace(f"/projects/{project.pk}/", f"/projects/{mine.pk}/")
    make_items(mine, 0)
    assert client.get(foreign).status_code in {404, 405}
    assert client.post(foreign, {"role": "lead"}).status_code in {404, 405}


@pytest.mark.parametrize(("name", "method", "role"), [page for page in PAGES if page[1] == "post"])
def test_what_changes_something_cannot_be_asked_for_by_a_link(client, project, name, method, role):
    client.force_login(make_member(project, "Right", role).user)
    if (name, "get", role) not in PAGES:
        assert client.get(address(name, project)).status_code == 405
