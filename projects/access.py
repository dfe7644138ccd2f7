"""Who may see what: load and authorise in one call. Strangers get 404, too low a role 403."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from projects.models import Membership

_RANK = {Membership.Role.ANNOTATOR: 0, Membership.Role.LEAD: 1, Membership.Role.ADMIN: 2}


def membership(
    user: AbstractBaseUser | AnonymousUser, project_id: int, role: str = Membership.Role.ANNOTATOR
) -> Membership:
    """Return the user's active membership with its project.

    Raises Http404 for somebody without one, PermissionDenied where the role is below ``role``.
    """
    mine = Membership.objects.select_related("project").filter(user_id=user.pk or 0, active=True)
    found = get_object_or_404(mine, project_id=project_id)
    if _RANK[Membership.Role(found.role)] < _RANK[Membership.Role(role)]:
        admins = role == Membership.Role.ADMIN
        raise PermissionDenied(
            _("This page is for a project's admins.") if admins else _("This page is for a project's leads.")
        )
    return found


def as_lead(user: AbstractBaseUser | AnonymousUser, project_id: int) -> Membership:
    """Return the membership of a lead or an admin."""
    return membership(user, project_id, Membership.Role.LEAD)


def as_admin(user: AbstractBaseUser | AnonymousUser, project_id: int) -> Membership:
    """Return the membership of an admin."""
    return membership(user, project_id, Membership.Role.ADMIN)
