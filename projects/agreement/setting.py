"""What a project's agreement is measured under: labels, people, versions; read once a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Max

from projects.models import Annotation, Dispute, GuidelineVersion, Label, Membership, Policy, Project


@dataclass(frozen=True)
class Setting:
    """Facts that decide which answers count and how they are compared."""

    project: Project
    # Every label in the order in which people see them.
    labels: Sequence[Label]
    members: Sequence[Membership]
    # The guideline versions since which labels mean something else.
    breaks: Sequence[int]
    # Oldest first.
    policies: Sequence[Policy]

    @property
    def scale(self) -> str:
        """Name the distance between two answers: nominal, ordinal or sets."""
        if self.project.task == Project.Task.MULTI:
            return "sets"
        return "ordinal" if self.project.ordinal else "nominal"

    @property
    def columns(self) -> list[Label]:
        """The labels that have a column: all that were not merged into another one."""
        return [label for label in self.labels if label.merged_into_id is None]

    @cached_property
    def column(self) -> dict[int, int]:
        """The column of each label's id; merged ones share one."""
        every = {label.pk: label for label in self.labels}
        place = {label.pk: at for at, label in enumerate(self.columns)}
        return {pk: place[_root(label, every)] for pk, label in every.items()}

    @cached_property
    def names(self) -> dict[int, str]:
        """What people are called, those who left among them."""
        return {member.user_id: str(member.user) for member in self.members}

    @cached_property
    def gone(self) -> dict[int, datetime]:
        """Since when whose votes count for nothing."""
        return {one.user_id: one.excluded_at for one in self.members if one.excluded_at is not None}

    @cached_property
    def mark(self) -> tuple[object, ...]:
        """What the figures depend on: while it is the same, they are."""
        project = self.project
        newest = Annotation.objects.filter(project=project).aggregate(newest=Max("pk"))["newest"]
        # Who said what on an item is told once its dispute is closed.
        disputes = Dispute.objects.filter(project=project)
        told = disputes.aggregate(newest=Max("pk"), closed=Max("closed_at"))
        return (
            newest,
            *told.values(),
            tuple((label.pk, label.merged_into_id, label.order, label.name) for label in self.labels),
            tuple(sorted(self.gone.items())),
            tuple(self.breaks),
            len(self.policies),
            project.ordinal,
            project.task,
        )


def of(project: Project) -> Setting:
    """Read a project's setting."""
    changes = GuidelineVersion.objects.filter(project=project, kind=GuidelineVersion.Kind.BREAKING)
    known = {*changes.values_list("version", flat=True), project.agreed_version}
    policies = project.policies.only("version", "created_at", "agreement_overlap")
    return Setting(
        project=project,
        labels=list(project.labels.order_by("order", "position")),
        members=list(Membership.objects.filter(project=project).select_related("user").order_by("pk")),
        breaks=sorted(version for version in known if 1 < version <= project.agreed_version),
        policies=list(policies.order_by("version")),
    )


def _root(label: Label, every: Mapping[int, Label]) -> int:
    while label.merged_into_id is not None:
        label = every[label.merged_into_id]
    return label.pk
