"""The model of a round: trained, judged on the hold-out, and let through the gate or held back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sampling import shards
from sampling.core.evaluation import Evaluation, evaluate
from sampling.core.gate import Verdict, judge
from sampling.core.loop import Trained, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampling.snapshots import Snapshot


@dataclass(frozen=True)
class Learnt:
    """The model that a round trained, how good it is, and which one serves from now on."""

    trained: Trained
    figures: Evaluation
    serving: Trained  # scores the pool: the champion, should this one be held back
    verdict: Verdict | None = None  # None: there was nothing to compare it with
    held_back: bool = False


def learn(
    known: Snapshot, table: shards.Table, rng: np.random.Generator, begin: Callable[[str], None]
) -> Learnt | None:
    """Train and evaluate a challenger, and judge it; None while too few labels are known."""
    if not known.model or not len(known.training):
        return None
    begin("train")
    champion = _champion(known)
    trained = stored(
        train(table[known.training], known.targets, known.settings, rng, known.weights, champion)
    )
    begin("evaluate")
    x, task = table[known.holdout], known.settings.task
    proba = trained.champion.proba(x)
    figures = evaluate(proba, known.truth, task)
    if champion is None:
        return Learnt(trained, figures, trained)
    verdict = judge(champion.champion.proba(x), proba, known.truth, task, known.slices)
    held_back = known.gate and not verdict.passed
    # Whoever looks for wrong labels still asks the newest recipe: it has seen the newest labels.
    # A committee of another size is not what the policy asks for.
    committee = champion.committee if len(champion.committee) == len(trained.committee) else trained.committee
    old = replace(champion, committee=committee, held_out=trained.held_out)
    serving = old if held_back else trained
    return Learnt(trained, figures, serving, verdict, held_back)


def stored(trained: Trained) -> Trained:
    """The models as they come back from a file: whoever reads them there gets the same to the last bit."""
    state: dict[str, Any] = {name: np.array(value, order="C") for name, value in trained.state().items()}
    return replace(Trained.from_state(state), held_out=trained.held_out)


def _champion(known: Snapshot) -> Trained | None:
    """The model in use, unless labels were added since: then there is nothing to compare."""
    if not known.champion:
        return None
    found = Trained.from_state(shards.load(known.champion))
    return found if found.champion.labels == known.targets.shape[1] else None
