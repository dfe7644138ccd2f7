"""How a round trains and picks: plain values, kept with the round, so that it can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .constraints import Quota
from .learners import CLASS_WEIGHTS, LEARNERS, Task
from .strategies import MODES, STRATEGIES, Strategy
from .strategies.base import regions
from .strategies.hybrid import hybrid, weights_of

# The stream that gets what the others leave.
MAIN: Final = "main"
# The stream that picks among ``Pool.new`` alone.
NEW: Final = "new"


@dataclass(frozen=True)
class Stream:
    """A strategy that fills its share of each batch, beside the main one."""

    name: str
    strategy: str
    share: float

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {self.strategy!r}; known: {', '.join(STRATEGIES)}")
        if not self.name or self.name == MAIN:
            raise ValueError(f"name is {self.name!r}, but must be given, and not {MAIN}")
        if not 0 < self.share < 1:
            raise ValueError(f"share is {self.share}, but must lie between 0 and 1")


@dataclass(frozen=True)
class Settings:
    """How a round trains and picks; kept with the round, so that it can be replayed."""

    strategy: str = "default"
    learner: str = "logistic"
    task: Task = "single"
    committee_size: int = 3
    # The share of the training set that each member of the committee sees.
    committee_share: float = 0.7
    # "" or "balanced": whether a rare label weighs more in training.
    class_weights: str = ""
    # How a batch is made of the strategy's score: as the strategy does itself, or one of MODES.
    mode: str = ""
    # Rows more alike than this (cosine) do not come in one batch while others are left.
    diversity: float = 0.95
    # Weights of the scores that the strategy "hybrid" is made of, by name; none: its own.
    hybrid: Mapping[str, float] = field(default_factory=dict)
    streams: tuple[Stream, ...] = ()
    # How much of each batch comes from some groups, at least and at most.
    quotas: tuple[Quota, ...] = ()

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {self.strategy!r}; known: {', '.join(STRATEGIES)}")
        if self.learner not in LEARNERS:
            raise ValueError(f"learner is {self.learner!r}; known: {', '.join(LEARNERS)}")
        if self.task not in ("single", "multi"):
            raise ValueError(f"task is {self.task!r}; known: single, multi")
        if self.class_weights not in CLASS_WEIGHTS:
            raise ValueError(f"class_weights is {self.class_weights!r}; known: {', '.join(CLASS_WEIGHTS)}")
        if self.committee_size < 0:
            raise ValueError(f"committee_size is {self.committee_size}, but cannot be negative")
        if not 0 < self.committee_share <= 1:
            raise ValueError(f"committee_share is {self.committee_share}, but must lie in (0, 1]")
        if self.mode and self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r}; known: {', '.join(MODES)}")
        if len({stream.name for stream in self.streams}) < len(self.streams):
            raise ValueError("streams must have different names")
        if sum(stream.share for stream in self.streams) > 1:
            raise ValueError("streams have shares of more than 1 in all")
        weights_of(self.hybrid)
        for name in (self.strategy, *(stream.strategy for stream in self.streams)):
            if self.of(name).needs == "committee" and self.committee_size < 2:
                raise ValueError(
                    f"committee_size is {self.committee_size}, but strategy {name!r} needs 2 members at least"
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Give back what ``dataclasses.asdict`` was given."""
        streams = tuple(Stream(**stream) for stream in values.get("streams", ()))
        quotas = tuple(Quota(**quota) for quota in values.get("quotas", ()))
        return cls(**{**values, "streams": streams, "quotas": quotas})

    def of(self, name: str) -> Strategy:
        """The strategy of this name; a hybrid with the weights that the settings give."""
        return hybrid(self.hybrid) if name == "hybrid" and self.hybrid else STRATEGIES[name]

    @property
    def main(self) -> Strategy:
        """The main strategy, in the mode that the settings ask for."""
        chosen = self.of(self.strategy)
        if not self.mode:
            return chosen
        return replace(chosen, picker=MODES[self.mode], clusters=regions)
