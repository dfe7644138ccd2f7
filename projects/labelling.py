"""What the labelling page shows: items in hand, how far the work is, and why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import prefetch_related_objects
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from projects import cards, hot, queries, returning, suggesting
from projects.models import Assignment, Item, Membership, Policy, Project, QueueEntry
from projects.trust import calibration, qualification, staleness, talk, workload

# Items kept in the browser besides the one on the stage.
AHEAD = 5
# What the first model needs: so many answers for each of two labels.
FIRST_MODEL = 5


@dataclass(frozen=True)
class Progress:
    """How far a person and the project are. ``needed`` more answers start the next round."""

    mine: int
    labelled: int
    items: int
    since: int
    batch: int
    learning: bool
    # Answers since the shift began that is going on, and how many fit in; 0: there is none.
    shift_done: int = 0
    shift_size: int = 0
    # Nothing is trained before leads are through with the first items.
    waits: bool = False

    @property
    def needed(self) -> int:
        return max(0, self.batch - self.since)

    def sentence(self) -> str:
        """Say in words what the bar shows."""
        if self.waits:
            return _("The first items come before any training")
        if self.needed == 0:
            return _("Retraining now")
        if self.learning:
            return _("Next retrain in %(count)d") % {"count": self.needed}
        return _("First model in %(count)d") % {"count": self.needed}

    def shift(self) -> str:
        """Say how far the shift is; blank where there is none."""
        if not self.shift_size:
            return ""
        words = _("%(done)s of about %(size)s in this shift")
        return words % {"done": f"{self.shift_done:,}", "size": f"{self.shift_size:,}"}


class Nothing(NamedTuple):
    """Why there is no item: a heading, a sentence, and where to go on."""

    heading: str
    sentence: str
    address: str = ""
    action: str = ""


def progress(membership: Membership, policy: Policy) -> Progress:
    """Count what the page's bars show, at a cost that does not grow with the project."""
    project = membership.project
    learning = project.has_model
    since, batch = (
        (queries.since_round(project, policy.batch_size), policy.batch_size)
        if learning
        else (_towards_first_model(project), 2 * FIRST_MODEL)
    )
    shift = membership.shift
    return Progress(
        shift_done=max(0, membership.answered - shift.answered_before) if shift else 0,
        shift_size=shift.size if shift else 0,
        mine=membership.answered,
        labelled=queries.labelled(project.pk),
        items=project.item_count,
        since=min(since, batch),
        batch=batch,
        learning=learning,
        waits=bool(policy.calibration) and not learning and not calibration.done(project),
    )


def _towards_first_model(project: Project) -> int:
    """Answers that count towards the first model: up to five for each of the two commonest labels."""
    counts: Counter[int] = Counter()
    for chosen in hot.settled_as(project.pk, 200):
        counts.update(chosen)
    return sum(min(FIRST_MODEL, count) for _label, count in counts.most_common(2))


def as_json(shown: Progress) -> dict[str, Any]:
    """The same for the page's script."""
    return {**vars(shown), "sentence": shown.sentence(), "shift": shown.shift()}


def item_html(
    item: Item, project: Project, note: str = "", remarks: Sequence[talk.Remark] = (), earlier: str = ""
) -> str:
    """Render an item as the page shows it, with what whoever is asked again is told, and the talk."""
    shown = {"item": item, "project": project, "lead_note": note, "item_talk": remarks, "earlier": earlier}
    return render_to_string("projects/_item.html", shown)


def lead_note(assignment: Assignment) -> str:
    """What a lead wrote when an item was sent back: to this very person, or for another vote."""
    entry = assignment.entry
    if entry.stream == QueueEntry.Stream.RETURNED:
        return assignment.note
    return str(entry.reason.get("note", "")) if entry.stream == QueueEntry.Stream.AGAIN else ""


def earlier(assignments: Sequence[Assignment], project: Project) -> dict[int, str]:
    """What those who are asked again are told of their own answer, by item id."""
    return {**staleness.earlier(assignments, project), **returning.own_answers(assignments, project)}


def in_hand(
    membership: Membership,
    rules: queries.Rules,
    assignments: Sequence[Assignment],
    have: frozenset[int] = frozenset(),
) -> list[dict[str, Any]]:
    """Render the items that the browser does not have yet. Never a word on why, or on who else."""
    project = membership.project
    missing = [assignment for assignment in assignments if assignment.item_id not in have]
    load(missing, project)
    ids = [row.item_id for row in missing]
    said = talk.for_annotator(membership.user_id, project, ids) if missing and membership.remarks else {}
    told = earlier(missing, project)
    thought = suggesting.offered(membership, rules, missing)
    return [
        {
            "id": row.item_id,
            "number": row.item.number,
            "html": item_html(
                row.item, project, lead_note(row), said.get(row.item_id, ()), told.get(row.item_id, "")
            ),
            "thought": thought.get(row.item_id),
            "alike": cards.alike(membership, rules, row),
        }
        for row in missing
    ]


def load(assignments: Sequence[Assignment], project: Project) -> None:
    """Read the items and entries of assignments that come without, all at once."""
    hot.contents(assignments, project)
    prefetch_related_objects([one for one in assignments if "entry" not in one._state.fields_cache], "entry")


def nothing_to_do(membership: Membership, policy: Policy | None = None) -> Nothing:
    """Say why a person has no item, and what to do."""
    project, policy = membership.project, policy or membership.project.policy
    if project.state == Project.State.DRAFT:
        words = _("Its admin is still setting it up. Come back in a while.")
        return Nothing(_("This project is not ready yet"), words)
    if project.state != Project.State.ACTIVE:
        words = _("Nothing is lost. You can go on as soon as an admin opens it again.")
        return Nothing(_("This project is paused"), words)
    if (halt := workload.why(membership, policy)) is not None:
        return Nothing(halt.heading, halt.sentence, halt.address, halt.action)
    if project.item_count == 0:
        return Nothing(_("There are no items yet"), _("An admin can add a file under Settings, Data."))
    quiz = qualification.of(membership, policy)
    if quiz and quiz.stuck:
        words = _("It was not quite enough this time. A lead looks at it and will talk with you.")
        return Nothing(_("You are through with the batch"), words)
    live = QueueEntry.objects.filter(project=project, state=QueueEntry.State.LIVE)
    # Known items always have room for somebody; to say so would be to say that there are some.
    if live.exclude(stream=QueueEntry.Stream.GOLD).exists():
        words = _("The last items are with other people. This page looks again by itself.")
        return Nothing(_("Nothing for you right now"), words)
    return Nothing(_("All done"), _("Every item has been answered. Thank you."))
