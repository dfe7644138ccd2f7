"""Talk about items: who may say something, who sees it under which name, and who hears of it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects.errors import Refused
from projects.models import Annotation, Comment, Notice
from projects.resolving import Decision, resolve
from projects.trust import talk
from tests.factories import answer, hand, make_admin, make_lead, make_member, make_project
from tests.test_disputes import TWICE, make_dispute

pytestmark = pytest.mark.django_db


def texts(member, item):
    return [one.text for one in talk.remarks(member, item)]


def told(kind="comment.added"):
    return set(Notice.objects.filter(kind=kind).values_list("user_id", flat=True))


def where(item, name="comment"):
    return reverse(name, args=[item.project_id, item.number])


@pytest.fixture
def dispute():
    project = make_project(
        items=["Where is my money?", "A fee", "Third"], labels=["refund", "billing", "card"], policy=TWICE
    )
    return make_dispute(
        project, voters=(make_member(project, "Ben Carter"), make_member(project, "Mira Sato"))
    )


@pytest.fixture
def ben(dispute):
    return dispute.project.memberships.get(user__name="Ben Carter")


@pytest.fixture
def mira(dispute):
    return dispute.project.memberships.get(user__name="Mira Sato")


def test_annotators_see_what_leads_open_and_never_a_name(dispute, ben, mira):
    lead, item = make_lead(dispute.project, "Lea Lindt"), dispute.item
    talk.add(lead, item, "Among us: tricky")
    talk.add(lead, item, "Read rule 3", shared=True)
    talk.add(ben, item, "I was not sure")
    assert texts(mira, item) == ["Read rule 3"]
    assert texts(ben, item) == ["Read rule 3", "I was not sure"]
    assert [one.who for one in talk.remarks(ben, item)] == ["A lead", "You"]
    assert [one.who for one in talk.remarks(make_admin(dispute.project), item)] == [
        "Lea Lindt",
        "Lea Lindt",
        "An annotator",
    ]
    talk.share(lead, Comment.objects.get(text="I was not sure").pk, shared=True)
    assert [one.who for one in talk.remarks(mira, item)] == ["A lead", "Another annotator"]
    talk.share(lead, Comment.objects.get(text="Read rule 3").pk, shared=False)
    assert texts(mira, item) == ["I was not sure"]


def test_leads_learn_who_wrote_once_they_have_decided(dispute, ben):
    lead = make_lead(dispute.project)
    talk.add(ben, dispute.item, "I was not sure")
    assert [one.who for one in talk.remarks(lead, dispute.item)] == ["An annotator"]
    refund = dispute.project.labels.get(name="refund")
    resolve(dispute.pk, lead, Decision("labelled", "slip", dispute.version, (refund.pk,)))
    assert [one.who for one in talk.remarks(lead, dispute.item)] == ["Ben Carter"]


def test_an_annotator_opens_nothing_to_others(dispute, ben, mira):
    talk.add(ben, dispute.item, "I say refund", shared=True)
    assert texts(mira, dispute.item) == []
    assert texts(make_lead(dispute.project), dispute.item) == ["I say refund"]


def test_only_who_answered_or_holds_an_item_may_comment(dispute, ben):
    third = make_member(dispute.project)
    with pytest.raises(Refused, match="answered or hold"):
        talk.add(third, dispute.item, "Hello")
    other = dispute.project.items.get(number=2)
    hand(third, other)
    talk.add(third, other, "Which fee?")
    with pytest.raises(Refused, match="Write something"):
        talk.add(ben, dispute.item, "  ")


def test_who_has_still_to_answer_sees_no_talk_of_others(dispute, ben):
    third, item = make_member(dispute.project), dispute.item
    talk.add(make_lead(dispute.project), item, "It is a refund", shared=True)
    hand(third, item)
    assert texts(third, item) == []
    talk.add(third, item, "Which rule?")
    assert texts(third, item) == ["Which rule?"]
    answer(third, item, dispute.project.labels.first())
    assert texts(third, item) == ["It is a refund", "Which rule?"]


def test_talk_from_before_does_not_give_a_known_item_away(dispute):
    third, item = make_member(dispute.project), dispute.item
    lead = make_lead(dispute.project)
    talk.add(lead, item, "It is a refund", shared=True)
    answer(third, item, dispute.project.labels.first())
    Annotation.objects.filter(annotator=third.user).update(stream="gold")
    assert texts(third, item) == []
    talk.add(lead, item, "Thank you", shared=True)
    assert texts(third, item) == ["Thank you"]


def test_the_others_concerned_are_told_and_nobody_else(dispute, ben, mira):
    lea, lou = make_lead(dispute.project, "Lea"), make_lead(dispute.project, "Lou")
    third, item = make_member(dispute.project), dispute.item
    talk.add(ben, item, "I was not sure")
    assert told() == {lea.user_id, lou.user_id}
    Notice.objects.all().delete()
    talk.add(lea, item, "Fine")
    assert told() == set()
    talk.add(lea, item, "See rule 3", shared=True)
    assert told() == {ben.user_id, mira.user_id}
    assert set(Notice.objects.values_list("address", flat=True)) == {where(item)}
    Notice.objects.all().delete()
    talk.add(mira, item, "Thanks")
    assert told() == {lea.user_id}
    assert Notice.objects.get().address == f"{reverse('dispute', args=[item.project_id, dispute.pk])}?talk"
    assert third.user_id not in told()


def test_who_is_asked_hears_of_comments(dispute, ben):
    lea, lou = make_lead(dispute.project, "Lea"), make_lead(dispute.project, "Lou")
    dispute.assigned_to = lou.user
    dispute.save()
    talk.add(lea, dispute.item, "What do you think?")
    assert told() == {lou.user_id}


@pytest.mark.parametrize(
    ("who", "get", "post"),
    [
        ("lead", 302, 302),
        ("voter", 200, 302),
        ("annotator", 403, 403),
        ("stranger", 404, 404),
        ("nobody", 302, 302),
    ],
)
def test_the_page_is_for_leads_and_those_who_answered(client, dispute, ben, who, get, post):
    people = {
        "lead": lambda: make_lead(dispute.project),
        "voter": lambda: ben,
        "annotator": lambda: make_member(dispute.project),
        "stranger": lambda: make_lead(make_project()),
    }
    if who != "nobody":
        client.force_login(people[who]().user)
    assert client.get(where(dispute.item)).status_code == get
    assert client.post(where(dispute.item), {"text": "Hm"}).status_code == post
    assert Comment.objects.count() == (who in {"lead", "voter"})


def test_an_annotators_page_tells_nothing_of_others(client, dispute, ben):
    talk.add(make_lead(dispute.project, "Lea Lindt"), dispute.item, "Read rule 3", shared=True)
    client.force_login(ben.user)
    html = client.get(where(dispute.item)).content.decode()
    assert "Read rule 3" in html
    assert "refund" in html
    for hidden in ("billing", "Mira", "Lea Lindt", "dispute"):
        assert hidden not in html.split("<main")[1].replace("dispute-quote", "").replace("disputes.css", "")


def test_the_page_tells_of_the_decision_to_those_who_answered_before(client, dispute, ben):
    billing = dispute.project.labels.get(name="billing")
    decided = Decision("labelled", "slip", dispute.version, (billing.pk,), "A fee is billing")
    resolve(dispute.pk, make_lead(dispute.project), decided)
    client.force_login(ben.user)
    assert "A fee is billing" in client.get(where(dispute.item)).content.decode()
    Annotation.objects.filter(annotator=ben.user).update(stream="gold")
    assert "A fee is billing" not in client.get(where(dispute.item)).content.decode()


def test_only_leads_choose_what_annotators_see(client, dispute, ben):
    lead = make_lead(dispute.project)
    comment = talk.add(lead, dispute.item, "Among us")
    form = {"remark": comment.pk, "share": "1"}
    client.force_login(ben.user)
    assert client.post(where(dispute.item), form).status_code == 403
    client.force_login(lead.user)
    other = dispute.project.items.get(number=2)
    assert client.post(where(other), form).status_code == 404
    assert client.post(where(dispute.item), {**form, "remark": "x"}).status_code == 404
    back = client.post(where(dispute.item), {**form, "next": "/projects/"})
    assert back.url == "/projects/?talk"
    assert Comment.objects.get().open_to_annotators
    away = client.post(where(dispute.item), {**form, "share": "0", "next": "//example.org/"})
    assert away.url == f"{reverse('dispute', args=[dispute.project_id, dispute.pk])}?talk"
    assert not Comment.objects.get().open_to_annotators


def test_comments_are_shown_where_the_item_is_and_are_text(client, dispute, ben):
    talk.add(ben, dispute.item, "<b>Not sure</b>")
    client.force_login(make_lead(dispute.project).user)
    for page in (where(dispute.item, "item"), reverse("dispute", args=[dispute.project_id, dispute.pk])):
        html = client.get(page).content.decode()
        assert "&lt;b&gt;Not sure" in html
        assert "<b>Not sure" not in html


def test_my_answers_lead_to_the_talk(client, dispute, ben):
    talk.add(make_lead(dispute.project), dispute.item, "Read rule 3", shared=True)
    client.force_login(ben.user)
    html = client.get(reverse("my-labels", args=[dispute.project_id])).content.decode()
    assert where(dispute.item) in html
    assert "1 comment" in html


def test_an_item_that_comes_back_shows_the_talk_to_its_person_only(client, dispute, ben):
    lead, third = make_lead(dispute.project), make_member(dispute.project)
    talk.add(lead, dispute.item, "Read rule 3", shared=True)
    dispute.item.assignments.filter(annotator=ben.user).update(state="leased")
    client.force_login(ben.user)
    html = client.get(reverse("label", args=[dispute.project_id]), {"item": dispute.item_id}).content.decode()
    assert "Read rule 3" in html
    client.force_login(third.user)
    assert "Read rule 3" not in client.get(reverse("label", args=[dispute.project_id])).content.decode()
