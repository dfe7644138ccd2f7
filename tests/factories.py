"""Plain functions that make what a test needs, each with the least that is valid."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db.models import F, Max
from django.test import Client
from django.utils.timezone import now

from annotator.models import User
from annotator.views.doors import BACKEND
from projects import actions, queue
from projects.models import Annotation, Assignment, Item, Label, Membership, Policy, Project, QueueEntry

_numbers = count(1)
KEYS = "123456789abcdefghijklmnopqrstuvwxyz"


def make_user(name: str = "", **fields: Any) -> User:
    """Make a person with a proven address of their own; the same name twice makes two people."""
    number = next(_numbers)
    name = name or f"Person {number}"
    email = fields.pop("email", f"{name.lower().replace(' ', '.')}.{number}@example.org")
    return User.objects.create_user(email=email, name=name, **{"email_proven": True, **fields})


def session_of(user: User) -> str:
    """The key of a new session of somebody who signed in."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def make_labels(project: Project, names: Iterable[str]) -> list[Label]:
    """Add labels with the next positions, keys and hues."""
    first = project.labels.count()
    rows = [
        Label(project=project, position=at, name=name, key=KEYS[at : at + 1], hue=at % 12 + 1)
        for at, name in enumerate(names, start=first)
    ]
    return Label.objects.bulk_create(rows)


def make_project(
    name: str = "Post",
    *,
    labels: int | Sequence[str] = 3,
    items: int | Sequence[str] = 0,
    policy: dict[str, Any] | None = None,
    **fields: Any,
) -> Project:
    """Make an active project of texts with one label each; ``policy`` overrides the defaults.

    Without ``policy`` no item is held out, and one answer settles an item.
    """
    project = Project.objects.create(name=name, **{"state": Project.State.ACTIVE, "seed": 7, **fields})
    plain = {"holdout_share": 0.0, "agreement_share": 0.0}
    Policy.objects.create(project=project, version=1, **(plain if policy is None else policy))
    make_labels(project, [f"label {n}" for n in range(labels)] if isinstance(labels, int) else labels)
    make_items(project, items)
    return project


def make_items(
    project: Project,
    texts: int | Sequence[str],
    *,
    holdout: Collection[int] = (),
    agreement: Collection[int] = (),
    **fields: Any,
) -> list[Item]:
    """Add open items; ``holdout`` and ``agreement`` are positions among the new ones."""
    first = (project.items.aggregate(last=Max("number"))["last"] or 0) + 1
    texts = [f"text number {first + n}" for n in range(texts)] if isinstance(texts, int) else texts
    rows = [
        Item(
            project=project,
            number=first + n,
            key=f"key-{first + n}",
            text=text,
            shuffle=_shuffle(project, first + n),
            holdout=n in holdout,
            agreement=n in agreement,
            **fields,
        )
        for n, text in enumerate(texts)
    ]
    items = Item.objects.bulk_create(rows, batch_size=1000)
    project.item_count += len(items)
    project.save(update_fields=["item_count"])
    return items


def _shuffle(project: Project, number: int) -> int:
    """A random order that is the same in every run."""
    digest = hashlib.blake2b(f"{project.seed}/{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def make_member(
    project: Project, person: User | str = "", role: str = Membership.Role.ANNOTATOR, **fields: Any
) -> Membership:
    """Give a person, or a new one of this name, a role in a project."""
    user = person if isinstance(person, User) else make_user(person)
    return Membership.objects.create(project=project, user=user, role=role, **fields)


def make_lead(project: Project, person: User | str = "Lea") -> Membership:
    return make_member(project, person, Membership.Role.LEAD)


def make_admin(project: Project, person: User | str = "Ada") -> Membership:
    return make_member(project, person, Membership.Role.ADMIN)


def hand(membership: Membership, item: Item) -> Assignment:
    """Give this very item to a person, whatever the queue would have chosen."""
    mine = Assignment.objects.filter(item=item, annotator_id=membership.user_id)
    if found := mine.first():
        return found
    project = membership.project
    places = queue.places_for(item, project.policy, queue.crew(project.pk))
    entry, _ = QueueEntry.objects.get_or_create(
        item=item,
        state=QueueEntry.State.LIVE,
        defaults={
            "project": project,
            "rank": item.number,
            "stream": QueueEntry.Stream.RANDOM,
            "places": places,
            "free": places,
        },
    )
    QueueEntry.objects.filter(pk=entry.pk).update(free=F("free") - 1)
    return Assignment.objects.create(
        project=project,
        item=item,
        annotator_id=membership.user_id,
        entry=entry,
        expires_at=now() + timedelta(minutes=10),
    )


def submission(
    item: Item, *labels: Label, kind: str = Annotation.Kind.ANSWER, **fields: Any
) -> actions.Submission:
    """What a browser would send for this item."""
    ids = tuple(sorted(label.pk for label in labels))
    return actions.Submission(id=fields.pop("id", uuid4()), item_id=item.pk, kind=kind, labels=ids, **fields)


def answer(
    membership: Membership,
    item: Item,
    *labels: Label,
    kind: str = Annotation.Kind.ANSWER,
    at: datetime | None = None,
    **fields: Any,
) -> actions.Verdict:
    """Give the item to a person and hand in their judgement; insist that it was stored.

    With ``bulk`` it came on a card.
    """
    held = hand(membership, item)
    if fields.get("bulk"):
        random = QueueEntry.objects.filter(pk=held.entry_id, stream=QueueEntry.Stream.RANDOM)
        random.update(stream=QueueEntry.Stream.CARD)
    (verdict,) = actions.submit(membership, [submission(item, *labels, kind=kind, **fields)], at)
    assert verdict.status == "stored", verdict
    return verdict
