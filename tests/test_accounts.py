"""The ways in: passwords, one-time links, invitations."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils.timezone import now

from annotator import accounts
from annotator.models import Invitation, SignInLink, User
from projects.errors import Refused
from projects.models import Event, Membership
from tests.factories import make_admin, make_member, make_project, make_user

pytestmark = pytest.mark.django_db
LEAD = Membership.Role.LEAD
PASSWORD = "sieben Linden 7"


@pytest.fixture
def admin():
    return make_admin(make_project("Post"))


def signed_in(client) -> str | None:
    found: str | None = client.session.get("_auth_user_id")
    return found


def make_staff(member):
    """Let this person speak for the site."""
    member.user.is_staff = True
    member.user.save(update_fields=["is_staff"])


def proven(user: User) -> bool:
    return User.objects.get(pk=user.pk).email_proven


def registration(**changes: str) -> dict[str, str]:
    return {"name": "Nina", "email": "nina@example.org", "password": PASSWORD, **changes}


# One-time links


def test_opening_a_link_uses_nothing_up(client):
    link = accounts.make_sign_in_link(make_user("Ada"))
    for _ in range(3):
        answer = client.get(link)
        assert "Sign in as Ada" in answer.text
    client.head(link)
    assert signed_in(client) is None
    assert SignInLink.objects.get().used_at is None


def test_pressing_its_button_signs_in_once(client):
    user = make_user()
    link = accounts.make_sign_in_link(user)
    assert client.post(link).url == reverse("home")
    assert signed_in(client) == str(user.pk)
    client.logout()
    for answer in (client.post(link), client.get(link)):
        assert answer.status_code == 410
        assert "used before" in answer.text
    assert signed_in(client) is None


def test_the_database_holds_no_link_that_works():
    token = accounts.make_sign_in_link(make_user()).split("/")[2]
    assert token not in str(SignInLink.objects.values_list("token_digest"))


def test_a_link_is_not_kept_by_caches_and_tells_nobody_where_one_came_from(client):
    answer = client.get(accounts.make_sign_in_link(make_user()))
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("fault", ["expired", "switched off", "unknown"])
def test_a_link_that_does_not_work_says_why(client, fault):
    user = make_user(is_active=fault != "switched off")
    link = accounts.make_sign_in_link(user, timedelta(hours=-1 if fault == "expired" else 1))
    answer = client.post("/link/never-made/" if fault == "unknown" else link)
    assert answer.status_code == 410
    assert ("not known" if fault == "unknown" else "expired") in answer.text
    assert signed_in(client) is None


@pytest.mark.parametrize(
    ("wanted", "reached"), [("/me/", "/me/"), ("//evil.example/", "/"), ("javascript:x", "/")]
)
def test_a_link_leads_on_within_this_site_only(client, wanted, reached):
    link = accounts.make_sign_in_link(make_user())
    assert client.post(f"{link}?next={wanted}").url == reached


def test_a_link_changes_who_is_signed_in(client):
    client.force_login(make_user("Ada"))
    other = make_user("Bob")
    client.post(accounts.make_sign_in_link(other))
    assert signed_in(client) == str(other.pk)


@pytest.mark.django_db(transaction=True)
def test_of_two_that_use_a_link_at_once_one_gets_in():
    token = accounts.make_sign_in_link(make_user()).split("/")[2]
    start, outcomes = Barrier(6), []

    def use() -> None:
        start.wait()
        try:
            outcomes.append(accounts.use_link(token).name)
        except Refused:
            outcomes.append("refused")
        connection.close()

    threads = [Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes).count("refused") == 5


def test_the_command_prints_a_link_that_works(client, capsys):
    user = make_user(email="ada@example.org")
    call_command("link", "Ada@Example.org")
    path = capsys.readouterr().out.strip().removeprefix("http://localhost:8000")
    client.post(path)
    assert signed_in(client) == str(user.pk)


def test_a_link_that_staff_handed_over_proves_the_address_when_it_is_used(client):
    user = make_user(email_proven=False)
    link = accounts.make_sign_in_link(user)
    client.get(link)
    assert not proven(user)
    client.post(link)
    assert proven(user)


def test_the_command_says_what_to_do_about_a_stranger():
    with pytest.raises(CommandError, match="--invite"):
        call_command("link", "nobody@example.org")


def test_the_command_invites_staff(client, capsys):
    call_command("link", "boss@example.org", "--invite")
    path = capsys.readouterr().out.strip().removeprefix("http://localhost:8000")
    client.post(path, registration())
    assert User.objects.get(email="boss@example.org").is_staff


def test_the_first_admin_is_made_by_address_alone(client):
    call_command("createsuperuser", "--noinput", "--email", "Boss@Example.org")
    boss = User.objects.get(is_superuser=True)
    assert (boss.email, boss.email_proven) == ("boss@example.org", True)


# Invitations


def test_an_invitation_makes_an_account_and_gives_the_role(client, admin):
    link = accounts.invite(admin.project, LEAD, by=admin.user)
    assert "invites you" in client.get(link).text
    client.post(link, registration())
    membership = Membership.objects.get(user__email="nina@example.org")
    assert (membership.role, membership.project) == (LEAD, admin.project)
    assert signed_in(client) == str(membership.user_id)
    assert not membership.user.is_staff
    assert Event.objects.filter(project=admin.project, action="member.added").count() == 1


def test_an_invitation_works_once(client, admin):
    link = accounts.invite(admin.project, LEAD, by=admin.user)
    client.post(link, registration())
    client.logout()
    answer = client.post(link, registration(email="second@example.org"))
    assert answer.status_code == 410
    assert "used before" in answer.text
    assert not User.objects.filter(email="second@example.org").exists()


def test_who_accepted_an_invitation_may_open_it_again(client, admin):
    link = accounts.invite(admin.project, LEAD, by=admin.user)
    client.post(link, registration())
    assert client.get(link).status_code == 302


def test_somebody_signed_in_accepts_with_one_button(client, admin):
    user = make_user("Bob")
    client.force_login(user)
    link = accounts.invite(admin.project, LEAD, user.email, admin.user)
    assert "Join as Bob" in client.get(link).text
    assert not user.memberships.exists()
    client.post(link)
    assert user.memberships.get().role == LEAD


def test_an_invitation_for_an_address_is_for_that_address_only(client, admin):
    link = accounts.invite(admin.project, LEAD, "Nina@example.org", admin.user)
    stranger = make_user("Mallory")
    client.force_login(stranger)
    assert client.post(link).status_code == 410
    assert not stranger.memberships.exists()
    client.logout()
    client.post(link, registration(email="other@example.org"))
    assert Membership.objects.get(role=LEAD).user.email == "nina@example.org"


def test_an_invitation_never_signs_in_to_an_account_that_exists(client, admin):
    victim = make_user(email="nina@example.org")
    for email in ("", "nina@example.org"):
        link = accounts.invite(admin.project, LEAD, email, admin.user)
        answer = client.post(link, registration())
        assert answer.status_code == 422
        assert signed_in(client) is None
    assert not victim.memberships.exists()
    assert Invitation.objects.filter(used_at=None).count() == 2


@pytest.mark.parametrize("address", ["", "nina@example.org"])
def test_only_an_invitation_to_an_address_proves_it(client, admin, address):
    make_staff(admin)
    client.post(accounts.invite(admin.project, LEAD, address, admin.user), registration())
    assert proven(User.objects.get(email="nina@example.org")) is bool(address)


@pytest.mark.parametrize("addressed", [False, True])
def test_an_unproven_account_may_accept_and_an_invitation_to_its_address_proves_it(client, admin, addressed):
    make_staff(admin)
    user = make_user("Bob", email_proven=False)
    client.force_login(user)
    client.post(accounts.invite(admin.project, LEAD, user.email if addressed else "", admin.user))
    assert user.memberships.get().role == LEAD
    assert proven(user) is addressed


def test_an_address_that_somebody_made_up_gives_no_access_to_another_project(client, admin):
    client.post(accounts.invite(admin.project, LEAD, by=admin.user), registration(email="ceo@corp.example"))
    mallory = User.objects.get(email="ceo@corp.example")
    other = make_admin(make_project("Secret"))
    client.force_login(other.user)
    fields = {"emails": "ceo@corp.example", "role": "admin"}
    (invited,) = client.post(reverse("people-invite", args=[other.project_id]), fields).context["invited"]
    assert not invited.joined
    assert "/invitation/" in invited.link
    assert not other.project.memberships.filter(user=mallory).exists()


def test_an_expired_invitation_says_so(client, admin):
    link = accounts.invite(admin.project, LEAD, by=admin.user)
    Invitation.objects.update(expires_at=now())
    answer = client.get(link)
    assert answer.status_code == 410
    assert "expired" in answer.text


@pytest.mark.parametrize("fall", ["demoted", "gone", "switched off"])
def test_an_invitation_lasts_no_longer_than_its_senders_rights(client, admin, fall):
    link = accounts.invite(admin.project, Membership.Role.ADMIN, by=admin.user)
    Membership.objects.filter(pk=admin.pk).update(
        role=LEAD if fall == "demoted" else admin.role, active=fall != "gone"
    )
    User.objects.filter(pk=admin.user_id).update(is_active=fall != "switched off")
    assert client.post(link, registration()).status_code == 410
    assert not User.objects.filter(email="nina@example.org").exists()


@pytest.mark.parametrize("password", ["short", "password12345", "nina@example.org"])
def test_a_weak_password_is_refused_and_the_invitation_stays_open(client, admin, password):
    link = accounts.invite(admin.project, LEAD, by=admin.user)
    answer = client.post(link, registration(password=password))
    assert answer.status_code == 422
    assert Invitation.objects.get().used_at is None


def test_an_invitation_leaves_a_present_members_role_alone(client, admin):
    link = accounts.invite(admin.project, Membership.Role.ANNOTATOR, by=admin.user)
    client.force_login(admin.user)
    client.post(link)
    admin.refresh_from_db()
    assert admin.role == Membership.Role.ADMIN


@pytest.mark.django_db(transaction=True)
def test_of_two_that_accept_an_invitation_at_once_one_gets_in():
    admin = make_admin(make_project())
    token = accounts.invite(admin.project, LEAD, by=admin.user).split("/")[2]
    start = Barrier(4)

    def join(number: int) -> None:
        start.wait()
        with suppress(Refused):
            accounts.register(token, f"n{number}", f"n{number}@example.org", PASSWORD)
        connection.close()

    threads = [Thread(target=join, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Membership.objects.filter(role=LEAD).count() == 1
    assert User.objects.filter(email__startswith="n").count() == 1


# Passwords


def test_one_signs_in_with_address_and_password(client):
    user = make_user(email="ada@example.org", password=PASSWORD)
    answer = client.post(reverse("account_login"), {"login": "Ada@example.org", "password": PASSWORD})
    assert answer.url == reverse("home")
    assert signed_in(client) == str(user.pk)


def test_after_sign_in_one_is_back_where_one_wanted_to_go_but_never_elsewhere(client):
    make_user(email="ada@example.org", password=PASSWORD)
    fields = {"login": "ada@example.org", "password": PASSWORD}
    assert client.post(reverse("account_login"), {**fields, "next": "/me/"}).url == "/me/"
    client.logout()
    assert client.post(reverse("account_login"), {**fields, "next": "https://evil.example/"}).url == "/"


def test_guessing_is_slowed_down(client):
    make_user(email="ada@example.org", password=PASSWORD)
    for _ in range(6):
        client.post(reverse("account_login"), {"login": "ada@example.org", "password": "guess"})
    client.post(reverse("account_login"), {"login": "ada@example.org", "password": PASSWORD})
    assert signed_in(client) is None


def test_nobody_signs_up_without_an_invitation(client):
    answer = client.post(
        reverse("account_signup"), {"email": "x@example.org", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert "By invitation only" in answer.text
    assert not User.objects.exists()


def test_a_forgotten_password_is_replaced_by_mail(client):
    user = make_user(email="ada@example.org", password="old password 1", email_proven=False)
    client.post(reverse("account_reset_password"), {"email": "ada@example.org"})
    link = next(line for line in mail.outbox[0].body.splitlines() if "/password/reset/" in line)
    form = client.get(link.strip(), follow=True)
    page = form.redirect_chain[-1][0]
    assert not proven(user)
    client.post(page, {"password1": PASSWORD, "password2": PASSWORD})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert user.email_proven
    assert "does not work any more" in client.get(link.strip(), follow=True).text


def test_nobody_learns_who_has_an_account_nor_makes_us_write_to_strangers(client):
    answer = client.post(reverse("account_reset_password"), {"email": "stranger@example.org"}, follow=True)
    assert "If there is an account" in answer.text
    assert mail.outbox == []


def test_a_person_of_links_can_set_a_password(client):
    user = make_user()
    client.force_login(user)
    assert "Set a password" in client.get(reverse("me")).text
    client.post(reverse("account_set_password"), {"password1": PASSWORD, "password2": PASSWORD})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_changing_the_password_leads_back_to_the_account(client):
    user = make_user(password=PASSWORD)
    client.force_login(user)
    fields = {"oldpassword": PASSWORD, "password1": "neun Buchen 9", "password2": "neun Buchen 9"}
    assert client.post(reverse("account_change_password"), fields).url == reverse("me")


@pytest.mark.parametrize("name", ["email", "confirm-email", "reauthenticate", "login/code/confirm"])
def test_pages_of_the_accounts_library_that_nobody_needs_are_closed(client, name):
    client.force_login(make_user())
    assert client.get(f"/account/{name}/").status_code == 404


# My account


def test_my_account_is_mine_alone(client):
    assert client.get(reverse("me")).url.startswith(reverse("account_login"))


def test_name_theme_and_keys_are_kept(client):
    user = make_user()
    client.force_login(user)
    assert client.post(reverse("me"), {"name": "Ada L.", "theme": "dark"}).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.theme, user.single_keys) == ("Ada L.", "dark", False)
    page = client.get(reverse("me")).text
    assert 'data-theme="dark"' in page
    assert 'data-single-keys="off"' in page


def test_a_form_cannot_change_what_is_not_ones_to_change(client):
    user = make_user()
    client.force_login(user)
    fields = {
        "name": "x",
        "theme": "dark",
        "is_staff": "on",
        "is_superuser": "on",
        "email": "boss@example.org",
    }
    client.post(reverse("me"), fields)
    fresh = User.objects.get(pk=user.pk)
    assert (fresh.is_staff, fresh.is_superuser, fresh.email) == (False, False, user.email)


def test_an_unknown_theme_is_refused(client):
    user = make_user()
    client.force_login(user)
    assert client.post(reverse("theme"), {"theme": "<b>"}).status_code == 422
    assert client.post(reverse("me"), {"name": "x", "theme": "pink"}).status_code == 422


def test_the_theme_switch_works_before_sign_in_and_leads_back(client):
    answer = client.post(reverse("theme"), {"theme": "dark", "next": "/account/sign-in/"})
    assert answer.url == "/account/sign-in/"
    assert 'data-theme="dark"' in client.get(reverse("account_login")).text


def test_the_theme_switch_never_leads_elsewhere(client):
    answer = client.post(reverse("theme"), {"theme": "dark", "next": "//evil.example/"})
    assert answer.url == "/"


def test_the_theme_changes_without_a_reload(client):
    user = make_user()
    client.force_login(user)
    answer = client.post(reverse("theme"), {"theme": "light"}, headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert '"themechange"' in answer["HX-Trigger"]
    user.refresh_from_db()
    assert user.theme == "light"


def test_a_member_keeps_a_project_after_joining_another(client, admin):
    user = make_member(make_project("Other")).user
    client.force_login(user)
    client.post(accounts.invite(admin.project, LEAD, by=admin.user))
    assert user.memberships.count() == 2


def test_a_project_admin_who_is_not_staff_proves_nobody_s_address(client, admin):
    path = accounts.invite(admin.project, LEAD, "ceo@example.org", admin.user)
    accounts.register(path.strip("/").rsplit("/", 1)[-1], "Not the CEO", "", "a long enough one")
    assert not proven(User.objects.get(email="ceo@example.org"))


def test_a_link_to_an_unproven_account_ends_the_password_that_came_with_it():
    user = make_user(email="owner@example.org", password="of somebody else 1", email_proven=False)
    path = accounts.make_sign_in_link(user)
    accounts.use_link(path.strip("/").rsplit("/", 1)[-1])
    user.refresh_from_db()
    assert user.email_proven
    assert not user.check_password("of somebody else 1")
