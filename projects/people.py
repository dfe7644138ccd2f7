"""Who belongs to a project, and in which role."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from projects import audit
from projects.errors import Refused
from projects.models import Membership, Project
from projects.trust import calibration, standing


def members(project: Project) -> QuerySet[Membership]:
    """Return everybody who is or was a member, those who may still work first."""
    return project.memberships.select_related("user").order_by("-active", "role", "user__email")


@transaction.atomic
def add(
    project: Project, actor: AbstractBaseUser | None, user: AbstractBaseUser, role: str
) -> tuple[Membership, bool]:
    """Give a person access; return the membership and whether anything changed.

    Somebody who left comes back in the new role. A present member keeps the role: see change_role.
    """
    held = audit.hold(project)
    membership, created = Membership.objects.get_or_create(
        project=held, user_id=user.pk, defaults={"role": role, "read_version": held.guideline_version}
    )
    if not created:
        if membership.active:
            return membership, False
        # Whoever comes back reads the guidelines as they are now, like everybody who joins.
        membership.role, membership.active = role, True
        membership.read_version = held.guideline_version
        membership.save(update_fields=["role", "active", "read_version"])
    after = {"role": role, "active": True}
    before = None if created else {"active": False}
    audit.record(held, actor, "member.added", str(membership.user), before=before, after=after)
    calibration.resize(held)
    return membership, True


@transaction.atomic
def change_role(membership: Membership, actor: AbstractBaseUser, role: str) -> None:
    """Give a member another role. The last admin stays one."""
    held = audit.hold(membership.project)
    member = Membership.objects.select_related("user").get(pk=membership.pk)
    if member.role == role:
        return
    _keep_an_admin(held, member)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    audit.record(
        held, actor, "member.role_changed", str(member.user), before={"role": before}, after={"role": role}
    )
    calibration.resize(held)


@transaction.atomic
def deactivate(membership: Membership, actor: AbstractBaseUser) -> None:
    """Take a person's access away; their answers stay. The last admin cannot go."""
    held = audit.hold(membership.project)
    member = Membership.objects.select_related("user").get(pk=membership.pk)
    if not member.active:
        return
    _keep_an_admin(held, member)
    member.active = False
    member.save(update_fields=["active"])
    audit.record(
        held, actor, "member.left", str(member.user), before={"active": True}, after={"active": False}
    )
    standing.stop(member)


def _keep_an_admin(project: Project, member: Membership) -> None:
    others = project.memberships.filter(role=Membership.Role.ADMIN, active=True).exclude(pk=member.pk)
    if member.role == Membership.Role.ADMIN and member.active and not others.exists():
        sentence = _("%(person)s is the last admin. Make somebody else an admin first.")
        raise Refused(sentence % {"person": member.user})
