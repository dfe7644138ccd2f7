"""Groups, other words and examples of labels: what admins and leads write, and what people see of it."""

import pytest
from django.urls import reverse

from projects import examples, labelset, queue
from projects.errors import Refused
from projects.examples import Example
from projects.labelset import Draft
from projects.models import Event, Item, Label, Membership, Project, QueueEntry
from tests.factories import (
    answer,
    make_admin,
    make_items,
    make_lead,
    make_member,
    make_project,
    make_user,
)

pytestmark = pytest.mark.django_db


def settled(project: Project, number: int = 1) -> Item:
    item = project.items.get(number=number)
    answer(make_member(project), item, project.labels.first())
    item.refresh_from_db()
    return item


def test_a_table_brings_descriptions_groups_and_other_words():
    (draft,) = labelset.drafts_from("car\tFour  wheels\t Vehicles/ Cars \tauto, motor car,Auto,\n")
    assert draft == Draft("car", "Four wheels", "Vehicles / Cars", ("Auto", "motor car"))


def test_a_group_is_spelt_as_it_stands_elsewhere():
    project = make_project(labels=0)
    ada = make_admin(project)
    labelset.add(
        project, ada.user, [Draft("car", group="Vehicles / Cars"), Draft("van", group="vehicles/VANS")]
    )
    assert set(project.labels.values_list("group", flat=True)) == {"Vehicles / Cars", "Vehicles / VANS"}
    van = project.labels.get(name="van")
    labelset.change(van, ada.user, {"group": " VEHICLES // vans "})
    assert Label.objects.get(pk=van.pk).group == "Vehicles / vans"


def test_groups_and_other_words_are_editorial_news_and_in_the_history():
    project = make_project()
    ada, label = make_admin(project), project.labels.first()
    labelset.change(label, ada.user, {"group": "Money", "synonyms": ["cash"]})
    version = project.guideline_versions.order_by("-version").first()
    assert (version.kind, version.version) == ("editorial", 2)
    assert "Money" in version.summary
    event = Event.objects.get(action="label.changed")
    assert event.after == {"group": "Money", "synonyms": ["cash"]}


def test_what_is_too_long_for_a_group_or_a_word_is_refused():
    project = make_project()
    ada, label = make_admin(project), project.labels.first()
    for change in (
        {"group": "x" * 161},
        {"synonyms": ["x" * 61]},
        {"synonyms": list("abcdefghijklmnopqrstu")},
    ):
        with pytest.raises(Refused):
            labelset.change(label, ada.user, change)
    assert not Event.objects.exists()


def test_an_example_is_a_version_and_an_event():
    project = make_project()
    ada, label = make_admin(project), project.labels.first()
    examples.add(label, ada.user, Example(False, " Not this ", None, "It is another"))
    label.refresh_from_db()
    assert label.examples == [{"fits": False, "text": "Not this", "item": None, "why": "It is another"}]
    assert project.guideline_versions.order_by("version").last().kind == "editorial"
    examples.remove(label, ada.user, 0, "Not this")
    assert Label.objects.get(pk=label.pk).examples == []
    actions = Event.objects.order_by("pk").values_list("action", "reason")
    assert list(actions) == [
        ("label.example_added", "It is another"),
        ("label.example_removed", "It is another"),
    ]


def test_what_stands_elsewhere_by_now_is_not_removed():
    project = make_project()
    ada, label = make_admin(project), project.labels.first()
    for text in ("one", "two"):
        examples.add(label, ada.user, Example(True, text))
    examples.remove(label, ada.user, 0, "one")
    with pytest.raises(Refused):
        examples.remove(label, ada.user, 0, "one")
    assert len(Label.objects.get(pk=label.pk).examples) == 1


@pytest.mark.parametrize("mark", [{"holdout": True}, {"gold": [[1]]}, {"agreement": True}, {"state": "open"}])
def test_an_item_that_nobody_may_be_told_about_is_no_example(mark):
    project = make_project(items=1)
    item = settled(project)
    Item.objects.filter(pk=item.pk).update(**mark)
    with pytest.raises(Refused):
        examples.add(project.labels.first(), make_lead(project).user, Example(True, "", item.number))
    assert project.labels.first().examples == []


def test_nor_is_its_text_typed_by_hand():
    project = make_project()
    make_items(project, ["Where is my card?"], holdout={0})
    with pytest.raises(Refused):
        examples.add(project.labels.first(), make_lead(project).user, Example(True, "where is my CARD?"))


def test_an_example_that_became_a_known_item_is_shown_no_more():
    project = make_project(items=1)
    item, label = settled(project), project.labels.first()
    label = examples.add(label, make_lead(project).user, Example(True, "", item.number))
    assert [one.count for one in examples.of(project, [label])] == [1]
    Item.objects.filter(pk=item.pk).update(gold=[[label.pk]])
    assert examples.of(project, [label]) == []


@pytest.mark.parametrize("stream", ["check", "again", "cardcheck"])
def test_an_item_that_is_asked_again_is_no_example_until_it_is_answered(stream):
    project = make_project(items=1)
    item, label, lea = settled(project), project.labels.first(), make_lead(project).user
    label = examples.add(label, lea, Example(True, "", item.number))
    queue.ask_again(item, pick=queue.Pick(item.pk, stream))
    assert examples.of(project, [label]) == []
    with pytest.raises(Refused, match="asked again"):
        examples.add(project.labels.last(), lea, Example(True, "", item.number))
    QueueEntry.objects.filter(item=item).update(state="done")
    assert [one.count for one in examples.of(project, [label])] == [1]


def test_the_same_example_and_one_too_many_are_refused():
    project = make_project()
    ada, label = make_admin(project), project.labels.first()
    for number in range(examples.MOST):
        examples.add(label, ada.user, Example(True, f"example {number}"))
    for text in ("example 3", "one more"):
        with pytest.raises(Refused):
            examples.add(label, ada.user, Example(True, text))


def test_people_who_label_see_what_labels_mean(client):
    project = make_project(items=1)
    ada, label = make_admin(project), project.labels.first()
    labelset.change(label, ada.user, {"description": "The plastic one"})
    examples.add(label, ada.user, Example(False, "Give me <cash>", None, "That is money"))
    client.force_login(make_member(project).user)
    page = client.get(reverse("label", args=[project.pk])).content.decode()
    assert "Give me &lt;cash&gt;" in page
    assert "That is money" in page
    assert "Changed since you last read" in page


def test_a_picture_is_shown_by_its_thumbnail(client):
    project = make_project(media="image")
    item = make_items(project, [""], image="items/1.png", state="settled")[0]
    examples.add(project.labels.first(), make_lead(project).user, Example(True, "", item.number))
    client.force_login(make_member(project).user)
    page = client.get(reverse("label", args=[project.pk])).content.decode()
    assert reverse("item-thumbnail", args=[project.pk, item.number]) in page


def test_what_is_new_and_small_is_read_once(client):
    project = make_project(items=1)
    labelset.change(project.labels.first(), make_admin(project).user, {"description": "Anew"})
    member = make_member(project)
    client.force_login(member.user)
    address = reverse("guidelines-read", args=[project.pk])
    assert "Nothing changes in how items are labelled" in client.get(address).content.decode()
    client.post(address, {"version": 2})
    assert Membership.objects.get(pk=member.pk).read_version == 2
    page = client.get(reverse("label", args=[project.pk])).content.decode()
    assert "Changed since you last read" not in page


def test_the_page_of_a_label_keeps_words_and_examples(client):
    project = make_project(items=1)
    label = project.labels.first()
    client.force_login(make_admin(project).user)
    url = reverse("label-words", args=[project.pk, label.pk])
    client.post(url, {"description": "What it is", "group": "A/B", "synonyms": "one, two"})
    client.post(reverse("label-example-add", args=[project.pk, label.pk]), {"fits": "no", "text": "Not this"})
    label.refresh_from_db()
    assert (label.description, label.group, label.synonyms) == ("What it is", "A / B", ["one", "two"])
    page = client.get(url).content.decode()
    assert "Not this" in page
    remove = {"place": "0", "example": "Not this"}
    client.post(reverse("label-example-remove", args=[project.pk, label.pk]), remove)
    assert Label.objects.get(pk=label.pk).examples == []


def test_what_is_refused_stays_in_the_form_with_its_reason(client):
    project = make_project(items=1)
    label = project.labels.first()
    client.force_login(make_admin(project).user)
    url = reverse("label-example-add", args=[project.pk, label.pk])
    response = client.post(url, {"fits": "yes", "item": "1", "why": "Because of that"})
    assert response.status_code == 409
    assert "not settled" in response.content.decode()
    assert "Because of that" in response.content.decode()
    too_long = {"description": "", "group": "x" * 200, "synonyms": ""}
    assert client.post(reverse("label-words", args=[project.pk, label.pk]), too_long).status_code == 422


def test_a_lead_makes_an_item_an_example_from_its_page(client):
    project = make_project(items=2)
    item, label = settled(project), project.labels.last()
    client.force_login(make_lead(project).user)
    url = reverse("item-example", args=[project.pk, item.number])
    client.post(url, {"label": label.pk, "fits": "no", "why": "It only seems so"})
    label.refresh_from_db()
    assert label.examples == [
        {"fits": False, "text": item.text, "item": item.number, "why": "It only seems so"}
    ]
    page = client.get(reverse("item", args=[project.pk, 2])).content.decode()
    assert "not settled" in page


@pytest.mark.parametrize(
    ("name", "lowest"),
    [
        ("label-words", "admin"),
        ("label-example-add", "admin"),
        ("label-example-remove", "admin"),
        ("item-example", "lead"),
    ],
)
def test_only_whoever_may_changes_what_people_read(client, name, lowest):
    project = make_project(items=1)
    thing = 1 if name == "item-example" else project.labels.first().pk
    url = reverse(name, args=[project.pk, thing])
    people = {"annotator": 403, "lead": 403 if lowest == "admin" else 302}
    for role, status in people.items():
        client.force_login(make_member(project, role=role).user)
        assert client.post(url, {"fits": "yes"}).status_code == status
    client.force_login(make_user())
    assert client.post(url).status_code == 404
    former = make_member(project, role="admin", active=False)
    client.force_login(former.user)
    assert client.post(url).status_code == 404


def test_the_wizards_label_step_leads_to_the_words_and_back(client):
    project = make_project(state="draft")
    label = project.labels.first()
    client.force_login(make_admin(project).user)
    step = client.get(reverse("setup", args=[project.pk, "labels"])).content.decode()
    assert reverse("label-words", args=[project.pk, label.pk]) in step
    page = client.get(reverse("label-words", args=[project.pk, label.pk])).content.decode()
    assert reverse("setup", args=[project.pk, "labels"]) in page
