"""What the labelling page needs to offer labels and keys as they are for one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from projects import keymap, mine
from projects.models import Label, Membership, Policy, Project
from projects.queries import Rules

# Up to here every label has a key of its own; more are found by typing.
MOST_WITH_KEYS: Final = 10
LONGEST_SEARCHED: Final = 300


def by_typing(labels: Sequence[Label]) -> bool:
    """Whether labels are found by typing."""
    return len(labels) > MOST_WITH_KEYS


def keys(own: Mapping[str, str], labels: Sequence[Label]) -> dict[str, str]:
    """Return the key of each command where people choose among these labels."""
    taken = () if by_typing(labels) else {keymap.tidy(label.key) for label in labels if label.key}
    return keymap.keys_of(own, taken)


def page(member: Membership, rules: Rules) -> dict[str, Any]:
    """Return what the page's templates show: ``keys`` of all commands, ``listed`` those of this page."""
    pressed = keymap.pressed(keys(member.user.keys, rules.labels), by_typing(rules.labels))
    listed = keymap.shown(pressed, _commands(member.project, rules))
    return {"keys": pressed, "listed": listed}


def _commands(project: Project, rules: Rules) -> set[str]:
    """The commands that do something in this project."""
    policy = rules.policy
    found = {"undo", "skip", "cant_tell", "flag", "note", "help"}
    if project.task == Project.Task.MULTI:
        found.add("none")
    if project.guidelines or any(label.description or label.examples for label in rules.labels):
        found.add("guidelines")
    if policy.suggest == Policy.Suggest.KEY:
        found.add("suggestion")
    if policy.bulk:
        found.add("together")
    if project.media == Project.Media.IMAGE:
        found |= keymap.OF_PICTURES
    return found


def desk(member: Membership, rules: Rules, history: Sequence[mine.Entry]) -> dict[str, Any]:
    """Return what the page's script needs: keys, and what finds labels where they are found by typing.

    ``history`` are a person's own last answers, newest first (``projects.mine``).
    """
    labels = rules.labels
    told: dict[str, Any] = {"keys": keys(member.user.keys, labels)}
    if by_typing(labels):
        told["labels"] = {label.pk: found for label in labels if (found := _searched(label))}
        told["recent"] = list(dict.fromkeys(pk for row in history for pk in row.label_ids))[:3]
        told["likely"] = rules.policy.likely_first
    return told


def _searched(label: Label) -> dict[str, Any]:
    """What is searched besides the name; compact, since a page may hold hundreds."""
    told = {
        "group": label.group,
        "synonyms": label.synonyms,
        "description": label.description[:LONGEST_SEARCHED],
    }
    return {name: value for name, value in told.items() if value}
