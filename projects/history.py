"""Events in words: what happened, from what to what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import policy_names, policy_words
from projects.models import Event, Item, Membership, Project, Resolution

PAGE_SIZE: Final = 50

TITLES: Final = {
    "project.created": gettext_lazy("Project created"),
    "project.changed": gettext_lazy("Project changed"),
    "project.started": gettext_lazy("Labelling started"),
    "project.paused": gettext_lazy("Project paused"),
    "project.resumed": gettext_lazy("Project resumed"),
    "project.archived": gettext_lazy("Project archived"),
    "label.added": gettext_lazy("Labels added"),
    "label.changed": gettext_lazy("Label changed"),
    "label.retired": gettext_lazy("Label retired"),
    "label.restored": gettext_lazy("Label brought back"),
    "label.moved": gettext_lazy("Label moved"),
    "label.sorted": gettext_lazy("Labels sorted"),
    "guidelines.changed": gettext_lazy("Guidelines changed"),
    "policy.changed": gettext_lazy("Loop settings changed"),
    "member.added": gettext_lazy("Person added"),
    "member.invited": gettext_lazy("Person invited"),
    "member.invitation_withdrawn": gettext_lazy("Invitation withdrawn"),
    "member.role_changed": gettext_lazy("Role changed"),
    "member.left": gettext_lazy("Access taken away"),
    "upload.added": gettext_lazy("Data added"),
    "upload.removed": gettext_lazy("Data removed before import"),
    "upload.accepted": gettext_lazy("Import released"),
    "upload.imported": gettext_lazy("Items came in"),
    "dispute.resolved": gettext_lazy("Dispute resolved"),
    "dispute.undone": gettext_lazy("Decision taken back"),
    "model.put_in_use": gettext_lazy("Another model put in use"),
    "features.changed": gettext_lazy("Features changed"),
    "model.downloaded": gettext_lazy("Model downloaded"),
    "feedback.added": gettext_lazy("Feedback from production"),
}
# The part before the dot, for the filter.
SUBJECTS: Final = {
    "project": gettext_lazy("Project"),
    "upload": gettext_lazy("Data"),
    "label": gettext_lazy("Labels"),
    "guidelines": gettext_lazy("Guidelines"),
    "policy": gettext_lazy("Loop"),
    "member": gettext_lazy("People"),
    "dispute": gettext_lazy("Disputes"),
    "model": gettext_lazy("Models"),
    "features": gettext_lazy("Features"),
    "feedback": gettext_lazy("Feedback"),
}
NAMES: Final = {
    "name": gettext_lazy("Name"),
    "names": gettext_lazy("Names"),
    "media": gettext_lazy("Data"),
    "task": gettext_lazy("Answer"),
    "question": gettext_lazy("Question"),
    "state": gettext_lazy("State"),
    "description": gettext_lazy("Description"),
    "hue": gettext_lazy("Colour"),
    "key": gettext_lazy("Key"),
    "place": gettext_lazy("Place"),
    "role": gettext_lazy("Role"),
    "active": gettext_lazy("Access"),
    "retired": gettext_lazy("Retired"),
    "version": gettext_lazy("Version"),
    "text": gettext_lazy("Text"),
    "strategy": gettext_lazy("Strategy"),
    "featurizer": gettext_lazy("Features from"),
    "columns": gettext_lazy("Fields beside them"),
    "learner": gettext_lazy("Learner"),
    "batch_size": gettext_lazy("Batch size"),
    "committee_size": gettext_lazy("Committee"),
    "holdout_share": gettext_lazy("Hold-out share"),
    "holdout_max": gettext_lazy("Hold-out limit"),
    "holdout_mix": gettext_lazy("Hold-out share of a batch"),
    "overlap": gettext_lazy("Answers an item"),
    "agreement_share": gettext_lazy("Agreement share"),
    "agreement_overlap": gettext_lazy("Answers an agreement item"),
    "lease_minutes": gettext_lazy("Minutes an item is held"),
    "mode": gettext_lazy("How a batch is made"),
    "hybrid": gettext_lazy("Mix"),
    "diversity": gettext_lazy("Alike from"),
    "streams": gettext_lazy("Parts of a batch"),
    "quotas": gettext_lazy("Quotas"),
    "rare": gettext_lazy("Rare labels and examples"),
    "class_weights": gettext_lazy("Labels count"),
    "recency": gettext_lazy("Weight of new labels"),
    "stop_rules": gettext_lazy("When to stop"),
    "gate": gettext_lazy("Hold back a worse model"),
    "gate_slices": gettext_lazy("Nor worse on"),
    "labels": gettext_lazy("Labels"),
    "outcome": gettext_lazy("Outcome"),
    "why": gettext_lazy("Cause"),
    "rows": gettext_lazy("Rows"),
    "items": gettext_lazy("Items"),
    "first": gettext_lazy("First number"),
    "last": gettext_lazy("Last number"),
    "bad": gettext_lazy("Rows left out"),
    "email": gettext_lazy("E-mail"),
    "good_rows_only": gettext_lazy("Without the bad rows"),
    "model": gettext_lazy("Model"),
}
_CHOICES: Final[dict[str, dict[str, Any]]] = {
    "media": dict(Project.Media.choices),
    "task": dict(Project.Task.choices),
    "role": dict(Membership.Role.choices),
    "outcome": dict(Resolution.Outcome.choices),
    "why": dict(Resolution.Reason.choices),
    "state": {**dict(Item.State.choices), **dict(Project.State.choices)},
    "strategy": policy_names.titles(),
    "mode": policy_names.MODES,
    "learner": policy_names.LEARNERS,
    "class_weights": policy_names.CLASS_WEIGHTS,
}
_SHARES: Final = {"holdout_share", "holdout_mix", "agreement_share", "diversity"}


@dataclass(frozen=True)
class Change:
    """One thing that changed; ``before`` is blank where there was nothing."""

    name: str
    before: str
    after: str


def events(project: Project, subject: str = "", actor: int | None = None) -> QuerySet[Event]:
    """Return the project's events, newest first; by the part before the dot, by person."""
    found = project.events.select_related("actor").order_by("-pk")
    if subject in SUBJECTS:
        found = found.filter(action__startswith=f"{subject}.")
    return found.filter(actor_id=actor) if actor else found


def title(event: Event) -> str:
    """Say what happened; an unknown action as it stands."""
    return str(TITLES.get(event.action, event.action.replace(".", ": ").replace("_", " ")))


def changes(event: Event) -> list[Change]:
    """Set the two sides of an event beside each other, by field and in words."""
    before = event.before if isinstance(event.before, dict) else {}
    after = event.after if isinstance(event.after, dict) else {}
    return [
        Change(
            str(NAMES.get(name, name.replace("_", " "))),
            _words(name, before[name], event) if name in before else "",
            _words(name, after[name], event) if name in after else "",
        )
        for name in [*before, *(name for name in after if name not in before)]
        # Guidelines have a page of their own; the version stands in the subject; ids are for replays.
        if name not in {"text", "version", "label_ids"}
    ]


def _words(name: str, value: Any, event: Event) -> str:
    if value == "" and name in _CHOICES and "" in _CHOICES[name]:
        return str(_CHOICES[name][""])
    if value is None or value in ("", [], {}):
        return _("nothing")
    if event.action == "policy.changed" and isinstance(value, dict | list):
        return policy_words.in_words(name, value, event.project)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in _SHARES and isinstance(value, int | float):
        return f"{round(value * 100, 1):g} %"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        shown = ", ".join(str(one) for one in value[:8])
        rest = len(value) - 8
        return shown if rest <= 0 else _("%(names)s and %(rest)s more") % {"names": shown, "rest": rest}
    return str(_CHOICES.get(name, {}).get(str(value), value))
