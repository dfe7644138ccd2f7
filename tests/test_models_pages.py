"""The model pages: who sees what, what they say, putting a version in use, and taking one away."""

from __future__ import annotations

import io
import json
import zipfile
from itertools import count
from typing import Any

import numpy as np
import onnxruntime
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from projects.errors import Refused
from projects.models import Event, Membership
from sampling import measures, packages, versions
from sampling import opinion as opinions
from sampling.core.evaluation import report
from sampling.core.gate import judge
from sampling.core.loop import Trained
from sampling.models import FeatureSet, ModelVersion
from sampling.shards import load, save
from sampling.versions import Change
from tests.factories import make_admin, make_items, make_lead, make_member, make_project, make_user
from tests.loops import with_model
from tests.threads import in_threads
from tests.versions import figures, make_version

pytestmark = pytest.mark.django_db
Role = Membership.Role

ACTS = ("model-download", "model-use")
PAGES = [
    ("models", "get", Role.LEAD),
    ("model", "get", Role.LEAD),
    ("model-feedback", "get", Role.LEAD),
    ("model-feedback", "post", Role.LEAD),
    ("model-download", "post", Role.LEAD),
    ("model-use", "post", Role.ADMIN),
]


def address(name, project, number=1):
    return reverse(name, args=[project.pk, number] if name in {"model", *ACTS} else [project.pk])


def ask(client, user, page, project):
    name, method, _ = page
    client.force_login(user)
    data = {"reason": "because", "instead_of": 2} if name == "model-use" else {}
    if name == "model-feedback":
        data = {"file": ContentFile(b"id\n1\n", "in.csv")}
    return getattr(client, method)(address(name, project), data)


def two_versions(**fields):
    """Model 1, replaced, and model 2, in use."""
    project = make_project(labels=["cat", "dog"], **fields)
    make_version(project, 1, "retired")
    make_version(project, 2)
    return project


def gate_of(lost, won, n=100, **slices):
    right = np.zeros((2, n), np.bool_)
    right[0, :lost] = right[1, lost : lost + won] = right[:, lost + won :] = True
    before, after = (np.where(row[:, None], [[0.9, 0.1]], [[0.1, 0.9]]).astype(np.float32) for row in right)
    named = {name: np.isin(np.arange(n), list(rows)) for name, rows in slices.items()}
    truth = np.tile(np.array([[1, 0]], np.float32), (n, 1))
    verdict = judge(before, after, truth, "single", named).as_dict()
    return {**verdict, "against": 1, "applied": True}


# --- who ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page[0])
def test_members_of_the_lowest_role_that_may_get_the_page(client, page):
    project = two_versions(items=1)
    assert ask(client, make_member(project, role=page[2]).user, page, project).status_code in {200, 302}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page[0])
def test_members_of_too_low_a_role_are_refused(client, page):
    project = two_versions()
    low = Role.ANNOTATOR if page[2] == Role.LEAD else Role.LEAD
    assert ask(client, make_member(project, role=low).user, page, project).status_code == 403
    assert ModelVersion.objects.get(state="champion").round.number == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page[0])
def test_strangers_find_nothing(client, page):
    project = two_versions()
    assert ask(client, make_user(), page, project).status_code == 404
    assert ask(client, make_admin(make_project()).user, page, project).status_code == 404


def test_a_version_of_another_project_is_not_found(client):
    project, other = make_project(), two_versions()
    client.force_login(make_admin(project).user)
    assert client.get(address("model", project, 2)).status_code == 404
    make_version(project, 1)
    assert client.post(address("model-use", project, 2), {"reason": "x"}).status_code == 404
    assert other.model_versions.get(state="champion").round.number == 2


# --- what it says ------------------------------------------------------------------------------------------


def page_of(client, project, name="model", number=1):
    client.force_login(make_lead(project).user)
    response = client.get(address(name, project, number))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_project_without_a_model_says_what_brings_one(client):
    assert "No model yet" in page_of(client, make_project(), "models")


def test_the_list_shows_the_newest_first_with_accuracy_and_interval(client):
    page = page_of(client, two_versions(), "models")
    assert page.index("Model 2") < page.index("Model 1<")
    assert "90 %" in page
    assert "In use" in page
    assert "Replaced" in page


def test_a_small_hold_out_says_so_instead_of_a_figure(client):
    project = make_project(labels=2)
    make_version(project, 1, metrics=figures(2, 19))
    assert "hold-out too small" in page_of(client, project, "models")
    page = page_of(client, project)
    assert "It had 19 labelled items when this model was trained; from 20 on there are figures." in page
    assert "95 %" not in page


def test_a_version_held_back_says_because_of_what(client):
    project = make_project(labels=2)
    make_version(project, 1)
    gate = gate_of(30, 2, **{"language: fr": range(32)})
    make_version(project, 2, "rejected", gate=gate)
    words = "Held back: worse than model 1 over all items, on language: fr."
    assert words in page_of(client, project, "models")
    page = page_of(client, project, number=2)
    assert words in page
    assert "−28.0 points (−" in page


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({}, "There was no model that it could be compared with."),
        (gate_of(1, 1), "Took over from model 1: not shown to be worse."),
        (gate_of(0, 5, n=10), "Took over from model 1: the hold-out is too small to hold a model back."),
        (
            {**gate_of(40, 1), "applied": False},
            "Worse than model 1 over all items; it took over because the gate is off.",
        ),
    ],
)
def test_the_verdict_is_said_in_words(gate, words):
    assert versions.verdict(make_version(make_project(labels=2), 2, gate=gate)) == words


def test_a_held_back_version_that_is_put_in_use_says_who_overruled_the_gate(client):
    project = with_model()
    gate, features = {**gate_of(30, 2), "against": 1}, project.feature_sets.get()
    make_version(project, 2, "rejected", gate=gate, feature_set=features)
    ada = make_user("Ada Bell")
    versions.roll_back(project, ada, Change(2, 1, "trying <it>"))
    overruled = "The gate had held it back: worse than model 1 over all items."
    page = page_of(client, project, number=2)
    assert f"Put in use by Ada Bell: “trying &lt;it&gt;”. {overruled}" in page
    assert "Held back" not in page
    card = card_of(project)
    assert f"- Gate: Put in use by hand. {overruled}" in card
    assert "Ada" not in card  # It leaves, and promises to name no person.
    versions.roll_back(project, ada, Change(1, 2, "back"))
    assert f"“trying &lt;it&gt;”. {overruled}" in page_of(client, project, number=2)


def test_a_version_does_not_speak_of_numbers_that_mean_nothing_to_a_reader(client):
    assert "Answers up to" not in page_of(client, two_versions())


def test_a_version_shows_what_it_learnt_from_by_label(client):
    project = two_versions()
    project.labels.filter(name="dog").update(retired_at="2026-01-01T00:00Z")
    lines = measures.labels_of(project.model_versions.first(), list(project.labels.all()))
    assert [(line.label.name, line.learnt, line.support, line.few) for line in lines] == [
        ("cat", 10, 20, False),
        ("dog", 11, 20, False),
    ]
    page = page_of(client, project)
    assert "retired" in page
    assert str(project.seed) in page


def test_figures_with_all_intervals_are_shown_where_the_round_kept_them(client):
    project = two_versions()
    rng = np.random.default_rng(0)
    truth = np.eye(2, dtype=np.float32)[np.arange(60) % 2]
    proba = np.where(np.arange(60)[:, None] < 12, truth[:, ::-1], truth).astype(np.float32)
    kept = report(proba, truth, "single", rng, {"from": ["zoo"] * 55 + ["farm"] * 5}).as_dict()
    round_ = project.rounds.get(number=2)
    round_.metrics["evaluation"] = kept
    round_.save()
    page = page_of(client, project, number=2)
    assert "80 %" in page
    assert "Calibration error" in page
    assert "from: zoo" in page
    card = card_of(project)
    assert "- Accuracy: 80.0 % (68.2 % to 88.2 %)" in card
    assert "| cat | 30 | 80.0 % (62.7 % to 90.5 %) | 80.0 % (62.7 % to 90.5 %) |" in card
    assert "| from: farm | 5 | – |" in card


def test_a_label_added_since_has_no_figures():
    project = make_project(labels=2)
    version = make_version(project, 1)
    project.labels.create(position=2, name="new")
    line = measures.labels_of(version, list(project.labels.all()))[-1]
    assert (line.label.name, line.learnt, line.support, line.recall) == ("new", 0, 0, None)


def test_a_hundred_models_are_a_page_and_cost_no_query_each(client, django_assert_max_num_queries):
    project = make_project(labels=2)
    first = make_version(project, 1)
    for number in range(2, 103):
        round_ = project.rounds.create(number=number, state="done", policy=project.policies.first())
        ModelVersion.objects.create(
            project=project, round=round_, path=first.path, training_items=1, state="retired"
        )
    client.force_login(make_lead(project).user)
    with django_assert_max_num_queries(12):
        page = client.get(address("models", project)).content.decode()
    assert page.count("<tr>") == 101
    assert "?before=3" in page
    assert "Model 2<" in client.get(address("models", project), {"before": 3}).content.decode()


# --- putting one in use ------------------------------------------------------------------------------------


def test_an_admin_puts_an_older_model_in_use_and_brings_the_newer_one_back(client):
    project = two_versions()
    admin = make_admin(project).user
    client.force_login(admin)
    response = client.post(address("model-use", project, 1), {"reason": "2 is odd", "instead_of": 2})
    assert response.url == address("model", project, 1)
    assert versions.champion(project).round.number == 1
    event = Event.objects.get(action="model.put_in_use")
    assert (event.actor, event.reason, event.before, event.after) == (
        admin,
        "2 is odd",
        {"model": 2},
        {"model": 1},
    )
    client.post(address("model-use", project, 2), {"reason": "it was not", "instead_of": 1})
    assert versions.champion(project).round.number == 2
    assert project.model_versions.get(round__number=1).state == "retired"


def test_putting_one_in_use_asks_for_a_reason(client):
    project = two_versions()
    client.force_login(make_admin(project).user)
    response = client.post(address("model-use", project, 1), {"reason": " ", "instead_of": 2})
    assert response.status_code == 422
    assert "Say why" in response.content.decode()
    assert versions.champion(project).round.number == 2


def test_a_page_that_is_out_of_date_changes_nothing(client):
    project = two_versions()
    make_version(project, 3, "retired")
    client.force_login(make_admin(project).user)
    response = client.post(address("model-use", project, 1), {"reason": "x", "instead_of": 3})
    assert response.status_code == 409
    assert "Another model was put in use meanwhile" in response.content.decode()
    assert versions.champion(project).round.number == 2
    assert not Event.objects.exists()


def test_a_version_that_was_held_back_can_be_put_in_use():
    project = make_project(labels=2)
    make_version(project, 1)
    make_version(project, 2, "rejected")
    versions.roll_back(project, None, Change(2, 1, "we want it"))
    assert versions.champion(project).round.number == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(7, 2), "no model 7"),
        (Change(2, 2), "in use already"),
        (Change(1, None), "put in use meanwhile"),
    ],
)
def test_what_cannot_be_put_in_use_is_refused(change, words):
    project = two_versions()
    with pytest.raises(Refused, match=words):
        versions.roll_back(project, None, change)


def test_a_version_whose_file_is_gone_is_refused():
    project = two_versions()
    default_storage.delete(project.model_versions.get(round__number=1).path)
    with pytest.raises(Refused, match="file of model 1 is gone"):
        versions.roll_back(project, None, Change(1, 2))


@pytest.mark.django_db(transaction=True)
def test_of_many_who_put_a_model_in_use_at_once_one_does():
    project = make_project(labels=2)
    for number in range(1, 5):
        make_version(project, number, "champion" if number == 1 else "retired")

    numbers = count(2)

    def work():
        try:
            versions.roll_back(project, None, Change(next(numbers), 1))
        except Refused:
            return 0
        return 1

    assert sum(in_threads(3, work)) == 1
    assert project.model_versions.filter(state="champion").count() == 1
    assert Event.objects.count() == 1


# --- taking one away ---------------------------------------------------------------------------------------


def taken(pieces):
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_a_model_taken_away_gives_the_same_probabilities_elsewhere(client):
    project = with_model()
    version = versions.champion(project)
    lead = make_lead(project).user
    client.force_login(lead)
    response = client.post(address("model-download", project, version.round.number))
    assert response["Content-Disposition"] == 'attachment; filename="post-model-1.zip"'
    archive = taken(response.streaming_content)
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == ["README.md", "features.npz", "labels.json", "model.onnx"]
    model = onnxruntime.InferenceSession(archive.read("model.onnx"))
    x = np.random.default_rng(0).standard_normal((5, model.get_inputs()[0].shape[1])).astype(np.float32)
    wanted = Trained.from_state(load(version.path)).champion.proba(x)
    np.testing.assert_allclose(model.run(None, {"features": x})[0], wanted, atol=2e-6)
    with np.load(io.BytesIO(archive.read("features.npz")), allow_pickle=False) as state:
        assert state.files
    event = Event.objects.get(action="model.downloaded")
    assert (event.actor, event.subject) == (lead, "Model 1")


def test_the_labels_stand_in_the_order_of_the_columns():
    project = two_versions(task="multi")
    project.labels.filter(name="cat").update(order=9, retired_at="2026-01-01T00:00Z")
    archive = taken(packages.take(versions.champion(project), None))
    told = json.loads(archive.read("labels.json"))
    assert told["rule"] == "every label of at least 0.5, or none"
    assert [(one["position"], one["name"], one["retired"]) for one in told["labels"]] == [
        (0, "cat", True),
        (1, "dog", False),
    ]


def test_a_large_state_of_features_is_given_in_pieces():
    project = make_project(labels=2)
    noise = np.random.default_rng(0).integers(0, 255, 3_000_000, np.uint8)
    fitted = save("features/x.npz", {"noise": noise})
    features = FeatureSet.objects.create(project=project, generation=1, featurizer="lsa", fitted=fitted)
    pieces = list(packages.take(make_version(project, 1, feature_set=features), None))
    assert len(pieces) > 10
    assert max(map(len, pieces)) < 300_000
    kept = np.load(io.BytesIO(taken(pieces).read("features.npz")))
    assert (kept["noise"] == noise).all()


def test_a_download_whose_file_is_gone_says_so(client):
    project = two_versions()
    default_storage.delete(versions.champion(project).path)
    client.force_login(make_lead(project).user)
    response = client.post(address("model-download", project, 2), follow=True)
    assert "The file of this model is gone." in response.content.decode()
    assert not Event.objects.exists()


def card_of(project):
    archive = taken(packages.take(versions.champion(project), None))
    return archive.read("README.md").decode()


def test_the_card_tells_facts_under_the_usual_headings():
    project = with_model()
    card = card_of(project)
    heads = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert heads[:9] == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]
    assert "- Data snapshot: 10 labelled items" in card
    assert f"- Seed: {project.seed}, 1\n" in card
    assert "| red | 5 |\n| blue | 5 |" in card
    assert "Answers before the snapshot, by 2 people" in card
    assert "**The items were not drawn at random.**" in card
    assert "**How good this model is, is not known.** The hold-out had 0 labelled items" in card
    assert "{" not in card.split("```")[0]


def test_the_card_has_figures_with_intervals_and_slices():
    project = make_project(labels=["cat", "dog"])
    make_version(project, 2, gate=gate_of(5, 9, **{"from: zoo": range(50)}))
    card = card_of(project)
    assert "On 40 items, with 95 % intervals:\n\n- Accuracy: 90.0 % (76.9 % to 96.0 %)\n" in card
    assert "| cat | 20 | 90.0 % | 90.0 % |" in card
    assert "| from: zoo | 50 |" in card


def test_words_of_people_mean_nothing_in_the_card():
    project = make_project("# <b>Big</b> | `x`", labels=["a|b\n# c", "d"], question="<script>?")
    make_version(project, 1)
    card = card_of(project)
    assert card.startswith("# \\# \\<b\\>Big\\</b\\> \\| \\`x\\`: model 1\n")
    assert "| a\\|b \\# c | 10 |" in card
    assert "<script>" not in card


# --- opinions ----------------------------------------------------------------------------------------------


def test_opinions_follow_the_model_that_is_in_use():
    project = with_model()
    item = project.items.get(number=40)
    before = opinions.opinion(item)
    feature_set = project.feature_sets.get()
    model: Any = Trained.from_state(load(versions.champion(project).path)).champion
    weights = -model.weights
    make_version(project, 2, "retired", feature_set=feature_set, weights=weights)
    versions.roll_back(project, None, Change(2, 1, "try it"))
    after = opinions.opinion(item)
    assert after.round_number == 2
    assert after.top[0][0] != before.top[0][0]
    versions.roll_back(project, None, Change(1, 2, "it was worse"))
    assert opinions.opinion(item) == before


def test_a_model_put_in_use_again_speaks_of_items_that_came_after_its_features():
    project = with_model()
    FeatureSet.objects.update(state="retired")
    (item,) = make_items(project, ["red apple and red cherry"])
    assert opinions.opinion(item).top[0][0].name == "red"
    FeatureSet.objects.update(state="ready")
    assert opinions.opinion(item) is None
