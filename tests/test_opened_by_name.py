"""An item that somebody opens by name, from its link or the list: shown as it is in its turn."""

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now

from projects import mine, returning
from projects.models import Assignment
from tests.factories import answer, make_member, make_project
from tests.test_staleness import clarify, read, setting
from tests.test_suggesting import answered, make, picked

pytestmark = pytest.mark.django_db


def test_what_a_lead_wrote_goes_with_the_item_wherever_it_is_opened(client):
    project = make_project(items=2)
    member, note = make_member(project), "Is it the machine or the card?"
    item = project.items.get(number=1)
    answer(member, item, project.labels.first())
    with transaction.atomic():
        returning.send_back(item, note, now())
    client.force_login(member.user)
    again = client.get(reverse("my-again", args=[project.pk]), {"item": item.pk}).json()
    assert note in again["stage"]["html"]
    page = client.get(reverse("label", args=[project.pk]), {"item": item.pk})
    assert note in page.context["desk"]["items"][0]["html"]
    assert note in page.content.decode().split('id="item"')[1].split("</form>")[0]


def test_whoever_opens_it_by_its_link_is_told_that_it_is_asked_again(client):
    project, ada, (ann,) = setting(items=1)
    item = project.items.get()
    answer(ann, item, project.labels.first())
    clarify(project, ada, project.labels.first())
    read(ann)
    client.force_login(ann.user)
    told = "You are asked again, since the guidelines have changed."
    opened = client.get(reverse("my-again", args=[project.pk]), {"item": item.pk}).json()
    assert told in opened["stage"]["html"]
    page = client.get(reverse("label", args=[project.pk]), {"item": item.pk})
    assert told in page.context["desk"]["items"][0]["html"]
    assert page.content.decode().count(f'<p class="lead-note">{told}') == 1


@pytest.mark.parametrize("state", ["leased", "expired"])
def test_what_is_opened_by_its_link_is_suggested_as_in_its_turn(client, state):
    _project, member, (a, b, _c) = make("always")
    held = picked(member)
    Assignment.objects.filter(pk=held.pk).update(state=state)
    client.force_login(member.user)
    address = f"{reverse('label', args=[member.project_id])}?item={held.item_id}"
    (first, *_others) = client.get(address).context["desk"]["items"]
    assert (first["id"], first["again"], first["thought"]["labels"]) == (held.item_id, False, [b.pk])
    answered(member, held, a, "always")
    (first, *_others) = client.get(address).context["desk"]["items"]
    assert (first["id"], first["again"], first["thought"]) == (held.item_id, True, None)


def test_why_something_was_skipped_comes_back_with_it():
    project = make_project(items=2)
    member = make_member(project)
    answer(member, project.items.get(number=1), kind="skip", reason="language")
    answer(member, project.items.get(number=2), project.labels.first())
    assert [mine.as_json(entry)["reason"] for entry in mine.newest(member)] == ["", "language"]
