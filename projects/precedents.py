"""What helps a lead to decide: earlier decisions, guidelines, the model's word, what the item was before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from projects import markdown, reasons, votes
from projects.models import Annotation, Dispute, Item, Label, Project, QueueEntry, Resolution

RECENT: Final = 4
# Among so many newest decisions those on the same labels are looked for.
SEARCHED: Final = 200
Decided = tuple[Resolution, list[Label]]


@dataclass(frozen=True)
class Opinion:
    """What the model said when it picked the item: a sentence, and its likeliest labels with their shares."""

    sentence: str
    round_number: int
    top: Sequence[tuple[Label, float, str]]


@dataclass(frozen=True)
class Before:
    """What an item's label rested on before it was disputed: a sentence and its labels."""

    words: str
    labels: Sequence[Label]

    @property
    def otherwise(self) -> str:
        """What to say where it named no label."""
        return _("None of these")


def opinion(project: Project, item: Item) -> Opinion | None:
    """What the model thought when it last picked the item, or None where no model had a say."""
    entries = QueueEntry.objects.filter(item=item, reason__has_key="top").order_by("-pk")
    if (entry := entries.first()) is None:
        return None
    by_position = {label.position: label for label in votes.named(project).values()}
    likely = [(by_position[at], p) for at, p in reasons.top(entry.reason) if at in by_position]
    if not likely:
        return None
    names = {position: label.name for position, label in by_position.items()}
    shown = [(label, p, reasons.percent(p)) for label, p in likely]
    return Opinion(reasons.sentence(entry.reason, names), entry.round_number, shown)


def recent(project: Project, concerned: Iterable[Label], but: int) -> list[Decided]:
    """The last decisions: on the same set of labels first, then on one of them, then any.

    ``but`` is the item that is looked at now. Newer ones come first among equals.
    """
    standing = (Dispute.State.RESOLVED, Dispute.State.SENT_BACK)
    found = Resolution.objects.filter(dispute__project=project, dispute__state__in=standing)
    newest = list(found.exclude(item_id=but).select_related("item", "lead").order_by("-pk")[:SEARCHED])
    ids = {label.pk for label in concerned}
    named = _named_by_votes([one.item_id for one in newest])
    newest.sort(key=lambda one: _distance(ids, named.get(one.item_id, set()), one.labels))
    return _with_labels(project, newest[:RECENT])


def earlier(project: Project, dispute: Dispute) -> list[Decided]:
    """What leads decided on the same item before, newest first."""
    found = Resolution.objects.filter(item_id=dispute.item_id).exclude(dispute=dispute)
    return _with_labels(project, list(found.select_related("lead", "dispute").order_by("-pk")))


def before(dispute: Dispute, labels: dict[int, Label]) -> list[Before]:
    """What the item was known or settled as before it came here; ``labels`` by id."""
    item, found = dispute.item, []
    if Dispute.Reason.GOLD in dispute.reasons:
        found += [Before(_("The known answer is"), _chosen(one, labels)) for one in item.gold or []]
    former = item.former or {}
    if former.get("labels") is not None and Dispute.Reason.GOLD not in dispute.reasons:
        found.append(Before(_("It was settled as"), _chosen(former["labels"], labels)))
    check = getattr(item, "spot_check", None) if Dispute.Reason.SPOT in dispute.reasons else None
    if check and check.labels is not None:
        words = _("A lead answered without knowing that:")
        found.append(Before(words, _chosen(check.labels, labels)))
    return found


def sections(text: str, concerned: Iterable[Label]) -> tuple[SafeString, SafeString]:
    """The guidelines' sections that name one of the labels, and all others, as HTML."""
    names = [label.name.casefold() for label in concerned]
    parts = [part for part in re.split(r"(?m)^(?=#{1,6}\s)", text) if part.strip()]
    naming = [part for part in parts if any(_names(part.casefold(), name) for name in names)]
    # Those that are about the labels before those that mention them.
    naming.sort(key=lambda part: not any(_names(part.partition("\n")[0].casefold(), name) for name in names))
    if len(parts) < 2:
        naming = parts
    others = [part for part in parts if part not in naming]
    return markdown.render("\n".join(naming)), markdown.render("\n".join(others))


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _distance(ids: set[int], named: set[int], decided: list[int]) -> int:
    if ids and named == ids:
        return 0
    return 1 if ids.intersection(named.union(decided)) else 2


def _named_by_votes(item_ids: list[int]) -> dict[int, set[int]]:
    said = Annotation.objects.filter(item_id__in=item_ids, superseded_by=None, kind=Annotation.Kind.ANSWER)
    found: dict[int, set[int]] = {}
    for item_id, labels in said.values_list("item_id", "labels"):
        found.setdefault(item_id, set()).update(labels)
    return found


def _with_labels(project: Project, found: list[Resolution]) -> list[Decided]:
    labels = votes.named(project)
    return [(one, _chosen(one.labels, labels)) for one in found]


def _chosen(ids: list[int], labels: dict[int, Label]) -> list[Label]:
    return [labels[pk] for pk in ids if pk in labels]
