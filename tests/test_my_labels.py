"""A person's own answers: the list with its filters, changes in place, and the way back to each of them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from projects import mine
from projects.mine import Wanted
from projects.models import Annotation, Comment, Item, Policy, Project, QueueEntry
from tests.factories import answer, hand, make_items, make_member, make_project, make_user, submission

pytestmark = pytest.mark.django_db
TEXTS = ["Where is my card", "Too high a fee", "Cash machine is broken", "A card again"]


@pytest.fixture
def project() -> Project:
    return make_project(labels=["card", "cash", "fee"], items=TEXTS)


def listed(client, project, **query) -> list[str]:
    response = client.get(reverse("my-labels", args=[project.pk]), query)
    return [row.text for row, _comments in response.context["rows"]]


def said_by(member, *names) -> None:
    """Answer the items one after another, each with the label of this name; another word is a kind."""
    labels = {label.name: label for label in member.project.labels.all()}
    for item, name in zip(member.project.items.order_by("number"), names, strict=False):
        if name in labels:
            answer(member, item, labels[name])
        else:
            answer(member, item, kind=name, note="why this?" if name == "flag" else "")


def test_each_filter_leaves_what_it_names(client, project):
    member = make_member(project)
    said_by(member, "card", "fee", "skip", "flag")
    client.force_login(member.user)
    fee = project.labels.get(name="fee").pk
    assert listed(client, project) == TEXTS[::-1]
    assert listed(client, project, label=fee) == ["Too high a fee"]
    assert listed(client, project, kind="skip") == ["Cash machine is broken"]
    assert listed(client, project, kind="flag") == ["A card again"]
    assert listed(client, project, text="CARD") == ["A card again", "Where is my card"]
    assert listed(client, project, text="why this") == ["A card again"]
    assert listed(client, project, text="card", kind="answer") == ["Where is my card"]
    assert listed(client, project, label="x", kind="nonsense", since="never") == TEXTS[::-1]


def test_days_are_looked_for(client, project):
    member = make_member(project)
    first, second = project.items.order_by("number")[:2]
    answer(member, first, project.labels.first(), at=now() - timedelta(days=9))
    answer(member, second, project.labels.first())
    client.force_login(member.user)
    yesterday = (now() - timedelta(days=1)).date().isoformat()
    assert listed(client, project, since=yesterday) == [second.text]
    assert listed(client, project, until=yesterday) == [first.text]


def test_a_skip_that_was_answered_later_is_no_correction(client, project):
    member = make_member(project)
    said_by(member, "card", "skip")
    first, second = project.items.order_by("number")[:2]
    answer(member, second, project.labels.last())
    answer(member, first, kind="undo")
    answer(member, first, project.labels.last())
    client.force_login(member.user)
    assert listed(client, project, corrected="on") == [first.text]
    assert listed(client, project) == [first.text, second.text]


def test_pages_go_by_key_in_both_directions(client, monkeypatch):
    monkeypatch.setattr(mine, "PAGE", 4)
    project = make_project(items=10)
    member = make_member(project)
    said_by(member, *["label 0"] * 10)
    first = mine.page(member, Wanted())
    second = mine.page(member, Wanted(), before=first.before)
    third = mine.page(member, Wanted(), before=second.before)
    numbers = [[row.number for row in page.rows] for page in (first, second, third)]
    assert numbers == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]
    assert (first.after, third.before) == (None, None)
    back = mine.page(member, Wanted(), after=third.after)
    assert [row.number for row in back.rows] == [6, 5, 4, 3]
    newest = mine.page(member, Wanted(), after=back.after)
    assert ([row.number for row in newest.rows], newest.after) == ([10, 9, 8, 7], None)


def test_a_search_looks_at_so_many_and_offers_to_go_on(client, monkeypatch):
    monkeypatch.setattr(mine, "WINDOW", 4)
    project = make_project(items=["needle", *[f"hay {n}" for n in range(9)]])
    member = make_member(project)
    said_by(member, *["label 0"] * 10)
    wanted, steps = Wanted(text="needle"), []
    page = mine.page(member, wanted)
    while page.before and not page.rows:
        steps.append(page.cut)
        page = mine.page(member, wanted, before=page.before)
    assert (steps, [row.text for row in page.rows]) == ([True, True], ["needle"])


def test_nothing_of_others_is_listed_nor_found(client, project):
    other = make_member(project, "Ben")
    said_by(other, "card", "fee")
    member = make_member(project)
    answer(member, project.items.get(number=3), project.labels.first())
    client.force_login(member.user)
    assert listed(client, project) == [TEXTS[2]]
    assert listed(client, project, text="fee") == []


def test_what_is_asked_again_is_not_found_by_what_was_said(client, project):
    member = make_member(project)
    said_by(member, "card", "fee")
    Item.objects.filter(number=2).update(votes_from=2)
    client.force_login(member.user)
    fee = project.labels.get(name="fee").pk
    assert listed(client, project, label=fee) == []
    assert listed(client, project, kind="answer") == [TEXTS[0]]
    assert listed(client, project) == [TEXTS[1], TEXTS[0]]
    entry = mine.of_item(member, project.items.get(number=2).pk)
    assert (entry.said, entry.label_ids) == ("Asked again", [])
    Policy.objects.update(show_old_answer=True)
    assert listed(client, project, label=fee) == [TEXTS[1]]


def test_a_known_item_looks_like_any_other(client, project):
    member = make_member(project)
    said_by(member, "card", "card")
    client.force_login(member.user)
    url = reverse("my-labels", args=[project.pk])
    before = client.get(url).content.decode()
    known = project.items.get(number=2)
    Item.objects.filter(pk=known.pk).update(gold=[[project.labels.last().pk]], state="settled")
    Annotation.objects.filter(item=known).update(stream=QueueEntry.Stream.GOLD)
    after = client.get(url).content.decode()
    assert _plain(before) == _plain(after)


def _plain(page: str) -> list[str]:
    """A page without what is new at each request."""
    return [line for line in page.splitlines() if "csrf" not in line.lower() and "submission" not in line]


def test_an_answer_is_changed_in_its_row_once(client, project):
    member = make_member(project)
    said_by(member, "card")
    item, fee = project.items.get(number=1), project.labels.get(name="fee")
    client.force_login(member.user)
    url = reverse("my-labels", args=[project.pk])
    form = {"item": item.pk, "label": fee.pk, "submission": str(uuid4())}
    response = client.post(f"{url}?text=card", form)
    assert response["Location"] == f"{url}?text=card#item-{item.pk}"
    client.post(url, form)
    rows = Annotation.objects.filter(item=item).order_by("pk").values_list("revision", "labels")
    assert list(rows) == [(1, [project.labels.get(name="card").pk]), (2, [fee.pk])]


def test_a_row_is_fetched_to_be_changed_and_swapped_afterwards(client, project):
    member = make_member(project)
    said_by(member, "card")
    client.force_login(member.user)
    url, entry = reverse("my-labels", args=[project.pk]), mine.newest(member)[0]
    headers = {"HX-Request": "true"}
    row = client.get(url, {"row": entry.pk, "edit": entry.pk}, headers=headers).content.decode()
    assert row.strip().startswith("<tr")
    assert "<select" in row
    form = {"item": entry.item, "label": "cant_tell", "submission": str(uuid4())}
    changed = client.post(url, form, headers=headers).content.decode()
    assert "<select" not in changed
    assert mine.newest(member)[0].kind == "cant_tell"


def test_several_labels_or_none_are_chosen_in_a_row(client):
    project = make_project(items=1, task="multi")
    member = make_member(project)
    said_by(member, "label 0")
    client.force_login(member.user)
    url, item = reverse("my-labels", args=[project.pk]), project.items.get()
    page = client.get(url, {"edit": mine.newest(member)[0].pk}).content.decode()
    assert page.count('type="checkbox" name="label"') == 4
    ids = [label.pk for label in project.labels.order_by("pk")]
    client.post(url, {"item": item.pk, "label": ids[1:], "submission": str(uuid4())})
    assert mine.newest(member)[0].label_ids == ids[1:]
    client.post(url, {"item": item.pk, "submission": str(uuid4())})
    assert mine.newest(member)[0].said == "None of these"


def test_what_cannot_be_meant_is_refused_in_words(client, project):
    member = make_member(project)
    said_by(member, "card")
    client.force_login(member.user)
    url, item = reverse("my-labels", args=[project.pk]), project.items.get(number=1)
    form = {"item": item.pk, "label": "999999", "submission": "rubbish"}
    response = client.post(url, form, headers={"HX-Request": "true"})
    assert "no longer in use" in response.content.decode()
    assert Annotation.objects.count() == 1


def test_nobody_changes_or_opens_what_another_said(client, project):
    said_by(make_member(project, "Ben"), "card")
    item = project.items.get(number=1)
    client.force_login(make_member(project).user)
    form = {"item": item.pk, "label": project.labels.first().pk, "submission": str(uuid4())}
    assert client.post(reverse("my-labels", args=[project.pk]), form).status_code == 404
    assert client.get(reverse("my-again", args=[project.pk]), {"item": item.pk}).status_code == 404
    assert Annotation.objects.count() == 1


def test_the_note_of_a_flag_does_not_become_that_of_an_answer(client, project):
    member = make_member(project)
    said_by(member, "flag")
    client.force_login(member.user)
    form = {"item": project.items.get(number=1).pk, "label": project.labels.first().pk}
    client.post(reverse("my-labels", args=[project.pk]), {**form, "submission": str(uuid4())})
    assert list(Annotation.objects.order_by("pk").values_list("kind", "note")) == [
        ("flag", "why this?"),
        ("answer", ""),
    ]


@pytest.mark.parametrize("name", ["my-labels", "my-again"])
def test_strangers_and_former_members_find_nothing(client, project, name):
    member = make_member(project)
    said_by(member, "card")
    url = reverse(name, args=[project.pk])
    asked = {"item": project.items.get(number=1).pk}
    client.force_login(make_user())
    assert client.get(url, asked).status_code == 404
    type(member).objects.filter(pk=member.pk).update(active=False)
    client.force_login(member.user)
    assert client.get(url, asked).status_code == 404
    client.logout()
    assert client.get(url, asked).status_code == 302


def test_the_way_back_goes_from_answer_to_answer(client, project):
    member = make_member(project)
    said_by(member, "card", "fee", "cash")
    client.force_login(member.user)
    url, seen, asked = reverse("my-again", args=[project.pk]), [], {"item": project.items.get(number=3).pk}
    while (response := client.get(url, asked)).status_code == 200:
        told = response.json()
        seen.append((told["stage"]["number"], told["said"]))
        asked = {"before": told["pk"]}
    assert seen == [(3, "cash"), (2, "fee"), (1, "card")]


def test_what_was_done_together_comes_back_together(client, project):
    member, bulk = make_member(project), uuid4()
    items = list(project.items.order_by("number"))
    for item in items[:3]:
        answer(member, item, project.labels.first(), bulk=bulk)
    answer(member, items[3], project.labels.first())
    answer(member, items[1], kind="undo")
    client.force_login(member.user)
    url = reverse("my-again", args=[project.pk])
    told = client.get(url, {"item": items[0].pk}).json()
    assert [one["number"] for one in told["together"]] == [3]
    assert client.get(url, {"item": items[3].pk}).json()["together"] == []


def test_an_answer_opened_from_the_list_knows_the_way_back(client, project):
    member = make_member(project)
    said_by(member, "card")
    client.force_login(member.user)
    item = project.items.get(number=1)
    page = client.get(reverse("label", args=[project.pk]), {"item": item.pk, "back": "1", "text": "card"})
    back = page.context["desk"]["back"]
    assert back["address"] == f"{reverse('my-labels', args=[project.pk])}?text=card#item-{item.pk}"
    assert page.context["desk"]["opened"]["said"] == "card"


def test_a_note_of_a_plain_form_is_kept_and_listed(client, project):
    member = make_member(project)
    item = hand(member, project.items.get(number=1)).item
    client.force_login(member.user)
    form = {"item": item.pk, "submission": str(uuid4()), "label": project.labels.first().pk}
    client.post(reverse("label", args=[project.pk]), {**form, "remark": "two cards, in fact"})
    assert "two cards, in fact" in client.get(reverse("my-labels", args=[project.pk])).content.decode()
    assert submission(item).note == ""


def test_comments_are_counted_as_the_person_may_see_them(client, project):
    member = make_member(project)
    said_by(member, "card")
    Comment.objects.create(
        project=project, item=project.items.get(number=1), author=member.user, text="a remark of mine"
    )
    client.force_login(member.user)
    assert "1 comment" in client.get(reverse("my-labels", args=[project.pk])).content.decode()


@pytest.mark.parametrize("query", [{}, {"text": "number"}, {"corrected": "on", "kind": "answer"}])
def test_the_list_costs_the_same_number_of_queries_at_any_size(client, query):
    project = make_project(items=3)
    member = make_member(project)
    client.force_login(member.user)
    url, label, counts = reverse("my-labels", args=[project.pk]), project.labels.first(), []
    for size in (3, 60):
        make_items(project, size)
        for item in project.items.filter(annotations=None):
            answer(member, item, label)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            client.get(url, query)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 16
