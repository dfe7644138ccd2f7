"""What happened, written down with who, when, from what to what: only ever added to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.utils.timezone import now

from projects import sql
from projects.models import Event, Item, Membership, Project
from projects.saying import Said, kept, plain, told
from projects.tracing import REQUEST

# Where ``after`` keeps the reason of an event, if that is a sentence of ours and not of a person.
SAID: Final = "said"
_KINDS = {
    Membership.Role.ANNOTATOR: Event.Kind.PERSON,
    Membership.Role.LEAD: Event.Kind.LEAD,
    Membership.Role.ADMIN: Event.Kind.ADMIN,
}


@dataclass(frozen=True)
class Act:
    """Who does something to items, and under which versions. Without ``actor`` it is the system itself."""

    project: Project
    actor_id: int | None = None
    kind: str = Event.Kind.SYSTEM
    policy_version: int = 0
    reason: Said | str = ""
    bulk: UUID | None = None


def hold(project: Project) -> Project:
    """Return the project as it stands, kept from other changes until the transaction ends."""
    return Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def record(  # noqa: PLR0913 - a column of the event each
    project: Project,
    actor: AbstractBaseUser | None,
    action: str,
    subject: str = "",
    *,
    before: Any = None,
    after: Any = None,
    reason: Said | str = "",
    item: Item | None = None,
    bulk: UUID | None = None,
) -> Event:
    """Add one event; ``actor`` None is the system itself. Call it inside the action's transaction."""
    return Event.objects.create(
        project=project,
        actor_id=actor.pk if actor else None,
        kind=_kind(project, actor),
        action=action,
        subject=subject[:80],
        item=item,
        before=before,
        after=_with(after, reason),
        reason=_english(reason),
        policy_version=project.policy.version,
        guideline_version=project.guideline_version,
        request=REQUEST.get(),
        bulk=bulk,
    )


def by(
    project: Project, actor: AbstractBaseUser | None, reason: Said | str = "", bulk: UUID | None = None
) -> Act:
    """Say who acts on items, in the role of this moment."""
    pk = actor.pk if actor else None
    return Act(project, pk, _kind(project, actor), project.policy.version, reason, bulk)


def facts(item: Item) -> dict[str, Any]:
    """What an item's label rests on, as events keep it: enough to rebuild it from the log alone."""
    found = {"state": item.state, "label_ids": item.settled_labels, "source": item.settled_source}
    if item.posterior is not None:
        found["posterior"] = round(item.posterior, 4)
    return {**found, "method": item.method} if item.method else found


def item_changed(item: Item, before: dict[str, Any], act: Act, at: datetime | None = None) -> Event:
    """Write down that what an item's label rests on changed: ``before`` is ``facts`` as they were."""
    event = Event(
        project_id=item.project_id,
        at=at or now(),
        actor_id=act.actor_id,
        kind=act.kind,
        action=f"item.{item.state}",
        item_id=item.pk,
        before=before,
        after=_with(facts(item), act.reason),
        reason=_english(act.reason),
        policy_version=act.policy_version,
        guideline_version=act.project.guideline_version,
        estimate_version=item.estimate,
        request=REQUEST.get(),
        bulk=act.bulk,
    )
    sql.add(event)
    return event


def _with(after: Any, reason: Said | str) -> Any:
    return {**(after or {}), SAID: kept(reason)} if isinstance(reason, Said) else after


def _english(reason: Said | str) -> str:
    return plain(reason) if isinstance(reason, Said) else reason


def without_words(after: Any) -> Any:
    """What an event led to, without the sentence that is kept with it."""
    if not isinstance(after, dict) or SAID not in after:
        return after
    return {name: one for name, one in after.items() if name != SAID} or None


def why(event: Event) -> Said | str:
    """Say why, in the language of whoever reads it; as it was typed, where a person wrote it."""
    said = event.after.get(SAID) if isinstance(event.after, dict) else None
    found: Said | str = told(said) if said else event.reason
    return found


def _kind(project: Project, actor: AbstractBaseUser | None) -> str:
    if actor is None:
        return Event.Kind.SYSTEM
    role = Membership.objects.filter(project=project, user_id=actor.pk).values_list("role", flat=True).first()
    return _KINDS[Membership.Role(role)] if role else Event.Kind.ADMIN


def differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return only what differs, from both sides."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}
