"""A change of a project: hold it, change it, write down who changed what."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from projects.models import Event, Project


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
    reason: str = "",
) -> Event:
    """Add one event; ``actor`` None is the system itself. Call it inside the action's transaction."""
    return Event.objects.create(
        project=project,
        actor_id=actor.pk if actor else None,
        action=action,
        subject=subject[:80],
        before=before,
        after=after,
        reason=reason,
    )


def differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return only what differs, from both sides."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}
