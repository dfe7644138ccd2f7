"""What the present votes on one item say, how sure that is, and whether it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from projects import queries
from projects.models import Annotation, Item, Project
from projects.quality import asking, crowd, ordinal
from projects.quality.asking import Rule
from projects.queries import Rules
from projects.trust import book, estimates, fitting
from projects.trust.book import Book, Floats, Table

# «Can't tell» as a vote.
CANT_TELL = frozenset({book.CANT_TELL})
# How a soft label calls it.
UNTOLD = "cant_tell"
Answer = frozenset[int]
# Label positions with the model's probabilities, likeliest first.
Top = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Vote:
    """What one person says of an item: label ids, or the mark of «can't tell»."""

    pk: int
    person: int
    answer: Answer


@dataclass(frozen=True)
class Weighed:
    """What the votes come to.

    ``what``       settle, ask or lead.
    ``answer``     what somebody said; of several labels each as somebody said it, on a scale never beyond
                   what was said.
    ``posterior``  chance that ``answer`` is right, calibrated where it is the likeliest of all answers and
                   there is a calibration.
    ``soft``       chance of each label by its id; they add up to 1 in a single choice.
    ``tied``       whether no answer has more votes than every other.
    """

    what: str
    answer: Answer
    posterior: float
    soft: dict[str, float]
    tied: bool
    method: str
    estimate: int


def counted(rules: Rules, item: Item, said: Sequence[Annotation]) -> list[Vote]:
    """The votes that decide an item, of what people say now.

    Not those of people whose votes are excluded, those given before its labels changed their meaning, and
    answers that only check the person. A merged label counts for the one that it became.
    """
    return [
        Vote(one.pk, one.annotator_id, answer_of(one, rules.merged))
        for one in said
        if asked(one) and one.excluded_at is None and one.guideline_version >= item.votes_from
    ]


def asked(one: Annotation) -> bool:
    """Whether this fills a place of an item: an answer or «can't tell», not given to check the person."""
    return one.kind in Annotation.COUNTED and one.stream != queries.GOLD


def answer_of(one: Annotation, merged: dict[int, int]) -> Answer:
    """The label ids that a person means, or the mark of «can't tell»."""
    if one.kind == Annotation.Kind.CANT_TELL:
        return CANT_TELL
    return frozenset(merged.get(label, label) for label in one.labels)


def weigh(project: Project, rules: Rules, votes: Sequence[Vote], rule: Rule, top: Top = ()) -> Weighed:
    """Say what the votes, one at least and in any order, come to under a rule.

    ``top`` is what a model thought that had not seen the item: it takes the place of the prior. People are
    weighed by the newest estimate; by what is known of everybody together where there is none, or where it
    does not know a label that was chosen.
    """
    known = estimates.newest(project)
    labels = {label for vote in votes for label in vote.answer}
    extra = {book.CANT_TELL} if project.task == Project.Task.MULTI else set()
    if known is None or not labels.issubset({*known.classes, *extra}):
        known = pooled(project, rules, labels)
    by_position = {label.position: label.pk for label in rules.labels}
    model = {by_position[at]: share for at, share in top if at in by_position}
    weighed = _several if project.task == Project.Task.MULTI else _one
    return weighed(known, votes, rule, model)


def pooled(project: Project, rules: Rules, said: set[int]) -> Book:
    """Everybody alike, as far as pairs of answers agree."""
    right = queries.pooled_accuracy(project, rules)
    method = f"one-coin {right:.2f}"
    classes = [*[label.pk for label in rules.labels], *sorted(said - {label.pk for label in rules.labels})]
    if project.task == Project.Task.MULTI:
        labels = [pk for pk in classes if pk != book.CANT_TELL]
        table = book.even(right ** (1 / max(1, len(labels))), 2)
        return Book(tuple(classes), dict.fromkeys(labels, table), method)
    ordered = tuple(classes) if len(classes) > 1 else (*classes, 0)
    return Book(ordered, {0: book.even(right, len(ordered), project.ordinal)}, method)


def _one(known: Book, votes: Sequence[Vote], rule: Rule, model: dict[int, float]) -> Weighed:
    """One label must be chosen: a posterior over all, and «can't tell» where somebody says it."""
    column = {pk: at for at, pk in enumerate(known.classes)}
    table = known.tables[0]
    answers = [next((column[pk] for pk in vote.answer), None) for vote in votes]
    prior = _prior(known.classes, model, table.prior)
    posterior = chances(table, votes, answers, prior)
    verdict = asking.decide(posterior, answers, rule, known.calibration)
    said = {at for at in answers if at is not None}
    chosen = verdict.label if verdict.what == "settle" or not said else _of_said(known, posterior, said)
    sure = verdict.confidence
    if chosen != verdict.label:
        sure = float(posterior[chosen])
    share = _rescaled(posterior, chosen, sure)
    soft = {key_of(pk): round(p, 4) for pk, p in zip(known.classes, share.tolist(), strict=True) if pk}
    answer = frozenset({known.classes[chosen]})
    return Weighed(verdict.what, answer, sure, soft, _tied(votes), _method(known, model), known.version)


def _of_said(known: Book, posterior: Floats, said: set[int]) -> int:
    """The likeliest class that somebody said (positions); on a scale the middle, as far as people went."""
    likeliest = max(sorted(said), key=lambda at: float(posterior[at]))
    levels = [at for at in said if known.classes[at] != book.CANT_TELL]
    if not known.tables[0].ordinal or likeliest not in levels:
        return likeliest
    telling = np.where(np.array(known.classes) == book.CANT_TELL, 0.0, posterior)
    return min(max(ordinal.median(telling), min(levels)), max(levels))


def chances(
    table: Table, votes: Sequence[Vote], answers: Sequence[int | None], model: Floats | None
) -> Floats:
    """Chance of each class (k,) given these votes; None as an answer says nothing."""
    pairs = [(at, answer) for at, answer in enumerate(answers) if answer is not None]
    rows = table.rows([vote.person for vote in votes])
    return crowd.posterior(pairs, rows, table.prior, model)


def _prior(classes: Sequence[int], model: dict[int, float], prior: Floats) -> Floats | None:
    """What the model thought of each class; what it did not name shares the rest as people's labels do."""
    if not model:
        return None
    named = np.array([pk in model for pk in classes])
    shares = np.array([model.get(pk, 0.0) for pk in classes])
    rest = max(0.0, 1 - shares.sum())
    others = np.where(named, 0.0, prior)
    return shares + (rest * others / others.sum() if others.sum() else 0.0)


def _several(known: Book, votes: Sequence[Vote], rule: Rule, model: dict[int, float]) -> Weighed:
    """Any number of labels: each is a question of its own, and so is whether anybody can tell."""
    telling = [vote for vote in votes if vote.answer != CANT_TELL]
    if 2 * len(telling) < len(votes) or not telling:
        return _untold(known, votes, rule)
    soft, sure, labels = {}, 1.0, set()
    for pk, table in known.tables.items():
        answers = [int(pk in vote.answer) for vote in telling]
        prior = np.array([1 - model[pk], model[pk]]) if pk in model else None
        yes = float(chances(table, telling, answers, prior)[1])
        soft[str(pk)] = round(yes, 4)
        if fitting.has(yes, answers):
            labels.add(pk)
        sure *= yes if pk in labels else 1 - yes
    answer = frozenset(labels)
    sure *= len(telling) / len(votes)
    verdict = _verdict(known, votes, answer, sure, rule)
    tied = _tied(votes) and not _carried(votes, answer)
    method = _method(known, model)
    return Weighed(verdict.what, answer, verdict.confidence, soft, tied, method, known.version)


def _untold(known: Book, votes: Sequence[Vote], rule: Rule) -> Weighed:
    """Most people, or all, cannot tell."""
    share = sum(vote.answer == CANT_TELL for vote in votes) / len(votes)
    verdict = _verdict(known, votes, CANT_TELL, share, rule)
    method = _method(known, {})
    return Weighed(verdict.what, CANT_TELL, share, {}, _tied(votes), method, known.version)


def _verdict(known: Book, votes: Sequence[Vote], answer: Answer, sure: float, rule: Rule) -> asking.Verdict:
    """Decide on a whole set of labels: a vote is for it or not, by each label's majority from three on."""
    carried = _carried(votes, answer)
    # Others are not for each other: two who differ may both be against what lies between them.
    alike = [0 if carried or vote.answer == answer else None for vote in votes]
    return asking.decide(np.array([sure, 0.0]), alike, rule, known.calibration)


def _carried(votes: Sequence[Vote], answer: Answer) -> bool:
    """Whether three or more votes carry every label of a set, and no other, by more than half."""
    if len(votes) < 3 or any(vote.answer == CANT_TELL for vote in votes):
        return False
    labels = answer.union(*(vote.answer for vote in votes))
    return all(2 * sum((pk in vote.answer) == (pk in answer) for vote in votes) > len(votes) for pk in labels)


def _tied(votes: Sequence[Vote]) -> bool:
    counts = sorted(Counter(vote.answer for vote in votes).values(), reverse=True)
    return len(counts) > 1 and counts[0] == counts[1]


def _rescaled(posterior: Floats, chosen: int, sure: float) -> Floats:
    """The same shares with the chosen one at what it is worth."""
    rest = 1 - posterior[chosen]
    share = posterior * ((1 - sure) / rest if rest > 0 else 0.0)
    share[chosen] = sure
    return np.asarray(share)


def key_of(pk: int) -> str:
    """How a class is called in a soft label."""
    return UNTOLD if pk == book.CANT_TELL else str(pk)


def _method(known: Book, model: dict[int, float]) -> str:
    return f"{known.method} + model" if model else known.method


def of_entry(reason: dict[str, Any]) -> Top:
    """What the model thought when it picked an item."""
    return [(int(at), float(share)) for at, share in reason.get("top") or ()]
