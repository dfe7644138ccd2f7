"""Projects whose loop runs: two kinds of texts that a model tells apart at once."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now

from projects import queue
from projects.models import Item, Label, Policy, Project, QueueEntry
from sampling import features, rounds
from sampling.models import Round
from tests.factories import answer, make_items, make_member, make_project

PLAIN = {"holdout_share": 0.0, "agreement_share": 0.0, "holdout_mix": 0.2}


def make_loop(items: int = 60, batch: int = 10, strategy: str = "default", **fields: Any) -> Project:
    """A project of two kinds of texts, red ones and blue ones, with its features and no round yet."""
    policy = {**PLAIN, "batch_size": batch, "strategy": strategy}
    project = make_project(labels=["red", "blue"], policy=policy, featurizer="lsa", **fields)
    make_items(project, [_text(n) for n in range(items)], holdout=range(0, items, 10))
    while features.advance(project, now()):
        pass
    return project


def _text(n: int) -> str:
    return f"red apple {n} and cherry {n * 7}" if n % 2 else f"blue sky {n} over the sea {n * 5}"


def right(item: Item) -> Label:
    return item.project.labels.get(name=item.text.split()[0])


def label(project: Project, count: int, **only: Any) -> None:
    """Answer the next items of the queue rightly, or open items of one kind."""
    person = make_member(project)
    for _ in range(count):
        if only:
            mine = project.items.filter(state="open", **only).exclude(assignments__state="leased")
            item = mine.order_by("shuffle")[0]
        else:
            item = queue.lease(person, 1)[0].item
        answer(person, item, right(item))


def turn(project: Project) -> Round:
    """Run all that is due and return the newest round."""
    while rounds.advance(project.pk):
        pass
    return project.rounds.latest("number")


def with_model(**settings: Any) -> Project:
    """A loop after its first model: ten items labelled."""
    project = make_loop(**settings)
    label(project, 5, text__startswith="red", holdout=False)
    label(project, 5, text__startswith="blue", holdout=False)
    assert turn(project).labelled == 10
    return project


def know(project: Project, each: int = 5) -> None:
    """Settle so many items of each label as if they had been known at import."""
    for label in project.labels.all():
        chosen = project.items.filter(text__startswith=label.name, holdout=False).order_by("number")
        Item.objects.filter(pk__in=list(chosen.values_list("pk", flat=True)[:each])).update(
            state="settled", settled_labels=[label.pk], settled_source="seed", settled_at=now()
        )


def wish(project: Project, **changes: Any) -> None:
    """Put changes of the policy into force."""
    Policy.objects.filter(project=project).update(**changes)


def live(project: Project, **only: Any) -> list[QueueEntry]:
    """Return what the queue asks for now, in serving order."""
    return list(QueueEntry.objects.filter(project=project, state="live", **only).order_by("rank"))
