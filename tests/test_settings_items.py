"""The table of items and the page of one item: for leads, by filter, page by page, with the whole story."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from projects import browsing
from projects.models import Item, Membership, QueueEntry
from tests.factories import answer, make_items, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def lea(client):
    member = make_lead(make_project(labels=["cards", "refunds"]))
    client.force_login(member.user)
    return member


def numbers(client, lea: Membership, **query: object) -> list[int]:
    page = client.get(reverse("items", args=[lea.project_id]), query)
    return [item.number for item, _labels in page.context["rows"]]


def test_items_are_found_by_state_label_stream_sample_and_words(client, lea):
    items = make_items(lea.project, ["lost card", "money back", "CARD broken", "x"], holdout={3})
    cards = lea.project.labels.get(name="cards")
    ann = make_member(lea.project)
    answer(ann, items[0], cards)
    assert numbers(client, lea, state="settled") == [1]
    assert numbers(client, lea, label=cards.pk) == [1]
    assert numbers(client, lea, label=lea.project.labels.get(name="refunds").pk) == []
    assert numbers(client, lea, text="card") == [1, 3]
    assert numbers(client, lea, text="3") == [3]
    assert numbers(client, lea, mark="holdout") == [4]
    assert numbers(client, lea, stream=QueueEntry.Stream.RANDOM) == [1]
    assert numbers(client, lea, state="nonsense") == [1, 2, 3, 4]


@pytest.mark.parametrize("settled", [[7], [7, 70], [1, 7], [1, 7, 70]])
def test_a_label_among_several_is_found_and_its_namesake_digits_are_not(lea, settled):
    make_items(lea.project, 1, state=Item.State.SETTLED, settled_labels=settled)
    make_items(lea.project, 1, state=Item.State.SETTLED, settled_labels=[70, 77])
    found = browsing.matching(lea.project, browsing.Filter(label=7))
    assert [item.settled_labels for item in found] == [settled]


def test_pages_go_forth_and_back_without_counting(lea):
    make_items(lea.project, 120)
    items = browsing.matching(lea.project, browsing.Filter())
    first = browsing.page(items)
    second = browsing.page(items, after=first.after)
    third = browsing.page(items, after=second.after)
    assert [len(page.items) for page in (first, second, third)] == [50, 50, 20]
    assert (first.before, third.after) == (None, None)
    assert browsing.page(items, before=third.before).items == second.items
    assert browsing.page(items, before=second.before).before is None


def test_a_page_costs_the_same_at_the_end_as_at_the_beginning(client, lea):
    make_items(lea.project, 400)
    address = reverse("items", args=[lea.project_id])
    counts = []
    for after in (0, 350):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(address, {"after": after})
        counts.append(len(queries))
        of_items = [query["sql"] for query in queries if 'FROM "projects_item"' in query["sql"]]
        assert of_items
        assert not any("COUNT(" in sql or "OFFSET" in sql for sql in of_items)
    assert counts[0] == counts[1] <= 8


def test_an_item_tells_its_whole_story(client, lea):
    (item,) = make_items(lea.project, ["<b>lost</b> card"], external_id="T-1", metadata={"team": "<i>a</i>"})
    ann = make_member(lea.project, "Ann")
    answer(ann, item, lea.project.labels.get(name="cards"), note="<u>sure</u>")
    answer(ann, item, lea.project.labels.get(name="refunds"))
    page = client.get(reverse("item", args=[lea.project_id, 1])).content.decode()
    for words in ("Ann", "refunds", "1 earlier answer, replaced", "T-1", "Random order", "One annotation"):
        assert words in page
    assert "&lt;b&gt;lost&lt;/b&gt; card" in page
    assert not any(tag in page for tag in ("<b>lost", "<i>a</i>", "<u>sure"))


def test_names_stay_hidden_while_a_lead_decides(client):
    project = make_project(labels=["a", "b"], policy={"overlap": 2})
    lea = make_lead(project)
    (item,) = make_items(project, 1)
    one, two = project.labels.all()
    for name, label in (("Ann", one), ("Bob", two)):
        answer(make_member(project, name), item, label)
    item.refresh_from_db()
    assert item.state == Item.State.DISPUTED
    client.force_login(lea.user)
    page = client.get(reverse("item", args=[project.pk, 1])).content.decode()
    assert "Annotator 1" in page
    assert "Ann<" not in page
    assert "Bob" not in page


def test_a_number_that_no_item_has_is_not_found(client, lea):
    assert client.get(reverse("item", args=[lea.project_id, 99])).status_code == 404


def test_an_empty_table_says_what_to_do(client, lea):
    assert b"No items yet" in client.get(reverse("items", args=[lea.project_id])).content
    assert b"No item fits" in client.get(reverse("items", args=[lea.project_id]), {"text": "zzz"}).content
