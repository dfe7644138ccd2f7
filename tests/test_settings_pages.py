"""Settings of a project at work, its people and its history; and Markdown that can do no harm."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from annotator.models import Invitation
from projects import files, history, labelset, markdown, policies, policy_forms, setup
from projects.models import Membership, Project
from sampling.core.strategies import STRATEGIES
from tests.factories import make_admin, make_lead, make_member, make_project, make_user
from tests.test_setup_pages import HTMX, LOOP

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client):
    member = make_admin(make_project())
    client.force_login(member.user)
    return member


def at(name: str, member: Membership, *further: object) -> str:
    return reverse(name, args=[member.project_id, *further])


def test_a_new_name_and_question_are_kept_and_written_down(client, ada):
    client.post(at("settings", ada), {"name": "Mail", "question": "What is it?"})
    ada.project.refresh_from_db()
    assert (ada.project.name, ada.project.question) == ("Mail", "What is it?")
    assert client.post(at("settings", ada), {"name": "", "question": "x"}).status_code == 422


def test_a_label_is_retired_and_brought_back(client, ada):
    label = labelset.shown(ada.project)[0]
    client.post(at("label-retire", ada, label.pk), headers=HTMX)
    page = client.get(at("settings-labels", ada)).content.decode()
    assert "1 retired label" in page
    client.post(at("label-restore", ada, label.pk), headers=HTMX)
    label.refresh_from_db()
    assert label.retired_at is None


def test_new_guidelines_are_a_version_that_can_be_compared(client, ada):
    data = {"text": "# Rules\nOne.", "seen": "1", "summary": "Clearer"}
    assert client.post(at("settings-guidelines", ada), data).status_code == 302
    page = client.get(at("settings-guidelines", ada))
    assert [one.row.version for one in page.context["versions"]] == [2, 1]
    event = ada.project.events.get()
    shown = client.get(at("guidelines-version", ada, event.pk)).content.decode()
    assert "<ins># Rules</ins>" in shown
    assert "Clearer" in shown


def test_a_stale_form_does_not_overwrite_newer_guidelines(client, ada):
    client.post(at("settings-guidelines", ada), {"text": "first", "seen": "1"})
    response = client.post(at("settings-guidelines", ada), {"text": "second", "seen": "1"}, headers=HTMX)
    assert response.status_code == 409
    assert "Somebody else saved version 2" in response.content.decode()
    assert "second" in response.content.decode()


def test_the_preview_renders_and_keeps_nothing(client, ada):
    response = client.post(at("guidelines-preview", ada), {"text": "**bold** <script>x</script>"})
    assert "<strong>bold</strong>" in response.content.decode()
    assert "<script>x" not in response.content.decode()
    ada.project.refresh_from_db()
    assert ada.project.guidelines == ""


def test_the_loop_page_lists_who_changed_what_and_why(client, ada):
    data = LOOP | {"batch_size": "25", "agreement_share": "0", "holdout_share": "0", "reason": "Fewer labels"}
    client.post(at("settings-loop", ada), data)
    page = client.get(at("settings-loop", ada))
    newest, first = page.context["versions"]
    assert (newest.policy.version, newest.policy.batch_size, newest.event.reason) == (2, 25, "Fewer labels")
    assert first.event is None
    assert '<ins dir="auto">25</ins>' in page.content.decode()


def test_saving_the_loop_unchanged_makes_no_version(client, ada):
    client.post(at("settings-loop", ada), LOOP | {"agreement_share": "0", "holdout_share": "0"})
    assert ada.project.policies.count() == 1


def test_what_is_wrong_with_the_loop_is_listed_on_top_and_only_its_groups_are_open(client, ada):
    data = LOOP | {"batch_size": "", "lease_minutes": "0", "agreement_overlap": "2", "overlap": "3"}
    reply = client.post(at("settings-loop", ada), data)
    page, form = reply.content.decode(), reply.context["form"]
    assert reply.status_code == 422
    assert [(one.field, one.group) for one in form.wrong()] == [
        ("id_batch_size", ""),
        ("id_agreement_overlap", "samples"),
        ("id_lease_minutes", "samples"),
    ]
    assert form.open_groups() == {"samples"}
    for field in ("batch_size", "agreement_overlap", "lease_minutes"):
        assert f'<a href="#id_{field}">' in page
        assert f'id="id_{field}"' in page
    # A field that is folded away cannot show the browser's own words: the server says them.
    assert '<form class="stack" method="post" novalidate>' in page
    assert ada.project.policies.count() == 1


def test_every_strategy_that_is_offered_exists():
    assert {name for name, _title, _words in policy_forms.STRATEGIES} <= set(STRATEGIES)


def test_a_strategy_that_is_not_offered_stays_in_force_when_the_form_is_saved(client, ada):
    other = next(name for name in STRATEGIES if name not in {row[0] for row in policy_forms.STRATEGIES})
    policies.change(ada.project, ada.user, {"strategy": other})
    client.post(at("settings-loop", ada), LOOP | {"strategy": other, "batch_size": "9"})
    assert ada.project.policy.strategy == other


def test_more_items_come_in_later_by_the_same_steps(client, ada):
    file = SimpleUploadedFile("more.csv", b"text\nhello\n")
    response = client.post(at("settings-data", ada), {"file": file}, headers=HTMX)
    upload = ada.project.uploads.get()
    assert response["HX-Redirect"] == at("upload", ada, upload.pk)
    assert "Import 1 item" in client.get(at("upload", ada, upload.pk)).content.decode()
    client.post(at("upload-accept", ada, upload.pk))
    upload.refresh_from_db()
    assert upload.state == "ready"
    files.import_upload(upload)
    assert "Imported" in client.get(at("upload", ada, upload.pk)).content.decode()
    assert ada.project.items.count() == 1


def test_an_archived_project_takes_no_more_data(client, ada):
    setup.archive(ada.project, ada.user)
    response = client.post(at("settings-data", ada), {"lines": "one"})
    assert response.status_code == 422
    assert "archived" in response.content.decode()


def test_pause_and_archive_ask_for_nothing_but_a_button(client, ada):
    for act, state in (
        ("pause", "paused"),
        ("resume", "active"),
        ("archive", "archived"),
        ("nonsense", "archived"),
    ):
        client.post(at("settings-danger", ada), {"act": act, "reason": "Holidays"})
        ada.project.refresh_from_db()
        assert ada.project.state == state
    assert ada.project.events.first().reason == "Holidays"


# --- people ---


def test_who_has_an_account_joins_at_once_and_others_get_a_link_shown_once(client, ada):
    ben = make_user("Ben")
    data = {"emails": f"{ben.email}, new@example.org", "role": "lead"}
    page = client.post(at("people-invite", ada), data, headers=HTMX)
    assert ada.project.memberships.get(user=ben).role == Membership.Role.LEAD
    invitation = Invitation.objects.get(project=ada.project)
    assert (invitation.email, invitation.role) == ("new@example.org", "lead")
    link = page.context["invited"][1].link
    assert link in page.content.decode()
    assert link not in client.get(at("people", ada)).content.decode()
    client.logout()
    assert client.get(link).status_code == 200


def test_a_link_without_an_address_works_once_for_anybody(client, ada):
    page = client.post(at("people-invite", ada), {"emails": "", "role": "annotator"})
    link = page.context["invited"][0].link
    for person, joined in ((make_user("First"), True), (make_user("Second"), False)):
        client.force_login(person)
        client.post(link)
        assert ada.project.memberships.filter(user=person).exists() is joined


def test_a_withdrawn_invitation_opens_nothing(client, ada):
    page = client.post(at("people-invite", ada), {"emails": "new@example.org", "role": "annotator"})
    client.post(at("invitation-withdraw", ada, Invitation.objects.get().pk))
    client.logout()
    assert client.get(page.context["invited"][0].link).status_code == 410
    assert "member.invitation_withdrawn" in ada.project.events.values_list("action", flat=True)


def test_an_address_that_is_none_is_named(client, ada):
    response = client.post(at("people-invite", ada), {"emails": "ok@example.org nonsense", "role": "lead"})
    assert response.status_code == 422
    assert "«nonsense» is not an e-mail address" in response.content.decode()
    assert not Invitation.objects.exists()


def test_roles_change_and_the_last_admin_stays(client, ada):
    ben = make_member(ada.project, "Ben")
    client.post(at("member-role", ada, ben.pk), {"role": "lead"})
    client.post(at("member-leave", ada, ben.pk))
    ben.refresh_from_db()
    assert (ben.role, ben.active) == ("lead", False)
    client.post(at("member-leave", ada, ben.pk), {"back": "yes"})
    ben.refresh_from_db()
    assert ben.active
    page = client.post(at("member-leave", ada, ada.pk), follow=True)
    assert "is the last admin" in page.content.decode()


# --- history ---


def test_the_history_says_in_words_what_changed_and_can_be_narrowed(client, ada):
    policies.change(ada.project, ada.user, {"holdout_share": 0.1}, "More exact")
    setup.pause(ada.project, make_admin(ada.project, "Eve").user)
    everything = client.get(at("history", ada)).content.decode()
    for words in ("Loop settings changed", "Hold-out share", "0 %", "10 %", "More exact", "Project paused"):
        assert words in everything
    narrowed = client.get(at("history", ada), {"about": "policy"})
    assert [event.action for event in narrowed.context["events"]] == ["policy.changed"]
    by_ada = client.get(at("history", ada), {"by": ada.user.pk})
    assert [event.actor for event in by_ada.context["events"]] == [ada.user]


def test_the_history_goes_on_page_by_page(client, ada):
    for n in range(history.PAGE_SIZE + 1):
        setup.describe(ada.project, ada.user, {"name": f"name {n}"})
    first = client.get(at("history", ada))
    second = client.get(at("history", ada), {"before": first.context["older"]})
    assert len(first.context["events"]) == history.PAGE_SIZE
    assert [event.after["name"] for event in second.context["events"]] == ["name 0"]


def test_a_lead_reads_the_history_and_changes_nothing(client):
    lead = make_lead(make_project())
    client.force_login(lead.user)
    page = client.get(at("history", lead)).content.decode()
    assert at("settings-danger", lead) not in page


@pytest.mark.parametrize("wrong", ["x", "-1", "9" * 30, "²"])
def test_a_page_number_that_is_none_is_passed_over(client, ada, wrong):
    assert client.get(at("history", ada), {"before": wrong, "by": wrong}).status_code == 200
    assert client.get(at("items", ada), {"after": wrong, "before": wrong}).status_code == 200


# --- addresses ---


@pytest.mark.parametrize(
    ("role", "page"), [("annotator", "label"), ("lead", "progress"), ("admin", "progress")]
)
def test_a_project_sends_each_role_to_its_work(client, role, page):
    member = make_member(make_project(), role=role)
    client.force_login(member.user)
    assert client.get(at("project", member)).url == at(page, member)


def test_a_draft_sends_its_admin_to_the_set_up(client):
    ada = make_admin(make_project(state=Project.State.DRAFT))
    client.force_login(ada.user)
    assert client.get(at("project", ada)).url == at("setup-resume", ada)
    assert client.get(at("settings", ada)).url == at("setup-resume", ada)


# --- Markdown ---


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://example.org/x.png)",
        "<a href='javascript:alert(1)'>x</a>",
        "<style>*{display:none}</style>",
        '[x](https://example.org "\\" onclick=alert(1)")',
        "```\n</code></pre><script>alert(1)</script>\n```",
    ],
)
def test_markdown_makes_nothing_that_runs_or_loads(evil):
    html = markdown.render(evil)
    for tag in ("<script", "<img", "<style", 'href="javascript', 'href="data', " onclick=", " style="):
        assert tag not in html.replace("&quot; onclick=", "")


def test_markdown_headings_stay_below_those_of_the_page():
    html = markdown.render("# One\n## Two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[ok](https://example.org)")
    assert "<h3>One</h3>" in html
    assert "<h4>Two</h4>" in html
    assert "<td>1</td>" in html
    assert 'rel="noopener noreferrer nofollow"' in html
