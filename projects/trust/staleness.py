"""What follows from new guidelines: people read them, and settled items that they touch are asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import CharField, Exists, F, Max, OuterRef, QuerySet
from django.db.models.functions import Cast
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit
from projects.audit import Act
from projects.models import (
    Annotation,
    Assignment,
    Dispute,
    Event,
    GuidelineVersion,
    Item,
    Membership,
    Notice,
    Project,
    QueueEntry,
)
from projects.queries import Rules
from projects.trust import escalation
from projects.trust.touching import Change, steps

_Kind = GuidelineVersion.Kind
# Kinds that people read before they go on.
READ: Final = (_Kind.CLARIFYING, _Kind.BREAKING)
FOLLOWED: Final = "guidelines.followed"
# A worker has other work too: the next tick goes on.
SECONDS: Final = 20
# States in which a change of the guidelines asks again; of open ones, those that somebody answered. In others
# a lead has the word: there the votes only cease to decide.
_ASKED: Final = {Item.State.OPEN, Item.State.SETTLED, Item.State.STALE}
# What votes change nothing about: a new answer re-confirms it, or hands it to a lead.
FIRM: Final = {Item.Source.ADJUDICATED, Item.Source.GOLD, Item.Source.SEED}


# --- reading before going on -----------------------------------------------------------------------------


def must_read(membership: Membership) -> GuidelineVersion | None:
    """The newest version that a person has to read; costs a query only where there may be one."""
    if membership.read_version >= membership.project.guideline_version:
        return None
    return _unread(membership).last()


def unread(membership: Membership) -> list[GuidelineVersion]:
    """All versions that a person has to read, oldest first."""
    return list(_unread(membership))


def _unread(membership: Membership) -> QuerySet[GuidelineVersion]:
    newer = GuidelineVersion.objects.filter(
        project_id=membership.project_id, version__gt=membership.read_version, kind__in=READ
    )
    return newer.order_by("version")


def version_of(membership: Membership) -> int:
    """The guideline version that a person goes by now: what is not read yet is not known."""
    if must_read(membership) is None:
        return membership.project.guideline_version
    return membership.read_version


def unread_words() -> tuple[str, str]:
    """What the labelling page says to whoever has to read first: a heading and a sentence."""
    return _("The guidelines have changed"), _(
        "Read what is new, then go on. What you have answered so far is kept."
    )


@transaction.atomic
def acknowledge(membership: Membership, actor: AbstractBaseUser, version: int) -> None:
    """Note that a person has read everything up to a version. Repeating it does nothing."""
    held = audit.hold(membership.project)
    member = Membership.objects.select_for_update(no_key=True).get(pk=membership.pk)
    version = min(version, held.guideline_version)
    if version <= member.read_version:
        return
    before, member.read_version = member.read_version, version
    if not _unread(member).exists():
        # What comes after is editorial: nobody has to read that.
        member.read_version = held.guideline_version
    member.save(update_fields=["read_version"])
    told = Notice.objects.filter(
        user_id=member.user_id, project=held, kind="guidelines.changed", read_at=None
    )
    told.filter(facts__version__lte=version).update(read_at=now())
    subject = gettext_noop("Version %(number)s") % {"number": version}
    after = {"version": version}
    audit.record(held, actor, "guidelines.acknowledged", subject, before={"version": before}, after=after)


# --- what it does to them --------------------------------------------------------------------------------


def touch(
    project: Project, label_ids: Iterable[int], version: int, act: Act, until: float | None = None
) -> int:
    """Make everything that touches the labels stale and ask it again; return how many items it reached.

    Votes stay as they were; only those given under ``version`` or a later one decide from now on. Settled
    items leave the training set and the gold set until they are settled again; of open ones the question is
    repeated to those who answered before. What is disputed or excluded stays so, and old votes no longer
    decide it once a lead asks for more. Items that somebody answers at this moment are left: call it again,
    as after ``until``, a time of the monotonic clock.
    """
    reached = 0
    for item_ids in steps(Change(project, frozenset(label_ids), version)):
        reached += _mark(project, item_ids, version, act)
        if until is not None and monotonic() > until:
            break
    return reached


@transaction.atomic
def _mark(project: Project, item_ids: Sequence[int], version: int, act: Act) -> int:
    """Mark one chunk. Assignments are held before items, as everybody does who answers."""
    assignments, items = hold(item_ids)
    items = [item for item in items if item.votes_from < version]
    _outdate([item for item in items if item.state not in _ASKED], version, assignments)
    asked = [item for item in items if item.state in _ASKED]
    at = now()
    doubts = {item.pk: 1.0 if item.posterior is None else item.posterior for item in asked}
    for item in asked:
        _make_stale(item, version, act, at)
    _ask(project, asked, doubts, [one for one in assignments if one.item_id in doubts])
    return len(items)


def _outdate(items: Sequence[Item], version: int, assignments: Sequence[Assignment]) -> None:
    """Let only new votes decide items that leads have the word on, and let open disputes say so."""
    ids = {item.pk for item in items}
    Item.objects.filter(pk__in=ids).update(votes_from=version)
    Dispute.objects.filter(item__in=ids, state=Dispute.State.OPEN).update(version=F("version") + 1)
    # Where a lead asks again, those who answered may be asked too.
    back = [one for one in assignments if one.item_id in ids and one.state == Assignment.State.SUBMITTED]
    for one in back:
        one.state, one.placed = Assignment.State.SENT_BACK, False
    Assignment.objects.bulk_update(back, ["state", "placed"])


def hold(item_ids: Sequence[int]) -> tuple[list[Assignment], list[Item]]:
    """Hold items with their assignments and live entries, but for those that somebody holds at this moment.

    Nothing is waited for, so nobody who goes another way can wait for this in turn.
    """
    asked = Assignment.objects.filter(item_id__in=item_ids)
    held = list(asked.order_by("pk").select_for_update(skip_locked=True, no_key=True))
    busy = set(asked.values_list("item_id", "pk")) - {(one.item_id, one.pk) for one in held}
    free = Item.objects.filter(pk__in=set(item_ids) - {item_id for item_id, _pk in busy}).order_by("pk")
    items = list(free.select_for_update(skip_locked=True, no_key=True).defer("text"))
    live = QueueEntry.objects.filter(item__in=items, state=QueueEntry.State.LIVE)
    ours = live.order_by("pk").select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
    taken = set(live.exclude(pk__in=list(ours)).values_list("item_id", flat=True))
    return held, [item for item in items if item.pk not in taken]


def _make_stale(item: Item, version: int, act: Act, at: datetime) -> None:
    """Keep what an item was settled as, and let only new votes decide. An open one stays open."""
    from projects import changing

    if item.state == Item.State.OPEN and item.gold is None:
        changing.become(item, act, at, votes_from=version)
        return
    former = item.former
    if item.state != Item.State.STALE:
        known = item.settled_labels if item.state == Item.State.SETTLED else (item.gold or [None])[0]
        source = item.settled_source or str(Item.Source.GOLD)
        # Shares of several acceptable labels come first: what follows a blank and precedes a comma is an id.
        shares = {"soft": item.soft} if item.soft and source in FIRM else {}
        former = {**shares, "labels": known, "source": source, "version": version}
    changing.become(item, act, at, state=Item.State.STALE, former=former, votes_from=version)


def _ask(
    project: Project, items: Sequence[Item], doubts: Mapping[int, float], assignments: Sequence[Assignment]
) -> None:
    """Queue items before all that a round picked, the most doubtful first, also for those who answered."""
    from projects import queue, serving

    policy, people = project.policy, queue.crew(project.pk)
    live = QueueEntry.objects.filter(item__in=items, state=QueueEntry.State.LIVE)
    # A known item keeps its entry for later: it is in service again once it is settled again.
    live.filter(stream=QueueEntry.Stream.GOLD).update(state=QueueEntry.State.DONE)
    present = {entry.item_id: entry for entry in live.all()}
    leased = Counter(one.item_id for one in assignments if one.state == Assignment.State.LEASED)
    number = QueueEntry.objects.filter(project=project).aggregate(last=Max("round_number"))["last"] or 0
    entries = {}
    for item in items:
        entry = present.get(item.pk) or QueueEntry(project=project, item=item, round_number=number)
        entry.stream, entry.reason = QueueEntry.Stream.RECHECK, {"why": "guidelines"}
        entry.rank = number * queue.RANK_STEP + round(doubts[item.pk] * (queue.RANK_STEP // 2))
        entry.places = max(queue.places_for(item, policy, people), leased[item.pk])
        entry.free = entry.places - leased[item.pk]
        entry.skill = serving.skill_of(item, policy)
        entries[item.pk] = entry
    QueueEntry.objects.bulk_create([entry for pk, entry in entries.items() if pk not in present])
    columns = ["stream", "reason", "rank", "places", "free", "skill"]
    QueueEntry.objects.bulk_update([entry for pk, entry in entries.items() if pk in present], columns)
    _send_back(entries, assignments)


def _send_back(entries: Mapping[int, QueueEntry], assignments: Sequence[Assignment]) -> None:
    """Let those who answered be asked again: in a small team nobody else is left. Leases run on."""
    for one in assignments:
        one.entry = entries[one.item_id]
        if one.state == Assignment.State.LEASED:
            one.placed = True
        elif one.state == Assignment.State.SUBMITTED:
            one.state, one.placed = Assignment.State.SENT_BACK, False
        else:
            one.placed = False
    Assignment.objects.bulk_update(assignments, ["entry", "state", "placed"])


# --- in the background -----------------------------------------------------------------------------------


def due() -> QuerySet[GuidelineVersion]:
    """Versions from which something follows for items, and that are not through with it."""
    done = Event.objects.filter(
        project=OuterRef("project"), action=FOLLOWED, subject=Cast(OuterRef("version"), CharField())
    )
    concerned = GuidelineVersion.objects.filter(kind__in=READ).exclude(labels=[])
    return concerned.filter(~Exists(done)).order_by("project", "version")


def follow(project_id: int, seconds: float = SECONDS) -> None:
    """Do what a project's new versions ask for, one after the other, for so long; the next call goes on."""
    until = monotonic() + seconds
    for version in due().filter(project_id=project_id).select_related("project", "created_by"):
        if not _through(version, until):
            return


def _through(version: GuidelineVersion, until: float) -> bool:
    """Do a version's work and say whether all is done; items that somebody answers now are left."""
    from projects import migrating

    bulk = UUID(version.migration["bulk"])
    act = audit.by(version.project, version.created_by, version.said, bulk)
    if "merge" in version.migration:
        done = migrating.follow_merge(version, act, until)
    else:
        touch(version.project, version.labels, version.version, act, until)
        change = Change(version.project, frozenset(version.labels), version.version)
        done = next(steps(change), None) is None
    if done:
        _record_done(version, bulk)
    return done


@transaction.atomic
def _record_done(version: GuidelineVersion, bulk: UUID) -> None:
    held = audit.hold(version.project)
    if due().filter(pk=version.pk).exists():
        count = Event.objects.filter(project=held, bulk=bulk, item__isnull=False).count()
        audit.record(held, None, FOLLOWED, str(version.version), after={"items": count}, bulk=bulk)


def give_back(assignment: Assignment, said: Annotation) -> None:
    """Free the place of an answer that decides nothing, given by somebody who had not read what is new.

    It is kept like every answer; the person may be asked again. The caller holds assignment and item.
    """
    late = said.kind in Annotation.COUNTED and said.guideline_version < assignment.item.votes_from
    waiting = {Item.State.OPEN, Item.State.STALE, Item.State.DISPUTED}
    if not late or assignment.item.state not in waiting:
        return
    if assignment.placed:
        entry = QueueEntry.objects.filter(pk=assignment.entry_id, free__lt=F("places"))
        entry.update(free=F("free") + 1)
    assignment.state, assignment.placed = Assignment.State.SENT_BACK, False
    assignment.save(update_fields=["state", "placed"])


# --- new answers -----------------------------------------------------------------------------------------


def stand_again(item: Item, act: Act, at: datetime) -> None:
    """Make an item stale again whose dispute was dismissed, where new answers must speak to a firm label.

    Votes alone would overwrite what a lead decided. The caller holds the item.
    """
    from projects import changing

    firm = (item.former or {}).get("source") in FIRM
    if firm and item.votes_from and item.state == Item.State.DISPUTED:
        changing.become(item, act, at, state=Item.State.STALE)


def reconfirm(rules: Rules, item: Item, answer: Sequence[int] | None, act: Act, at: datetime) -> bool:
    """Let new answers speak to what a lead decided, or what was known, before the guidelines changed.

    ``answer``: the label ids that the new votes settle on, or None. The same again stands as it stood;
    another one goes to a lead. Return whether that was it; False: the votes decide as ever. The caller holds
    the item.
    """
    from projects import changing

    former = item.former or {}
    if item.state != Item.State.STALE or former.get("source") not in FIRM:
        return False
    known = former.get("labels")
    if known is not None:
        known = sorted({rules.merged.get(pk, pk) for pk in known})
    if known != (None if answer is None else sorted(answer)):
        if not escalation.setting(rules.policy, "guideline"):
            return False
        changing.dispute(item, [Dispute.Reason.GUIDELINE], act, at)
        return True
    changing.become(
        item,
        act,
        at,
        state=Item.State.SETTLED,
        settled_labels=known,
        settled_source=former["source"],
        settled_at=at,
        method="reconfirmed",
        soft=_poured(former.get("soft"), rules.merged),
        former=None,
    )
    live = QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE)
    live.update(state=QueueEntry.State.DONE)
    return True


def _poured(soft: Mapping[str, float] | None, merged: Mapping[int, int]) -> dict[str, float] | None:
    """Give the shares of merged labels to what they became."""
    if not soft:
        return None
    found: dict[str, float] = {}
    for label, share in soft.items():
        into = str(merged.get(int(label), label))
        found[into] = found.get(into, 0.0) + share
    return found


# --- asked again -------------------------------------------------------------------------------------------


def anew(annotation: Annotation) -> bool:
    """Whether what was said counts no more, since its labels were changed: it is asked anew."""
    return annotation.item.votes_from > annotation.guideline_version


def earlier(assignments: Sequence[Assignment], project: Project) -> dict[int, str]:
    """What people who are asked again are told, by item id: why, and only by policy what they said before.

    Costs nothing where nobody is asked again.
    """
    again = [one for one in assignments if one.entry.stream == QueueEntry.Stream.RECHECK]
    if not again:
        return {}
    said = Annotation.objects.filter(
        item_id__in=[one.item_id for one in again],
        annotator_id=again[0].annotator_id,
        superseded_by=None,
        kind__in=Annotation.COUNTED,
    )
    rows = [row for row in said.select_related("item") if anew(row)]
    told = _("You are asked again, since the guidelines have changed.")
    if not project.policy.show_old_answer:
        return {row.item_id: told for row in rows}
    names = dict(project.labels.values_list("pk", "name"))
    return {row.item_id: f"{told} {_before(row, names)}" for row in rows}


def _before(annotation: Annotation, names: Mapping[int, str]) -> str:
    if annotation.kind == Annotation.Kind.CANT_TELL:
        return _("Your answer was: can't tell.")
    chosen = ", ".join(names.get(pk, "?") for pk in annotation.labels) or _("None of these")
    return _("Your answer was: %(labels)s.") % {"labels": chosen}
