"""Doorbells for files and guidelines. What is due stands in the database."""

from __future__ import annotations

from time import monotonic

from celery import shared_task
from django.core.cache import cache
from django.urls import reverse
from django.utils.timezone import now

from projects import cards, settle, signs
from projects.files import claims, importing, publishing, thumbnails
from projects.models import Item, Membership, Project, Upload
from projects.trust import escalation, estimates, exclusion, mailing, notices, staleness

THUMBNAILS = 100
# A worker has other work too: the next tick goes on.
THUMBNAIL_SECONDS = 10
RECOUNT_SECONDS = 10
# What is not heard by then is rung again, and need not be heard twice.
EXPIRES = 30
_BUSY = "thumbnails-are-being-made"
# Whether people must be estimated anew is looked at so often.
ESTIMATE_SECONDS = 10
_ESTIMATED = "estimates-were-looked-at"
# Triggers and notices are looked at so often; more would tell nobody anything sooner.
LOOK_SECONDS = 60
_LOOKED = "triggers-were-looked-at"
# Signs in people's records are looked for so often: they need many answers anyway.
SIGN_SECONDS = 600
_WATCHED = "records-were-looked-at"


def tick() -> None:
    """Ring for whatever waits. Called every few seconds; may be called at any time, by anybody."""
    for upload_id in claims.due().values_list("pk", flat=True)[:100]:
        advance_upload.apply_async((upload_id,), expires=EXPIRES)
    for upload in Upload.objects.filter(state=Upload.State.DONE).exclude(file="")[:10]:
        publishing.forget_file(upload)
    for project_id in {version.project_id for version in staleness.due()[:100]}:
        follow_guidelines.apply_async((project_id,), expires=EXPIRES)
    if Membership.objects.filter(recounted__isnull=False).exists():
        recount.apply_async(expires=EXPIRES)
    if cache.add(_LOOKED, True, timeout=LOOK_SECONDS):
        _look_after_leads()
    if cache.add(_ESTIMATED, True, timeout=ESTIMATE_SECONDS):
        estimate.apply_async(expires=EXPIRES)
    if cache.add(_WATCHED, True, timeout=SIGN_SECONDS):
        watch_people.apply_async(expires=EXPIRES)
    if Item.objects.exclude(image="").filter(thumbnail="").exists():
        make_thumbnails.apply_async(expires=EXPIRES)


@shared_task
def advance_upload(upload_id: int) -> None:
    """Move one upload on by one step, if it is due."""
    upload = claims.due().filter(pk=upload_id).select_related("project").first()
    if upload is None:
        return
    if upload.state in {Upload.State.WAITING, Upload.State.CHECKING}:
        importing.check(upload)
    else:
        importing.import_upload(upload)


@shared_task
def follow_guidelines(project_id: int) -> None:
    """Ask again what new guidelines touch, for a while; doing a step twice does no harm."""
    staleness.follow(project_id)


@shared_task
def recount() -> None:
    """Judge items anew whose votes were left out or count again, for a while; doing it twice does no harm."""
    exclusion.recount_all(monotonic() + RECOUNT_SECONDS)


def _look_after_leads() -> None:
    """Ring for triggers that hand items to leads, and for mail."""
    for project_id in escalation.due():
        escalate.apply_async((project_id,), expires=EXPIRES)
    if mailing.possible():
        for user_id in mailing.due(now()):
            mail_notices.apply_async((user_id,), expires=EXPIRES)


@shared_task
def escalate(project_id: int) -> None:
    """Let the triggers of a project look for items that a lead should see, and tell leads what waits."""
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        escalation.scan(project, now())
        notices.tell_of_disputes(project, reverse("disputes", args=[project_id]))


@shared_task
def mail_notices(user_id: int) -> None:
    """Send a person one mail with what waits; doing it twice sends it once."""
    if mailing.possible():
        mailing.send(user_id)


@shared_task
def estimate() -> None:
    """Learn anew how people answer where much was said since; doing it twice does no harm."""
    for project in Project.objects.filter(state__in=(Project.State.ACTIVE, Project.State.PAUSED)):
        if estimates.due(project) and estimates.fit(project):
            settle.look_again(project)


@shared_task
def watch_people() -> None:
    """Tell leads of new signs in people's records, and decide what waits for people who have gone.

    Doing it twice tells nothing twice.
    """
    for project in Project.objects.filter(state=Project.State.ACTIVE):
        signs.watch(project, now())
        cards.ask_themselves(project, now())
        settle.look_again(project)


@shared_task
def make_thumbnails() -> None:
    """Make thumbnails that are missing, for a while; doing one twice does no harm."""
    # A courtesy among workers, not a lock: should it be forgotten, some work is done twice.
    if not cache.add(_BUSY, True, timeout=3 * THUMBNAIL_SECONDS):
        return
    try:
        end = monotonic() + THUMBNAIL_SECONDS
        while thumbnails.make(THUMBNAILS) == THUMBNAILS and monotonic() < end:
            pass
    finally:
        cache.delete(_BUSY)
