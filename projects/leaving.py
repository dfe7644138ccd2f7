"""What follows when somebody labels no longer, or labels again: nothing waits for who does not come.

Each step is a transaction of its own, after the one that changed the membership: that one may come with an
answer and hold an item, while these hold many. A step that is missed does no harm, ``settle.look_again``
finds what was left.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction

from projects import audit, settle
from projects.models import Assignment, Membership, Project, QueueEntry
from projects.trust import calibration


def gone(member: Membership) -> None:
    """After this transaction, decide what waits for a person only; the caller gave back what they hold."""
    transaction.on_commit(partial(_let_go, member))


def back(project: Project) -> None:
    """After this transaction, ask everybody who labels now about the first items."""
    transaction.on_commit(partial(_resize, project))


def _let_go(member: Membership) -> None:
    _let_stand(member)
    _resize(member.project)
    settle.look_again(member.project)


@transaction.atomic
def _let_stand(member: Membership) -> None:
    """Let items that a lead sent back to a person rest on what the person said before."""
    back = Assignment.objects.filter(
        project_id=member.project_id,
        annotator_id=member.user_id,
        state=Assignment.State.SENT_BACK,
        entry__stream=QueueEntry.Stream.RETURNED,
    )
    held = back.order_by("pk").select_for_update(of=("self",), no_key=True)
    rows = list(held.values_list("pk", "item_id"))
    Assignment.objects.filter(pk__in=[pk for pk, _ in rows]).update(state=Assignment.State.SUBMITTED)
    settle.rejudge_items(member.project, [item for _, item in rows], audit.by(member.project, None))


@transaction.atomic
def _resize(project: Project) -> None:
    calibration.resize(audit.hold(project))
