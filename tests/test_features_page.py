"""The page of a project's features: who may change them, and that the old ones serve meanwhile."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client
from django.utils.timezone import now

from projects.models import Event, Project
from sampling import encoders, features, generations, rounds, shards
from sampling.core.featurizers import FEATURIZERS
from sampling.models import FeatureSet
from tests.factories import make_items, make_member, make_project, make_user
from tests.loops import label, turn, with_model

PAGE = "/projects/{}/settings/features/"


def as_admin(project: Project) -> Client:
    client = Client()
    client.force_login(make_member(project, role="admin").user)
    return client


def ask(project: Project, featurizer: str = "lsa", columns: tuple[str, ...] = ()) -> None:
    assert encoders.change(project, make_user(), featurizer, list(columns))
    project.refresh_from_db()


def test_every_featurizer_that_is_built_in_has_words():
    assert {name: kind.media for name, kind in FEATURIZERS.items()} == {
        name: media for media, names in encoders.BUILT_IN.items() for name in names
    }


@pytest.mark.django_db
@pytest.mark.parametrize("path", [PAGE, PAGE + "live/"])
@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("lead", 403), ("annotator", 403), (None, 404)])
def test_only_admins_see_the_page(role, status, path):
    project = make_project(items=["a"])
    client = Client()
    client.force_login(make_member(project, role=role).user if role else make_user())
    assert client.get(path.format(project.pk)).status_code == status
    if not path.endswith("live/"):
        assert client.post(path.format(project.pk), {"featurizer": "lsa"}).status_code in {status, 302}
        assert Project.objects.get(pk=project.pk).featurizer == ("lsa" if role == "admin" else "")


@pytest.mark.django_db
def test_the_form_takes_what_it_offers_and_nothing_else(settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    project = make_project(items=["a"])
    make_items(project, ["b"], metadata={"source": "web"})
    client = as_admin(project)
    for wrong in ("hog-colour", "onnx:/etc/passwd", "onnx:../x", ""):
        assert client.post(PAGE.format(project.pk), {"featurizer": wrong}).status_code == 422
    sent = client.post(PAGE.format(project.pk), {"featurizer": "lsa", "columns": ["source"]}, follow=True)
    assert "The old features serve until the new ones are there" in sent.content.decode()
    project.refresh_from_db()
    assert (project.featurizer, project.feature_columns) == ("lsa", ["source"])
    event = Event.objects.get(action="features.changed")
    assert event.after == {"featurizer": "lsa", "columns": ["source"]}
    same = client.post(PAGE.format(project.pk), {"featurizer": "lsa", "columns": ["source"]}, follow=True)
    assert "Nothing was changed" in same.content.decode()


@pytest.mark.django_db
def test_rounds_run_on_the_old_features_until_the_new_ones_are_whole(monkeypatch):
    project = with_model()
    monkeypatch.setattr(features, "SHARD_ROWS", 16)
    ask(project, "lsa-wordllama")
    old, new = project.feature_sets.order_by("generation")
    assert (new.featurizer, new.state) == ("lsa-wordllama", FeatureSet.State.BUILDING)
    assert features.advance(project, now())  # the fit
    assert features.advance(project, now())  # one shard of four
    found = encoders.progress(project)
    assert (found.serving, found.coming, found.total) == (old, new, 60)
    assert found.done in (12, 16)  # of 60 in shards of 16, whichever comes first
    label(project, 10)
    assert rounds.turn(project, now())
    assert project.rounds.latest("number").feature_set == old
    while features.advance(project, now()):
        pass
    assert generations.usable(project) == new
    assert encoders.progress(project).coming is None
    before = project.rounds.latest("number")
    label(project, 10)
    after = turn(project)
    assert (after.number, after.feature_set) == (before.number + 1, new)
    assert after.labelled > before.labelled
    centres = [shards.load(one.scores)["centres"] for one in (before, after)]
    assert [one.shape[1] for one in centres] == [256, 512]


@pytest.mark.django_db
def test_a_worker_that_read_the_project_before_the_change_makes_no_other_features():
    project = make_project(items=[f"text {n}" for n in range(6)], featurizer="lsa")
    while features.advance(project, now()):
        pass
    stale = Project.objects.get(pk=project.pk)
    ask(project, "lsa-wordllama")
    while features.advance(stale, now()):
        pass
    assert generations.usable(project).featurizer == "lsa-wordllama"
    assert project.feature_sets.count() == 2


@pytest.mark.django_db
def test_going_back_before_they_are_whole_drops_the_new_ones(django_capture_on_commit_callbacks):
    project = make_project(items=[f"text {n}" for n in range(6)], featurizer="lsa")
    while features.advance(project, now()):
        pass
    ask(project, "lsa-wordllama")
    features.advance(project, now())
    with django_capture_on_commit_callbacks(execute=True):
        ask(project, "lsa")
    assert [one.generation for one in project.feature_sets.all()] == [1]
    assert not features.advance(project, now())


@pytest.mark.django_db
def test_the_page_asks_on_until_items_that_came_in_later_have_features():
    project = make_project(items=[f"text {n}" for n in range(6)], featurizer="lsa")
    while features.advance(project, now()):
        pass
    client = as_admin(project)
    at_rest = client.get(PAGE.format(project.pk) + "live/").content.decode()
    assert "6 of 6 items have features." in at_rest
    assert "hx-trigger" not in at_rest
    make_items(project, ["late", "later"])
    Project.objects.filter(pk=project.pk).update(item_count=8)
    coming = client.get(PAGE.format(project.pk) + "live/").content.decode()
    assert "6 of 8 items have features. The rest is on its way." in coming
    assert "hx-trigger" in coming


@pytest.mark.django_db
def test_fields_stand_beside_the_features_and_count_with_them():
    project = make_project(featurizer="lsa")
    for word in ("north", "south"):
        make_items(project, [f"{word} the same words {n}" for n in range(4)], metadata={"side": word})
    while features.advance(project, now()):
        pass
    ask(project, "lsa", ("side",))
    while features.advance(project, now()):
        pass
    feature_set = generations.usable(project)
    assert (feature_set.generation, feature_set.columns) == (2, ["side"])
    x = features.table(generations.ready_shards(feature_set))[:]
    assert x.shape == (8, 256 + 32)
    assert np.linalg.norm(x, axis=1) == pytest.approx(1, abs=1e-5)
    items = list(project.items.order_by("number"))
    again = features.rows_for(feature_set, [one.text for one in items], [one.metadata for one in items])
    assert again == pytest.approx(x, abs=1e-6)
    assert x[0, 256:].tolist() != x[4, 256:].tolist()


@pytest.mark.django_db
def test_a_model_file_that_is_gone_is_told_to_leads_while_the_old_features_serve(settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    project = make_project(items=[f"text {n}" for n in range(6)], featurizer="lsa")
    while features.advance(project, now()):
        pass
    ask(project, "onnx:gone#0123456789ab")
    assert features.advance(project, now())
    assert generations.usable(project).featurizer == "lsa"
    page = as_admin(project).get(PAGE.format(project.pk)).content.decode()
    assert "There is no model “gone” in the models folder of this site." in page
    assert "Model file gone (no longer in the models folder)" in page
