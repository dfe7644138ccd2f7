"""The leads' pages: who sees them, what they hide before a decision, where they go after it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from projects import actions, disputes, queue, resolving
from projects.models import Dispute, Event, Item, Membership, Resolution, SpotCheck
from sampling import rounds
from tests.factories import (
    answer,
    make_admin,
    make_items,
    make_lead,
    make_member,
    make_project,
    make_user,
    submission,
)

pytestmark = pytest.mark.django_db
TWICE = {"agreement_share": 0.0, "holdout_share": 0.0, "overlap": 2, "agreement_overlap": 2}
# Nobody is asked on.
ALONE = {**TWICE, "max_overlap": 2}
ONE = {"agreement_share": 0.0, "holdout_share": 0.0, "batch_size": 10}
REASON = {"top": [[0, 0.5], [1, 0.3]], "round": 4, "score": 0.7}


@pytest.fixture
def project():
    texts = ["Where is my money?", "A fee <script>alert(1)</script>", "Third", "Fourth"]
    made = make_project(
        items=texts, labels=["refund", "billing", "card"], policy=TWICE, question="What is it?"
    )
    for name in ("Ben Carter", "Mira Sato"):
        make_member(made, name)
    return made


def dispute_next(project, note="", flag=""):
    """Let the two annotators differ on the next item, or one of them flag it."""
    ben, mira = project.memberships.filter(role="annotator").order_by("pk")
    item = project.items.filter(state="open").order_by("number")[0]
    queue.publish(project, [queue.Pick(item.pk, "strategy", REASON)], 4)
    refund, billing, _card = project.labels.all()
    answer(ben, item, refund, note=note)
    answer(mira, item, kind="flag", note=flag) if flag else answer(mira, item, billing)
    return Dispute.objects.get(item=item)


def signed_in(client, project, role="lead"):
    member = make_lead(project) if role == "lead" else make_admin(project)
    client.force_login(member.user)
    return member


def page(client, dispute, **query):
    return client.get(reverse("dispute", args=[dispute.project_id, dispute.pk]), query)


def post(client, dispute, **form):
    form = {"version": dispute.version, "reason": "slip", **form}
    return client.post(reverse("dispute", args=[dispute.project_id, dispute.pk]), form)


def choice(project, name):
    return f"labels:{project.labels.get(name=name).pk}"


@pytest.mark.parametrize("who", ["lead", "admin", "annotator", "left", "stranger", "nobody"])
@pytest.mark.parametrize("address", ["disputes", "dispute"])
def test_only_leads_and_admins_see_disputes(client, project, who, address):
    dispute = dispute_next(project)
    if who in Membership.Role.values:
        client.force_login(make_member(project, role=who).user)
    elif who == "left":
        client.force_login(make_member(project, role="lead", active=False).user)
    elif who == "stranger":
        client.force_login(make_lead(make_project()).user)
    expected = {"lead": 200, "admin": 200, "annotator": 403, "nobody": 302}.get(who, 404)
    where = reverse(address, args=[project.pk, *([dispute.pk] if address == "dispute" else [])])
    assert client.get(where).status_code == expected
    if expected != 200 and address == "dispute":
        assert post(client, dispute, choice=choice(project, "refund")).status_code == expected
        for act in ("undo", "take", "release", "ask", "model"):
            assert post(client, dispute, **{act: "1"}).status_code == expected
        dispute.refresh_from_db()
        assert dispute.assigned_to is None
        assert not Event.objects.filter(action__startswith="dispute.").exists()
        assert not Resolution.objects.exists()


def test_a_dispute_is_found_in_its_own_project_only(client, project):
    dispute, other = dispute_next(project), make_project()
    client.force_login(make_lead(other).user)
    assert client.get(reverse("dispute", args=[other.pk, dispute.pk])).status_code == 404
    assert client.post(reverse("dispute", args=[other.pk, dispute.pk]), {}).status_code == 404


def test_names_are_hidden_until_the_decision_and_told_after_it(client, project):
    signed_in(client, project)
    dispute, following = dispute_next(project, note="They say money"), dispute_next(project)
    index = client.get(reverse("disputes", args=[project.pk])).content.decode()
    before = page(client, dispute).content.decode()
    for html in (index, before):
        assert "Ben Carter" not in html
        assert "Mira Sato" not in html
    assert "They say money" in before
    reply = post(client, dispute, choice=choice(project, "refund"))
    assert reply.url == f"{reverse('dispute', args=[project.pk, following.pk])}?last={dispute.pk}"
    after = client.get(reply.url).content.decode()
    assert "Ben Carter" in after
    assert after.count("Mira Sato") == 1  # in the summary, and nowhere beside the next votes
    assert 'id="heading" tabindex="-1" autofocus' in after


def test_after_the_last_dispute_the_list_shows_the_decision(client, project):
    signed_in(client, project, "admin")
    dispute = dispute_next(project)
    reply = post(client, dispute, choice=choice(project, "billing"))
    html = client.get(reply.url).content.decode()
    assert "No disputes" in html
    assert "Take it back" in html
    undone = post(client, dispute, undo="1")
    again = Dispute.objects.get(state="open")
    assert undone.url == reverse("dispute", args=[project.pk, again.pk])
    assert "taken back" in page(client, again).content.decode()


def test_html_in_items_and_notes_is_text(client, project):
    signed_in(client, project)
    dispute_next(project)
    html = page(client, dispute_next(project, note="<b>bold</b>", flag="x")).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<b>bold" not in html


def test_the_model_speaks_only_when_it_was_asked_and_that_is_noted(client, project):
    lead = signed_in(client, project)
    dispute = dispute_next(project)
    assert "Unsure between" not in page(client, dispute).content.decode()
    fragment = post(client, dispute, model="1", choice="labels:1")
    assert "Unsure between refund and billing" in fragment.content.decode()
    assert not Event.objects.filter(action="dispute.model_shown").exists()
    for _ in range(2):
        assert "Unsure between refund and billing" in post(client, dispute, model="1").content.decode()
    shown = Event.objects.get(action="dispute.model_shown")
    assert (shown.item_id, shown.actor_id) == (dispute.item_id, lead.user_id)
    random = Dispute.objects.create(project=project, item=project.items.last(), reasons=["flag"])
    assert "no model had a say" in post(client, random, model="1").content.decode()


def test_a_decision_without_a_needed_note_keeps_what_was_filled_in(client, project):
    signed_in(client, project)
    dispute = dispute_next(project)
    reply = post(client, dispute, choice=choice(project, "card"))
    assert reply.status_code == 422
    assert "needs a note" in reply.content.decode()
    reply = post(client, dispute, choice=choice(project, "card"), note="Rule 4", reason="")
    assert reply.status_code == 422
    html = reply.content.decode()
    assert "Rule 4" in html
    assert f'value="{choice(project, "card")}" checked' in html
    assert post(client, dispute, choice=choice(project, "card"), note="Rule 4").status_code == 302


@pytest.mark.parametrize(
    "form", [{"choice": "labels:x"}, {"choice": "labels:99999999999999999999"}, {"choice": "?"}]
)
def test_a_form_that_makes_no_sense_is_refused(client, project, form):
    signed_in(client, project)
    dispute = dispute_next(project)
    assert post(client, dispute, **form).status_code == 422
    assert post(client, dispute, version="1x", choice=choice(project, "refund")).status_code == 409


def test_a_stale_form_is_refused_with_the_new_state_shown(client, project):
    signed_in(client, project)
    dispute = dispute_next(project)
    ben = project.memberships.get(user__name="Ben Carter")
    actions.submit(ben, [submission(dispute.item, project.labels.get(name="card"))])
    reply = post(client, dispute, choice=choice(project, "refund"))
    assert reply.status_code == 409
    html = reply.content.decode()
    assert "The votes changed" in html
    assert f'name="version" value="{dispute.version + 1}"' in html
    assert f'value="{choice(project, "card")}" required data-said' in html


def test_the_slower_lead_sees_what_the_faster_one_decided(client, project):
    signed_in(client, project)
    dispute, billing = dispute_next(project), project.labels.get(name="billing")
    faster = make_lead(project, "Lou Faster")
    resolving.resolve(
        dispute.pk, faster, resolving.Decision("labelled", "slip", dispute.version, (billing.pk,))
    )
    reply = post(client, dispute, choice=choice(project, "refund"))
    assert reply.status_code == 409
    assert "Lou Faster decided:" in reply.content.decode()
    assert Item.objects.get(pk=dispute.item_id).settled_labels == [billing.pk]


def test_a_lead_who_voted_is_told_that_another_one_decides(client, project):
    dispute = dispute_next(project)
    ben = project.memberships.get(user__name="Ben Carter")
    ben.role = "lead"
    ben.save()
    client.force_login(ben.user)
    html = page(client, dispute).content.decode()
    assert "another lead must decide it" in html
    assert 'id="decision"' not in html
    assert "for another lead" in client.get(reverse("disputes", args=[project.pk])).content.decode()
    assert post(client, dispute, choice=choice(project, "refund")).status_code == 422


def test_the_list_has_the_oldest_first_and_filters_by_reason(client, project):
    signed_in(client, project)
    young, flagged = dispute_next(project), dispute_next(project, flag="Look at this")
    Dispute.objects.filter(pk=flagged.pk).update(opened_at=now() - timedelta(days=2))
    where = reverse("disputes", args=[project.pk])
    shown = client.get(where).content.decode()
    assert shown.index("A fee") < shown.index("Where is my money?")
    assert "Look at this" in shown
    only = client.get(where, {"reason": "tie"}).content.decode()
    assert "Where is my money?" in only
    assert "A fee" not in only
    assert reverse("dispute", args=[project.pk, flagged.pk]) in shown
    post(client, young, choice=choice(project, "refund"))
    assert "Where is my money?" in client.get(where, {"show": "decided"}).content.decode()


def test_the_list_says_whose_a_dispute_is_and_which_are_late(client, project):
    lead, where = signed_in(client, project), reverse("disputes", args=[project.pk])
    late, flagged = dispute_next(project), dispute_next(project, flag="Look at this")
    Dispute.objects.filter(pk=late.pk).update(due_at=now() - timedelta(hours=3))
    assert "overdue by 3" in client.get(where).content.decode()
    assert post(client, late, take="1", **{"from": "list"}).url == where
    shown = client.get(where, {"who": "mine"}).content.decode()
    assert "yours" in shown
    assert ("Where is my money?" in shown, "A fee" in shown) == (True, False)
    for query in ({"late": "1"}, {"answers": disputes.answers_of(project.pk)[late.pk]}):
        shown = client.get(where, query).content.decode()
        assert ("Where is my money?" in shown, "A fee" in shown) == (True, False)
    assert "A fee" in client.get(where, {"who": "nobody"}).content.decode()
    other = make_lead(project, "Lou Other")
    reply = post(client, flagged, ask="1", colleague=other.user_id, text="Well?")
    assert "Item 2 waits for Lou Other now." in client.get(reply.url).content.decode()
    assert "for Lou Other" in page(client, flagged).content.decode()
    assert post(client, flagged, ask="1", colleague=lead.user_id).status_code == 422
    assert "None like that" in client.get(where, {"reason": "age"}).content.decode()


def test_the_page_shows_what_an_item_was_known_or_settled_as(client, project):
    signed_in(client, project)
    dispute, (refund, billing, card) = dispute_next(project), project.labels.all()
    Dispute.objects.filter(pk=dispute.pk).update(reasons=["gold", "spot", "model"])
    Item.objects.filter(pk=dispute.item_id).update(gold=[[card.pk]])
    html = page(client, dispute).content.decode()
    assert "The known answer is" in html
    assert 'value="gold_wrong"' in html
    for words in ("Several people missed a known item", "A spot check differs", "The model contradicts"):
        assert words in html
    Dispute.objects.filter(pk=dispute.pk).update(reasons=["spot"])
    former = {"labels": [billing.pk], "source": "consensus", "version": 1}
    Item.objects.filter(pk=dispute.item_id).update(gold=None, former=former)
    SpotCheck.objects.create(
        project=project, item=dispute.item, settled_labels=[billing.pk], labels=[refund.pk]
    )
    html = page(client, dispute).content.decode()
    assert "It was settled as" in html
    assert "A lead answered without knowing that" in html
    assert 'value="gold_wrong"' not in html


def test_the_guidelines_name_the_labels_in_question_first(client, project):
    signed_in(client, project)
    project.guidelines = "Read all.\n\n# Cards\n\nAbout a card.\n\n# Money back\n\nA refund is asked for."
    project.save()
    html = page(client, dispute_next(project)).content.decode()
    assert html.index("A refund is asked for") < html.index("All other sections") < html.index("About a card")


def test_a_set_of_several_labels_is_decided_by_ticking(client):
    project = make_project(items=1, labels=["a", "b", "c"], policy=ALONE, task="multi")
    make_member(project, "Ben"), make_member(project, "Mira")
    a, b, c = project.labels.all()
    item = project.items.get()
    ben, mira = project.memberships.order_by("pk")
    answer(ben, item, a)
    answer(mira, item, b, c)
    signed_in(client, project)
    dispute = Dispute.objects.get()
    assert post(client, dispute, choice="other", label=[a.pk, c.pk], note="Both").status_code == 302
    assert Item.objects.get().settled_labels == [a.pk, c.pk]


def test_the_number_of_queries_does_not_grow_with_the_disputes(
    client, project, django_assert_max_num_queries
):
    signed_in(client, project)
    first = dispute_next(project)
    pages = [reverse("disputes", args=[project.pk]), reverse("dispute", args=[project.pk, first.pk])]
    for _ in range(2):
        dispute_next(project)
    make_user()
    for where in pages:
        with django_assert_max_num_queries(30):
            client.get(where)


def test_the_newest_model_is_asked_only_by_leads_and_admins(client, project):
    item = project.items.get(number=1)
    where = reverse("opinion", args=[project.pk, item.number])
    assert client.get(where).status_code == 302
    for member, expected in (
        (make_member(project), 403),
        (make_lead(make_project()), 404),
        (make_lead(project), 200),
        (make_admin(project), 200),
    ):
        client.force_login(member.user)
        assert client.get(where).status_code == expected
    assert "no model yet" in client.get(where, headers={"HX-Request": "true"}).content.decode()
    assert client.get(reverse("opinion", args=[project.pk, 99])).status_code == 404


def test_the_newest_model_says_what_it_thinks_of_an_item(client, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    project = make_project(labels=["red", "blue"], featurizer="lsa", policy=ONE)
    texts = [f"red apple {n} and cherry" if n % 2 else f"blue sky {n} over sea" for n in range(30)]
    make_items(project, texts)
    ann, by_name = make_member(project), {label.name: label for label in project.labels.all()}
    for item in project.items.filter(number__lte=16):
        answer(ann, item, by_name[item.text.split()[0]])
    while rounds.advance(project.pk):
        pass
    signed_in(client, project)
    where = reverse("opinion", args=[project.pk, 30])
    html = client.get(where, headers={"HX-Request": "true"}).content.decode()
    assert "after round 1 and 16 labelled items" in " ".join(html.split())
    assert html.index(">red<") < html.index(">blue<")
