"""What the model suggests to whoever labels: who sees it, when, and how each person met it.

A suggestion is what the queue entry says of the model's opinion as the item was picked. It is never told of
items whose answers must not depend on it: the hold-out, the agreement sample, first items for everybody,
known items (a qualification batch has nothing else), and whatever is asked again, be it by a lead, a check,
new guidelines, a card or because the first votes left doubt. Once an item is answered, its page says what the
model thought of it; that goes with the reason and keeps the same silence (``gold.told``).

**Blind answers.** Of what could be told, a share is kept back, drawn by a keyed hash for each person and
item: what people answer there is what the others are compared with (``trust.anchoring``).

**Known items stay unknown.** None of them has a suggestion, so a page without one must be nothing special.
Silent are the hold-out and the agreement sample (a fifth of a usual batch), what no model scored, labels that
are retired, second opinions, and the blind share. The last alone is never smaller than the rate at which
known items come at its highest, in a person's first hundred answers: however the rest is set, a silent item
is about as likely to be a blind one, later three times as likely. The page has the same box, button and words
for all of them, and the browser is not told which of these it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from projects import draws, reasons
from projects.models import Assignment, Membership, Policy, Project, QueueEntry
from projects.queries import Rules
from projects.trust import gold

_Stream = QueueEntry.Stream
HIDDEN: Final = Policy.Suggest.HIDDEN
# Picked from the pool by a round, after a model had scored it.
STREAMS: Final = frozenset({_Stream.STRATEGY, _Stream.RARE, _Stream.CONTROL, _Stream.NEW})
SEEN: Final = frozenset({"always", "revealed"})
# Where several labels may apply, a label is suggested from this probability on.
APPLIES: Final = 0.5
MOST_BLIND: Final = 0.9
DAY_MS: Final = 86_400_000


class Thought(NamedTuple):
    """What a model thinks of an item: label ids in ascending order, and how likely they are."""

    labels: list[int]
    p: float


def helps(policy: Policy) -> bool:
    """Whether people get anything of the model before they answer."""
    return policy.suggest != HIDDEN or policy.likely_first


def marks(policy: Policy) -> bool:
    """Whether the words that the model went by are shown, with the suggestion."""
    return bool(policy.highlight and policy.suggest != HIDDEN)


def mode(policy: Policy) -> str:
    """What the page's script goes by; blank: nothing comes, and nothing is to be reported."""
    return str(policy.suggest) if helps(policy) else ""


def blind_share(policy: Policy) -> float:
    """The share of answers that is given blind: as set, but no rarer than known items ever come."""
    return min(MOST_BLIND, max(policy.blind_share, gold.EARLY_TIMES * policy.gold_share))


def thought(reason: Mapping[str, Any], rules: Rules, project: Project) -> Thought | None:
    """Return what the model thought, in labels that are in use; None: nothing that could be chosen now.

    A merged label counts for what it became; one that is retired is never named.
    """
    top = reasons.top(reason)
    if project.task == Project.Task.MULTI:
        sure = [(rules.columns.get(position), p) for position, p in top if p >= APPLIES]
        labels = sorted({label for label, _p in sure if label is not None})
        if not labels or any(label is None for label, _p in sure):
            return None
        return Thought(labels, min(max(p for label, p in sure if label == one) for one in labels))
    shares = _shares(top, rules)
    if not top or rules.columns.get(top[0][0]) is None:
        return None
    best = max(shares, key=lambda label: shares[label])
    return Thought([best], round(min(1.0, shares[best]), 4))


def _shares(top: Sequence[tuple[int, float]], rules: Rules) -> dict[int, float]:
    """Probabilities by label id, likeliest first; labels that were merged are taken together."""
    shares: dict[int, float] = {}
    for position, p in top:
        if (label := rules.columns.get(position)) is not None:
            shares[label] = shares.get(label, 0.0) + p
    return dict(sorted(shares.items(), key=lambda pair: -pair[1]))


# --- before the answer -----------------------------------------------------------------------------------


def offered(
    membership: Membership, rules: Rules, assignments: Sequence[Assignment]
) -> dict[int, dict[str, Any]]:
    """Return what the page is told of each item, by item id: only what the person may see before answering.

    {"when": "key" | "always", "labels": [label id], "p": probability, "likely": [label id, …],
    "words": [[start, end], …]}, all optional; words in code points of the text as a browser holds it.
    Costs no query: items and entries are those of the assignments.
    """
    if not helps(rules.policy):
        return {}
    told = {row.item_id: _told(membership, rules, row) for row in assignments}
    return {item: said for item, said in told.items() if said}


def _told(membership: Membership, rules: Rules, assignment: Assignment) -> dict[str, Any]:
    policy, reason = rules.policy, assignment.entry.reason
    if not _tellable(assignment) or _doubted(assignment.entry, policy):
        return {}
    known = thought(reason, rules, membership.project)
    if known is None or _blind(membership, policy, assignment):
        return {}
    told: dict[str, Any] = {}
    if policy.suggest != HIDDEN:
        told = {"when": policy.suggest, "labels": known.labels, "p": known.p}
        # They give the opinion away, so they come with it and never before.
        if marks(policy) and (words := reason.get("words")):
            told["words"] = _in_browser(words, assignment.item.text)
    if policy.likely_first:
        told["likely"] = list(_shares(reasons.top(reason), rules))
    return told


def _tellable(assignment: Assignment) -> bool:
    """Whether answers on it may depend on the model: neither measured by it, nor people measured by them."""
    item = assignment.item
    kept = item.holdout or item.agreement or item.calibration or item.gold is not None
    return assignment.entry.stream in STREAMS and not kept


def _doubted(entry: QueueEntry, policy: Policy) -> bool:
    """Whether more people are asked than usual: the first left doubt, so further ones are asked blind."""
    return entry.places > policy.overlap


def _blind(membership: Membership, policy: Policy, assignment: Assignment) -> bool:
    seed, share = membership.project.seed, blind_share(policy)
    return draws.blind(seed, membership.user_id, assignment.item_id, share)


def _in_browser(words: Sequence[Sequence[int]], text: str) -> list[list[int]]:
    """A browser reads a line's end of two characters as one."""
    if "\r\n" not in text:
        return [[start, end] for start, end in words]
    return [[at - text.count("\r\n", 0, at) for at in word] for word in words]


# --- with the answer -------------------------------------------------------------------------------------


def parse(said: object) -> dict[str, Any] | None:
    """Read what a page says of how a suggestion was met: {"how": "always" | "revealed" | "unseen", "ms": …}.

    ``ms``: active time before it was seen. Raises ValueError or TypeError for what no page of ours sends.
    """
    if said is None:
        return None
    if not isinstance(said, dict):
        raise TypeError("how a suggestion was met is an object")
    how, ms = said.get("how"), said.get("ms")
    if how not in (*SEEN, "unseen") or not (ms is None or (type(ms) is int and 0 <= ms < 2**62)):
        raise ValueError("this is no way to meet a suggestion")
    return {"how": how, "ms": None if ms is None else min(ms, DAY_MS)}


def met(
    membership: Membership, rules: Rules, assignment: Assignment, told: dict[str, Any] | None, *, again: bool
) -> dict[str, Any] | None:
    """Return what is kept with an answer: what was suggested, by the entry, and how the person met it.

    ``told`` is what the page says of it, None where it had no script or no such policy: then nobody knows.
    ``again``: the person said something of the item before, and may have read since what the model thought.
    """
    if told is None or not _tellable(assignment):
        return None
    known, how, policy = (
        thought(assignment.entry.reason, rules, membership.project),
        told["how"],
        rules.policy,
    )
    if known is None or (how == "unseen" and not (helps(policy) and not _doubted(assignment.entry, policy))):
        return None
    if again and how == "unseen":
        how = "revealed"
    elif how == "unseen" and _blind(membership, policy, assignment):
        how = "blind"
    return {"labels": known.labels, "p": known.p, "how": how, "ms": told["ms"] if how in SEEN else None}


def afterwards(reason: Mapping[str, Any], rules: Rules, project: Project) -> dict[str, Any] | None:
    """Return what somebody who has answered is told of the model's opinion; ``reason`` as it may be told."""
    known = thought(reason, rules, project)
    return known._asdict() if known else None
