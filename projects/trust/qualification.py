"""The batch before joining: known items alone, answer and reason shown at once, until enough are right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from projects import audit
from projects.errors import Refused
from projects.models import (
    Annotation,
    Item,
    Label,
    Membership,
    Notice,
    Policy,
    Project,
    Resolution,
)
from projects.trust import gold, notices

# The event that lets somebody in, and the notices when people cannot be let in.
JOINED = "member.qualified"
FEW = "gold.few"
FAILED = "gold.failed"


@dataclass(frozen=True)
class Quiz:
    """How far a person is. ``left`` more known items are to come; ``stuck``: failed, and none are left."""

    done: int
    of: int
    tries: int
    left: int
    stuck: bool = False

    def sentence(self) -> str:
        """Say it as the page does."""
        return _("Qualification: %(done)d of %(of)d") % {"done": self.done, "of": self.of}


def asked(membership: Membership, policy: Policy) -> bool:
    """Whether a person must qualify first: annotators who did not yet, where the policy asks for it."""
    annotator = membership.role == Membership.Role.ANNOTATOR
    return bool(annotator and policy.qualification and membership.qualified_at is None)


def of(membership: Membership, policy: Policy) -> Quiz | None:
    """Return how far a person is, or None where nothing is asked, or too few items are known to ask.

    Leads hear of too few known items; nobody is kept from work by them before the first try is over.
    """
    if not asked(membership, policy):
        return None
    size, said = policy.qualification, len(_answers(membership))
    tries, done = divmod(said, size)
    held = gold.held(membership)
    left = size - done - held
    if left <= 0 or gold.reserve(membership, policy, left):
        return Quiz(done, size, tries, max(0, left))
    if not tries:
        _tell(membership, FEW, reverse("known", args=[membership.project_id]))
        return None
    if not held:
        address = reverse("record", args=[membership.project_id, membership.pk])
        _tell(membership, FAILED, address, person=str(membership.user))
    return Quiz(done, size, tries, 0, stuck=not held)


def trains(membership: Membership, policy: Policy, kind: str) -> bool:
    """Whether what is said of a known item belongs to the batch before joining."""
    return kind in Annotation.COUNTED and of(membership, policy) is not None


def lesson(membership: Membership, policy: Policy, item: Item, annotation: Annotation, at: datetime) -> str:
    """Say whether an answer of the batch was right, and why; let the person in with the last one.

    Whoever need not qualify, or is in, is told nothing: that would tell which items are known ones.
    """
    if not asked(membership, policy):
        return ""
    if annotation.reason != gold.TRAINING or annotation.kind not in Annotation.COUNTED or item.gold is None:
        return ""
    said = _answers(membership)
    told = _lesson(item, annotation)
    if len(said) % policy.qualification:
        return told
    right = sum(said[-policy.qualification :])
    if right < policy.qualification * policy.qualification_share - 1e-9:
        words = _("That makes %(right)d of %(of)d. Please try again with other items; %(needed)s are needed.")
        needed = f"{policy.qualification_share:.0%}"
        return f"{told} {words % {'right': right, 'of': policy.qualification, 'needed': needed}}"
    let_in(membership, None, at, {"right": right, "of": policy.qualification})
    words = _("That makes %(right)d of %(of)d: you are in. Thank you, and welcome.")
    return f"{told} {words % {'right': right, 'of': policy.qualification}}"


def let_in(
    membership: Membership, actor: Any, at: datetime | None = None, facts: dict[str, int] | None = None
) -> None:
    """Let somebody work: by the rule, or by a lead. Repeating does nothing."""
    at = at or now()
    if not Membership.objects.filter(pk=membership.pk, qualified_at=None).update(qualified_at=at):
        return
    membership.qualified_at = at
    audit.record(
        membership.project, actor, JOINED, str(membership.user), after={"qualified": True, **(facts or {})}
    )


def let_in_by_lead(lead: Membership, membership_id: int) -> Membership:
    """Let a lead decide that somebody may work. Refused for who is not waiting."""
    found = Membership.objects.filter(project=lead.project, pk=membership_id, active=True)
    waiting = found.select_related("user", "project").first()
    if waiting is None or not asked(waiting, lead.project.policy):
        raise Refused(_("This person is not in the batch before joining."))
    let_in(waiting, lead.user)
    return waiting


def waiting(project: Project, policy: Policy) -> list[tuple[Membership, int, int]]:
    """Who is still in the batch: (membership, answers, right ones)."""
    if not policy.qualification:
        return []
    members = Membership.objects.filter(
        project=project, active=True, role=Membership.Role.ANNOTATOR, qualified_at=None
    )
    found = []
    for membership in members.select_related("user", "project").order_by("pk"):
        said = _answers(membership)
        found.append((membership, len(said), sum(said)))
    return found


def _answers(membership: Membership) -> list[bool]:
    """Whether each first answer of the batch is right, oldest first: a second one comes after the lesson."""
    rows = Annotation.objects.filter(
        project_id=membership.project_id,
        annotator_id=membership.user_id,
        reason=gold.TRAINING,
        kind__in=Annotation.COUNTED,
        item__gold__isnull=False,
    )
    firsts: dict[int, bool] = {}
    for row in rows.select_related("item").order_by("pk"):
        if row.item_id not in firsts:
            firsts[row.item_id] = gold.right(row.item, row)
    return list(firsts.values())


def _lesson(item: Item, annotation: Annotation) -> str:
    names = dict(Label.objects.filter(project_id=item.project_id).values_list("pk", "name"))
    rights = [" + ".join(names.get(pk, "?") for pk in one) or _("none of these") for one in item.gold or []]
    if gold.right(item, annotation):
        said = _("Right.")
    else:
        mine = " + ".join(names.get(pk, "?") for pk in annotation.labels)
        mine = mine or (_("none of these") if annotation.kind == Annotation.Kind.ANSWER else _("can't tell"))
        said = _("You said %(mine)s; right is %(right)s.") % {
            "mine": mine,
            "right": _(" or ").join(rights),
        }
    shown = Item.objects.values_list("text", flat=True).get(pk=item.pk)[:60]
    what = f"“{shown.strip()}”: " if shown else _("Picture %(number)d: ") % {"number": item.number}
    note = (
        Resolution.objects.filter(item=item).exclude(note="").order_by("-pk").values_list("note", flat=True)
    )
    why = f" {_('Why: %(note)s') % {'note': note[0]}}" if note else ""
    return f"{what}{said}{why}"


def _tell(membership: Membership, kind: str, address: str, **facts: str) -> None:
    """Tell leads once: again only after they read it. The page of whoever waits asks every few seconds."""
    leads = notices.leads(membership.project)
    told = Notice.objects.filter(
        project_id=membership.project_id, user__in=leads, kind=kind, address=address, read_at=None
    )
    if new := set(leads) - set(told.values_list("user_id", flat=True)):
        notices.tell(sorted(new), membership.project, kind, address, **facts)
