"""Rules and signs of when to stop, on figures that rounds left behind. Plain numbers: pages may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

# A rise that is surely smaller than this is no rise, and a gain that is surely smaller no reason to go on.
FLAT: Final = 0.02
LITTLE: Final = 0.01
# Predictions stay the same: this kappa on average between the last models (Bloodgood & Vijay-Shanker 2009).
STABLE: Final = 0.99
STABLE_ROUNDS: Final = 3
# The plateau that is looked for where no rule says how many rounds, and the shortest and longest there is.
USUAL: Final = 5
WINDOWS: Final = (2, 10)

Answer = Literal["yes", "no", "open"]
Change = tuple[float, float, float]  # value, ends of its interval


@dataclass(frozen=True)
class Past:
    """A published round as rules see it; None where it could not be measured."""

    number: int
    labels: int  # items with a settled label that it knew, hold-out and all
    answers: int = 0
    accuracy: float | None = None
    low: float | None = None
    trends: Mapping[int, Change] = field(default_factory=dict)  # by rounds looked back
    kappa: float | None = None  # with the model of the round before
    ahead: Change | None = None  # what half as many labels again would add


@dataclass(frozen=True)
class Ruling:
    """What a rule says now, and the round at which it would first have stopped."""

    rule: str
    limit: float
    now: float | None
    met: bool
    first: Past | None


@dataclass(frozen=True)
class Sign:
    """Whether a sign speaks for stopping; "open" where it cannot tell. The figures that it rests on."""

    name: str
    answer: Answer
    figures: tuple[float, ...] = ()


def rulings(rules: Mapping[str, Any], past: Sequence[Past]) -> list[Ruling]:
    """What each rule of a policy says, in a fixed order; ``past`` is oldest first."""
    cost = float(rules.get("label_cost") or 0)
    known: dict[str, Callable[[Past, float], float | None]] = {
        "min_accuracy": lambda one, _limit: one.low,
        "plateau_rounds": lambda one, limit: _flatness(one, int(limit)),
        "max_labels": lambda one, _limit: float(one.labels),
        "max_cost": lambda one, _limit: cost * one.answers if cost else None,
    }
    found = []
    for rule, measure in known.items():
        if not rules.get(rule):
            continue
        limit = float(rules[rule])
        # A plateau is met when it is flat; the others when the figure reaches the limit.
        least = 1.0 if rule == "plateau_rounds" else limit
        values = [measure(one, limit) for one in past]
        met = [value is not None and value >= least for value in values]
        first = past[met.index(True)] if any(met) else None
        now = values[-1] if values else None
        found.append(Ruling(rule, limit, now, bool(met) and met[-1], first))
    return found


def _flatness(one: Past, rounds: int) -> float | None:
    change = one.trends.get(min(max(rounds, WINDOWS[0]), WINDOWS[1]))
    return None if change is None else float(plateau(change) == "yes")


def plateau(change: Change) -> Answer:
    """Whether accuracy has surely stopped rising: the whole interval of its change lies below 2 points.

    No, too, where it surely fell: something is wrong, and nothing is finished.
    """
    _value, low, high = change
    if high < 0:
        return "no"
    if high < FLAT:
        return "yes"
    return "no" if low > 0 else "open"


def signs(past: Sequence[Past], rounds: int = USUAL) -> list[Sign]:
    """The three signs at the newest round; a plateau is looked for over ``rounds`` rounds, or fewer."""
    if not past:
        return [Sign(name, "open") for name in ("plateau", "stable", "remaining")]
    newest = past[-1]
    windows = [window for window in newest.trends if window <= rounds]
    plateau_sign = Sign("plateau", "open")
    if windows:
        change = newest.trends[max(windows)]
        answer = plateau(change)
        # A short time without a rise is no plateau yet.
        if answer == "yes" and max(windows) < min(rounds, STABLE_ROUNDS):
            answer = "open"
        plateau_sign = Sign("plateau", answer, (max(windows), *change))
    return [plateau_sign, _stable(past), _remaining(newest)]


def _stable(past: Sequence[Past]) -> Sign:
    last = [one.kappa for one in past[-STABLE_ROUNDS:] if one.kappa is not None]
    if not last or past[-1].kappa is None:
        return Sign("stable", "open")
    mean = sum(last) / len(last)
    if mean < STABLE:
        return Sign("stable", "no", (mean, len(last)))
    return Sign("stable", "yes" if len(last) == STABLE_ROUNDS else "open", (mean, len(last)))


def _remaining(newest: Past) -> Sign:
    if newest.ahead is None:
        return Sign("remaining", "open")
    _value, low, high = newest.ahead
    answer: Answer = "yes" if high < LITTLE else "no" if low > LITTLE else "open"
    return Sign("remaining", answer, newest.ahead)


def verdict(found: Sequence[Ruling], seen: Sequence[Sign]) -> Literal["rule", "stop", "go_on", "early"]:
    """Stop by a rule of the admin; or when two signs at least say so and none says no; else go on.

    "early" while no sign can tell.
    """
    if any(one.met for one in found):
        return "rule"
    answers = [one.answer for one in seen]
    if answers.count("yes") >= 2 and "no" not in answers:
        return "stop"
    return "early" if set(answers) <= {"open"} else "go_on"
