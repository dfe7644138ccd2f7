"""What several votes on one item settle on, and how sure that is: majority and one-coin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, prod, sqrt
from typing import Final

Answer = frozenset[int]

# How often one person's whole answer is right, until enough doubly labelled items say otherwise.
PRIOR_ACCURACY: Final = 0.85
# From so many pairs of answers on, the data speak alone.
ENOUGH_PAIRS: Final = 30
# Nobody is certain: a clean record of thirty pairs is still thirty pairs.
HIGHEST_ACCURACY: Final = 0.99


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the votes on one item say.

    ``answer``     the label ids; an empty set is an answer («none of these»), None is a tie.
    ``posterior``  chance in (0, 1] that the answer is right; of the best answer where two are tied.
    ``unanimous``  whether all votes are the same.
    ``method``     how it was reached, with the accuracy that was assumed.
    """

    answer: Answer | None
    posterior: float
    unanimous: bool
    method: str

    @property
    def tie(self) -> bool:
        """Whether the votes leave several answers equally likely."""
        return self.answer is None


def settle(votes: Sequence[Answer], n_labels: int, accuracy: float, task: str) -> Settlement:
    """Settle one item by the one-coin model: everybody's whole answer is right with chance ``accuracy``.

    ``votes`` holds the label ids of each person's answer, in any order; ``n_labels`` is the size of the
    label set; ``task`` is ``single`` or ``multi``. In a single choice a wrong vote falls on each other label
    alike. With several labels each is a yes-or-no question of its own, answered rightly with chance
    ``accuracy ** (1 / n_labels)``, and the posterior is the product over the labels; so one vote alone has
    the posterior ``accuracy`` in both tasks.

    Raises ValueError without votes, for an unknown task, an accuracy outside (0, 1), and a vote of more
    than one label in a single choice. After Dawid & Skene 1979, with one parameter for everybody.
    """
    answers = _checked(votes, task)
    if not 0 < accuracy < 1:
        raise ValueError(f"accuracy must lie between 0 and 1, not {accuracy}")
    posterior_of = _single if task == "single" else _multi
    answer, posterior = posterior_of(answers, n_labels, accuracy)
    return Settlement(answer, posterior, len(answers) == 1, f"one-coin {accuracy:.2f}")


def majority(votes: Sequence[Answer], task: str) -> Settlement:
    """Settle one item by counting: the posterior is the share of votes, with several labels the smallest.

    Raises ValueError as ``settle`` does.
    """
    answers = _checked(votes, task)
    total = answers.total()
    if task == "single":
        (top, count), *others = answers.most_common()
        tie = bool(others) and others[0][1] == count
        return Settlement(None if tie else top, count / total, not others, "majority")
    yes = _votes_per_label(answers)
    share = min((max(count, total - count) / total for count in yes.values()), default=1.0)
    chosen = frozenset(label for label, count in yes.items() if 2 * count > total)
    return Settlement(None if share == 0.5 else chosen, share, len(answers) == 1, "majority")


def pooled_accuracy(pairs_agree: int, pairs: int, n_labels: int, task: str = "single") -> float:
    """Estimate how often one person's whole answer is right, from how often two people agree.

    ``pairs`` counts pairs of answers to the same item by two people, ``pairs_agree`` those that are equal.
    Two people who are each right with chance p, and wrong evenly over the k - 1 other labels, agree with
    chance A = p² + (1 - p)² / (k - 1); this is solved for p. Below 30 pairs the missing ones are taken from
    a prior of .85; the result lies above chance and at or under .99. Several labels: each label is a question
    with k = 2, all must agree.

    Raises ValueError where ``pairs_agree`` is negative or above ``pairs``.
    """
    if not 0 <= pairs_agree <= pairs:
        raise ValueError(f"pairs_agree must lie between 0 and pairs ({pairs}), not {pairs_agree}")
    k, questions = (max(n_labels, 2), 1) if task == "single" else (2, max(n_labels, 1))
    missing = max(0, ENOUGH_PAIRS - pairs)
    expected = _agreement(PRIOR_ACCURACY ** (1 / questions), k) ** questions
    agree = (pairs_agree + missing * expected) / (pairs + missing)
    excess = k * agree ** (1 / questions) - 1
    right = (1 + sqrt((k - 1) * max(excess, 0.0))) / k
    # A little above chance at worst, so that the label with the most votes stays the likeliest.
    lowest = (1 / k + 0.05 * (1 - 1 / k)) ** questions
    return min(max(right**questions, lowest), HIGHEST_ACCURACY)


def _agreement(right: float, k: int) -> float:
    """Chance that two people agree who are both right with chance ``right`` among ``k`` labels."""
    return right**2 + (1 - right) ** 2 / (k - 1)


def _checked(votes: Sequence[Answer], task: str) -> Counter[Answer]:
    if task not in {"single", "multi"}:
        raise ValueError(f"task must be single or multi, not {task!r}")
    if not votes:
        raise ValueError("votes is empty: an item without a vote has nothing to settle")
    if task == "single" and max(map(len, votes)) > 1:
        raise ValueError("a vote in a single choice holds one label at most")
    return Counter(votes)


def _votes_per_label(answers: Counter[Answer]) -> dict[int, int]:
    """Count for each label that anybody chose how many chose it."""
    yes: Counter[int] = Counter()
    for answer, count in answers.items():
        for label in answer:
            yes[label] += count
    return dict(sorted(yes.items()))


def _single(answers: Counter[Answer], n_labels: int, accuracy: float) -> tuple[Answer | None, float]:
    # «None of these» is one more class where somebody chose it.
    k = max(n_labels + (frozenset() in answers), len(answers), 2)
    (top, most), *others = answers.most_common()
    tie = bool(others) and others[0][1] == most
    # Each vote for a class multiplies its odds by the same factor; people below chance teach nothing.
    step = max(log(accuracy) - log((1 - accuracy) / (k - 1)), 0.0)
    rivals = [count for _, count in others] + [0] * (k - len(answers))
    return (None if tie else top), 1 / (1 + sum(exp(-step * (most - count)) for count in sorted(rivals)))


def _multi(answers: Counter[Answer], n_labels: int, accuracy: float) -> tuple[Answer | None, float]:
    yes, total = _votes_per_label(answers), answers.total()
    questions = max(n_labels, len(yes), 1)
    right = accuracy ** (1 / questions)
    step = max(log(right) - log(1 - right), 0.0)
    counts = [*sorted(yes.values()), *[0] * (questions - len(yes))]
    posterior = prod(1 / (1 + exp(-step * abs(total - 2 * count))) for count in counts)
    tie = total in {2 * count for count in counts}
    chosen = frozenset(label for label, count in yes.items() if 2 * count > total)
    return (None if tie else chosen), posterior
