"""Requests of the labelling page begin by one statement, and refuse exactly whom the long way refuses."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from projects import labelset, policies, queue
from projects.models import Annotation
from tests.factories import make_admin, make_member, make_project
from tests.test_label_page import sent, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client):
    """Somebody whose session is known to this process."""
    found = make_member(make_project(items=9))
    client.force_login(found.user)
    assert work(client, found.project).status_code == 200
    return found


def asked(client, project, *submissions):
    """What the database was asked while a request was answered."""
    with CaptureQueriesContext(connection) as captured:
        assert work(client, project, submissions).status_code == 200
    return [query["sql"] for query in captured]


def test_a_known_session_costs_one_statement_to_begin(client, member):
    first, second, *_ = asked(client, member.project)
    assert "django_session" in first
    assert "annotator_user" in first
    assert "projects_policy" in first
    assert "FROM django_session" not in second


def test_a_session_that_has_ended_is_signed_out(client, member):
    Session.objects.update(expire_date=now() - timedelta(seconds=1))
    assert work(client, member.project).status_code == 401


def test_a_session_that_was_deleted_is_signed_out(client, member):
    Session.objects.all().delete()
    assert work(client, member.project).status_code == 401


def test_signing_out_ends_it_at_once(client, member):
    client.logout()
    assert work(client, member.project).status_code == 401


def test_another_password_ends_it_at_once(client, member):
    member.user.set_password("quite another one")
    member.user.save()
    assert work(client, member.project).status_code == 401


def test_whoever_may_not_come_in_any_more_is_signed_out(client, member):
    member.user.is_active = False
    member.user.save()
    assert work(client, member.project).status_code == 401


def test_a_session_with_a_forged_content_is_signed_out(client, member):
    other = make_member(member.project)
    row = Session.objects.get()
    payload, *signature = row.session_data.split(":")
    row.session_data = ":".join([payload[:-2] + "xx", *signature])
    row.save()
    assert work(client, member.project, user=other.user_id).status_code == 401


def test_a_session_that_somebody_else_took_over_is_theirs(client, member):
    other, held = make_member(member.project), queue.lease(member, 1)[0].item_id
    key = client.cookies["sessionid"].value
    client.logout()
    client.force_login(other.user)
    Session.objects.filter(pk=client.cookies["sessionid"].value).update(session_key=key)
    client.cookies["sessionid"] = key
    label = member.project.labels.first()
    (verdict,) = work(client, member.project, [sent(held, label)]).json()["verdicts"]
    assert verdict["status"] == "rejected"
    assert not Annotation.objects.exists()


def test_a_membership_that_is_over_finds_nothing(client, member):
    member.active = False
    member.save()
    assert work(client, member.project).status_code == 404


def test_another_project_is_found_by_its_members_only(client, member):
    assert work(client, make_project(items=1)).status_code == 404


def test_a_backend_that_is_no_longer_in_use_signs_out(client, member, settings):
    settings.AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
    assert work(client, member.project).status_code == 401


def test_the_cross_site_check_holds_for_known_sessions(member):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(member.user)
    assert work(strict, member.project).status_code == 403


def test_a_label_that_is_retired_is_refused_from_that_moment(client, member):
    admin, label = make_admin(member.project), member.project.labels.first()
    item = queue.lease(member, 1)[0].item_id
    labelset.retire(label, admin.user)
    (verdict,) = work(client, member.project, [sent(item, label)]).json()["verdicts"]
    assert verdict["status"] == "rejected"


def test_new_settings_hold_from_that_moment(client, member):
    admin = make_admin(member.project)
    policies.change(member.project, admin.user, {"person_most": 1})
    item = queue.lease(member, 1)[0].item_id
    reply = work(client, member.project, [sent(item, member.project.labels.first())]).json()
    assert reply["verdicts"][0]["status"] == "stored"
    assert reply["held"] == []


def test_rules_that_did_not_change_are_not_read_again(client, member):
    asked(client, member.project)
    assert not [sql for sql in asked(client, member.project) if 'FROM "projects_label"' in sql]
