"""A person's record as plain numbers: the rule on known items, and signs of work without looking.

Nothing here decides about anybody but ``standing``; the signs are for a lead to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log
from statistics import median
from typing import Final, Literal

from projects.quality.agreement import wilson

State = Literal["good", "warned", "paused"]

# Fewer answers than this say nothing about anybody.
FIRST: Final = 5
# So many further answers after a warning, still below the bar, and it is a pause.
FURTHER: Final = 3
# How unlikely a run of one label must be.
RARE_RUN: Final = 1e-4
# A share that is looked at needs so many answers.
ENOUGH: Final = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a sequence of right and wrong answers leads.

    ``share``     right ones in [0, 1], None without answers; ``low`` and ``high`` its 95 % Wilson interval.
    ``state``     good, warned, or paused.
    """

    state: State
    right: int
    answers: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        return self.right / self.answers if self.answers else None


@dataclass(frozen=True, slots=True)
class Sign:
    """Something a lead should look at: ``kind`` run, fast, changed or skips, with the numbers behind it.

    ``count``  so many answers (of a run: its length), out of ``of``; ``usual`` is the share in the team, or
    of a run's label; ``label`` is the label of a run, by its code, else -1.
    """

    kind: Literal["run", "fast", "changed", "skips"]
    count: int
    of: int
    usual: float = 0.0
    label: int = -1


def standing(answers: Sequence[bool], floor: float) -> Standing:
    """Apply the rule to one person's answers to known items, oldest first; True is right.

    From five answers on, a Wilson upper limit below ``floor`` warns; still below it three answers later it
    pauses, and a pause holds whatever comes after; a warned person whose limit rises again is good. At a
    floor of .7 that pauses a random clicker after eight answers, and hardly ever somebody who is right in
    85 %. A function of the sequence alone. The interval: Wilson 1927.

    Raises ValueError for a floor outside [0, 1).
    """
    if not 0 <= floor < 1:
        raise ValueError(f"floor must lie in [0, 1), not {floor}")
    state: State = "good"
    right, warned_with = 0, 0
    for seen, answer in enumerate(answers, start=1):
        right += answer
        if seen < FIRST or wilson(right / seen, seen)[1] >= floor:
            state = "good"
        elif state == "good":
            state, warned_with = "warned", seen
        elif seen >= warned_with + FURTHER:
            state = "paused"
            break
    right, n = sum(answers), len(answers)
    low, high = wilson(right / n if n else 0.0, n)
    return Standing(state, right, n, low, high)


def anew(answers: Sequence[tuple[bool, bool]], floor: float) -> list[bool]:
    """Return the answers that count after a lead lifted a warning or a pause: those given since.

    ``answers`` are (right, given since), oldest first. Where those before it lead to neither any more, for
    what was right changed, there is nothing to begin anew from, and all count.
    """
    before = [right for right, since in answers if not since]
    if standing(before, floor).state == "good":
        return [right for right, _since in answers]
    return [right for right, since in answers if since]


def needed(right: int, answers: int, floor: float) -> int:
    """Return how many right answers in a row would bring the upper limit back to ``floor``."""
    extra = 0
    while answers + extra and wilson((right + extra) / (answers + extra), answers + extra)[1] < floor:
        extra += 1
    return extra


def run_of_one(answers: Sequence[int], shares: dict[int, float]) -> Sign | None:
    """Find the most surprising run of one and the same answer, or None where chance explains all.

    ``answers`` are codes in the order in which they were given; ``shares`` says how often each code occurs
    in the project. A run is surprising when the chance that an answer is followed by so many like it is
    below 1e-4: among 500 answers of a good person that happens in one or two of a hundred.
    """
    found: Sign | None = None
    surprise = -log(RARE_RUN)
    for code, run in groupby(answers):
        length = sum(1 for _ in run)
        share = min(max(shares.get(code, 0.0), 1e-6), 1.0)
        if -(length - 1) * log(share) > surprise:
            surprise = -(length - 1) * log(share)
            found = Sign("run", length, len(answers), share, code)
    return found


def too_fast(seconds: Sequence[float], fastest: float) -> Sign | None:
    """Say when more than a twentieth of answers took less than ``fastest`` seconds; 0 looks at nothing."""
    quick = sum(second < fastest for second in seconds)
    if not fastest or len(seconds) < ENOUGH or 20 * quick <= len(seconds):
        return None
    return Sign("fast", quick, len(seconds))


def changed_mind(different: int, twice: int) -> Sign | None:
    """Say when a person who judged items twice said something else on more than a third of them."""
    if different < FIRST or 3 * different <= twice:
        return None
    return Sign("changed", different, twice)


def many_skips(skips: int, seen: int, team_skips: int, team_seen: int) -> Sign | None:
    """Say when somebody surely skips more than twice as often as the others; skips count among the seen."""
    if seen < ENOUGH or team_seen < ENOUGH or not skips:
        return None
    usual = max(team_skips / team_seen, 0.01)
    if wilson(skips / seen, seen)[0] <= 2 * usual:
        return None
    return Sign("skips", skips, seen, usual)


def pace(seconds: Sequence[float], otherwise: float = 12.0) -> float:
    """Return the median of seconds an answer took; ``otherwise`` below five answers. At least one second."""
    return max(median(seconds), 1.0) if len(seconds) >= FIRST else otherwise
