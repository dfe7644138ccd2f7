"""Learners beside scikit-learn: the same fits, the same predictions, the same gradients."""

from typing import cast

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.svm import LinearSVC

from sampling.core.learners import LEARNERS, LinearModel, Logistic, model_from_state, probas
from sampling.core.learners.bayes import NaiveBayes
from sampling.core.learners.contract import Training
from sampling.core.learners.forest import Forest, flattened
from sampling.core.learners.logistic import Svm
from sampling.core.learners.minimise import minimised
from sampling.core.learners.mlp import Mlp, MlpModel, loss, parts
from sampling.core.learners.ridge import solved
from tests.core.test_learners import groups, one_hot, rng


def training(n=60, k=3, task="single", spread=0.6):
    x, targets = groups(n, k, spread)
    return Training(x, targets, rng(5).uniform(0.2, 3, n).astype(np.float32), task)


def test_weights_count_as_they_do_in_scikit_learn():
    data = training(200)
    ours = Logistic((2.0,), few=2.0, folds=0).fit(data.x, data.targets, "single", rng(), data.weights).model
    theirs = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000)
    theirs.fit(data.x, data.targets.argmax(1), sample_weight=data.weights)
    assert ours.proba(data.x) == pytest.approx(theirs.predict_proba(data.x), abs=3e-3)


def test_the_svm_finds_the_same_planes_as_scikit_learn():
    data = training(200)
    fitted = Svm((0.5,), few=0.5, folds=0).fit(data.x, data.targets, "single", rng(), data.weights)
    ours = cast(LinearModel, fitted.model)
    # A large scale leaves its intercept without a penalty, as ours is.
    theirs = LinearSVC(C=0.5, tol=1e-8, max_iter=100_000, dual=False, intercept_scaling=30)
    theirs.fit(data.x, data.targets.argmax(1), sample_weight=data.weights)
    assert ours.logits(data.x) == pytest.approx(theirs.decision_function(data.x), abs=0.02)


def test_fewer_rows_than_columns_give_what_all_columns_would():
    x = rng(1).normal(size=(30, 80)).astype(np.float32)
    targets = one_hot(rng(2).integers(3, size=30), 3)
    ours = Logistic((1.0,), few=1.0, folds=0).fit(x, targets, "single", rng()).model
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, targets.argmax(1))
    assert ours.proba(x) == pytest.approx(theirs.predict_proba(x), abs=3e-3)


@pytest.mark.parametrize("noise", [0.1, 2.0, 20.0])
def test_of_several_strengths_the_one_that_predicts_best_out_of_fold_is_taken(noise):
    positions = rng(1).integers(3, size=150)
    x = (np.eye(3, 40)[positions] + rng(2).normal(0, noise / 6, (150, 40))).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    targets = one_hot(positions, 3)

    def cost(strength):
        held_out = Logistic((strength,)).fit(x, targets, "single", rng()).held_out
        return -np.log((held_out * targets).sum(axis=1)).mean()

    chosen = cast(LinearModel, Logistic().fit(x, targets, "single", rng()).model).strength
    at = Logistic().strengths.index(chosen)
    neighbours = Logistic().strengths[max(at - 1, 0) : at + 2]
    assert cost(chosen) <= min(cost(strength) for strength in neighbours) * 1.05


def test_a_committee_is_fitted_with_the_champions_strength():
    x, targets = groups(90)
    found = cast(LinearModel, Logistic().fit(x, targets, "single", rng()).model)
    assert Logistic().like(found) == Logistic((found.strength,), found.strength)
    assert LEARNERS["forest"].like(found) is LEARNERS["forest"]


def test_a_start_changes_next_to_nothing_and_always_the_same():
    x, targets = groups(120, spread=0.8)
    recipe = Logistic((30.0,))
    before = recipe.fit(x[:100], targets[:100, :2] + [[0, 1]] * targets[:100, 2:], "single", rng()).model
    cold = recipe.fit(x, targets, "single", rng()).model.proba(x)
    warm = [recipe.fit(x, targets, "single", rng(), start=before).model.proba(x) for _ in range(2)]
    assert (warm[0] == warm[1]).all()
    assert warm[0] == pytest.approx(cold, abs=0.01)
    # A model of other features, or of another kind, is no start.
    other = recipe.fit(x[:, :3], targets, "single", rng()).model
    assert (recipe.fit(x, targets, "single", rng(), start=other).model.proba(x) == cold).all()


def test_naive_bayes_by_hand():
    x = np.array([[-1.0], [-3], [2], [4]], np.float32)
    model = NaiveBayes(pull=1e9, folds=0).fit(x, one_hot([0, 0, 1, 1], 2), "single", rng()).model
    # Both variances are 1 (and a hundredth), means -2 and 3: the odds at 1 are exp((9 - 4) / 2 / 1.01).
    odds = model.proba(np.array([[1.0]], np.float32))[0]
    assert np.log(odds[1] / odds[0]) == pytest.approx((9 - 4) / 2 / 1.01, rel=1e-3)


@pytest.mark.parametrize("k", [1, 3])
def test_flat_trees_say_just_what_scikit_learns_forest_says(k):
    data = training(150, k, "multi")
    made = RandomForestRegressor(20, max_features="sqrt", random_state=3)
    made.fit(data.x, data.targets if k > 1 else data.targets[:, 0], sample_weight=data.weights)
    x = rng(9).normal(size=(5_000, data.x.shape[1])).astype(np.float32)
    assert flattened(made, data).shares(x) == pytest.approx(made.predict(x).reshape(5_000, k), abs=1e-6)


def test_the_network_passes_forward_as_scikit_learns_does():
    data = training(80)
    model = cast(MlpModel, Mlp(hidden=6, folds=0).fit(data.x, data.targets, "single", rng()).model)
    theirs = MLPClassifier((6,), activation="relu")
    theirs.n_layers_, theirs.out_activation_, theirs.n_outputs_ = 3, "softmax", 3
    theirs.n_features_in_, theirs.classes_ = data.x.shape[1], np.arange(3)
    theirs._label_binarizer = LabelBinarizer().fit(np.arange(3))
    theirs.coefs_, theirs.intercepts_ = [model.inner, model.outer], [model.inner_bias, model.outer_bias]
    assert model.proba(data.x) == pytest.approx(theirs.predict_proba(data.x), abs=1e-5)


@pytest.mark.parametrize("task", ["single", "multi"])
def test_the_networks_gradient_is_its_slope(task):
    data = training(20, task=task)
    point = rng(4).normal(size=5 * 4 + 4 + 4 * 3 + 3)

    def value(flat):
        return loss(flat, data, 4, 2.0)[0]

    def gradient(flat):
        return loss(flat, data, 4, 2.0)[1]

    assert check_grad(value, gradient, point, epsilon=1e-4) < 0.02
    assert [part.shape for part in parts(point, (5, 4, 3))] == [(5, 4), (4,), (4, 3), (3,)]


def test_a_member_of_the_ridge_is_scikit_learns():
    data = training(40)
    wanted = np.asarray(data.targets @ np.arange(3)[:, None], np.float64)
    weights, bias = solved(data.x, wanted, data.weights, 2.0)
    theirs = Ridge(alpha=0.5).fit(data.x, wanted[:, 0], sample_weight=data.weights)
    assert weights[:, 0] == pytest.approx(theirs.coef_.ravel(), abs=1e-4)
    assert bias[0] == pytest.approx(float(theirs.intercept_), abs=1e-4)


def test_ratings_that_lie_between_are_near_both_ends():
    x = np.repeat(np.linspace(-1, 1, 40, dtype=np.float32)[:, None], 2, axis=1)
    stars = np.clip(np.round(x[:, 0] * 2 + 2), 0, 4).astype(int)
    model = LEARNERS["ridge"].fit(x, one_hot(stars, 5), "single", rng()).model
    proba = model.proba(np.array([[-1, -1], [0, 0], [1, 1]], np.float32))
    assert proba.argmax(axis=1).tolist() == [0, 2, 4]
    # The farther a rating is from what is predicted, the less likely it is.
    assert (np.diff(proba[0]) <= 0).all()
    assert (np.diff(proba[2]) >= 0).all()


@pytest.mark.parametrize("task", ["single", "multi"])
def test_several_models_in_one_pass_say_what_each_says(task):
    x, targets = groups(120, spread=0.7)
    targets[:, 1] *= task == "single"
    if task == "single":
        targets = one_hot(np.minimum(targets.argmax(1), 1), 3)
    models = [LEARNERS["logistic"].fit(x[i:], targets[i:], task, rng()).model for i in (0, 20, 40)]
    assert all(isinstance(model, LinearModel) for model in models)
    assert probas(models, x) == pytest.approx(np.stack([model.proba(x) for model in models]), abs=1e-5)
    mixed = [*models, LEARNERS["naive-bayes"].fit(x, targets, task, rng()).model]
    assert probas(mixed, x).shape == (4, 120, 3)
    with pytest.raises(ValueError, match="models is empty"):
        probas([], x)


def test_a_plain_bowl_is_minimised():
    slopes = np.array([1, 10, 100], np.float32)
    found = minimised(lambda x: (float(slopes @ (x - 1) ** 2), 2 * slopes * (x - 1)), np.zeros(3, np.float32))
    assert found == pytest.approx(1, abs=1e-3)


def test_the_same_seed_gives_the_same_forest():
    x, targets = groups(60)
    one, two, other = (
        Forest(trees=5).fit(x, targets, "single", rng(seed)).model.proba(x) for seed in (1, 1, 2)
    )
    assert (one == two).all()
    assert (one != other).any()


def test_a_state_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="state is of kind oracle; known: linear, bayes, forest, mlp, ridge"):
        model_from_state({"kind": np.array("oracle")})
