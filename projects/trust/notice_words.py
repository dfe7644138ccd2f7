"""Notices as sentences."""

from __future__ import annotations

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from projects.models import Notice
from projects.saying import told

# What is said of one notice of each kind.
SENTENCES: Final[dict[str, Promise]] = {
    "dispute.opened": gettext_lazy("A new dispute waits for a lead."),
    "dispute.assigned": gettext_lazy("%(by)s asks you to decide item %(number)s."),
    "dispute.decided": gettext_lazy("A lead has decided item %(number)s, which you labelled."),
    "dispute.returned": gettext_lazy("A lead sent item %(number)s back to you: please look again."),
    "comment.added": gettext_lazy("Somebody wrote about item %(number)s."),
    "person.warned": gettext_lazy("Your answers to known items are often wrong. Please read the guidelines."),
    "person.paused": gettext_lazy("You are paused here: a lead will talk to you."),
    "person.lifted": gettext_lazy("A lead has let you go on."),
    "person.signal": gettext_lazy("Please look at the record of %(person)s: %(signal)s"),
    # Of a person's standing, to leads; the second part says what happened.
    "person.standing.warned": gettext_lazy(
        "%(person)s was warned: answers to known items are below the bar. Please look at the record."
    ),
    "person.standing.paused": gettext_lazy(
        "%(person)s is paused: too many answers to known items were wrong. Please look at the record."
    ),
    "person.standing.lifted": gettext_lazy("%(person)s can go on: known items no longer speak against it."),
    "person.standing.paused_by_lead": gettext_lazy("%(by)s has paused %(person)s."),
    "person.standing.lifted_by_lead": gettext_lazy("%(by)s has let %(person)s go on."),
    "guidelines.changed": gettext_lazy("The guidelines changed: version %(version)s. %(summary)s"),
    "gold.doubted": gettext_lazy("Several people missed known item %(number)s. Is it right?"),
    "gold.few": gettext_lazy(
        "There are too few known items: newcomers start without the batch before joining."
    ),
    "gold.failed": gettext_lazy(
        "%(person)s did not pass the batch before joining, and no other items are left."
    ),
    "spot.differs": gettext_lazy("A check of item %(number)s differs from what it was settled as."),
    "batch.ready": gettext_lazy("A new batch is ready to be labelled."),
}


# Where several of the same kind and address are about different things; elsewhere the newest says it all.
SEVERAL: Final[dict[str, Promise]] = {
    "dispute.opened": gettext_lazy("%(count)d new disputes wait for a lead."),
    "dispute.returned": gettext_lazy("A lead sent %(count)d items back to you: please look again."),
    "comment.added": gettext_lazy("%(count)d new remarks on item %(number)s."),
    "gold.doubted": gettext_lazy("Several people missed known items. Are they right?"),
    "spot.differs": gettext_lazy("Checks of %(count)d items differ from what they were settled as."),
}


# Facts that are sentences themselves, if not what a person wrote.
_SAID: Final = frozenset({"summary", "signal"})


def sentence(notice: Notice) -> str:
    """Say what a person should know; an unknown kind as it stands."""
    several = int(notice.facts.get("count", 1)) > 1
    kind = f"{notice.kind}.{notice.facts['standing']}" if "standing" in notice.facts else notice.kind
    template = (SEVERAL.get(kind) if several else None) or SENTENCES.get(kind)
    if template is None:
        return notice.kind.replace(".", ": ").replace("_", " ")
    facts = {name: told(one) if name in _SAID else one for name, one in notice.facts.items()}
    said = (str(template) % _Facts(facts)).strip()
    return gettext("%(said)s That was taken back.") % {"said": said} if notice.facts.get("undone") else said


class _Facts(dict[str, Any]):
    """What fills a sentence in; a fact that was not kept leaves a gap that nobody stumbles over."""

    def __missing__(self, name: str) -> str:
        return "…"
