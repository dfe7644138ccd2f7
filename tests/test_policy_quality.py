"""The settings of quality: what is shown, kept and refused."""

import pytest
from django.urls import reverse

from projects import policies
from projects.models import Estimate, Event, Project
from projects.trust import escalation
from tests.factories import make_admin, make_items, make_lead, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make_admin(make_project(labels=2))


@pytest.fixture
def page(client, ada):
    client.force_login(ada.user)
    return reverse("settings-quality", args=[ada.project_id])


def sent(client, page, **changes):
    """What a browser would send of the page as it stands, with ``changes``; None leaves a box unticked."""
    form = client.get(page).context["form"]
    shown = {field.html_name: field.field.prepare_value(field.value()) for field in form}
    data = {
        name: value for name, value in shown.items() if value not in (None, "") and value is not False
    } | changes
    return client.post(page, {name: value for name, value in data.items() if value is not None})


def policy_of(ada):
    return Project.objects.get(pk=ada.project_id).policy


def test_the_page_saved_untouched_changes_nothing(client, ada, page):
    assert sent(client, page).status_code == 302
    assert policy_of(ada).version == 1


def test_what_is_set_is_in_force_and_shown_again(client, ada, page):
    sent(client, page, max_overlap=5, target_confidence="90", gold_floor="75", on_age_days="3", on_tie=None)
    policy = policy_of(ada)
    assert (policy.version, policy.max_overlap, policy.target_confidence, policy.gold_floor) == (
        2,
        5,
        0.9,
        0.75,
    )
    assert policy.triggers == {"age_days": 3.0, "tie": 0.0}
    form = client.get(page).context["form"]
    assert form["on_age_days"].value() == 3
    assert not form["on_tie"].value()


def test_a_trigger_set_back_to_its_default_follows_it_again(client, ada, page):
    sent(client, page, on_age_days="3")
    sent(client, page, on_age_days=str(int(escalation.DEFAULTS["age_days"])))
    assert policy_of(ada).triggers == {}


def test_a_scale_is_the_projects_own(client, ada, page):
    sent(client, page, ordinal="on", subjective="on")
    project = Project.objects.get(pk=ada.project_id)
    assert (project.ordinal, project.subjective) == (True, True)
    assert Event.objects.filter(project=project, action="project.changed").exists()


def test_several_labels_are_no_scale(client):
    ada = make_admin(make_project(labels=2, task=Project.Task.MULTI))
    client.force_login(ada.user)
    assert (
        "ordinal" not in client.get(reverse("settings-quality", args=[ada.project_id])).context["form"].fields
    )


def test_skills_are_fields_of_the_data(client, ada, page):
    make_items(ada.project, 1, metadata={"language": "de"})
    sent(client, page, skill_field="language")
    assert policy_of(ada).skill_field == "language"
    assert sent(client, page, skill_field="shoe size").status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [{"max_overlap": "0"}, {"target_confidence": "20"}, {"spot_share": "90"}, {"on_model_below": "101"}],
)
def test_what_makes_no_sense_is_refused(client, ada, page, wrong):
    answer = sent(client, page, **wrong)
    assert answer.status_code == 422
    assert next(iter(wrong)) in answer.context["form"].errors
    assert policy_of(ada).version == 1


def test_only_an_admin_sees_them(client, ada, page):
    client.force_login(make_lead(ada.project).user)
    assert client.get(page).status_code == 403
    client.force_login(make_user())
    assert client.get(page).status_code == 404


def test_more_answers_an_item_raise_the_most(ada):
    policy = policies.change(ada.project, ada.user, {"overlap": 5, "agreement_overlap": 5})
    assert policy.max_overlap == 5


def test_the_history_says_in_words_what_changed(client, ada, page):
    sent(client, page, on_age_days="3", on_tie=None, on_model_below="10", target_confidence="90")
    told = client.get(reverse("history", args=[ada.project_id])).content.decode()
    for words in ("The votes differ: off", "Days that an item may stay open: 3", "below, %: 10 %", "90 %"):
        assert words in told


def test_an_estimate_shows_what_each_way_has_right(client, ada, page):
    figures = {"right": {"majority": 0.8, "dawid-skene": 0.9}, "decided": 60, "votes": 0, "basis": ""}
    Estimate.objects.create(project=ada.project, version=1, method="dawid-skene", figures=figures)
    shown = client.get(page).content.decode()
    assert "60 decided items" in shown
    assert "90 %" in shown
    assert client.get(f"{page}?compare").context["methods"][0][0] == "Majority"
