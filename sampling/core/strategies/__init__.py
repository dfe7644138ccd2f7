"""Strategies: which rows of the pool to ask for next; the registry STRATEGIES is the single list of names."""

from __future__ import annotations

from typing import Final

from ..scores import entropy, least_confidence, margin, typicality, uniform
from .base import Picker, Picks, Scores, Strategy, one_each, regions, top
from .default import default
from .spread import clustered, diverse

__all__ = ["FIRST", "MODES", "STRATEGIES", "Picks", "Scores", "Strategy"]

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
    )
}

# Ways to make a batch of any score.
MODES: Final[dict[str, Picker]] = {"sequential": top, "clustered": clustered, "diverse": diverse}
