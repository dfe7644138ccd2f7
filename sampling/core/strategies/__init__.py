"""Strategies: which rows of the pool to ask for next; the registry STRATEGIES is the single list of names."""

from __future__ import annotations

from typing import Final

from ..committee import consensus_entropy, disagreement, of_committee, pairwise, vote_entropy
from ..scores import entropy, expected_gradient, least_confidence, margin, typicality, uniform
from .badge import badge, gradient_length
from .base import Picker, Picks, Scores, Strategy, one_each, regions, top
from .default import default
from .dpp import determinantal
from .herding import herded, herded_uncertain, probable
from .hybrid import SCORES, hybrid
from .kcenter import k_center, remoteness
from .margins import cluster_margin, density, fine, margin_k_means, one
from .rare import near_rare
from .spread import clustered, diverse
from .typical import centre_rows, one_for_each_label, typical_rows

__all__ = ["FIRST", "MODES", "SCORES", "STRATEGIES", "Picks", "Scores", "Strategy"]

FIRST: Final = Strategy(
    "first-batch", typicality, clustered, needs="nothing", clusters=one_each, keeps_centres=False
)

STRATEGIES: Final[dict[str, Strategy]] = {
    strategy.name: strategy
    for strategy in (
        Strategy("default", margin, default, clusters=regions),
        Strategy("random", uniform, needs="nothing"),
        Strategy("margin", margin),
        Strategy("least-confidence", least_confidence),
        Strategy("entropy", entropy),
        FIRST,
        Strategy("expected-gradient", expected_gradient, clustered, clusters=regions),
        # The highest disagreement of a small committee is all of one label or two: one of each region then.
        *(
            Strategy(name, of_committee(measure), clustered, needs="committee", clusters=regions)
            for name, measure in (
                ("vote-entropy", vote_entropy),
                ("consensus-entropy", consensus_entropy),
                ("pairwise", pairwise),
                ("bald", disagreement),
            )
        ),
        # Diversity: they need no model.
        Strategy("k-means", typicality, centre_rows, needs="nothing", clusters=one_each, keeps_centres=False),
        Strategy("k-center", remoteness, k_center, needs="nothing"),
        Strategy(
            "typiclust",
            typicality,
            typical_rows,
            needs="nothing",
            clusters=one_for_each_label,
            keeps_centres=False,
        ),
        Strategy("probcover", uniform, probable, needs="nothing", clusters=regions),
        Strategy("herding", uniform, herded, needs="nothing"),
        # Uncertainty and diversity.
        Strategy("density", density, clusters=one, keeps_centres=False),
        Strategy("cluster-uncertain", margin, clustered, clusters=regions),
        Strategy("cluster-margin", margin, cluster_margin, clusters=fine),
        Strategy("margin-k-means", margin, margin_k_means),
        Strategy("dpp", margin, determinantal),
        Strategy("badge", gradient_length, badge),
        Strategy("uncertainty-herding", margin, herded_uncertain),
        Strategy("rare", near_rare, diverse, needs="nothing"),
        hybrid(),
    )
}

# Ways to make a batch of any score.
MODES: Final[dict[str, Picker]] = {"sequential": top, "clustered": clustered, "diverse": diverse}
