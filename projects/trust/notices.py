"""What people are told: in the page at once, by mail together with what else happened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from projects.models import Membership, Notice, Project


def tell(user_ids: Iterable[int], project: Project, kind: str, address: str = "", **facts: Any) -> None:
    """Leave a notice for each person; ``kind`` names its sentence, ``facts`` fills it in."""
    rows = [
        Notice(user_id=pk, project=project, kind=kind, facts=facts, address=address)
        for pk in dict.fromkeys(user_ids)
    ]
    Notice.objects.bulk_create(rows)


def leads(project: Project, but: int | None = None) -> list[int]:
    """The ids of those who may decide in a project, without ``but``."""
    able = Q(role=Membership.Role.LEAD) | Q(role=Membership.Role.ADMIN)
    found = Membership.objects.filter(able, project=project, active=True).exclude(user_id=but or 0)
    return list(found.values_list("user_id", flat=True))
