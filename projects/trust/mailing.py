"""Notices by mail: what a person has not read in the page, together, and not more than once an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from logging import getLogger
from typing import Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from projects.models import Membership, Notice
from projects.trust import notices as found
from projects.trust.notice_words import sentence

# What is read in the page by then needs no mail; what waited so long is no news.
PATIENCE: Final = timedelta(minutes=10)
STALE: Final = timedelta(days=7)
PAUSE: Final = timedelta(hours=1)
MOST: Final = 50
# After a failure nobody tries for so long.
REST_SECONDS: Final = 300
_RESTS: Final = "mail-rests"
_log = getLogger(__name__)


def possible() -> bool:
    """Whether mail can go out: without a server it would only be printed."""
    return not settings.EMAIL_BACKEND.endswith("console.EmailBackend") and not cache.get(_RESTS)


def due(at: datetime) -> list[int]:
    """The people who should get a mail now."""
    lately = Notice.objects.filter(user=OuterRef("user"), mailed_at__gt=at - PAUSE)
    waiting = _waiting(at).filter(~Exists(lately))
    return list(waiting.order_by().values_list("user_id", flat=True).distinct())


def send(user_id: int, at: datetime | None = None) -> bool:
    """Send a person what waits, if nobody else does; False where nothing was sent.

    A server that fails gets the same notices again later.
    """
    at = at or now()
    notices = claim(user_id, at)
    if not notices:
        return False
    user = get_user_model().objects.get(pk=user_id)
    with override(user.language or settings.LANGUAGE_CODE):
        subject = ngettext(
            "%(count)d notice waits for you", "%(count)d notices wait for you", len(notices)
        ) % {"count": len(notices)}
        text = body(notices)
    try:
        send_mail(subject, text, None, [user.email])
    except OSError as error:
        # An SMTP error is one of these. Nothing else of the site may suffer from it.
        _log.warning("A mail to a person could not be sent: %s", error)
        Notice.objects.filter(pk__in=[notice.pk for notice in notices], mailed_at=at).update(mailed_at=None)
        cache.set(_RESTS, True, REST_SECONDS)
        return False
    return True


@transaction.atomic
def claim(user_id: int, at: datetime) -> list[Notice]:
    """Take what a person should be mailed: nobody else mails it, nor anything else within the hour.

    By compare-and-swap on the oldest: of two who look at the same moment one gets it, and the other nothing.
    """
    if Notice.objects.filter(user_id=user_id, mailed_at__gt=at - PAUSE).exists():
        return []
    waiting = list(_waiting(at).filter(user_id=user_id).select_related("project").order_by("pk"))
    if not waiting:
        return []
    unclaimed = Notice.objects.filter(mailed_at=None)
    if not unclaimed.filter(pk=waiting[0].pk).update(mailed_at=at):
        return []
    unclaimed.filter(pk__in=[notice.pk for notice in waiting[1:]]).update(mailed_at=at)
    return found.as_of_now(waiting)


def body(notices: Sequence[Notice]) -> str:
    """Write the text of a mail: by project, each with the address that marks it as read."""
    lines: list[str] = []
    by_project = sorted(notices, key=lambda notice: (notice.project.name, notice.project_id, -notice.pk))
    for _project_id, group in groupby(by_project[:MOST], key=lambda notice: notice.project_id):
        of_project = list(group)
        lines += [of_project[0].project.name, ""]
        for notice in of_project:
            lines += [f"- {sentence(notice)}", f"  {link('notice', notice.pk)}"]
        lines += [""]
    if len(notices) > MOST:
        lines += [_("All of them: %(address)s") % {"address": link("notices")}, ""]
    rest = _("You get at most one such mail an hour. Switch them off here: %(address)s")
    return "\n".join([*lines, rest % {"address": link("me")}, ""])


def link(name: str, *args: int) -> str:
    """Return the whole address of a page."""
    return settings.SITE_URL.rstrip("/") + reverse(name, args=args)


def _waiting(at: datetime) -> QuerySet[Notice]:
    """Unread notices that are old enough, of people who want mail and were reached by it before."""
    member = Membership.objects.filter(user=OuterRef("user"), project=OuterRef("project"), active=True)
    wants = {"user__mail_notices": True, "user__email_proven": True, "user__is_active": True}
    unread = Notice.objects.filter(Exists(member), mailed_at=None, read_at=None, **wants)
    return found.still(unread).filter(created_at__gt=at - STALE, created_at__lte=at - PATIENCE)
