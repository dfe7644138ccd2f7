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
# So many pseudo-labels from the pooled matrix each person gets in each row, and so many more, for each label
# beyond two, from that matrix with its diagonal at how often this person is right.
SHRINK: Final = 1.0
SHRINK_OWN: Final = 1.0
# A person is right as everybody is, until more votes than these say otherwise.
SHRINK_RIGHT: Final = 2.0
# The pooled matrix gets these from people who are right as often as pairs of votes agree, and wrong evenly.
SHRINK_POOLED: Final = 30.0
# On a scale each level further off is so much less likely to be said by mistake.
FURTHER: Final = 0.5
# A model never rules a label out: its probabilities are lifted to this.
FLOOR: Final = 0.01
# EM ends once no item's posterior moves by more than this, or after so many rounds.
STILL: Final = 1e-3
ROUNDS: Final = 50


@dataclass(frozen=True, slots=True)
class Fit:
    """What the votes say.

    ``posterior``  chance of each label for each item (n, k); each row adds up to 1.
    ``prior``      share of each label among the answers, each item counting once (k,).
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
    ordinal: bool = False,
) -> Fit:
    """Fit ``method`` to all votes: who confuses what, and what each item is.

    ``majority`` trusts everybody alike, as far as pairs of votes agree, and prefers no label; ``one-coin``
    gives each person one accuracy; ``dawid-skene`` gives each person a confusion matrix, drawn towards the
    pooled one. Items are 0..n-1 and people 0..p-1; those without a vote get the prior and the pooled matrix.
    ``model`` (n, k), each row a model's out-of-fold probabilities or NaN, takes the prior's place for its
    items. ``ordinal``: labels are levels, and mistakes rather fall near the truth.

    The prior is the share of answers and is not fitted: fitted, it ran off to one label on sets with two
    votes an item. People are learned from items with two votes or more: with one vote on every item the
    answer is that vote. Source: Dawid & Skene 1979, «Maximum likelihood estimation of observer error-rates
    using the EM algorithm».

    Raises ValueError for an unknown method, arrays of unequal length, a position outside its range.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    votes = _Votes.of(items, people, answers, n_labels, model)
    right = _usual(votes)
    even = coin(right, votes.k, ordinal)
    start = np.repeat(even[None], votes.shape[1] + 1, axis=0)
    if method == "majority" or not votes.joint.any():
        prior = np.full(votes.k, 1 / votes.k)
        return Fit(_expect(votes, start, _log_prior(votes, prior)), prior, start, method)
    return _em(votes, start, method, ordinal)


def coin(right: float, k: int, ordinal: bool = False) -> Floats:
    """P(said | true) (k, k) of somebody right with this chance; wrong evenly, or on a scale rather near."""
    matrix: Floats = _coins(np.array([right]), k, ordinal)[0]
    return matrix


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


def _usual(votes: _Votes) -> float:
    """How often an answer is right, from how often two on an item are equal; each item counts once."""
    counts = votes.counts[votes.joint]
    sizes = counts.sum(axis=1)
    equal = ((counts**2).sum(axis=1) - sizes) / (sizes * (sizes - 1))
    return pooled_accuracy(round(float(equal.sum())), len(equal), votes.k)


def _coins(right: Floats, k: int, ordinal: bool) -> Floats:
    """Matrices (p, k, k) of people who are right with these chances (p,)."""
    at = np.arange(k)
    apart = np.abs(at[:, None] - at)
    wrong = np.where(apart > 0, FURTHER**apart if ordinal else 1.0, 0.0)
    wrong /= np.maximum(wrong.sum(axis=1, keepdims=True), 1e-300)
    return np.where(apart > 0, (1 - right)[:, None, None] * wrong, right[:, None, None] if k > 1 else 1.0)


def _em(votes: _Votes, rows: Floats, method: str, ordinal: bool) -> Fit:
    codes = votes.people * votes.k + votes.answers
    heard = votes.joint[votes.items]
    prior = _shares(votes)
    log_prior, even = _log_prior(votes, prior), rows[-1]
    found = _expect(votes, rows, log_prior)
    for _ in range(ROUNDS):
        before = found
        tables = _tables(votes, codes, heard, found)
        rows = _one_coin(tables, ordinal) if method == "one-coin" else _shrunk(tables, even)
        found = _expect(votes, rows, log_prior)
        if np.abs(found - before).max() < STILL:
            break
    return Fit(found, prior, rows, method)


def _shares(votes: _Votes) -> Floats:
    """Share of each label among the answers: each item counts once, and one more for every label alike."""
    counts = votes.counts
    sizes = counts.sum(axis=1, keepdims=True)
    total = (counts / np.maximum(sizes, 1)).sum(axis=0) + 1 / votes.k
    shares: Floats = total / total.sum()
    return shares


def _tables(votes: _Votes, codes: Ints, heard: NDArray[np.bool_], found: Floats) -> Floats:
    """Count for each person what was said where what was likely true (p, true, said)."""
    _, p, k = votes.shape
    items, codes = votes.items[heard], codes[heard]
    columns = [np.bincount(codes, found[:, true][items], minlength=p * k) for true in range(k)]
    tables: Floats = np.stack(columns, axis=1, dtype=np.float64).reshape(p, k, k).transpose(0, 2, 1)
    return tables


def _shrunk(tables: Floats, even: Floats) -> Floats:
    """Confusion rows of each person, drawn towards the pooled ones, which come last."""
    k = len(even)
    pooled = tables.sum(axis=0) + SHRINK_POOLED * even
    pooled /= pooled.sum(axis=1, keepdims=True)
    tables = np.concatenate([tables, np.zeros((1, k, k))])
    # With many labels a row is mostly what others say: then at least as right as this person is elsewhere.
    drawn = tables + SHRINK * pooled + SHRINK_OWN * max(k - 2, 0) * _own(tables, pooled)
    rows: Floats = drawn / drawn.sum(axis=2, keepdims=True)
    return rows


def _own(tables: Floats, pooled: Floats) -> Floats:
    """The pooled matrix (p, k, k), the odds of its diagonal moved as each person's odds of being right."""
    right, total = np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2))
    usual = (right.sum() + 1) / (total.sum() + 2)
    share = (right + SHRINK_RIGHT * usual) / (total + SHRINK_RIGHT)
    odds = (share / (1 - share)) / (usual / (1 - usual))
    moved = pooled * np.where(np.eye(len(pooled), dtype=bool), odds[:, None, None], 1.0)
    own: Floats = moved / moved.sum(axis=2, keepdims=True)
    return own


def _one_coin(tables: Floats, ordinal: bool) -> Floats:
    right, total = np.trace(tables, axis1=1, axis2=2), tables.sum(axis=(1, 2))
    pooled = (right.sum() + 1) / (total.sum() + 2)
    shares = np.append((right + SHRINK * pooled) / (total + SHRINK), pooled)
    return _coins(shares, tables.shape[1], ordinal)


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
