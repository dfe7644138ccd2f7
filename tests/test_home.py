"""The start page and the pages for what went wrong."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotator.views import errors
from projects import overview
from projects.models import Dispute, Item, Membership, Project
from projects.overview import Next
from tests.factories import make_admin, make_lead, make_member, make_project, make_user

pytestmark = pytest.mark.django_db
State = Project.State


def settle(project: Project, count: int) -> None:
    numbers = list(project.items.order_by("number").values_list("pk", flat=True)[:count])
    Item.objects.filter(pk__in=numbers).update(state=Item.State.SETTLED)


def only_card(membership: Membership) -> overview.Card:
    (card,) = overview.cards(membership.user_id)
    return card


def test_a_stranger_is_sent_to_the_door(client):
    assert client.get(reverse("home")).url == f"{reverse('account_login')}?next=/"


def test_i_see_my_projects_and_nobody_elses(client):
    make_project("Secret")
    left = make_member(make_project("Left behind"), active=False)
    make_member(make_project("Mine"), left.user)
    client.force_login(left.user)
    page = client.get(reverse("home")).text
    assert "Mine" in page
    assert "Secret" not in page
    assert "Left behind" not in page


def test_a_name_with_markup_is_shown_as_text(client):
    member = make_member(make_project("<b>&amp"))
    client.force_login(member.user)
    assert "&lt;b&gt;&amp;amp" in client.get(reverse("home")).text


def test_a_card_says_how_far_the_project_is():
    member = make_member(make_project(items=7))
    settle(member.project, 5)
    card = only_card(member)
    assert (card.settled, card.percent, card.next) == (5, 71, Next.LABEL)


def test_only_a_finished_project_shows_a_hundred_per_cent():
    member = make_member(make_project(items=300))
    settle(member.project, 299)
    assert only_card(member).percent == 99


@pytest.mark.parametrize(
    ("make", "expected"),
    [(make_member, Next.WAIT), (make_lead, Next.EXPORT), (make_admin, Next.EXPORT)],
)
def test_when_all_is_labelled_leads_take_it_out(make, expected):
    membership = make(make_project(items=2))
    settle(membership.project, 2)
    assert only_card(membership).next == expected


def test_disputes_come_first_for_those_who_decide_them():
    project = make_project(items=3)
    annotator, lead = make_member(project), make_lead(project)
    waiting, decided, _ = project.items.order_by("number")
    Dispute.objects.create(project=project, item=waiting)
    Dispute.objects.create(project=project, item=decided, state=Dispute.State.RESOLVED)
    assert (only_card(lead).next, only_card(lead).disputes) == (Next.DECIDE, 1)
    assert (only_card(annotator).next, only_card(annotator).disputes) == (Next.LABEL, 0)


@pytest.mark.parametrize(
    ("state", "make", "expected"),
    [
        (State.DRAFT, make_admin, Next.SET_UP),
        (State.DRAFT, make_lead, Next.WAIT),
        (State.ACTIVE, make_admin, Next.ADD_ITEMS),
        (State.ACTIVE, make_member, Next.WAIT),
        (State.PAUSED, make_lead, Next.LOOK),
        (State.PAUSED, make_member, Next.WAIT),
        (State.ARCHIVED, make_admin, Next.LOOK),
    ],
)
def test_what_to_do_next_fits_state_and_role(client, state, make, expected):
    membership = make(make_project(state=state))
    assert only_card(membership).next == expected
    client.force_login(membership.user)
    assert client.get(reverse("home")).status_code == 200


def test_projects_at_work_come_before_those_at_rest():
    user = make_user()
    for state in (State.PAUSED, State.DRAFT, State.ACTIVE, State.ARCHIVED):
        make_member(make_project(state=state), user)
    states = [card.project.state for card in overview.cards(user.pk)]
    assert states == [State.ACTIVE, State.DRAFT, State.PAUSED, State.ARCHIVED]


def test_more_projects_cost_no_more_queries(client):
    user = make_user()
    counts = []
    for _ in range(2):
        for _ in range(3):
            project = make_project(items=2)
            make_lead(project, user)
            Dispute.objects.create(project=project, item=project.items.get(number=1))
        client.force_login(user)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("home"))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_staff_without_a_project_are_led_to_a_new_one(client):
    client.force_login(make_user(is_staff=True))
    page = client.get(reverse("home")).text
    assert "Your first project" in page
    assert reverse("project-new") in page


def test_others_without_a_project_are_told_what_to_do(client):
    user = make_user()
    client.force_login(user)
    page = client.get(reverse("home")).text
    assert "You are not in a project yet" in page
    assert user.email in page
    assert reverse("project-new") not in page


def test_only_staff_are_offered_a_new_project(client):
    member = make_member(make_project())
    client.force_login(member.user)
    assert "New project" not in client.get(reverse("home")).text


# What went wrong


def test_an_unknown_address_says_so_with_a_way_out(client):
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert 'href="/"' in answer.text


def test_a_role_that_is_too_low_is_told_which_it_takes(client, settings):
    from django.views.defaults import permission_denied

    request = RequestFactory().get("/")
    request.user = make_user()
    answer = permission_denied(request, PermissionDenied("This page is for a project's lead."))
    assert answer.status_code == 403
    assert "This page is for a project&#x27;s lead." in answer.text


def test_a_form_without_its_token_is_explained():
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("theme"), {"theme": "dark"})
    assert answer.status_code == 403
    assert "open too long" in answer.text


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (SuspiciousOperation("x"), 400, "could not be understood"),
        (RequestDataTooBig("x"), 413, "too much at once"),
    ],
)
def test_bad_requests_are_answered_in_words(rf, error, status, words):
    answer = errors.bad_request(rf.get("/"), error)
    assert answer.status_code == status
    assert words in answer.text


def test_a_form_that_is_too_big_is_a_413(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = client.post(reverse("theme"), {"theme": "x" * 500})
    assert answer.status_code == 413
    assert "too much at once" in answer.text


def test_a_fault_of_ours_is_told_without_the_database(rf, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = errors.server_error(rf.get("/"))
    assert answer.status_code == 500
    assert "not your fault" in answer.text


@pytest.mark.parametrize("path", ["/account/sign-in/", "/nowhere/", "/link/x/", "/account/password/reset/"])
def test_no_page_needs_inline_code_or_styles(client, path):
    page = client.get(path).text
    assert "<script>" not in page
    assert " style=" not in page
    assert " onclick=" not in page
