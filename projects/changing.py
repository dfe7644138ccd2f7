"""How what an item's label rests on changes, and is written down. Callers hold the item's lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from projects import audit, queue, sql
from projects.audit import Act
from projects.models import Dispute, Item
from projects.trust import escalation

# What an item's label rests on, as it is while there is none.
EMPTY: dict[str, Any] = {
    "state": Item.State.OPEN,
    "settled_labels": None,
    "settled_source": "",
    "settled_at": None,
    "posterior": None,
    "method": "",
    "soft": None,
    "estimate": 0,
}
# Votes change nothing about these.
FIXED = {Item.Source.ADJUDICATED, Item.Source.GOLD, Item.Source.SEED}


def lock(item_id: int) -> Item:
    """Load what an item's label rests on, without its content, and hold it until the transaction ends."""
    content = ("text", "metadata", "gold")
    return Item.objects.select_for_update(no_key=True).defer(*content).get(pk=item_id)


def become(item: Item, act: Act, at: datetime, **changes: Any) -> None:
    """Change what an item's label rests on, and write it down: the only way in which that changes.

    Fields that are not named are emptied, but for ``former`` and ``votes_from``. Where nothing differs,
    nothing is written down.
    """
    before = audit.facts(item)
    for name, empty in EMPTY.items():
        setattr(item, name, changes.pop(name, empty))
    for name, value in changes.items():
        setattr(item, name, value)
    sql.save(item, *EMPTY, "former", "votes_from")
    if audit.facts(item) != before:
        audit.item_changed(item, before, act, at)


def dispute(item: Item, reasons: Sequence[str], act: Act, at: datetime) -> Dispute:
    """Hand an item to a lead: one open dispute an item, further reasons are added to it.

    What a settled item was settled as stays with it as ``former``.
    """
    found = Dispute.objects.filter(item=item, state=Dispute.State.OPEN).first()
    known = found.reasons if found else []
    new = [reason for reason in dict.fromkeys(reasons) if reason not in known]
    priority, due = escalation.urgency(act.project, act.project.policy, item, [*known, *new], at)
    if found is None:
        found = Dispute.objects.create(
            project_id=item.project_id, item=item, reasons=new, priority=priority, due_at=due, opened_at=at
        )
    elif new:
        found.reasons, found.priority = [*known, *new], priority
        found.version += 1
        found.save(update_fields=["reasons", "priority", "version"])
    former = former_of(item) if item.state == Item.State.SETTLED else item.former
    become(item, act, at, state=Item.State.DISPUTED, former=former)
    queue.withdraw([item.pk])
    return found


def former_of(item: Item) -> dict[str, Any]:
    """What a settled item was settled as, kept while somebody looks at it again."""
    known: dict[str, Any] = item.former or {}
    if item.settled_at and known.get("settled_at") == item.settled_at.isoformat():
        return known  # With the votes that it rested on.
    return {"labels": item.settled_labels, "source": item.settled_source, "version": item.votes_from}
