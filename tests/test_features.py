"""Features: fitted once a generation, computed once an item, whoever computes them."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, default_storage
from django.utils.timezone import now
from PIL import Image

from projects.models import Project, Upload
from sampling import contents, features, generations, queries, shards
from sampling.core.featurizers import FEATURIZERS, default_for
from sampling.models import FeatureSet, FeatureShard
from tests.factories import make_items, make_project
from tests.threads import in_threads

WORDS = ["red", "green", "blue", "apple", "pear", "plum", "river", "cloud", "stone", "grass"]


def texts(count: int) -> list[str]:
    rng = np.random.default_rng(count)
    return [" ".join(rng.choice(WORDS, 6)) for _ in range(count)]


def finish(project: Project) -> int:
    """Do all feature work there is; return how many pieces it was."""
    steps = 0
    while features.advance(project, now()):
        steps += 1
    return steps


def item_ids(feature_set: FeatureSet) -> list[int]:
    ids: list[int] = features.table(generations.ready_shards(feature_set)).items.tolist()
    return ids


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SHARD_ROWS", 4)


@pytest.mark.django_db
def test_every_item_gets_features_once_in_shards_of_limited_size():
    project = make_project(items=texts(10), featurizer="lsa")
    assert finish(project) == 1 + 3
    feature_set = generations.usable(project)
    assert feature_set is not None
    assert feature_set.state == FeatureSet.State.READY
    assert [shard.rows for shard in generations.ready_shards(feature_set)] == [4, 4, 2]
    assert item_ids(feature_set) == list(project.items.order_by("number").values_list("pk", flat=True))
    assert queries.waiting(now()) == [project.pk]  # for its first batch
    assert finish(project) == 0


@pytest.mark.django_db
def test_new_items_get_new_shards_and_the_old_ones_stay():
    project = make_project(items=texts(10), featurizer="lsa")
    finish(project)
    before = dict(FeatureShard.objects.values_list("pk", "path"))
    make_items(project, texts(3))
    assert project.pk in queries.waiting(now())
    finish(project)
    feature_set = generations.usable(project)
    assert feature_set is not None
    assert feature_set.generation == 1
    assert len(item_ids(feature_set)) == 13
    assert before.items() <= dict(FeatureShard.objects.values_list("pk", "path")).items()


@pytest.mark.django_db
def test_a_pool_that_grew_by_a_half_gets_a_new_generation_while_the_old_one_serves():
    project = make_project(items=texts(10), featurizer="lsa")
    finish(project)
    make_items(project, texts(5))
    serving = []
    while features.advance(project, now()):
        feature_set = generations.usable(project)
        assert feature_set is not None
        serving.append(feature_set.generation)
    assert serving == [1, 1, 1, 1, 1]
    new = generations.usable(project)
    assert new is not None
    assert (new.generation, new.fitted_items) == (2, 15)
    assert project.feature_sets.get(generation=1).state == FeatureSet.State.RETIRED


@pytest.mark.django_db
def test_another_featurizer_replaces_the_one_in_use_when_it_is_whole():
    project = make_project(items=texts(6), featurizer="lsa")
    finish(project)
    project.featurizer = ""
    project.save()
    assert queries.waiting(now()) == [project.pk]
    finish(project)
    feature_set = generations.usable(project)
    assert feature_set is not None
    assert (feature_set.generation, feature_set.featurizer) == (2, "lsa-wordllama")


@pytest.mark.django_db
def test_a_featurizer_that_learns_nothing_is_never_fitted_again():
    project = make_project(media="image", featurizer="hog-colour")
    make_items(project, 4)
    finish(project)
    make_items(project, 40)
    finish(project)
    assert project.feature_sets.get().fitted == ""
    assert generations.ready_rows(project.feature_sets.get()) == 44


@pytest.mark.django_db
def test_nothing_is_fitted_while_a_file_comes_in():
    project = make_project(items=texts(6), featurizer="lsa")
    upload = Upload.objects.create(
        project=project, name="a.csv", state=Upload.State.IMPORTING, heartbeat_at=now()
    )
    assert finish(project) == 0
    Upload.objects.filter(pk=upload.pk).update(heartbeat_at=now() - timedelta(minutes=5))
    assert finish(project) == 3


@pytest.mark.django_db
def test_a_large_first_generation_serves_before_it_is_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generations, "ENOUGH_ROWS", 8)
    project = make_project(items=texts(20), featurizer="lsa")
    served = []
    while features.advance(project, now()):
        served.append(generations.usable(project) is not None)
    assert served == [False, False, True, True, True, True]


@pytest.mark.django_db
def test_a_project_without_items_has_nothing_to_do():
    project = make_project()
    assert finish(project) == 0
    assert queries.waiting(now()) == []


@pytest.mark.django_db
def test_a_failure_is_kept_for_leads_and_holds_up_no_other_shard(monkeypatch: pytest.MonkeyPatch):
    project = make_project(items=["bad", *texts(7)], featurizer="lsa")
    assert features.advance(project, now())  # the fit
    real = FEATURIZERS["lsa"].transform

    def transform(self: object, contents: list[str]) -> object:
        if "bad" in contents:
            raise OSError("No space left on device")
        return real(self, contents)  # type: ignore[arg-type]

    monkeypatch.setattr(FEATURIZERS["lsa"], "transform", transform)
    assert finish(project) == 2
    feature_set = project.feature_sets.get()
    assert feature_set.error == "OSError: No space left on device"
    assert generations.ready_rows(feature_set) == 4
    assert queries.waiting(now()) == [project.pk]  # four rows could serve a first batch
    monkeypatch.undo()
    monkeypatch.setattr(features, "SHARD_ROWS", 4)
    assert features.advance(project, now() + timedelta(minutes=2))
    assert generations.ready_rows(feature_set) == 8


@pytest.mark.django_db
def test_work_of_a_dead_worker_is_taken_over_and_what_it_makes_too_late_is_dropped():
    project = make_project(items=texts(4), featurizer="lsa")
    features.advance(project, now())
    (lost,) = features.offers(project, now())
    assert features.offers(project, now()) == []
    later = now() + timedelta(minutes=1)
    assert project.pk in queries.waiting(later)
    (again,) = features.offers(project, later)
    assert features.perform(lost) is None
    assert features.perform(again) == project.pk
    assert features.perform(again) is None
    assert FeatureShard.objects.get().rows == 4


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_get_the_same_message_one_computes_it():
    project = make_project(items=texts(4), featurizer="lsa")
    features.advance(project, now())
    (offer,) = features.offers(project, now())
    folder = f"features/{project.pk}/1"
    before = len(default_storage.listdir(folder)[1])
    done = in_threads(8, lambda: features.perform(offer))
    assert sorted(done, key=str) == [project.pk, *[None] * 7]
    assert len(default_storage.listdir(folder)[1]) == before + 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_share_the_shards(settings):
    settings.FEATURE_LANES = 8
    project = make_project(items=texts(23), featurizer="lsa")
    features.advance(project, now())
    in_threads(4, lambda: finish(project))
    finish(project)
    feature_set = generations.usable(project)
    assert feature_set is not None
    assert len(item_ids(feature_set)) == len(set(item_ids(feature_set))) == 23


def test_a_table_reads_the_same_rows_as_one_large_array():
    rng = np.random.default_rng(0)
    parts = [rng.random((n, 3)).astype(np.float32) for n in (4, 1, 7)]
    items = np.arange(100, 112)
    whole = np.concatenate(parts)
    paths = [
        shards.save("features/t/part.npz", {"items": items[a:b], "x": x})
        for x, a, b in zip(parts, (0, 4, 5), (4, 5, 12), strict=True)
    ]
    table = shards.Table.of(paths)
    assert table.shape == (12, 3)
    assert (table[:] == whole).all()
    assert (table[3:6] == whole[3:6]).all()
    rows = np.array([11, 0, 4, 4])
    assert (table[rows] == whole[rows]).all()
    assert (table.only(rows)[1:] == whole[rows][1:]).all()
    assert table.only(rows).items.tolist() == [111, 100, 104, 104]
    assert table.rows_of(np.array([105, 7, 100])).tolist() == [5, -1, 0]
    assert shards.Table.of([]).rows_of(np.array([1])).tolist() == [-1]


class Far:
    """Stands for an object store: its files have no path on this machine."""

    def __init__(self) -> None:
        self.near = InMemoryStorage()
        self.save, self.open, self.delete = self.near.save, self.near.open, self.near.delete

    def path(self, name: str) -> str:
        raise NotImplementedError("This backend has no local files.")


def test_shards_of_an_object_store_are_fetched_once(monkeypatch: pytest.MonkeyPatch):
    far = Far()
    monkeypatch.setattr(shards, "default_storage", far)
    x = np.ones((2, 3), np.float32)
    path = shards.save("features/far/part.npz", {"items": np.arange(2), "x": x})
    assert (shards.Table.of([path])[:] == x).all()
    shards.opened.cache_clear()
    far.delete(path)
    assert (shards.Table.of([path])[:] == x).all()


def test_a_picture_that_cannot_be_read_is_none_and_the_others_are_there():
    file = BytesIO()
    Image.new("RGB", (2000, 1000), "red").save(file, "JPEG")
    good = default_storage.save("items/good.jpg", ContentFile(file.getvalue()))
    cut = default_storage.save("items/cut.jpg", ContentFile(file.getvalue()[:300]))
    pictures = contents.Pictures([good, cut, "items/gone.jpg"])
    found = pictures[:]
    assert [picture is None for picture in found] == [False, True, True]
    assert found[0] is not None
    assert 256 <= min(found[0].size) < 1000
    assert len(pictures) == 3


@pytest.mark.django_db
def test_pictures_get_the_features_of_what_they_show():
    project = make_project(media="image")
    items = make_items(project, 6)
    for number, item in enumerate(items):
        file = BytesIO()
        Image.new("RGB", (40, 40), "red" if number % 2 else "navy").save(file, "PNG")
        item.image = default_storage.save("items/plain.png", ContentFile(file.getvalue()))
        item.save()
    finish(project)
    feature_set = generations.usable(project)
    assert feature_set is not None
    assert feature_set.featurizer == default_for("image")
    x = features.table(generations.ready_shards(feature_set))[:]
    alike = x @ x.T
    assert alike[0, 2] == pytest.approx(1, abs=1e-4)
    assert alike[0, 1] < 0.99


def test_a_process_may_open_as_many_shards_as_a_table_has(monkeypatch):
    asked = []
    monkeypatch.setattr("resource.getrlimit", lambda _which: (64, 100_000))
    monkeypatch.setattr("resource.setrlimit", lambda _which, limits: asked.append(limits))
    shards._allow_files(5_000)
    [(soft, hard)] = asked
    assert soft >= 5_000
    assert hard == 100_000
