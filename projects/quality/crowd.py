"""What many votes by many people say: a posterior for each item and a confusion matrix for each person.

Everywhere: ``items``, ``people`` and ``answers`` are integers (m,), one a vote; ``answers`` are label
positions 0..k-1. Nobody votes twice on one item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from projects.quality.consensus import pooled_accuracy

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]

METHODS: Final = ("majority", "one-coin", "dawid-skene")
# So many pseudo-labels from the pooled matrix each person gets in each row.
SHRINK: Final = 1.0
# A model never rules a label out: its probabilities are lifted to this.
FLOOR: Final = 0.01
# EM ends once no item's posterior moves by more than this, or after so many rounds.
STILL: Final = 1e-3
ROUNDS: Final = 50


@dataclass(frozen=True, slots=True)
class Fit:
    """What the votes say.

    ``posterior``  chance of each label for each item (n, k); each row adds up to 1.
    ``prior``      share of each label (k,).
    ``rows``       P(said | true) of each person (p + 1, k, k), ``rows[person, true, said]``; the last one is
                   for people who are not known: the pooled matrix.
    ``method``     how it was fitted.
    """

    posterior: Floats
    prior: Floats
    rows: Floats
    method: str


def fit(  # noqa: PLR0913
    items: Ints,
    people: Ints,
    answers: Ints,
    n_labels: int,
    method: str = "dawid-skene",
    model: Floats | None = None,
) -> Fit:
    """Fit ``method`` to all votes: who confuses what, and what each item is.

    ``majority`` trusts everybody alike, as far as pairs of votes agree; ``one-coin`` gives each person one
    accuracy; ``dawid-skene`` gives each person a confusion matrix, drawn towards the pooled one. Items are
    0..n-1 and people 0..p-1; those without a vote get the prior and the pooled matrix. ``model`` (n, k), each
    row a model's out-of-fold probabilities or NaN, takes the prior's place for its items.

    People are learned from items with two votes or more: with one vote on every item the answer is that vote.
    Source: Dawid & Skene 1979, «Maximum likelihood estimation of observer error-rates».

    Raises ValueError for an unknown method, arrays of unequal length, a position outside its range.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    votes = _Votes.of(items, people, answers, n_labels, model)
    start = _alike(votes)
    if method == "majority" or not votes.joint.any():
        prior = np.full(votes.k, 1 / votes.k)
        return Fit(_expect(votes, start, _log_prior(votes, prior)), prior, start, method)
    return _em(votes, start, method)


def posterior(
    votes: Sequence[tuple[int, int]], rows: Floats, prior: Floats, model: Floats | None = None
) -> Floats:
    """Return the chance of each label (k,) for one item, as the last step of ``fit`` does with these rows.

    ``votes`` holds (row of the person or -1 for somebody unknown, answer); ``rows`` and ``prior`` are a
    fit's; ``model`` (k,) takes the prior's place. A few dozen microseconds.
    """
    pairs = np.asarray(votes, dtype=np.intp).reshape(-1, 2)
    number = len(pairs)
    said = _Votes(
        np.zeros(number, dtype=np.intp),
        np.arange(number),
        pairs[:, 1],
        (1, number, len(prior)),
        None if model is None else model[None],
    )
    # -1 is the last row: the pooled matrix.
    found: Floats = _expect(said, rows[pairs[:, 0]], _log_prior(said, prior))[0]
    return found


@dataclass(slots=True)
class _Votes:
    items: Ints
    people: Ints
    answers: Ints
    # Items, people, labels.
    shape: tuple[int, int, int]
    model: Floats | None

    @classmethod
    def of(cls, items: Ints, people: Ints, answers: Ints, k: int, model: Floats | None) -> _Votes:
        if not len(items) == len(people) == len(answers):
            lengths = f"{len(items)}, {len(people)}, {len(answers)}"
            raise ValueError(f"items, people and answers must be of one length, not {lengths}")
        n = int(items.max(initial=-1)) + 1 if model is None else len(model)
        if len(items) and (min(items.min(), people.min(), answers.min()) < 0 or items.max() >= n):
            raise ValueError(f"items must lie in 0..{n - 1}; people and answers must not be negative")
        if answers.max(initial=0) >= k:
            raise ValueError(f"answers must lie in 0..{k - 1}, found {answers.max()}")
        p = int(people.max(initial=-1)) + 1
        return cls(items.astype(np.intp), people.astype(np.intp), answers.astype(np.intp), (n, p, k), model)

    @property
    def k(self) -> int:
        return self.shape[2]

    @property
    def joint(self) -> NDArray[np.bool_]:
        """Which items hold two votes or more (n,)."""
        return np.bincount(self.items, minlength=self.shape[0]) > 1

    @property
    def counts(self) -> Floats:
        """Votes of each item for each label (n, k)."""
        n, _, k = self.shape
        return np.bincount(self.items * k + self.answers, minlength=n * k).reshape(n, k).astype(np.float64)


def _alike(votes: _Votes) -> Floats:
    """Return the same matrix for everybody, from how often two votes on an item are equal."""
    _, p, k = votes.shape
    counts = votes.counts
    sizes = counts.sum(axis=1)
    pairs = int((sizes * (sizes - 1)).sum() / 2)
    agree = int((counts * (counts - 1)).sum() / 2)
    right = pooled_accuracy(agree, pairs, k)
    return np.repeat(_coin(np.array([right]), k), p + 1, axis=0)


def _coin(right: Floats, k: int) -> Floats:
    """Matrices (p, k, k) of people who are right with these chances (p,), and wrong evenly."""
    wrong = ((1 - right) / max(k - 1, 1))[:, None, None]
    return np.where(np.eye(k, dtype=bool), right[:, None, None], wrong)


def _em(votes: _Votes, rows: Floats, method: str) -> Fit:
    codes = votes.people * votes.k + votes.answers
    heard = votes.joint[votes.items]
    prior = np.full(votes.k, 1 / votes.k)
    found = _expect(votes, rows, _log_prior(votes, prior))
    for _ in range(ROUNDS):
        before = found
        tables = _tables(votes, codes, heard, found)
        rows = _one_coin(tables) if method == "one-coin" else _shrunk(tables)
        prior = (found.sum(axis=0) + 1) / (len(found) + votes.k)
        found = _expect(votes, rows, _log_prior(votes, prior))
        if np.abs(found - before).max() < STILL:
            break
    return Fit(found, prior, rows, method)


def _tables(votes: _Votes, codes: Ints, heard: NDArray[np.bool_], found: Floats) -> Floats:
    """Count for each person what was said where what was likely true (p, true, said)."""
    _, p, k = votes.shape
    items, codes = votes.items[heard], codes[heard]
    columns = [np.bincount(codes, found[:, true][items], minlength=p * k) for true in range(k)]
    tables: Floats = np.stack(columns, axis=1, dtype=np.float64).reshape(p, k, k).transpose(0, 2, 1)
    return tables


def _shrunk(tables: Floats) -> Floats:
    """Confusion rows of each person, drawn towards the pooled ones, which come last."""
    k = tables.shape[1]
    total = tables.sum(axis=0)
    right = (np.trace(total) + 1) / (total.sum() + 2)
    # One pseudo-label a row keeps a chance for what nobody has said yet.
    pooled = total + _coin(np.array([right]), k)[0]
    pooled /= pooled.sum(axis=1, keepdims=True)
    drawn = np.concatenate([tables, np.zeros((1, k, k))]) + SHRINK * pooled
    rows: Floats = drawn / drawn.sum(axis=2, keepdims=True)
    return rows


def _one_coin(tables: Floats) -> Floats:
    k = tables.shape[1]
    right, total = np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2))
    pooled = (right.sum() + 1) / (total.sum() + 2)
    return _coin(np.append((right + SHRINK * pooled) / (total + SHRINK), pooled), k)


def _log_prior(votes: _Votes, prior: Floats) -> Floats:
    """Logarithm of each item's prior (n, k) or of everybody's (1, k)."""
    if votes.model is None:
        return np.log(prior)[None]
    lifted = np.maximum(votes.model, FLOOR)
    lifted = lifted / lifted.sum(axis=1, keepdims=True)
    return np.log(np.where(np.isnan(lifted), prior, lifted))


def _expect(votes: _Votes, rows: Floats, log_prior: Floats) -> Floats:
    """Chance of each label for each item (n, k), given how people answer."""
    n, _, k = votes.shape
    codes = votes.people * k + votes.answers
    # By (person, said), for each true label.
    logs = np.log(rows).transpose(1, 0, 2).reshape(k, -1)
    columns = [np.bincount(votes.items, logs[true][codes], minlength=n) for true in range(k)]
    scores = np.stack(columns, axis=1) + log_prior
    scores -= scores.max(axis=1, keepdims=True)
    chances = np.exp(scores, out=scores)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances
