"""What a person's start page says about each of their projects: how far it is, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, QuerySet

from projects.models import Dispute, Item, Membership, Project


class Next(StrEnum):
    """What a person should do next in a project."""

    SET_UP = "set_up"
    WAIT = "wait"
    ADD_ITEMS = "add_items"
    DECIDE = "decide"
    LABEL = "label"
    EXPORT = "export"
    LOOK = "look"


@dataclass(frozen=True)
class Card:
    """One project, as its member sees it on the start page."""

    membership: Membership
    settled: int
    disputes: int

    @property
    def project(self) -> Project:
        return self.membership.project

    @property
    def percent(self) -> int:
        """How much of the project is settled, rounded down: only a finished project shows 100."""
        return 100 * self.settled // self.project.item_count if self.project.item_count else 0

    @property
    def next(self) -> Next:
        """The most useful thing that this person may do now."""
        project, mine = self.project, self.membership
        if project.state == Project.State.DRAFT:
            return Next.SET_UP if mine.administers else Next.WAIT
        if project.state != Project.State.ACTIVE:
            return Next.LOOK if mine.leads else Next.WAIT
        if not project.item_count:
            return Next.ADD_ITEMS if mine.administers else Next.WAIT
        if self.disputes:
            return Next.DECIDE
        if self.settled >= project.item_count:
            return Next.EXPORT if mine.leads else Next.WAIT
        return Next.LABEL


def cards(user_id: int) -> list[Card]:
    """Return this person's projects, those at work first, then the newest, by three queries in all."""
    mine = list(
        Membership.objects.filter(user_id=user_id, active=True)
        .select_related("project")
        .order_by("-project__created_at", "-project_id")
    )
    settled = _count(Item.objects.filter(state=Item.State.SETTLED, project__in=[m.project_id for m in mine]))
    led = [m.project_id for m in mine if m.leads]
    disputes = _count(Dispute.objects.filter(state=Dispute.State.OPEN, project__in=led))
    found = [Card(m, settled.get(m.project_id, 0), disputes.get(m.project_id, 0)) for m in mine]
    return sorted(found, key=lambda card: _ORDER[card.project.state])


_STATES = (Project.State.ACTIVE, Project.State.DRAFT, Project.State.PAUSED, Project.State.ARCHIVED)
_ORDER = {str(state): place for place, state in enumerate(_STATES)}


def _count(rows: QuerySet[Item] | QuerySet[Dispute]) -> dict[int, int]:
    return dict(rows.order_by().values_list("project_id").annotate(count=Count("pk")))
