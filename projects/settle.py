"""What an item's label rests on: votes, or a lead's decision, which wins. Callers hold the item's lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timezone import now

from projects import audit, places, queries, queue, weighing
from projects.audit import Act
from projects.changing import EMPTY as EMPTY
from projects.changing import FIXED as FIXED
from projects.changing import become as become
from projects.changing import dispute as dispute
from projects.changing import former_of
from projects.changing import lock as lock
from projects.models import Annotation, Dispute, Item, Project, QueueEntry, Resolution
from projects.quality.asking import Rule
from projects.queries import Rules
from projects.trust import calibration, escalation, spotchecks, staleness
from projects.weighing import CANT_TELL, Vote, Weighed

_Reason = Dispute.Reason
# Items that are judged anew at a time.
CHUNK: Final = 200
# What is kept of a settlement besides its labels.
KEPT: Final = ("posterior", "method", "soft", "estimate")


@dataclass(frozen=True)
class Case:
    """An item that its votes are to decide; ``answered`` counts all answers, also those that do not count."""

    project: Project
    rules: Rules
    item: Item
    votes: Sequence[Vote]
    answered: int
    act: Act
    at: datetime
    # The entry by which the item was asked, where it is known.
    asking: QueueEntry | None = None

    @classmethod
    def of(  # noqa: PLR0913
        cls,
        project: Project,
        rules: Rules,
        item: Item,
        said: Sequence[Annotation],
        act: Act,
        at: datetime,
        asking: QueueEntry | None = None,
    ) -> Case:
        votes = weighing.counted(rules, item, said)
        # What was said before the labels changed their meaning fills no place: it is asked anew.
        answered = sum(weighing.asked(one) and one.guideline_version >= item.votes_from for one in said)
        return cls(project, rules, item, votes, answered, act, at, asking)

    @property
    def required(self) -> int:
        return places.required(self.rules.policy, self.item)


def rejudge(  # noqa: PLR0913
    project: Project,
    rules: Rules,
    item: Item,
    said: Sequence[Annotation],
    at: datetime,
    act: Act | None = None,
    asking: QueueEntry | None = None,
) -> None:
    """Let what people say now decide an item: open, settled or disputed.

    ``asking`` is the entry by which it was asked, read since the item is held. A decision of a lead and a
    label known at import stand; where a round doubted the latter, a vote against it makes a dispute. A vote
    that changes while a dispute is open marks the dispute and never closes it, unless it was the flag that
    opened it.
    """
    act = act or Act(project, policy_version=rules.policy.version)
    if item.state == Item.State.EXCLUDED:
        return
    if item.state == Item.State.SETTLED and item.settled_source in FIXED:
        if item.settled_source == Item.Source.SEED:
            _check(rules, item, act, said, at)
        return
    flagged = _flagged(item, said)
    if item.state == Item.State.DISPUTED and not _flag_taken_back(item, flagged, at):
        return
    staleness.stand_again(item, act, at)
    if flagged and escalation.setting(rules.policy, "flag"):
        dispute(item, [_Reason.FLAG], act, at)
        return
    _by_votes(Case.of(project, rules, item, said, act, at, asking))


def rejudge_items(project: Project, item_ids: Iterable[int], act: Act, at: datetime | None = None) -> int:
    """Let present votes decide items anew, and return how many changed: whose votes count has changed.

    An item whose label no longer rests on enough votes is open again and asked again. One whose votes are
    again exactly those that it was settled on is again what it was. Call it inside a transaction.
    """
    at, rules, changed = at or now(), queries.rules(project), 0
    ids = sorted(set(item_ids))
    for first in range(0, len(ids), CHUNK):
        held = Item.objects.filter(project=project, pk__in=ids[first : first + CHUNK]).order_by("pk")
        items = list(held.select_for_update(no_key=True).defer("text", "metadata", "gold"))
        said: dict[int, list[Annotation]] = {}
        for one in queries.current(queries.revisions([item.pk for item in items])):
            said.setdefault(one.item_id, []).append(one)
        for item in items:
            before = audit.facts(item)
            present = said.get(item.pk, [])
            _remember(item, present)
            if not _restored(Case.of(project, rules, item, present, act, at)):
                rejudge(project, rules, item, present, at, act)
            changed += audit.facts(item) != before
    return changed


def _check(rules: Rules, item: Item, act: Act, said: Sequence[Annotation], at: datetime) -> None:
    """Close the question whether a label known at import is right, or hand it to a lead."""
    asked = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE, stream=QueueEntry.Stream.CHECK)
    votes = weighing.counted(rules, item, said)
    flagged = _flagged(item, said)
    if not (votes or flagged) or not asked.exists():
        return
    if flagged or any(vote.answer != frozenset(item.settled_labels or ()) for vote in votes):
        dispute(item, [Dispute.Reason.FLAG if flagged else Dispute.Reason.TIE], act, at)
    else:
        asked.update(state=QueueEntry.State.DONE)


def _flagged(item: Item, said: Sequence[Annotation]) -> bool:
    """Whether a flag stands that no lead has answered yet: one decided or sent back was heard."""
    flags = [annotation.created_at for annotation in said if annotation.kind == Annotation.Kind.FLAG]
    if not flags:
        return False
    answered = (Dispute.State.SENT_BACK, Dispute.State.RESOLVED)
    heard = item.disputes.filter(state__in=answered).order_by("-closed_at").first()
    return heard is None or heard.closed_at is None or max(flags) > heard.closed_at


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


# --- votes -----------------------------------------------------------------------------------------------


def _by_votes(case: Case) -> None:
    """Settle an item, ask for more, or hand it to a lead."""
    entry = _live(case)
    asked = places.coming(case.item, entry, case.answered)
    number = len(case.votes)
    if asked and (places.all_awaited(entry) or number < case.required):
        if not _early(case, entry):
            if entry:
                places.prefer_seniors(case.project, case.rules.policy, entry, case.answered)
            _reopen(case)
        return
    if number < case.required and _sought(case, case.required - number):
        return
    if not number:
        # Answers that count for nothing, and nobody is left to ask: it waits for somebody to come.
        _reopen(case)
        return
    found = weighing.weigh(case.project, case.rules, case.votes, _rule(case), _top(case, entry))
    apart = case.item.calibration and calibration.apart([vote.answer for vote in case.votes])
    same = places.confirmed(entry, (vote.answer for vote in case.votes))
    if not apart and (found.what == "settle" or number == 1 or same):
        _settle(case, found)
    elif not apart and found.what == "ask" and (asked or _sought(case, 1)):
        _reopen(case)
    else:
        _in_doubt(case, found)


def _live(case: Case) -> QueueEntry | None:
    """The entry that asks for the item now: an item has one at most, so a live one is it."""
    if case.asking is not None and case.asking.state == QueueEntry.State.LIVE:
        return case.asking
    return places.live(case.item)


def _rule(case: Case) -> Rule:
    """What the policy asks of the votes that there are."""
    policy = case.rules.policy
    least = max(1, min(case.required, len(case.votes)))
    lead = not case.project.subjective and escalation.setting(policy, "tie") > 0
    return Rule(least, max(policy.max_overlap, case.required), policy.target_confidence, lead)


def _top(case: Case, entry: QueueEntry | None) -> weighing.Top:
    """What a model that has proven itself thought of the item before anybody had judged it.

    Never of the random samples: agreement and the model's own accuracy are measured on these.
    """
    item = case.item
    if not (case.project.model_proven and case.rules.policy.model_vote) or item.agreement or item.holdout:
        return ()
    if entry is None or "top" not in entry.reason:
        entry = QueueEntry.objects.filter(item=item, reason__has_key="top").order_by("-pk").first()
    return weighing.of_entry(entry.reason) if entry else ()


def _early(case: Case, entry: QueueEntry | None) -> bool:
    """Settle an item on fewer votes than the policy asks for, where the model confirms them."""
    if not case.votes or places.all_awaited(entry):
        return False
    if not (top := _top(case, entry)):
        return False
    policy = case.rules.policy
    rule = Rule(1, max(policy.max_overlap, case.required), policy.target_confidence, lead=False)
    found = weighing.weigh(case.project, case.rules, case.votes, rule, top)
    if found.what == "settle" and all(vote.answer == found.answer for vote in case.votes):
        _settle(case, found)
        return True
    return False


def _sought(case: Case, more: int) -> bool:
    """Open the item to ``more`` people, if anybody is left to ask."""
    if not places.seek(case.project, case.rules.policy, case.item, case.answered, more):
        return False
    _reopen(case)
    return True


def _in_doubt(case: Case, found: Weighed) -> None:
    """Hand an item to a lead, where the policy has leads decide such doubt; else it keeps its soft label."""
    reason = _Reason.TIE if found.tied else _Reason.LOW
    if case.project.subjective or not escalation.setting(case.rules.policy, reason):
        _settle(case, found)
    else:
        dispute(case.item, [reason], case.act, case.at)


def _settle(case: Case, found: Weighed) -> None:
    item = case.item
    answer = None if found.answer == CANT_TELL else sorted(found.answer)
    if staleness.reconfirm(case.rules, item, answer, case.act, case.at):
        return
    become(
        item,
        case.act,
        case.at,
        state=Item.State.SETTLED,
        settled_labels=answer,
        settled_source=Item.Source.SINGLE if len(case.votes) == 1 else Item.Source.CONSENSUS,
        settled_at=case.at,
        posterior=found.posterior,
        method=found.method,
        soft=found.soft,
        estimate=found.estimate,
    )
    places.close(item)
    spotchecks.consider(case.project, case.rules.policy, item)


def _reopen(case: Case) -> None:
    """Wait for the missing answers: an answer was taken back, or another one is needed."""
    if case.item.state in (Item.State.SETTLED, Item.State.DISPUTED):
        become(case.item, case.act, case.at)


# --- exactly as it was -----------------------------------------------------------------------------------


def look_again(project: Project) -> int:
    """Judge open items anew for which every answer that was asked for is in; return how many changed.

    None is left so by an answer; a change of settings or of how votes are weighed may leave some.
    """
    with transaction.atomic():
        ids = list(queries.stuck(project).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        return rejudge_items(project, ids, Act(project, policy_version=project.policy.version))


def _remember(item: Item, said: Sequence[Annotation]) -> None:
    """Keep with an item settled by votes on which ones, and as what, before it is judged anew.

    A vote that has been excluded since counted then. What rests on more votes is kept, not what came after.
    """
    if item.state != Item.State.SETTLED or item.settled_source in FIXED or item.settled_at is None:
        return
    since = item.settled_at
    then = [
        one.pk
        for one in said
        if weighing.asked(one)
        and one.guideline_version >= item.votes_from
        and (one.excluded_at is None or one.excluded_at >= since)
    ]
    if set(then) <= set((item.former or {}).get("votes", ())):
        return
    kept = {name: getattr(item, name) for name in KEPT}
    item.former = {**former_of(item), **kept, "votes": then, "settled_at": since.isoformat()}


def _restored(case: Case) -> bool:
    """Give an item back what it was settled as, where its votes are again the same.

    A dispute that is open only since some votes did not count is dismissed.
    """
    item, former = case.item, case.item.former or {}
    if item.state in (Item.State.EXCLUDED, Item.State.STALE) or item.settled_source in FIXED:
        return False
    if not case.votes or former.get("votes") != [vote.pk for vote in case.votes]:
        return False
    if former["version"] != item.votes_from or not _dismissed(item, case.at):
        return False
    merged = case.rules.merged
    labels = former["labels"] and sorted({merged.get(label, label) for label in former["labels"]})
    become(
        item,
        case.act,
        case.at,
        state=Item.State.SETTLED,
        settled_labels=labels,
        settled_source=former["source"],
        settled_at=parse_datetime(former["settled_at"]),
        former=None,
        **{name: former[name] for name in KEPT},
    )
    places.close(item)
    return True


def _dismissed(item: Item, at: datetime) -> bool:
    """Close the dispute that an item waits in, if nothing but its votes opened it."""
    if item.state != Item.State.DISPUTED:
        return True
    found = Dispute.objects.filter(item=item, state=Dispute.State.OPEN).first()
    if found is None or not {_Reason.TIE.value, _Reason.LOW.value}.issuperset(found.reasons):
        return False
    found.state, found.closed_at = Dispute.State.DISMISSED, at
    found.save(update_fields=["state", "closed_at"])
    return True
