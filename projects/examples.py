"""Examples of a label, beside it while people work: what belongs under it, and what looks as if it did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from projects import audit, guidelines
from projects.errors import Refused
from projects.guidelines import News
from projects.models import Item, Label, Project, QueueEntry
from projects.saying import gettext

MOST: Final = 12
LONGEST_TEXT: Final = 400
LONGEST_WHY: Final = 300
# What shows an item may be looked at as an example: nobody has to judge it any more, and no figure rests on
# people not having been told.
_FREE: Final = Q(state=Item.State.SETTLED, gold__isnull=True, holdout=False, agreement=False)
_NEEDED: Final = ("number", "state", "gold", "holdout", "agreement", "text", "image", "thumbnail")


@dataclass(frozen=True)
class Example:
    """A text, or an item by its number, that belongs under a label or does not, and why."""

    fits: bool
    text: str = ""
    item: int | None = None
    why: str = ""


@dataclass
class Help:
    """What people see of a label: what it means, and its examples, as rows of {"text", "item", "why"}."""

    label: Label
    fits: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many examples there are."""
        return len(self.fits) + len(self.others)

    @property
    def any(self) -> bool:
        """Whether there is anything to say beyond the name."""
        return bool(self.label.description or self.fits or self.others)


def of(project: Project, labels: Iterable[Label]) -> list[Help]:
    """Return what helps with each label that has any; one query where an example shows an item, else none.

    An item that has become a known one or is asked again since is left out: it would give answers away.
    """
    found = [Help(label) for label in labels]
    numbers = {row["item"] for one in found for row in one.label.examples if row.get("item")}
    free: dict[int, bool] = {}
    if numbers:
        items = Item.objects.filter(
            _FREE, ~Exists(_asking(OuterRef("pk"))), project=project, number__in=numbers
        )
        free = {number: bool(image) for number, image in items.values_list("number", "image")}
    for one in found:
        for row in one.label.examples:
            if not row.get("item") or row["item"] in free:
                shown = {**row, "picture": free.get(row.get("item"), False)}
                (one.fits if row.get("fits") else one.others).append(shown)
    return [one for one in found if one.any]


def refusal(item: Item) -> str:
    """Say why an item cannot be an example; blank where it can."""
    if item.holdout:
        return _("This item measures the model: nobody may be told its answer. Choose another one.")
    if item.gold is not None:
        return _("This is a known item, kept secret to check people by. Choose another one.")
    if item.agreement:
        return _("This item measures how far people agree: nobody may be told its answer. Choose another.")
    if item.state != Item.State.SETTLED:
        return _("This item is not settled: who has still to answer would be told how. Choose another one.")
    if _asking(item.pk).exists():
        return _("This item is being asked again: who has still to answer would be told how. Choose another.")
    return ""


def _asking(item: int | OuterRef) -> QuerySet[QueueEntry]:
    """What asks about an item now: a settled one is asked again by a lead, as a check, or for a card."""
    return QueueEntry.objects.filter(item=item, state=QueueEntry.State.LIVE)


@transaction.atomic
def add(label: Label, actor: AbstractBaseUser, example: Example) -> Label:
    """Add an example to a label; people who label read of it as of an editorial change.

    Refused for an item that nobody may be told about, for its very text, and beyond so many a label.
    """
    held = audit.hold(label.project)
    present = Label.objects.get(pk=label.pk)
    if present.retired_at:
        raise Refused(_("«%(name)s» is no longer in use.") % {"name": present.name})
    row = asdict(_checked(held, example))
    same = (row["text"], row["item"])
    if any((one.get("text"), one.get("item")) == same for one in present.examples):
        raise Refused(_("«%(name)s» has this example already.") % {"name": present.name})
    if len(present.examples) >= MOST:
        words = _("A label has at most %(most)s examples: few good ones are read. Remove one first.")
        raise Refused(words % {"most": MOST})
    present.examples = [*present.examples, row]
    return _kept(held, present, actor, "label.example_added", row)


@transaction.atomic
def remove(label: Label, actor: AbstractBaseUser, place: int, text: str) -> Label:
    """Take the example at a place away. Refused where ``text`` is not what stands there by now."""
    held = audit.hold(label.project)
    present = Label.objects.get(pk=label.pk)
    rows = list(present.examples)
    if not 0 <= place < len(rows) or words(rows[place]) != text:
        raise Refused(_("The examples have changed meanwhile. Look again."))
    row = rows.pop(place)
    present.examples = rows
    return _kept(held, present, actor, "label.example_removed", row)


def words(row: dict[str, Any]) -> str:
    """What an example is called: its text, or the number of its item."""
    return row.get("text") or _("Item %(number)s") % {"number": row.get("item")}


def _kept(held: Project, label: Label, actor: AbstractBaseUser, action: str, row: dict[str, Any]) -> Label:
    label.save(update_fields=["examples"])
    summary = gettext("The examples of «%(name)s» were changed.", name=label.name)
    guidelines.advance(held, actor, News(summary=summary))
    facts = {"example": row["text"] or None, "fits": row["fits"], "number": row["item"]}
    facts = {name: value for name, value in facts.items() if value is not None}
    gone = action.endswith("removed")
    before, after = (facts, None) if gone else (None, facts)
    audit.record(held, actor, action, label.name, before=before, after=after, reason=row["why"])
    return label


def _checked(held: Project, example: Example) -> Example:
    text, why = example.text.replace("\0", "").strip(), " ".join(example.why.replace("\0", "").split())
    if example.item:
        item = held.items.filter(number=example.item).only(*_NEEDED).first()
        if item is None:
            raise Refused(_("There is no item %(number)s.") % {"number": example.item})
        if told := refusal(item):
            raise Refused(told)
        text = "" if item.image else _cut(item.text.strip())
    elif not text:
        raise Refused(_("Write an example, or give the number of an item."))
    elif len(text) > LONGEST_TEXT:
        raise Refused(_("An example is at most %(most)s characters long.") % {"most": LONGEST_TEXT})
    else:
        _check_text(held, text)
    if len(why) > LONGEST_WHY:
        raise Refused(_("A reason is at most %(most)s characters long.") % {"most": LONGEST_WHY})
    return Example(example.fits, text, example.item or None, why)


def _check_text(held: Project, text: str) -> None:
    """Refuse a text that is an item nobody may be told about. Rare enough to look at every one of them."""
    secret = held.items.filter(Q(holdout=True) | Q(gold__isnull=False) | Q(agreement=True), text__iexact=text)
    if (item := secret.only(*_NEEDED).first()) is not None:
        raise Refused(refusal(item))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1].rstrip()}…"
