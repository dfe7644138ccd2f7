"""The two ways in besides a password: one-time sign-in links and invitations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from allauth.account.signals import password_reset
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.dispatch import receiver
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from annotator.models import Invitation, SignInLink, User, digest, new_token
from projects import people
from projects.errors import Refused
from projects.models import Membership, Project

LINK_LASTS: Final = timedelta(days=1)
INVITATION_LASTS: Final = timedelta(days=14)


def make_sign_in_link(user: AbstractBaseUser, lasts: timedelta = LINK_LASTS) -> str:
    """Return the path of a new link that signs this person in once; only its hash is kept."""
    token = new_token()
    SignInLink.objects.create(token_digest=digest(token), user_id=user.pk, expires_at=now() + lasts)
    return reverse("sign-in-link", args=[token])


def find_link(token: str) -> SignInLink:
    """Return a link that can still be used; Refused says why another cannot."""
    link = SignInLink.objects.select_related("user").filter(token_digest=digest(token)).first()
    if link is None:
        raise Refused(_("This sign-in link is not known here. Perhaps a part of it was cut off."))
    if link.used_at:
        raise Refused(_("This sign-in link was used before. Each link works once."))
    if link.expires_at <= now() or not link.user.is_active:
        raise Refused(_("This sign-in link has expired."))
    return link


def use_link(token: str) -> User:
    """Use a link up and return whom it signs in. Of two requests at once, one is refused."""
    link = find_link(token)
    if not SignInLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now()):
        raise Refused(_("This sign-in link was used before. Each link works once."))
    user = link.user
    if not user.email_proven:
        # Whoever made this account never showed that the address is theirs: their password opens it no more.
        user.set_unusable_password()
        user.save(update_fields=["password"])
        _prove(user)
    return user


@receiver(password_reset)
def note_reset(user: User, **_signal: Any) -> None:
    """Who completed a password reset has read the mail to that address."""
    _prove(user)


def _prove(user: User) -> None:
    """Note that this person was reached by their address: others may give them access by it from now on."""
    User.objects.filter(pk=user.pk).update(email_proven=True)
    user.email_proven = True


def invite(project: Project | None, role: str, email: str = "", by: AbstractBaseUser | None = None) -> str:
    """Return the path of a new invitation; it works once, for two weeks.

    With an e-mail address only an account with that address can accept it. Without a project the
    invitation makes its person staff of this site, who may create projects.
    """
    token = new_token()
    Invitation.objects.create(
        token_digest=digest(token),
        email=email.strip().lower(),
        project=project,
        role=role,
        is_staff=project is None,
        created_by_id=by.pk if by else None,
        expires_at=now() + INVITATION_LASTS,
    )
    return reverse("invitation", args=[token])


def find_invitation(token: str) -> Invitation:
    """Return an invitation that is still open; Refused says why another is not."""
    invitations = Invitation.objects.select_related("project", "created_by", "used_by")
    invitation = invitations.filter(token_digest=digest(token)).first()
    if invitation is None:
        raise Refused(_("This invitation is not known here. It may have been withdrawn."))
    if invitation.used_at:
        raise Refused(_("This invitation was used before. Each invitation is for one person."))
    if invitation.expires_at <= now():
        raise Refused(_("This invitation has expired."))
    if not _still_backed(invitation):
        raise Refused(_("Whoever sent this invitation may no longer invite people here."))
    return invitation


def accepted(token: str, user_id: int | None) -> bool:
    """Whether this very person accepted the invitation before: their old mail is a good way in."""
    mine = Invitation.objects.filter(token_digest=digest(token), used_by_id=user_id)
    return user_id is not None and mine.exists()


def _still_backed(invitation: Invitation) -> bool:
    """An invitation lasts no longer than its sender's right to invite: nobody keeps a way back in."""
    sender = invitation.created_by
    if sender is None or (sender.is_active and sender.is_staff):
        return True
    roles = Membership.objects.filter(project=invitation.project, user=sender, active=True)
    return sender.is_active and roles.filter(role=Membership.Role.ADMIN).exists()


@transaction.atomic
def register(token: str, name: str, email: str, password: str) -> User:
    """Make an account by an invitation and accept it, both or neither."""
    invitation = find_invitation(token)
    user = User.objects.create_user(email=invitation.email or email, password=password, name=name)
    _accept(invitation, user, now())
    return user


@transaction.atomic
def accept(token: str, user: User) -> Invitation:
    """Give a person what the invitation offers. Of two requests at once, one is refused."""
    invitation = find_invitation(token)
    if invitation.email and invitation.email != user.email:
        sentence = _("This invitation is for %(email)s. Sign in with that address, or ask for another one.")
        raise Refused(sentence % {"email": invitation.email})
    # An account whose address is not proven yet may come: its person holds the link sent to that address.
    _accept(invitation, user, now())
    return invitation


def _accept(invitation: Invitation, user: User, at: datetime) -> None:
    mine = Invitation.objects.filter(pk=invitation.pk, used_at=None)
    if not mine.update(used_at=at, used_by=user):
        raise Refused(_("This invitation was used before. Each invitation is for one person."))
    # Whoever invites sees the link. Only of staff is it taken that they sent it to its address.
    by = invitation.created_by
    if invitation.email and (by is None or by.is_staff):
        _prove(user)
    if invitation.is_staff:
        User.objects.filter(pk=user.pk).update(is_staff=True)
    if invitation.project:
        people.add(invitation.project, invitation.created_by, user, invitation.role)
