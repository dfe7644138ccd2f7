"""Change a project's label set. Ids and positions stay for ever; a label that goes is retired."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from projects import audit, guidelines, keymap, saying
from projects.errors import Refused
from projects.guidelines import Kind, News
from projects.models import Label, Project

# Given out by themselves, in this order; further labels are found by typing their name.
AUTOMATIC_KEYS: Final = "1234567890"
# The labelling page needs these for itself.
RESERVED_KEYS: Final = keymap.RESERVED
MOST_LABELS: Final = 500
HUES: Final = 12
MOST_SYNONYMS: Final = 20
LONGEST_SYNONYM: Final = 60


@dataclass(frozen=True)
class Draft:
    """A label to be: its name, what it means, where it belongs, and other words that find it."""

    name: str
    description: str = ""
    group: str = ""
    synonyms: tuple[str, ...] = ()


def shown(project: Project) -> QuerySet[Label]:
    """Return the labels that may be given, in the order in which people see them."""
    return project.labels.filter(retired_at=None).order_by("order", "position")


def retired(project: Project) -> QuerySet[Label]:
    """Return the labels that were taken out of use."""
    return project.labels.exclude(retired_at=None).order_by("name")


def drafts_from(text: str) -> list[Draft]:
    """Read one label a line; after tabs (pasted from a table) come description, group and other words."""
    found = []
    for line in text.splitlines():
        name, description, group, synonyms = (*line.split("\t"), "", "", "")[:4]
        if name.strip():
            told = (" ".join(name.split()), " ".join(description.split()))
            found.append(Draft(*told, tidy_group(group), tuple(synonyms_from(synonyms))))
    return found


def tidy_group(path: str) -> str:
    """A path of groups as it is kept: «Vehicles / Cars»."""
    parts = [" ".join(part.split()) for part in path.split("/")]
    return " / ".join(part for part in parts if part)


def synonyms_from(text: str) -> list[str]:
    """Read other words for a label, parted by commas: each once, in the order given."""
    words = (" ".join(word.split()) for word in re.split(r"[,;،؛\n]", text))
    return list({word.casefold(): word for word in words if word}.values())


@transaction.atomic
def add(
    project: Project, actor: AbstractBaseUser | None, drafts: Iterable[Draft], news: News | None = None
) -> list[Label]:
    """Add the labels that are not there yet, and return them; a retired one comes back, a merged one not.

    While people label that is a new version: breaking, since from now on they choose among more, unless
    ``news`` says that nothing settled is concerned.
    """
    held = audit.hold(project)
    present = {label.name.casefold(): label for label in held.labels.all()}
    wanted = {draft.name.casefold(): draft for draft in reversed(list(drafts))}
    missing = [draft for name, draft in reversed(wanted.items()) if name not in present]
    gone = [known for name in wanted if (known := present.get(name)) and known.retired_at]
    back = [label for label in gone if not label.merged_into_id]
    for label in reversed(back):
        _bring_back(held, label, actor)
    added = [*reversed(back), *create(held, missing)]
    if not added:
        return []
    names = [label.name for label in added]
    subject = saying.plain(counted(len(names)))
    guidelines.advance(held, actor, _news_of(added, news))
    audit.record(held, actor, "label.added", subject, after={"names": names})
    return added


def counted(count: int) -> saying.Said:
    """Say how many labels."""
    return saying.ngettext("%(count)s label", "%(count)s labels", count, count=count)


def create(held: Project, drafts: Sequence[Draft]) -> list[Label]:
    """Make labels with the next positions, free keys and hues; the caller holds the project and says why."""
    highest = held.labels.aggregate(position=Max("position"), order=Max("order"))
    position = -1 if highest["position"] is None else highest["position"]
    keys, spelling = _free_keys(held.labels.all()), _spelling(held)
    made = []
    for number, draft in enumerate(drafts, start=1):
        _check_name(draft.name)
        _check_synonyms(draft.synonyms)
        made.append(
            Label.objects.create(
                project=held,
                position=position + number,
                order=(highest["order"] or 0) + number,
                name=draft.name,
                description=draft.description,
                group=_spelt(draft.group, spelling),
                synonyms=list(draft.synonyms),
                hue=(position + number) % HUES + 1,
                key=keys.pop(0) if keys else "",
            )
        )
    if shown(held).count() > MOST_LABELS:
        raise Refused(_("A label set holds at most %(most)s labels.") % {"most": MOST_LABELS})
    return made


def _news_of(added: list[Label], news: News | None) -> News:
    names = ", ".join(label.name for label in added[:8]) + ("…" if len(added) > 8 else "")
    summary = saying.ngettext("New label: %(names)s.", "New labels: %(names)s.", len(added), names=names)
    news = news or News(Kind.BREAKING)
    if news.summary:
        summary = saying.both(summary, news.summary)
    return replace(news, summary=summary, migration={"add": [label.pk for label in added]})


@transaction.atomic
def change(label: Label, actor: AbstractBaseUser, changes: dict[str, Any]) -> Label:
    """Rename, describe, group, recolour a label or give it another key. Its id and position stay."""
    held = audit.hold(label.project)
    present = Label.objects.get(pk=label.pk)
    if "group" in changes:
        changes = {**changes, "group": _spelt(changes["group"], _spelling(held, but=present.pk))}
    _check_synonyms(changes.get("synonyms", ()))
    before, after = audit.differences({name: getattr(present, name) for name in changes}, changes)
    if "name" in after:
        _check_name(after["name"])
        taken = held.labels.filter(name__iexact=after["name"]).exclude(pk=present.pk).first()
        if taken:
            raise Refused(_taken_name(taken))
    if after.get("key"):
        _check_key(held, present, after["key"])
    if not after:
        return present
    subject = present.name
    for name, value in after.items():
        setattr(present, name, value)
    present.save(update_fields=list(after))
    if news := _news_of_words(present, before, after):
        guidelines.advance(held, actor, news)
    audit.record(held, actor, "label.changed", subject, before=before, after=after)
    return present


def _news_of_words(label: Label, before: dict[str, Any], after: dict[str, Any]) -> News | None:
    """An editorial version where people read other words: ids stay, so every answer keeps its label."""
    told: list[saying.Said | str] = []
    migration: dict[str, Any] = {}
    name = label.name
    if "name" in after:
        change = {"label": label.pk, "from": before["name"], "to": after["name"]}
        told.append(saying.gettext("«%(from)s» is called «%(to)s» now.", **change))
        migration = {"rename": change}
    if "description" in after:
        told.append(saying.gettext("The description of «%(name)s» was changed.", name=name))
    if after.get("group"):
        told.append(saying.gettext("«%(name)s» stands under «%(group)s» now.", name=name, group=label.group))
    elif "group" in after:
        told.append(saying.gettext("«%(name)s» stands in no group now.", name=name))
    if "synonyms" in after:
        told.append(saying.gettext("Other words that find «%(name)s» were changed.", name=name))
    return News(summary=saying.joined(told), migration=migration) if told else None


@transaction.atomic
def retire(label: Label, actor: AbstractBaseUser) -> None:
    """Take a label out of use: its column and the answers given with it keep their meaning.

    People read of it before they go on; nothing is asked again. While nothing is imported nothing can refer
    to it: then it is simply removed.
    """
    held = audit.hold(label.project)
    present = Label.objects.filter(pk=label.pk, retired_at=None).first()
    if present is None:
        return
    if held.state != Project.State.DRAFT and shown(held).count() <= 2:
        raise Refused(_("A project needs at least two labels. Add another one first."))
    if held.state == Project.State.DRAFT and not held.item_count:
        present.delete()
    else:
        present.retired_at, present.key = timezone.now(), ""
        present.save(update_fields=["retired_at", "key"])
    summary = saying.gettext("«%(name)s» is no longer in use.", name=present.name)
    guidelines.advance(held, actor, News(Kind.CLARIFYING, summary, migration={"retire": label.pk}))
    audit.record(held, actor, "label.retired", present.name, after={"retired": True})


@transaction.atomic
def restore(label: Label, actor: AbstractBaseUser | None) -> None:
    """Bring a retired label back, with a free key where there is one; one that was merged stays away."""
    held = audit.hold(label.project)
    present = held.labels.exclude(retired_at=None).filter(pk=label.pk).first()
    if present is None:
        return
    _bring_back(held, present, actor)
    summary = saying.gettext("«%(name)s» is in use again.", name=present.name)
    guidelines.advance(held, actor, News(Kind.CLARIFYING, summary, migration={"restore": present.pk}))


def _bring_back(held: Project, label: Label, actor: AbstractBaseUser | None) -> None:
    if label.merged_into:
        raise Refused(
            _("«%(name)s» was merged into «%(into)s». Give a new label another name.")
            % {"name": label.name, "into": label.merged_into.name}
        )
    keys = _free_keys(held.labels.all())
    label.retired_at, label.key = None, keys[0] if keys else ""
    label.save(update_fields=["retired_at", "key"])
    audit.record(held, actor, "label.restored", label.name, after={"retired": False})


@transaction.atomic
def move(label: Label, actor: AbstractBaseUser, steps: int) -> None:
    """Show a label so many places further down (or up, below zero). Columns stay."""
    held = audit.hold(label.project)
    labels = list(shown(held))
    here = next((index for index, one in enumerate(labels) if one.pk == label.pk), None)
    if here is None:
        return
    there = min(max(here + steps, 0), len(labels) - 1)
    if there == here:
        return
    labels.insert(there, labels.pop(here))
    _renumber(labels)
    before, after = {"place": here + 1}, {"place": there + 1}
    audit.record(held, actor, "label.moved", label.name, before=before, after=after)


@transaction.atomic
def sort_by_name(project: Project, actor: AbstractBaseUser) -> None:
    """Show the labels from A to Z."""
    held = audit.hold(project)
    labels = list(shown(held))
    in_order = sorted(labels, key=lambda label: label.name.casefold())
    if in_order != labels:
        _renumber(in_order)
        audit.record(held, actor, "label.sorted", gettext_noop("A to Z"))


def _renumber(labels: list[Label]) -> None:
    for order, label in enumerate(labels, start=1):
        label.order = order
    Label.objects.bulk_update(labels, ["order"])


def _free_keys(labels: Iterable[Label]) -> list[str]:
    used = {label.key for label in labels if label.retired_at is None}
    return [key for key in AUTOMATIC_KEYS if key not in used]


def _check_name(name: str) -> None:
    longest = Label._meta.get_field("name").max_length or 0
    if not name.strip():
        raise Refused(_("A label needs a name."))
    if len(name) > longest:
        raise Refused(
            _("«%(start)s…» is too long for a label: at most %(longest)s characters.")
            % {"start": name[:20], "longest": longest}
        )


def _check_synonyms(words: Sequence[str]) -> None:
    if len(words) > MOST_SYNONYMS or any(len(word) > LONGEST_SYNONYM for word in words):
        raise Refused(
            _("A label has at most %(most)s other words, each of at most %(longest)s characters.")
            % {"most": MOST_SYNONYMS, "longest": LONGEST_SYNONYM}
        )


def _spelling(held: Project, but: int = 0) -> dict[str, str]:
    """How groups of other labels are spelt, and each group above them: {in lower case: as it stands}."""
    found: dict[str, str] = {}
    for path in held.labels.exclude(pk=but).exclude(group="").values_list("group", flat=True):
        parts = path.split(" / ")
        for depth in range(1, len(parts) + 1):
            found.setdefault(" / ".join(parts[:depth]).casefold(), " / ".join(parts[:depth]))
    return found


def _spelt(path: str, spelling: dict[str, str]) -> str:
    """A tidy path, spelt as it stands elsewhere: one group never becomes two by a capital letter."""
    parts, built = tidy_group(path).split(" / "), ""
    for part in parts:
        whole = f"{built} / {part}" if built else part
        built = spelling.setdefault(whole.casefold(), whole)
    longest = Label._meta.get_field("group").max_length or 0
    if len(built) > longest:
        words = _("«%(start)s…» is too long for a group: at most %(longest)s characters.")
        raise Refused(words % {"start": built[:20], "longest": longest})
    return built


def _taken_name(label: Label) -> str:
    if label.retired_at is None:
        return _("There is already a label «%(name)s».") % {"name": label.name}
    return _("«%(name)s» is a retired label. Bring it back instead.") % {"name": label.name}


def _check_key(project: Project, label: Label, key: str) -> None:
    if len(key) != 1 or key.isspace() or not key.isprintable():
        raise Refused(_("A key is one letter or digit."))
    if key.casefold() in RESERVED_KEYS:
        raise Refused(_("The labelling page needs the key %(key)s itself. Choose another.") % {"key": key})
    taken = shown(project).filter(key=key).exclude(pk=label.pk).first()
    if taken:
        raise Refused(
            _("The key %(key)s belongs to «%(name)s». Choose another.") % {"key": key, "name": taken.name}
        )
