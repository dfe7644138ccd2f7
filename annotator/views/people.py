"""Who works in a project: roles, invitations, and who left."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import accounts
from annotator.models import Invitation, User
from projects import access, audit, people
from projects.errors import Refused
from projects.forms import InviteForm, RoleForm
from projects.models import Membership, Project
from projects.views import common


@dataclass(frozen=True)
class Invited:
    """What became of one address: a link to hand over, or a membership at once."""

    email: str
    link: str = ""
    joined: bool = False


@never_cache
@require_GET
@login_required
def index(request: HttpRequest, project_id: int) -> HttpResponse:
    """List the members and the open invitations."""
    return _show(request, access.as_admin(request.user, project_id))


@never_cache
@require_POST
@login_required
def invite(request: HttpRequest, project_id: int) -> HttpResponse:
    """Invite people; each link is shown this once, since only its hash is kept."""
    member = access.as_admin(request.user, project_id)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _show(request, member, form, status=common.INVALID)
    role = form.cleaned_data["role"]
    invited = [_invite(request, member, address, role) for address in form.cleaned_data["emails"] or [""]]
    return _show(request, member, invited=invited)


@require_POST
@login_required
def withdraw(request: HttpRequest, project_id: int, invitation_id: int) -> HttpResponse:
    """Close an invitation that nobody has used."""
    member = access.as_admin(request.user, project_id)
    open_ones = _open_invitations(member)
    if open_ones.filter(pk=invitation_id).update(expires_at=now()):
        invitation = Invitation.objects.get(pk=invitation_id)
        audit.record(
            member.project, common.person(request), "member.invitation_withdrawn", invitation.email or "?"
        )
    return _done(request, member, _("The invitation is withdrawn."))


@require_POST
@login_required
def role(request: HttpRequest, project_id: int, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    member = access.as_admin(request.user, project_id)
    found = get_object_or_404(Membership, project_id=project_id, pk=membership_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _done(request, member, _("Choose one of the roles."), failed=True)
    try:
        people.change_role(found, common.person(request), form.cleaned_data["role"])
    except Refused as refusal:
        return _done(request, member, str(refusal), failed=True)
    return _done(request, member, _("The role is changed."))


@require_POST
@login_required
def leave(request: HttpRequest, project_id: int, membership_id: int) -> HttpResponse:
    """Take a member's access away, or give it back."""
    member = access.as_admin(request.user, project_id)
    found = get_object_or_404(
        Membership.objects.select_related("user"), project_id=project_id, pk=membership_id
    )
    actor = common.person(request)
    try:
        if request.POST.get("back"):
            people.add(member.project, actor, found.user, found.role)
        else:
            people.deactivate(found, actor)
    except Refused as refusal:
        return _done(request, member, str(refusal), failed=True)
    return _done(request, member, _("Done. Answers that were given stay."))


def _invite(request: HttpRequest, member: Membership, address: str, role: str) -> Invited:
    """Give access at once to an account of a proven address; a link to everybody else."""
    actor = common.person(request)
    known = User.objects.filter(email=address, email_proven=True, is_active=True)
    user = known.first() if address else None
    if user:
        people.add(member.project, actor, user, role)
        return Invited(address, joined=True)
    link = request.build_absolute_uri(accounts.invite(member.project, role, address, by=actor))
    after = {"email": address, "role": role} if address else {"role": role}
    audit.record(member.project, actor, "member.invited", address, after=after)
    return Invited(address, link)


def _open_invitations(member: Membership) -> QuerySet[Invitation]:
    invitations = Invitation.objects.filter(project=member.project, used_at=None, expires_at__gt=now())
    return invitations.select_related("created_by").order_by("pk")


def _show(
    request: HttpRequest,
    member: Membership,
    form: InviteForm | None = None,
    invited: list[Invited] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = common.page(
        member,
        "people",
        form=form or InviteForm(initial={"role": Membership.Role.ANNOTATOR}),
        invited=invited,
        members=people.members(member.project),
        roles=Membership.Role.choices,
        invitations=_open_invitations(member),
    )
    template = "annotator/_people.html" if common.by_htmx(request) else "annotator/people.html"
    return render(request, template, context, status=status)


def _done(request: HttpRequest, member: Membership, text: str, failed: bool = False) -> HttpResponse:
    if common.by_htmx(request) and not failed:
        return _show(request, access.as_admin(request.user, member.project_id))
    common.say(request, text, messages.ERROR if failed else messages.SUCCESS)
    if common.by_htmx(request):
        draft = member.project.state == Project.State.DRAFT
        here = reverse("setup", args=[member.project_id, "loop"])
        return common.go(request, here if draft else reverse("people", args=[member.project_id]))
    return redirect("people", member.project_id)
