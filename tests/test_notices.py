"""What people are told: in the page, counted in the header, by mail together and once, whoever sends it."""

from __future__ import annotations

import re
from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from projects import audit, settle, tasks
from projects.models import Dispute, Membership, Notice, Project
from projects.trust import mailing, notices
from projects.trust.notice_words import SENTENCES, SEVERAL, sentence
from tests.factories import make_admin, make_items, make_lead, make_member, make_project, make_user
from tests.threads import in_threads

pytestmark = pytest.mark.django_db
LATE = timedelta(minutes=11)


@pytest.fixture
def ann():
    return make_member(make_project("Post"), "Ann")


def tell(member: Membership, kind: str = "comment.added", address: str = "/x/", **facts) -> None:
    notices.tell([member.user_id], member.project, kind, address, **facts)


def dispute(project: Project) -> Dispute:
    (item,) = make_items(project, 1)
    return settle.dispute(settle.lock(item.pk), ["tie"], audit.by(project, None), now())


# --- in the page ---


def test_the_same_again_counts_up_until_it_is_read(ann):
    for _again in range(3):
        tell(ann, number=12)
    tell(ann, address="/y/", number=13)
    said = [sentence(notice) for notice in Notice.objects.order_by("pk")]
    assert said == ["3 new remarks on item 12.", "Somebody wrote about item 13."]
    notices.read(ann.user_id, now())
    tell(ann, number=12)
    assert Notice.objects.count() == 3
    assert notices.unread(ann.user_id) == 1


@pytest.mark.parametrize("kind", sorted(SENTENCES))
@pytest.mark.parametrize("count", [1, 2])
def test_every_kind_is_a_sentence_also_with_facts_that_nobody_kept(ann, kind, count):
    said = sentence(Notice(project=ann.project, kind=kind, facts={"count": count}))
    assert said.endswith((".", "?", "…"))
    assert "%" not in said
    assert SEVERAL.keys() <= SENTENCES.keys()


def test_notices_are_listed_marked_and_lead_to_what_they_are_about(client, ann):
    client.force_login(ann.user)
    tell(ann, address=reverse("my-labels", args=[ann.project_id]), number=7)
    tell(ann, "person.warned", "")
    page = client.get(reverse("notices")).content.decode()
    assert page.index("Not read yet") < page.index("Somebody wrote about item 7.")
    assert 'class="bell-count" aria-hidden="true">2<' in page
    first, second = Notice.objects.order_by("pk")
    assert client.get(reverse("notice", args=[first.pk])).url == first.address
    assert client.get(reverse("notice", args=[second.pk])).url == reverse("notices")
    page = client.get(reverse("notices")).content.decode()
    assert "Not read yet" not in page
    assert "bell-count" not in page


def test_all_are_marked_as_read_at_once(client, ann):
    client.force_login(ann.user)
    tell(ann, number=1)
    tell(make_member(ann.project), number=2)
    assert client.post(reverse("notices")).url == reverse("notices")
    assert [notice.read_at is None for notice in Notice.objects.order_by("pk")] == [False, True]


def test_notices_are_a_persons_own_and_of_projects_that_he_may_see(client, ann):
    other = make_member(ann.project, "Ben")
    tell(other, number=1)
    tell(ann, number=2)
    theirs, mine = Notice.objects.order_by("pk")
    client.force_login(ann.user)
    assert client.get(reverse("notice", args=[theirs.pk])).status_code == 404
    assert "item 1" not in client.get(reverse("notices")).content.decode()
    Membership.objects.filter(pk=ann.pk).update(active=False)
    assert client.get(reverse("notice", args=[mine.pk])).status_code == 404
    assert "item 2" not in client.get(reverse("notices")).content.decode()
    assert notices.unread(ann.user_id) == 0


@pytest.mark.parametrize("address", ["//elsewhere.example/", "https://elsewhere.example/", "elsewhere"])
def test_a_notice_never_leads_away_from_the_site(client, ann, address):
    client.force_login(ann.user)
    tell(ann, address=address)
    assert client.get(reverse("notice", args=[Notice.objects.get().pk])).url == reverse("notices")


def test_who_is_not_signed_in_signs_in_first(client, ann):
    tell(ann)
    for address in (reverse("notices"), reverse("notice", args=[Notice.objects.get().pk])):
        assert client.get(address).url.startswith(reverse("account_login"))


def test_the_header_costs_one_question_a_page_and_answers_none(client, ann, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert notices.unread(ann.user_id) == 0
    client.force_login(ann.user)

    def asked(address: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(address)
        return sum("projects_notice" in query["sql"] for query in queries.captured_queries)

    assert asked(reverse("home")) == 1
    assert asked(reverse("work", args=[ann.project_id])) == 0
    client.logout()
    assert asked(reverse("account_login")) == 0


# --- disputes ---


def test_leads_hear_of_new_disputes_in_one_notice(ann):
    lea, ada = make_lead(ann.project), make_admin(ann.project)
    for _n in range(3):
        dispute(ann.project)
    for _again in range(2):
        notices.tell_of_disputes(ann.project, "/disputes/")
    assert {notice.user_id for notice in Notice.objects.all()} == {lea.user_id, ada.user_id}
    assert {sentence(notice) for notice in Notice.objects.all()} == {"3 new disputes wait for a lead."}
    notices.read(lea.user_id, now())
    dispute(ann.project)
    notices.tell_of_disputes(ann.project, "/disputes/")
    of_lea = Notice.objects.filter(user=lea.user).order_by("pk")
    assert [sentence(one) for one in of_lea][1:] == ["A new dispute waits for a lead."]
    assert sentence(Notice.objects.get(user=ada.user)) == "4 new disputes wait for a lead."


# --- by mail ---


def test_what_nobody_read_comes_in_one_mail_with_whole_addresses(ann, settings):
    settings.SITE_URL = "https://label.example.org"
    tell(ann, "person.warned", "/a/")
    tell(ann, "guidelines.changed", "/b/", version=3, summary="Spam is what nobody asked for.")
    assert mailing.due(now()) == []
    at = now() + LATE
    assert mailing.due(at) == [ann.user_id]
    assert mailing.send(ann.user_id, at)
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == ([ann.user.email], "2 notices wait for you")
    assert sent.body.startswith("Post\n\n- The guidelines changed: version 3. Spam is what nobody asked for.")
    links = re.findall(r"https://label\.example\.org(\S+)", str(sent.body))
    notice_links = [reverse("notice", args=[one.pk]) for one in Notice.objects.order_by("-pk")]
    assert links == [*notice_links, reverse("me")]
    assert not mailing.send(ann.user_id, at)


def test_there_is_at_most_one_mail_an_hour(ann):
    at = now() + LATE
    tell(ann)
    assert mailing.send(ann.user_id, at)
    tell(ann, address="/later/")
    Notice.objects.filter(address="/later/").update(created_at=at)
    assert mailing.due(at + timedelta(minutes=59)) == []
    assert not mailing.send(ann.user_id, at + timedelta(minutes=59))
    assert mailing.due(at + timedelta(minutes=61)) == [ann.user_id]


@pytest.mark.parametrize("why", ["read", "off", "unproven", "left", "gone", "old"])
def test_no_mail_goes_to_whom_it_would_not_serve(ann, why):
    tell(ann)
    change = {
        "read": lambda: notices.read(ann.user_id, now()),
        "off": lambda: setattr(ann.user, "mail_notices", False),
        "unproven": lambda: setattr(ann.user, "email_proven", False),
        "gone": lambda: setattr(ann.user, "is_active", False),
        "left": lambda: Membership.objects.update(active=False),
        "old": lambda: Notice.objects.update(created_at=now() - timedelta(days=8)),
    }
    change[why]()
    ann.user.save()
    assert mailing.due(now() + LATE) == []
    assert not mailing.send(ann.user_id, now() + LATE)
    assert mail.outbox == []


def test_a_server_that_fails_breaks_nothing_and_is_tried_again_later(ann, monkeypatch):
    tell(ann)

    def fail(*_: object, **__: object) -> None:
        raise SMTPServerDisconnected("Connection unexpectedly closed")

    with monkeypatch.context() as patch:
        patch.setattr(mailing, "send_mail", fail)
        assert not mailing.send(ann.user_id, now() + LATE)
    assert Notice.objects.get().mailed_at is None
    assert not mailing.possible()  # for some minutes nobody tries
    cache.clear()
    assert mailing.possible()
    assert mailing.send(ann.user_id, now() + LATE)
    assert len(mail.outbox) == 1


def test_without_a_mail_server_nothing_is_mailed(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert not mailing.possible()


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one_mail(ann):
    for n in range(3):
        tell(ann, address=f"/{n}/")
    at = now() + LATE
    assert sorted(in_threads(6, lambda: mailing.send(ann.user_id, at))) == [False] * 5 + [True]
    (sent,) = mail.outbox
    assert sent.body.count("Somebody wrote") == 3


@pytest.mark.django_db(transaction=True)
def test_telling_the_same_from_many_sides_loses_nothing(ann):
    tell(ann, number=1)
    in_threads(6, lambda: tell(ann, number=1))
    assert sum(notice.facts.get("count", 1) for notice in Notice.objects.all()) == 7


def test_the_clock_rings_for_triggers_and_mail(ann, monkeypatch):
    make_lead(ann.project)
    dispute(ann.project)
    rung: list[tuple[str, tuple[int, ...]]] = []

    def ring(name: str):
        return lambda args, expires: rung.append((name, args))

    for task in (tasks.escalate, tasks.mail_notices):
        monkeypatch.setattr(task, "apply_async", ring(task.name))
    tell(ann)
    Notice.objects.update(created_at=now() - LATE)
    tasks.tick()
    assert {(name.rpartition(".")[2], args) for name, args in rung} == {
        ("escalate", (ann.project_id,)),
        ("mail_notices", (ann.user_id,)),
    }
    for name, args in rung:
        getattr(tasks, name.rpartition(".")[2])(*args)
    assert len(mail.outbox) == 1
    assert Notice.objects.filter(kind="dispute.opened").count() == 1
    tasks.escalate(0)


def test_a_person_may_switch_mail_off(client):
    user = make_user("Ben")
    client.force_login(user)
    assert "Notices by mail" in client.get(reverse("me")).content.decode()
    client.post(reverse("me"), {"name": "Ben", "theme": "auto", "single_keys": "on"})
    user.refresh_from_db()
    assert not user.mail_notices
    assert "You get no mail about these." in client.get(reverse("notices")).content.decode()
