"""What an item's label rests on: votes, or a lead's decision, which wins. Callers hold the item's lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from projects import audit, queries, queue, returning
from projects.audit import Act
from projects.models import Annotation, Dispute, Item, Policy, Project, QueueEntry, Resolution
from projects.quality import consensus
from projects.queries import Rules
from projects.trust import escalation

# «Can't tell» as a vote: an answer that is none of the labels.
CANT_TELL = frozenset({-1})
# What an item's label rests on, as it is while there is none.
EMPTY: dict[str, Any] = {
    "state": Item.State.OPEN,
    "settled_labels": None,
    "settled_source": "",
    "settled_at": None,
    "posterior": None,
    "method": "",
    "soft": None,
    "estimate": 0,
}
# Votes change nothing about these.
FIXED = {Item.Source.ADJUDICATED, Item.Source.GOLD, Item.Source.SEED}


def lock(item_id: int) -> Item:
    """Load what an item's label rests on, without its content, and hold it until the transaction ends."""
    content = ("text", "metadata", "gold")
    return Item.objects.select_for_update(no_key=True).defer(*content).get(pk=item_id)


def become(item: Item, act: Act, at: datetime, **changes: Any) -> None:
    """Change what an item's label rests on, and write it down: the only way in which that changes.

    Fields that are not named are emptied, but for ``former`` and ``votes_from``. Nothing that differs: nothing
    is written.
    """
    before = audit.facts(item)
    for name, empty in EMPTY.items():
        setattr(item, name, changes.pop(name, empty))
    for name, value in changes.items():
        setattr(item, name, value)
    item.save(update_fields=[*EMPTY, "former", "votes_from"])
    if audit.facts(item) != before:
        audit.item_changed(item, before, act, at)


def rejudge(project: Project, rules: Rules, item: Item, said: Sequence[Annotation], at: datetime) -> None:
    """Let what people say now decide an item: open, settled or disputed.

    A decision of a lead and a label known at import stand; where a round doubted the latter, a vote against
    it makes a dispute. A vote that changes while a dispute is open marks the dispute and never closes it,
    unless it was the flag that opened it.
    """
    act = Act(project, policy_version=rules.policy.version)
    if item.state == Item.State.EXCLUDED:
        return
    if item.state == Item.State.SETTLED and item.settled_source in FIXED:
        if item.settled_source == Item.Source.SEED:
            _check(item, act, said, at)
        return
    flagged = _flagged(item, said)
    votes = [as_vote(annotation) for annotation in said if annotation.kind in Annotation.COUNTED]
    if item.state == Item.State.DISPUTED and not _flag_taken_back(item, flagged, at):
        return
    if flagged:
        dispute(item, [Dispute.Reason.FLAG], act, at)
    elif len(votes) < _places(project, rules.policy, item) or returning.waits(item):
        _reopen(item, act, at)
    else:
        _decide(project, rules, item, votes, act, at)


def _check(item: Item, act: Act, said: Sequence[Annotation], at: datetime) -> None:
    """Close the question whether a label known at import is right, or hand it to a lead."""
    asked = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE, stream=QueueEntry.Stream.CHECK)
    votes = [as_vote(annotation) for annotation in said if annotation.kind in Annotation.COUNTED]
    flagged = _flagged(item, said)
    if not (votes or flagged) or not asked.exists():
        return
    if flagged or any(vote != frozenset(item.settled_labels or ()) for vote in votes):
        dispute(item, [Dispute.Reason.FLAG if flagged else Dispute.Reason.TIE], act, at)
    else:
        asked.update(state=QueueEntry.State.DONE)


def _flagged(item: Item, said: Sequence[Annotation]) -> bool:
    """Whether a flag stands that no lead has answered yet: one sent back was heard."""
    flags = [annotation.created_at for annotation in said if annotation.kind == Annotation.Kind.FLAG]
    if not flags:
        return False
    heard = item.disputes.filter(state=Dispute.State.SENT_BACK).order_by("-closed_at").first()
    return heard is None or heard.closed_at is None or max(flags) > heard.closed_at


def as_vote(annotation: Annotation) -> frozenset[int]:
    """The label ids that a person chose, or the mark of «can't tell»."""
    return CANT_TELL if annotation.kind == Annotation.Kind.CANT_TELL else frozenset(annotation.labels)


def dispute(item: Item, reasons: Sequence[str], act: Act, at: datetime) -> Dispute:
    """Hand an item to a lead: one open dispute an item, further reasons are added to it.

    What a settled item was settled as stays with it as ``former``.
    """
    found = Dispute.objects.filter(item=item, state=Dispute.State.OPEN).first()
    known = found.reasons if found else []
    new = [reason for reason in dict.fromkeys(reasons) if reason not in known]
    priority, due = escalation.urgency(act.project, act.project.policy, item, [*known, *new], at)
    if found is None:
        found = Dispute.objects.create(
            project_id=item.project_id, item=item, reasons=new, priority=priority, due_at=due, opened_at=at
        )
    elif new:
        found.reasons, found.priority = [*known, *new], priority
        found.version += 1
        found.save(update_fields=["reasons", "priority", "version"])
    former = _as_former(item) if item.state == Item.State.SETTLED else item.former
    become(item, act, at, state=Item.State.DISPUTED, former=former)
    queue.withdraw([item.pk])
    return found


def _as_former(item: Item) -> dict[str, Any]:
    """What a settled item was settled as, kept while somebody looks at it again."""
    return {"labels": item.settled_labels, "source": item.settled_source, "version": item.votes_from}


def apply_resolution(item: Item, resolution: Resolution, act: Act) -> None:
    """Make a lead's decision the item's state: labelled, excluded, or asked again."""
    outcome, at = Resolution.Outcome, resolution.created_at
    if resolution.outcome == outcome.SENT_BACK:
        become(item, act, at)
        queue.ask_again(item)
        return
    queue.withdraw([item.pk])
    if resolution.outcome == outcome.BAD_ITEM:
        become(item, act, at, state=Item.State.EXCLUDED)
        return
    become(
        item,
        act,
        at,
        state=Item.State.SETTLED,
        settled_labels=None if resolution.outcome == outcome.CANT_TELL else sorted(resolution.labels),
        settled_source=Item.Source.ADJUDICATED,
        settled_at=at,
        method="adjudicated",
    )


def undo_resolution(item: Item, act: Act, at: datetime) -> None:
    """Hand an item back to the leads, as it was before a decision. The caller reopens the dispute."""
    queue.withdraw([item.pk])
    become(item, act, at, state=Item.State.DISPUTED)


def _flag_taken_back(item: Item, flagged: bool, at: datetime) -> bool:
    """Mark the open dispute as changed; dismiss it when it hung on a flag that is no more."""
    open_dispute = Dispute.objects.filter(item=item, state=Dispute.State.OPEN).first()
    if open_dispute is None:
        return True
    if open_dispute.reasons == [Dispute.Reason.FLAG] and not flagged:
        open_dispute.state, open_dispute.closed_at = Dispute.State.DISMISSED, at
        open_dispute.save(update_fields=["state", "closed_at"])
        return True
    open_dispute.version += 1
    if flagged and Dispute.Reason.FLAG not in open_dispute.reasons:
        open_dispute.reasons = [*open_dispute.reasons, Dispute.Reason.FLAG]
    open_dispute.save(update_fields=["version", "reasons"])
    return False


def _places(project: Project, policy: Policy, item: Item) -> int:
    """How many answers decide: what the queue asked for, else what the policy asks for."""
    live = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE)
    places = live.values_list("places", flat=True).first()
    return places if places is not None else queue.places_for(item, policy, queue.crew(project.pk))


def _decide(  # noqa: PLR0913
    project: Project, rules: Rules, item: Item, votes: list[frozenset[int]], act: Act, at: datetime
) -> None:
    """Settle an item on its votes, or dispute it: two that differ, or three and more without a majority."""
    found = consensus.settle(votes, len(rules.labels), queries.pooled_accuracy(project), project.task)
    if found.answer is None or not (found.unanimous or _majority(votes, found.answer, project.task)):
        dispute(item, [Dispute.Reason.TIE], act, at)
        return
    become(
        item,
        act,
        at,
        state=Item.State.SETTLED,
        settled_labels=None if found.answer == CANT_TELL else sorted(found.answer),
        settled_source=Item.Source.SINGLE if len(votes) == 1 else Item.Source.CONSENSUS,
        settled_at=at,
        posterior=found.posterior,
        method=found.method,
    )
    QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE).update(state=QueueEntry.State.DONE)


def _majority(votes: list[frozenset[int]], answer: frozenset[int], task: str) -> bool:
    """Whether three or more votes carry an answer by more than half; several labels: each on its own."""
    if len(votes) < 3:
        return False
    if task == Project.Task.MULTI and all(vote != CANT_TELL for vote in votes):
        labels = frozenset().union(*votes)
        return all(
            2 * sum((label in vote) == (label in answer) for vote in votes) > len(votes) for label in labels
        )
    return 2 * votes.count(answer) > len(votes)


def _reopen(item: Item, act: Act, at: datetime) -> None:
    """Ask for the missing answers: an answer was taken back, or another one is needed."""
    if item.state != Item.State.OPEN:
        become(item, act, at)
