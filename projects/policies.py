"""Change a project's policy: always a new version, never an edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, policy_checks
from projects.errors import Refused
from projects.models import Event, Policy, Project
from projects.saying import Said

# What a person may set; the rest of a policy is its version and its maker.
FIELDS: Final = (
    "strategy",
    "learner",
    "batch_size",
    "committee_size",
    "holdout_share",
    "holdout_max",
    "holdout_mix",
    "overlap",
    "agreement_share",
    "agreement_overlap",
    "lease_minutes",
    "mode",
    "hybrid",
    "diversity",
    "streams",
    "quotas",
    "rare",
    "class_weights",
    "recency",
    "stop_rules",
    "gate",
    "gate_slices",
    "max_overlap",
    "target_confidence",
    "aggregator",
    "model_vote",
    "senior_after",
    "skill_field",
    "triggers",
    "service_hours",
    "gold_share",
    "gold_floor",
    "qualification",
    "qualification_share",
    "calibration",
    "spot_share",
    "person_most",
    "person_hourly",
    "person_share",
    "fastest_seconds",
    "show_old_answer",
    "suggest",
    "blind_share",
    "likely_first",
    "highlight",
    "bulk",
    "bulk_check",
)
# Drawn once an item at import: a later change reaches only items that come later.
DRAWN: Final = ("holdout_share", "agreement_share")


def values(policy: Policy) -> dict[str, Any]:
    """Return what a policy sets, by field."""
    return {name: getattr(policy, name) for name in FIELDS}


@transaction.atomic
def change(
    project: Project, actor: AbstractBaseUser | None, changes: dict[str, Any], reason: Said | str = ""
) -> Policy:
    """Put a new version into force, or return the present one where nothing differs.

    The next round runs under it; a round that is running keeps the one it began with.
    """
    held = audit.hold(project)
    present = held.policy
    unknown = set(changes) - set(FIELDS)
    if unknown:
        raise ValueError(f"a policy has no {', '.join(sorted(unknown))}")
    if "max_overlap" not in changes and changes.get("overlap", 0) > present.max_overlap:
        # Who asks for more answers an item means no fewer at most.
        changes = {**changes, "max_overlap": changes["overlap"]}
    before, after = audit.differences(values(present), changes)
    if not after and present.pk:
        return present
    policy = Policy(
        project=held,
        version=present.version + 1,
        created_by_id=actor.pk if actor else None,
        **{**values(present), **after},
    )
    _check(policy)
    policy.save()
    subject = gettext_noop("Version %(number)s") % {"number": policy.version}
    before, after = {"version": present.version, **before}, {"version": policy.version, **after}
    audit.record(held, actor, "policy.changed", subject, before=before, after=after, reason=reason)
    return policy


def _check(policy: Policy) -> None:
    if policy.agreement_overlap < policy.overlap:
        raise Refused(_("Items of the agreement sample need at least as many answers as the others."))
    if policy.max_overlap < policy.overlap:
        raise Refused(_("The most answers of an item cannot be fewer than the least."))
    if wrong := list(policy_checks.problems(policy)):
        raise Refused(" ".join(f"{name}: {sentence}" for name, sentence in wrong))
    try:
        policy.clean_fields(exclude=["project", "created_by"])
    except ValidationError as error:
        sentences = [f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items()]
        raise Refused(" ".join(sentences)) from error


@dataclass(frozen=True)
class Version:
    """A policy and the event that made it; the first has none."""

    policy: Policy
    event: Event | None


def versions(project: Project) -> list[Version]:
    """Return all versions, newest first, each with what changed."""
    made = project.events.filter(action="policy.changed").order_by("pk")
    by_number = {event.after.get("version"): event for event in made if isinstance(event.after, dict)}
    policies = project.policies.select_related("created_by").order_by("-version")
    return [Version(policy, by_number.get(policy.version)) for policy in policies]
