"""Merge and split labels of a project at work: votes stay as they were, what they count for changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, guidelines, labelset, policies, queries, settle, weighing
from projects.audit import Act
from projects.errors import Refused
from projects.guidelines import News
from projects.models import Annotation, Dispute, GuidelineVersion, Item, Label, Project
from projects.saying import Said, gettext
from projects.trust import staleness
from projects.trust.touching import CHUNK, Effect, effect, names_label

Kind = GuidelineVersion.Kind
# Disputes that nothing but votes opened.
_BY_VOTES: Final = {Dispute.Reason.TIE.value, Dispute.Reason.LOW.value}


@dataclass(frozen=True)
class Mapped:
    """What a merge would map: settled items, known items, and answers that would count for the other."""

    items: int
    gold: int
    votes: int


@dataclass(frozen=True)
class Merge:
    """Which label goes, into which, and what people are told."""

    gone: Label
    into: Label
    summary: str


@dataclass(frozen=True)
class Split:
    """Which label goes, what takes its place, and what people are told."""

    gone: Label
    parts: Sequence[labelset.Draft]
    summary: str


# --- merging ---------------------------------------------------------------------------------------------


def merge_effect(project: Project, gone: Label) -> Mapped:
    """Count what a merge would map, without changing anything."""
    said = project.annotations.filter(superseded_by=None, kind="answer")
    votes = said.alias(listed=Cast("labels", TextField())).filter(names_label("listed", [gone.pk]))
    return Mapped(
        _naming(project, gone.pk, "settled_labels").filter(state=Item.State.SETTLED).count(),
        _naming(project, gone.pk, "gold").count(),
        votes.count(),
    )


def merge_words(gone: Label, into: Label) -> Said:
    """What people may be told of a merge."""
    return gettext(
        "«%(gone)s» and «%(into)s» are one label now: use «%(into)s».", gone=gone.name, into=into.name
    )


@transaction.atomic
def merge(project: Project, actor: AbstractBaseUser, wanted: Merge) -> GuidelineVersion:
    """Let one label's answers count for another one from now on, and retire it.

    Votes stay as they were. Settled and known items follow in the background, an event each; the sampling
    policy follows at once. Refused where a label is out of use, or where a setting of the loop names both.
    """
    held = audit.hold(project)
    gone, into = _in_use(held, wanted.gone), _in_use(held, wanted.into)
    if gone.pk == into.pk:
        raise Refused(_("Choose two different labels."))
    _keep_two(held, 1)
    if changes := _policy_follows(held, gone, into):
        reason = gettext("«%(gone)s» was merged into «%(into)s»", **_named(gone, into))
        policies.change(held, actor, changes, reason)
    gone.merged_into, gone.retired_at, gone.key = into, timezone.now(), ""
    gone.save(update_fields=["merged_into", "retired_at", "key"])
    # Between these two nobody told apart on purpose before: agreement and records begin anew.
    migration = {"merge": {"from": gone.pk, "into": into.pk, "names": [gone.name, into.name]}}
    summary = _summary(wanted.summary, merge_words(gone, into))
    news = News(Kind.BREAKING, summary, (gone.pk,), migration)
    made = _advanced(held, actor, news)
    after = {"into": into.name, "label_ids": [gone.pk, into.pk]}
    audit.record(held, actor, "label.merged", gone.name, after=after, reason=news.summary, bulk=_bulk(made))
    return made


def follow_merge(version: GuidelineVersion, act: Act, until: float) -> bool:
    """Map what is settled, and known items, after a merge; say whether all is done."""
    gone, into = version.migration["merge"]["from"], version.migration["merge"]["into"]
    ids = list(_to_map(version.project, gone).order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(ids), CHUNK):
        _map_some(ids[first : first + CHUNK], gone, into, act)
        if monotonic() > until:
            break
    agreed = _agreeing(version, gone)
    for first in range(0, len(agreed), CHUNK):
        _judge_anew(version, agreed[first : first + CHUNK], act)
        if monotonic() > until:
            break
    return not (_to_map(version.project, gone).exists() or (agreed and _agreeing(version, gone)))


@transaction.atomic
def _map_some(ids: Sequence[int], gone: int, into: int, act: Act) -> None:
    """Map these items, but for those that somebody answers at this moment: the next call maps them."""
    _assignments, items = staleness.hold(ids)
    at = timezone.now()
    known = [item for item in items if item.gold is not None]
    for item in known:
        item.gold = [_mapped(labels, gone, into) for labels in item.gold or ()]
    Item.objects.bulk_update(known, ["gold"])
    for item in items:
        if item.state == Item.State.SETTLED and gone in (item.settled_labels or ()):
            _map(item, gone, into, act, at)


def _agreeing(version: GuidelineVersion, gone: int) -> list[int]:
    """Disputed items whose votes differed before a merge, and mean the same since."""
    votes = version.project.annotations.filter(superseded_by=None, kind=Annotation.Kind.ANSWER)
    naming = votes.alias(listed=Cast("labels", TextField())).filter(names_label("listed", [gone]))
    tied = Dispute.objects.filter(
        project=version.project,
        state=Dispute.State.OPEN,
        item__in=naming.values("item_id"),
        # What is disputed after the merge, its votes were weighed with it.
        opened_at__lt=version.created_at,
    )
    ids = [one.item_id for one in tied if _BY_VOTES.issuperset(one.reasons)]
    said: dict[int, list[Annotation]] = {}
    for one in queries.current(queries.revisions(ids)):
        said.setdefault(one.item_id, []).append(one)
    rules = queries.rules(version.project)
    items = Item.objects.filter(pk__in=ids, state=Item.State.DISPUTED).order_by("pk")
    return [
        item.pk
        for item in items.only("votes_from")
        if len({vote.answer for vote in weighing.counted(rules, item, said.get(item.pk, []))}) == 1
    ]


@transaction.atomic
def _judge_anew(version: GuidelineVersion, ids: Sequence[int], act: Act) -> None:
    """Dismiss these disputes and let the votes decide, but for items that somebody answers at this moment."""
    _assignments, items = staleness.hold(ids)
    at, held = timezone.now(), {item.pk: item for item in items}
    disputes = Dispute.objects.filter(
        item__in=list(held), state=Dispute.State.OPEN, opened_at__lt=version.created_at
    ).order_by("pk")
    free = [one for one in disputes.select_for_update(no_key=True) if _BY_VOTES.issuperset(one.reasons)]
    for one in free:
        one.state, one.closed_at = Dispute.State.DISMISSED, at
        _record_dismissed(version, held[one.item_id], act)
    Dispute.objects.bulk_update(free, ["state", "closed_at"])
    settle.rejudge_items(version.project, [one.item_id for one in free], act, at)


def _record_dismissed(version: GuidelineVersion, item: Item, act: Act) -> None:
    audit.record(
        version.project,
        version.created_by,
        "dispute.dismissed",
        gettext_noop("Item %(number)d") % {"number": item.number},
        before={"state": Item.State.DISPUTED},
        reason=act.reason,
        item=item,
        bulk=act.bulk,
    )


def _map(item: Item, gone: int, into: int, act: Act, at: datetime) -> None:
    """Change a settled item's label by the rule of a merge; a lead's decision stays one."""
    settle.become(
        item,
        act,
        at,
        state=Item.State.SETTLED,
        settled_labels=_mapped(item.settled_labels or (), gone, into),
        settled_source=item.settled_source,
        settled_at=item.settled_at,
        posterior=item.posterior,
        method="merged",
        soft=_poured(item.soft, str(gone), str(into)),
        estimate=item.estimate,
    )


def _to_map(project: Project, gone: int) -> QuerySet[Item]:
    settled = Q(pk__in=_naming(project, gone, "settled_labels").filter(state=Item.State.SETTLED).values("pk"))
    known = Q(pk__in=_naming(project, gone, "gold").filter(gold__isnull=False).values("pk"))
    return Item.objects.filter(settled | known, project=project)


def _naming(project: Project, label_id: int, column: str) -> QuerySet[Item]:
    listed = Item.objects.filter(project=project).alias(listed=Cast(column, TextField()))
    return listed.filter(names_label("listed", [label_id]))


def _mapped(labels: Iterable[int], gone: int, into: int) -> list[int]:
    return sorted({into if label == gone else label for label in labels})


def _poured(soft: Mapping[str, float] | None, gone: str, into: str) -> dict[str, float] | None:
    """Give one label's probability to the other."""
    if not soft or gone not in soft:
        return None if soft is None else dict(soft)
    rest = {label: share for label, share in soft.items() if label != gone}
    return {**rest, into: rest.get(into, 0.0) + soft[gone]}


def _policy_follows(held: Project, gone: Label, into: Label) -> dict[str, Any]:
    """What the loop's settings become: what looked near one label looks near the other."""
    policy = held.policy
    changes: dict[str, Any] = {}
    rare = list(policy.rare.get("labels", ()))
    if gone.position in rare:
        moved = sorted({into.position if one == gone.position else one for one in rare})
        changes["rare"] = {**policy.rare, "labels": moved}
    of_label = [quota for quota in policy.quotas if quota.get("of") == "label"]
    named = {quota.get("value") for quota in of_label}
    if {gone.position, into.position} <= named:
        raise Refused(
            _("The loop has a quota for «%(gone)s» and one for «%(into)s». Take one of them out first.")
            % _named(gone, into)
        )
    if gone.position in named:
        changes["quotas"] = [
            {**quota, "value": into.position}
            if quota in of_label and quota.get("value") == gone.position
            else quota
            for quota in policy.quotas
        ]
    return changes


# --- splitting -------------------------------------------------------------------------------------------


def split_effect(project: Project, gone: Label) -> Effect:
    """Count what a split would ask again, without changing anything."""
    return effect(project, [gone.pk])


def split_words(gone: Label) -> Said:
    """What people may be told of a split."""
    return gettext(
        "«%(gone)s» is now several labels: look at what each of them means.",
        gone=gone.name,
    )


@transaction.atomic
def split(project: Project, actor: AbstractBaseUser, wanted: Split) -> GuidelineVersion:
    """Put new labels in place of one, and retire it.

    No rule says which of the new ones an old answer meant: votes stay as they were, and items that are
    labelled so, had a vote for it, or looked like it to the model are asked again. Refused where a setting
    of the loop names the label, or where there are fewer than two new ones.
    """
    held = audit.hold(project)
    gone = _in_use(held, wanted.gone)
    _check_parts(held, wanted.parts)
    _check_policy(held, gone)
    gone.retired_at, gone.key = timezone.now(), ""
    gone.save(update_fields=["retired_at", "key"])
    # Its key is free now: one of those that take its place may get it.
    added = labelset.create(held, wanted.parts)
    names = [label.name for label in added]
    ids = [label.pk for label in added]
    migration = {"split": {"from": gone.pk, "into": ids, "names": [gone.name, *names]}}
    summary = _summary(wanted.summary, split_words(gone))
    made = _advanced(held, actor, News(Kind.BREAKING, summary, (gone.pk,), migration))
    after = {"names": names, "label_ids": ids}
    audit.record(held, actor, "label.split", gone.name, after=after, reason=summary, bulk=_bulk(made))
    return made


def _check_parts(held: Project, parts: Sequence[labelset.Draft]) -> None:
    names = [part.name.casefold() for part in parts]
    if len(set(names)) < 2:
        raise Refused(_("Write at least two new names, one a line."))
    for label in held.labels.all():
        if label.name.casefold() in names:
            raise Refused(
                _("There is a label «%(name)s» already. A part needs a name of its own.")
                % {"name": label.name}
            )


def _check_policy(held: Project, gone: Label) -> None:
    policy = held.policy
    quotas = {one.get("value") for one in policy.quotas if one.get("of") == "label"}
    if gone.position in {*policy.rare.get("labels", ()), *quotas}:
        raise Refused(
            _("The loop's settings name «%(name)s» as a rare label or in a quota. Take it out there first.")
            % {"name": gone.name}
        )


# --- both ------------------------------------------------------------------------------------------------


def _in_use(held: Project, label: Label) -> Label:
    if held.state == Project.State.DRAFT:
        raise Refused(_("Labelling has not started yet: rename, add and remove labels freely instead."))
    found = held.labels.filter(pk=label.pk, retired_at=None).first()
    if found is None:
        raise Refused(_("«%(name)s» is no longer in use. Choose another label.") % {"name": label.name})
    return found


def _keep_two(held: Project, fewer: int) -> None:
    if labelset.shown(held).count() - fewer < 2:
        raise Refused(_("A project needs at least two labels. Add another one first."))


def _summary(typed: str, offered: Said) -> Said | str:
    """What people are told; the words that the page offers reach each of them in his language."""
    if not typed.strip():
        raise Refused(_("Say in a sentence what is new: everybody who labels reads it before going on."))
    typed = " ".join(typed.split())
    return offered if typed == str(offered) else typed


def _advanced(held: Project, actor: AbstractBaseUser, news: News) -> GuidelineVersion:
    made = guidelines.advance(held, actor, news)
    assert made is not None  # Not a draft: _in_use saw to that.
    return made


def _bulk(version: GuidelineVersion) -> UUID:
    return UUID(version.migration["bulk"])


def _named(gone: Label, into: Label) -> dict[str, str]:
    return {"gone": gone.name, "into": into.name}
