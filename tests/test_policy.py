"""The form of a policy and its checks: what a person may set, what is refused, what the history says."""

from __future__ import annotations

import pytest
from django.urls import reverse

from projects import history, policies, policy_names
from projects.errors import Refused
from projects.models import Label, Policy
from projects.policy_forms import PolicyForm
from sampling import wishes
from sampling.core.learners import CLASS_WEIGHTS, LEARNERS
from sampling.core.settings import Settings
from sampling.core.strategies import MODES, SCORES, STRATEGIES
from tests.factories import make_admin, make_items, make_lead, make_project, make_user
from tests.test_setup_pages import LOOP

pytestmark = pytest.mark.django_db

ROWS = {
    "quota-TOTAL_FORMS": "3",
    "quota-INITIAL_FORMS": "0",
    "slice-TOTAL_FORMS": "2",
    "slice-INITIAL_FORMS": "0",
}
# What the whole page sends when nothing was touched.
PAGE = (
    LOOP
    | ROWS
    | {"more": "1", "mode": "", "diversity": "95", "learner": "logistic", "class_weights": "", "recency": "0"}
    | {"gate": "on", "agreement_share": "0", "holdout_share": "0"}
)
# One of everything.
CHANGED = {
    "strategy": "hybrid",
    "mode": "clustered",
    "diversity": "90",
    "weight_margin": "2",
    "weight_bald": "1",
    "stream_rare": "15",
    "stream_control": "12.5",
    "stream_check": "5",
    "learner": "svm",
    "class_weights": "balanced",
    "recency": "1.5",
    "rare_labels": ["2"],
    "rare_items": "3, 1",
    "quota-0-group": "label:1",
    "quota-0-at_least": "10",
    "quota-1-group": "field:source",
    "quota-1-value": "web",
    "quota-1-at_most": "30",
    "slice-0-field": "source",
    "slice-0-value": "web",
    "stop_min_accuracy": "92.5",
    "stop_plateau_rounds": "4",
    "stop_max_labels": "2000",
    "stop_max_cost": "500",
    "stop_label_cost": "0.2",
}


@pytest.fixture
def ada(client):
    project = make_project()
    make_items(project, 3, metadata={"source": "web", "page": 4})
    member = make_admin(project)
    client.force_login(member.user)
    return member


def page(member):
    return reverse("settings-loop", args=[member.project_id])


def wrong(client, member, data):
    """What the page says, by field, about data that it refuses."""
    response = client.post(page(member), PAGE | data)
    assert response.status_code == 422
    assert member.project.policies.count() == 1
    form = response.context["form"]
    rows = [*form.more.quotas.forms, *form.more.slices.forms]
    found = {name: errors[0] for one in (form, form.more, *rows) for name, errors in one.errors.items()}
    for sentence in found.values():
        assert sentence in response.content.decode().replace("&#x27;", "'")
    return found


# --- names -------------------------------------------------------------------------------------------------


def test_names_are_those_of_the_registries():
    assert sorted(policy_names.every_strategy()) == sorted(STRATEGIES)
    assert {name for name, one in STRATEGIES.items() if one.needs == "committee"} == policy_names.OF_COMMITTEE
    assert set(policy_names.MODES) == {"", *MODES}
    assert set(policy_names.MEASURES) == set(SCORES)
    assert {name for name, part in SCORES.items() if part.needs == "committee"} == policy_names.OF_COMMITTEE
    assert set(policy_names.LEARNERS) == set(LEARNERS)
    assert set(policy_names.CLASS_WEIGHTS) == set(CLASS_WEIGHTS)
    assert {strategy for _name, strategy, _title, _words in policy_names.STREAMS} - {""} <= set(STRATEGIES)


@pytest.mark.parametrize("name", policy_names.every_strategy())
def test_a_round_takes_every_strategy_that_a_policy_may_name(name):
    project = make_project()
    policy = policies.change(project, None, {"strategy": name})
    assert wishes.settings_of(policy, project).strategy == name


# --- the page ----------------------------------------------------------------------------------------------


def test_the_page_saved_untouched_makes_no_version(client, ada):
    assert client.post(page(ada), PAGE).status_code == 302
    assert ada.project.policies.count() == 1


def test_everything_that_is_set_is_kept_and_shown_again(client, ada):
    assert client.post(page(ada), PAGE | CHANGED).status_code == 302
    policy = ada.project.policy
    ids = dict(ada.project.items.values_list("number", "pk"))
    assert (policy.strategy, policy.mode, policy.diversity) == ("hybrid", "clustered", 0.9)
    assert policy.hybrid == {"margin": 2, "bald": 1}
    assert policy.streams == [
        {"name": "rare", "strategy": "rare", "share": 0.15},
        {"name": "control", "strategy": "random", "share": 0.125},
        {"name": "check", "share": 0.05},
    ]
    assert (policy.learner, policy.class_weights, policy.recency) == ("svm", "balanced", 1.5)
    assert policy.rare == {"labels": [2], "items": [ids[3], ids[1]]}
    assert policy.quotas == [
        {"of": "label", "value": 1, "at_least": 0.1},
        {"of": "field:source", "value": "web", "at_most": 0.3},
    ]
    assert policy.gate_slices == [{"field": "source", "value": "web"}]
    assert policy.stop_rules == {
        "min_accuracy": 0.925,
        "plateau_rounds": 4,
        "max_labels": 2000,
        "max_cost": 500,
        "label_cost": 0.2,
    }
    form = client.get(page(ada)).context["form"]
    assert form["strategy"].value() == "hybrid"
    assert form.more["rare_items"].value() == "3, 1"
    assert form.more["stream_control"].value() == "12.5"
    assert [row["group"].value() for row in form.more.quotas.forms] == ["label:1", "field:source", None]
    # What is shown is what is in force: saved again, nothing changes.
    rows = ROWS | {"quota-INITIAL_FORMS": "2", "slice-INITIAL_FORMS": "1"}
    client.post(page(ada), PAGE | CHANGED | rows)
    assert ada.project.policies.count() == 2


def test_a_round_takes_what_the_page_sets(client, ada):
    client.post(page(ada), PAGE | CHANGED)
    settings = wishes.settings_of(ada.project.policy, ada.project)
    assert Settings.from_dict({**settings.__dict__, "streams": [], "quotas": []}).learner == "svm"
    assert [stream.name for stream in settings.streams] == ["rare", "control"]
    assert wishes.fields(settings) == [("source", "web")]
    assert wishes.check_share(ada.project.policy) == 0.05


def test_what_is_emptied_is_gone(client, ada):
    client.post(page(ada), PAGE | CHANGED)
    rows = ROWS | {"quota-INITIAL_FORMS": "2", "slice-INITIAL_FORMS": "1"}
    empty = {name: "" for name in CHANGED if name.startswith(("quota-", "slice-"))}
    without_gate = {name: value for name, value in PAGE.items() if name != "gate"}
    client.post(page(ada), without_gate | rows | empty)
    policy = ada.project.policy
    assert (policy.quotas, policy.gate_slices, policy.streams, policy.hybrid) == ([], [], [], {})
    assert (policy.rare, policy.stop_rules, policy.gate) == ({}, {}, False)


def test_a_page_without_the_folded_part_leaves_it_alone(client, ada):
    client.post(page(ada), PAGE | CHANGED)
    client.post(page(ada), LOOP | {"batch_size": "9"})
    assert ada.project.policy.batch_size == 9
    assert ada.project.policy.hybrid == {"margin": 2, "bald": 1}
    assert ada.project.policy.gate


def test_streams_that_the_page_does_not_know_stay(client, ada):
    own = {"name": "edges", "strategy": "k-center", "share": 0.1}
    policies.change(ada.project, ada.user, {"streams": [own]})
    client.post(page(ada), PAGE | {"stream_new": "20"})
    assert ada.project.policy.streams == [{"name": "new", "strategy": "first-batch", "share": 0.2}, own]


def test_other_rules_are_folded_away_until_one_is_in_force(client, ada):
    assert '<details class="rules">' in client.get(page(ada)).content.decode()
    client.post(page(ada), PAGE | {"strategy": "badge"})
    assert '<details class="rules" open>' in client.get(page(ada)).content.decode()


# --- refusals ----------------------------------------------------------------------------------------------


def test_errors_stand_at_their_fields(client, ada):
    found = wrong(
        client,
        ada,
        {
            "diversity": "0",
            "weight_margin": "-1",
            "stop_plateau_rounds": "1",
            "stop_max_cost": "9",
            "rare_items": "1, 77",
            "quota-0-group": "label:1",
            "slice-0-value": "web",
        },
    )
    assert found["rare_items"] == "There is no item 77."
    assert found["at_least"] == "Give a smallest or a largest share."
    assert found["field"] == "Say which field has this value, or empty the row."
    assert found["stop_label_cost"] == "Say what an answer costs, or leave the limit empty."
    assert {"diversity", "weight_margin", "stop_plateau_rounds"} <= set(found)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"quota-0-at_least": "5"}, "group"),
        ({"quota-0-group": "field:source", "quota-0-at_least": "5"}, "value"),
        ({"quota-0-group": "label:0", "quota-0-value": "x", "quota-0-at_least": "5"}, "value"),
        ({"quota-0-group": "label:0", "quota-0-at_least": "50", "quota-0-at_most": "40"}, "at_most"),
        ({"slice-1-field": "page"}, "value"),
        ({"rare_items": "1; drop"}, "rare_items"),
        ({"stream_rare": "50", "stream_control": "46"}, "stream_control"),
        ({"strategy": "bald", "committee_size": "1"}, "committee_size"),
        ({"strategy": "hybrid", "weight_pairwise": "1", "committee_size": "1"}, "committee_size"),
        ({"quota-0-group": "label:77", "quota-0-at_least": "5"}, "group"),
        ({"rare_labels": ["77"]}, "rare_labels"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(client, ada, data, field):
    assert field in wrong(client, ada, data)


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": "magic"},
        {"learner": "magic"},
        {"mode": "magic"},
        {"class_weights": "magic"},
        {"strategy": "bald", "committee_size": 1},
        {"strategy": "hybrid", "hybrid": {"bald": 1}, "committee_size": 1},
        {"hybrid": {"magic": 1}},
        {"hybrid": {"margin": -1}},
        {"hybrid": {"margin": 0}},
        {"hybrid": ["margin"]},
        {"streams": [{"name": "rare", "strategy": "magic", "share": 0.1}]},
        {"streams": [{"name": "main", "strategy": "rare", "share": 0.1}]},
        {"streams": [{"name": ["rare"], "strategy": "rare", "share": 0.1}]},
        {
            "streams": [{"name": "mix", "strategy": "hybrid", "share": 0.1}],
            "hybrid": {"bald": 1},
            "committee_size": 1,
        },
        {
            "streams": [
                {"name": "a", "strategy": "rare", "share": 0.5},
                {"name": "b", "strategy": "rare", "share": 0.5},
            ]
        },
        {"streams": [{"name": "a", "strategy": "rare", "share": 0.1}] * 2},
        {"streams": [{"name": "a", "strategy": "rare", "share": "x"}]},
        {"quotas": [{"of": "label", "value": "x", "at_least": 0.1}]},
        {"quotas": [{"of": "field:", "value": "x", "at_least": 0.1}]},
        {"quotas": [{"of": "label", "value": 1, "at_least": 0.5, "at_most": 0.4}]},
        {"rare": {"labels": ["x"]}},
        {"rare": []},
        {"gate_slices": [{"field": "source"}]},
        {"stop_rules": {"magic": 1}},
        {"stop_rules": {"min_accuracy": 90}},
        {"stop_rules": {"max_cost": 90}},
        {"stop_rules": {"max_labels": 0}},
    ],
)
def test_a_policy_that_no_round_could_follow_is_refused(changes):
    project = make_project()
    with pytest.raises(Refused, match=r"^[a-z_]+: [“A-Z]"):
        policies.change(project, make_admin(project).user, changes)
    assert Policy.objects.filter(project=project).count() == 1


def test_only_an_admin_sees_and_changes_the_settings(client):
    project = make_project()
    lead = make_lead(project)
    client.force_login(lead.user)
    assert client.get(page(lead)).status_code == client.post(page(lead), PAGE).status_code == 403
    client.force_login(make_user())
    assert client.get(page(lead)).status_code == client.post(page(lead), PAGE).status_code == 404


# --- the page of another project ---------------------------------------------------------------------------


def test_examples_are_items_of_this_project(client, ada):
    make_items(make_project(), 9)
    assert wrong(client, ada, {"rare_items": "8"}) == {"rare_items": "There is no item 8."}


def test_items_of_the_hold_out_are_no_examples(client, ada):
    make_items(ada.project, 3, holdout=[1])
    number = ada.project.items.get(holdout=True).number
    said = wrong(client, ada, {"rare_items": f"{number}"})["rare_items"]
    assert said == f"Item {number} is of the hold-out, which only measures. Name another one."


def test_a_retired_label_stays_in_the_row_that_names_it(client, ada):
    client.post(page(ada), PAGE | CHANGED)
    Label.objects.filter(project=ada.project, position=1).update(retired_at=ada.project.created_at)
    form = PolicyForm(None, instance=ada.project.policy)
    assert ("label:1", "label:1") in form.more.quotas.forms[0].fields["group"].choices


# --- the history -------------------------------------------------------------------------------------------


def test_the_history_says_in_words_what_changed(client, ada):
    client.post(page(ada), PAGE | CHANGED)
    changes = {change.name: change for change in history.changes(ada.project.events.get())}
    assert {name: change.after for name, change in changes.items()} == {
        "Strategy": "A mix of your own",
        "How a batch is made": "Highest of each region",
        "Mix": "Two labels close: 2, Committee divided: 1",
        "Alike from": "90 %",
        "Parts of a batch": "rare labels 15 %, random control 12.5 %, check again 5 %",
        "Quotas": "label 1 at least 10 %, source: web at most 30 %",
        "Rare labels and examples": "label 2, #1, #3",
        "Learner": "Linear support vector machine",
        "Labels count": "Rare labels weigh more",
        "Weight of new labels": "1.5",
        "When to stop": "accuracy 92.5 %, rounds without a rise 4, labels 2,000, cost 500,"
        " price of an answer 0.2",
        "Nor worse on": "source: web",
    }
    assert changes["Quotas"].before == "nothing"
    assert changes["How a batch is made"].before == "As the rule does it"
    assert changes["Labels count"].before == "As often as they come"
