"""What people do to items. Each submission is one short transaction and may be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import cards, hot, queries, settle, sql, suggesting
from projects.errors import Refused
from projects.models import Annotation, Assignment, Item, Membership, Policy, Project, QueueEntry
from projects.queries import Rules
from projects.signals import judgements_changed
from projects.trust import escalation, gold, qualification, staleness

Status = Literal["stored", "duplicate", "superseded", "rejected"]
_Kind = Annotation.Kind
NOTE_LENGTH = 2000
# Why somebody skips, as the page offers it. Nothing else that a browser says is kept as a reason.
SKIPPED_FOR = frozenset({"later", "too_hard", "language", "unreadable"})
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Submission:
    """What a browser sends: a judgement under an id that it made itself."""

    id: UUID
    item_id: int
    kind: str
    labels: tuple[int, ...] = ()
    note: str = ""
    reason: str = ""
    active_ms: int | None = None
    # What the model suggested and how the person met it, see Annotation.suggestion.
    suggestion: dict[str, Any] | None = None
    # Given together with others.
    bulk: UUID | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer for one submission id: it may be forgotten by the browser unless it was rejected."""

    id: UUID
    status: Status
    message: str = ""
    # Why the item was asked: told once it is answered.
    reason: dict[str, Any] = field(default_factory=dict)


def submit(
    membership: Membership,
    submissions: Sequence[Submission],
    at: datetime | None = None,
    rules: Rules | None = None,
) -> list[Verdict]:
    """Store each submission in the order given and answer for each; one that is refused stops no other.

    A late answer counts, work is never thrown away; the same id again is a duplicate and changes nothing.
    """
    at = at or now()
    rules = rules or queries.rules(membership.project)
    verdicts = [_submit_one(membership, rules, submission, at) for submission in submissions]
    if any(verdict.status != "duplicate" for verdict in verdicts):
        project_id = membership.project_id
        transaction.on_commit(partial(judgements_changed.send, sender=Project, project_id=project_id))
    return verdicts


def _submit_one(membership: Membership, rules: Rules, submission: Submission, at: datetime) -> Verdict:
    # Nothing is written before all is checked, so a refusal has nothing to take back.
    with transaction.atomic(savepoint=False):
        try:
            return _store(membership, rules, submission, at)
        except Refused as refusal:
            return Verdict(submission.id, "rejected", str(refusal))


def _store(membership: Membership, rules: Rules, submission: Submission, at: datetime) -> Verdict:
    hot.hold(membership)
    assignment = _assignment(membership, submission.item_id)
    item = assignment.item
    revisions = hot.said(assignment)
    ours = [row for row in revisions if row.annotator_id == membership.user_id]
    if any(row.submission == submission.id for row in ours):
        return Verdict(submission.id, "duplicate")
    before = ours[-1] if ours else None
    if membership.project.state == Project.State.ARCHIVED and assignment.state != Assignment.State.LEASED:
        raise Refused(_("This project is archived. Ask an admin to open it again."))
    labels = _checked(membership.project, rules, submission, before)
    submission = replace(
        submission, labels=labels, **_kept(membership, rules, assignment, submission, before is not None)
    )
    known = assignment.entry.stream == QueueEntry.Stream.GOLD
    decided = item.state == Item.State.EXCLUDED or item.settled_source == Item.Source.ADJUDICATED
    late = _late(assignment, before)
    said = _annotate(membership, submission, before, assignment.entry, at)
    said.excluded_at = membership.excluded_at
    revisions.append(said)
    _count(membership, rules, before, submission)
    _move(assignment, submission.kind, at + timedelta(minutes=rules.policy.lease_minutes), rules.policy)
    staleness.give_back(assignment, said)
    told = gold.told(item, assignment.entry)
    if known:
        # It changes nothing about the item, and looks like any other answer.
        message = gold.answered(membership, rules.policy, item, said, at)
        return Verdict(submission.id, "stored", message, told)
    replaced = {row.supersedes_id for row in revisions}
    present = [row for row in revisions if row.pk not in replaced]
    settle.rejudge(membership.project, rules, item, present, at, asking=assignment.entry)
    cards.follow(membership.project, rules, cards.Said(assignment, said, before), at)
    if item.state == Item.State.OPEN and assignment.entry.state != QueueEntry.State.LIVE:
        _revive(assignment.entry)
    if decided:
        message = _("A lead has decided this item; your answer is kept with it.")
        return Verdict(submission.id, "superseded", message)
    return Verdict(submission.id, "stored", late, told)


def _kept(
    membership: Membership, rules: Rules, assignment: Assignment, submission: Submission, again: bool
) -> dict[str, Any]:
    """What is kept of how an answer was given, as far as it can have been so."""
    bulk = cards.mark(submission.bulk, rules.policy, assignment)
    # On a card nobody is shown what the model thinks of each.
    shown = None if bulk else submission.suggestion
    met = suggesting.met(membership, rules, assignment, shown, again=again)
    known = assignment.entry.stream == QueueEntry.Stream.GOLD
    training = known and qualification.trains(membership, rules.policy, submission.kind)
    return {"bulk": bulk, "suggestion": met, "reason": gold.TRAINING if training else _reason(submission)}


def _late(assignment: Assignment, before: Annotation | None) -> str:
    """What somebody is told whose lease ended before this answer came, and whose item others settled."""
    lost = before is None and assignment.state == Assignment.State.EXPIRED
    if not lost or assignment.item.state != Item.State.SETTLED:
        return ""
    return _("Others settled this item before your answer came. It is kept, and counts with theirs.")


def _assignment(membership: Membership, item_id: int) -> Assignment:
    """Load a person's assignment with the item, and hold both; its entry is read after that.

    A lead who sends the item back gives it another entry. Whoever waited for that would find no row at all,
    were the entry part of this question: PostgreSQL asks it again of what it locked, but not of the rest.
    """
    found = hot.in_hand(membership, item_id)
    if found is None:
        raise Refused(_("This item was never given to you, so the answer was not stored. Reload the page."))
    return found


def _annotate(
    membership: Membership,
    submission: Submission,
    before: Annotation | None,
    entry: QueueEntry,
    at: datetime,
) -> Annotation:
    """Add the next revision of what a person says of an item, or refuse an id that was used for another."""
    said = Annotation(
        project_id=membership.project_id,
        item_id=submission.item_id,
        annotator_id=membership.user_id,
        revision=before.revision + 1 if before else 1,
        supersedes=before,
        submission=submission.id,
        kind=submission.kind,
        labels=list(submission.labels),
        note=submission.note.strip()[:NOTE_LENGTH],
        reason=submission.reason,
        round_number=entry.round_number,
        stream=entry.stream,
        guideline_version=staleness.version_of(membership),
        active_ms=submission.active_ms,
        suggestion=submission.suggestion,
        bulk=submission.bulk,
        created_at=at,
    )
    if not sql.add(said, "DO NOTHING"):
        # The same id a second time: on another item, or by another person.
        raise Refused(_("This id belongs to another answer. Reload the page."))
    return said


def _checked(
    project: Project, rules: Rules, submission: Submission, before: Annotation | None
) -> tuple[int, ...]:
    """Return the labels in order, or refuse in words what cannot be meant."""
    if submission.kind not in _Kind.values:
        raise Refused(_("This kind of answer is unknown. Reload the page."))
    if submission.kind == _Kind.UNDO and (before is None or before.kind == _Kind.UNDO):
        raise Refused(_("There is nothing to take back on this item."))
    if submission.kind == _Kind.FLAG and not submission.note.strip():
        raise Refused(_("A flag needs a note that tells the lead what to look at."))
    if submission.kind != _Kind.ANSWER:
        return ()
    # A page of before may still show a label that was merged: the answer counts for what it became.
    chosen = sorted({rules.merged.get(label, label) for label in submission.labels})
    known = {label.pk for label in rules.labels}
    if not known.issuperset(chosen):
        raise Refused(_("A label of this answer is no longer in use. Choose another one."))
    if project.task == Project.Task.SINGLE and len(chosen) != 1:
        raise Refused(_("Choose exactly one label."))
    return tuple(chosen)


def _reason(submission: Submission) -> str:
    """What is kept of the reason: the rest of what may stand there says how the system asked."""
    skipped = submission.kind == _Kind.SKIP and submission.reason in SKIPPED_FOR
    return submission.reason if skipped else ""


def _count(membership: Membership, rules: Rules, before: Annotation | None, submission: Submission) -> None:
    """Keep the person's number of answers."""
    was = before is not None and before.kind in Annotation.COUNTED
    change = (submission.kind in Annotation.COUNTED) - was
    if change:
        hot.count(membership, change)
        queries.note_answers(membership.project, rules.policy.batch_size, change)


def _move(assignment: Assignment, kind: str, until: datetime, policy: Policy) -> None:
    """Turn the lease into an answered place, give the place back, or take the item in hand again.

    A flag that no lead is to see answers nothing: somebody else gets the place.
    """
    target = {_Kind.SKIP: Assignment.State.SKIPPED, _Kind.UNDO: Assignment.State.LEASED}.get(
        _Kind(kind), Assignment.State.SUBMITTED
    )
    unseen = kind == _Kind.FLAG and not escalation.setting(policy, "flag")
    wanted = target != Assignment.State.SKIPPED and not unseen
    if assignment.placed and not wanted:
        entry = QueueEntry.objects.filter(pk=assignment.entry_id, free__lt=F("places"))
        entry.update(free=F("free") + 1)
        assignment.placed = False
    elif wanted and not assignment.placed:
        # The place went to somebody else meanwhile? Then this is a surplus answer, kept and counted.
        entry = QueueEntry.objects.filter(pk=assignment.entry_id, free__gt=0)
        assignment.placed = bool(entry.update(free=F("free") - 1))
    assignment.state = target
    if kind == _Kind.UNDO:
        assignment.expires_at = until
    sql.save(assignment, "state", "placed", "expires_at")


def _revive(entry: QueueEntry) -> None:
    """Let an entry ask for the answer that is missing, unless another entry does."""
    if QueueEntry.objects.filter(item_id=entry.item_id, state=QueueEntry.State.LIVE).exists():
        return
    try:
        with transaction.atomic():
            QueueEntry.objects.filter(pk=entry.pk).update(state=QueueEntry.State.LIVE)
    except IntegrityError:
        return  # Somebody's fallback queued the item at this moment: that entry asks.


def parse(rows: Iterable[object]) -> list[Submission]:
    """Read submissions from decoded JSON; raises Refused for what no browser of ours sends."""
    try:
        return [_parse_one(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(_("The answer could not be read. Reload the page.")) from error


def _parse_one(row: object) -> Submission:
    if not isinstance(row, dict):
        raise TypeError("a submission is an object")
    labels = tuple(row.get("labels", ()))
    item_id, active = row["item"], row.get("active_ms")
    numbers = (item_id, *labels) if active is None else (item_id, *labels, active)
    if any(type(number) is not int or not 0 <= number < 2**62 for number in numbers):
        raise ValueError("ids and times are whole numbers")
    note = str(row.get("note", "")).replace("\0", "").encode("utf-8", "replace").decode()
    return Submission(
        id=UUID(row["id"]),
        item_id=item_id,
        kind=str(row["kind"]),
        labels=labels,
        note=note,
        reason=str(row.get("reason", "")).replace("\0", ""),
        active_ms=None if active is None else min(active, DAY_MS),
        suggestion=suggesting.parse(row.get("suggestion")),
        bulk=UUID(row["bulk"]) if row.get("bulk") else None,
    )
