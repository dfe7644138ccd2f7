"""The statements that every answer runs, by hand: see ``projects.sql`` for why.

Each does what its docstring says and what the ORM would do (``tests/test_hot.py``), reaches its rows by an
index whatever the project's size (``tests/test_query_plans.py``), and runs on PostgreSQL and SQLite as it
stands. Rare paths use the ORM.
"""
# ruff: noqa: S608 - only names of ours and placeholders are put together

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from projects import sql
from projects.models import Annotation, Assignment, Item, Membership, Project, QueueEntry, Shift

_ASSIGNMENT: Final = sql.Columns(Assignment)
_ENTRY: Final = sql.Columns(QueueEntry)
_ITEM: Final = sql.Columns(Item)
# What an item's label rests on, without its content.
_CASE: Final = sql.Columns(Item, without=("text", "metadata"))
_SAID: Final = sql.Columns(Annotation, without=("value", "note", "suggestion"))
_HELD: Final = (
    "answered",
    "excluded_at",
    "paused_at",
    "paused_by",
    "quota",
    "read_version",
    "senior",
    "skills",
)
_MEMBER: Final = sql.Columns(
    Membership,
    without=[f.name for f in Membership._meta.concrete_fields if f.name not in _HELD and f.name != "id"],
)
_SHIFT: Final = sql.Columns(Shift)
# Known items and items that were sent back have ways of their own to people.
_APART: Final = "('gold', 'returned')"


# --- one person at a time --------------------------------------------------------------------------------


def hold(membership: Membership) -> None:
    """Hold a membership and read what decides how much may be given, with the shift that is going on.

    Also what the project uses at all, so that nothing is asked where there is nothing.
    """
    found = sql.first(_hold(), [membership.pk])
    if found is None:
        raise Membership.DoesNotExist
    at = _MEMBER.count
    fresh = _MEMBER.read(found[:at])
    for name in _HELD:
        setattr(membership, name, getattr(fresh, name))
    shift, uses = found[at : at + _SHIFT.count], found[at + _SHIFT.count :]
    membership.shift = None if shift[0] is None else _SHIFT.read(shift)
    membership.returned, membership.known_items, membership.seniors, membership.remarks = map(bool, uses)


@cache
def _hold() -> str:
    return (
        f"SELECT {_MEMBER.of('m')}, {_SHIFT.of('s')}, "
        "EXISTS(SELECT 1 FROM projects_assignment a JOIN projects_queueentry e ON e.id = a.entry_id"
        " WHERE a.annotator_id = m.user_id AND a.project_id = m.project_id AND a.state = 'sent_back'"
        " AND e.stream = 'returned' AND e.state = 'live'), "
        "EXISTS(SELECT 1 FROM projects_item i WHERE i.project_id = m.project_id AND i.gold IS NOT NULL), "
        "EXISTS(SELECT 1 FROM projects_membership o WHERE o.project_id = m.project_id AND o.senior), "
        "EXISTS(SELECT 1 FROM projects_comment c WHERE c.project_id = m.project_id) "
        "FROM projects_membership m LEFT JOIN projects_shift s"
        " ON s.membership_id = m.id AND s.ended_at IS NULL "
        f"WHERE m.id = %s{sql.holding('m')}"
    )


# --- an answer -------------------------------------------------------------------------------------------


def in_hand(membership: Membership, item_id: int) -> Assignment | None:
    """Hold a person's assignment together with its item, which comes without its content."""
    found = sql.first(_in_hand(), [membership.project_id, membership.user_id, item_id])
    if found is None:
        return None
    assignment = _ASSIGNMENT.read(found[: _ASSIGNMENT.count])
    assignment.item = _CASE.read(found[_ASSIGNMENT.count :])
    assignment.item.project = membership.project
    return assignment


@cache
def _in_hand() -> str:
    return (
        f"SELECT {_ASSIGNMENT.of('a')}, {_CASE.of('i')} FROM projects_assignment a"
        " JOIN projects_item i ON i.id = a.item_id"
        " WHERE a.project_id = %s AND a.annotator_id = %s AND a.item_id = %s" + sql.holding("a, i")
    )


def said(assignment: Assignment) -> list[Annotation]:
    """Read everything ever said of an item, oldest first, as ``queries.revisions``; and its entry.

    The entry is read after the item is held: a lead who sends the item back gives it another one, and whoever
    waited for that must see it.
    """
    found = sql.rows(_said(), [assignment.item_id, assignment.entry_id])
    at, end = _ENTRY.count, _ENTRY.count + _SAID.count
    assignment.entry = _ENTRY.read(found[0][:at])
    annotations = []
    for row in found:
        if row[at] is not None:
            one = _SAID.read(row[at:end])
            one.excluded_at = _excluded(row[end])
            annotations.append(one)
    return annotations


def _excluded(value: Any) -> datetime | None:
    convert = sql.converter(Membership._meta.get_field("excluded_at"))
    moment: datetime | None = convert(value) if convert else value
    return moment


@cache
def _said() -> str:
    return (
        f"SELECT {_ENTRY.of('e')}, {_SAID.of('a')}, m.excluded_at FROM projects_queueentry e"
        " LEFT JOIN projects_annotation a ON a.item_id = %s"
        " LEFT JOIN projects_membership m ON m.project_id = a.project_id AND m.user_id = a.annotator_id"
        " WHERE e.id = %s ORDER BY a.id"
    )


def count(membership: Membership, change: int) -> None:
    """Keep how many items a person's answer stands for."""
    sql.run("UPDATE projects_membership SET answered = answered + %s WHERE id = %s", [change, membership.pk])
    membership.answered += change


def close(item_id: int) -> None:
    """End the entry that asks for an item now."""
    sql.run("UPDATE projects_queueentry SET state = 'done' WHERE item_id = %s AND state = 'live'", [item_id])


# --- a lease ---------------------------------------------------------------------------------------------


def held(membership: Membership, at: datetime) -> list[Assignment]:
    """What a person holds at a moment, in the order in which it was given."""
    found = sql.rows(_leased(), [membership.user_id, membership.project_id, sql.moment(at)])
    return [_ASSIGNMENT.read(row) for row in found]


@cache
def _leased() -> str:
    return (
        f"SELECT {_ASSIGNMENT.of('a')} FROM projects_assignment a WHERE a.annotator_id = %s"
        " AND a.project_id = %s AND a.state = 'leased' AND a.expires_at > %s ORDER BY a.id"
    )


def take(membership: Membership, number: int) -> list[QueueEntry]:
    """Take a place in each of the next entries, best first, unless one of them is half answered.

    Whose turn that is has to be thought about (``serving.spread``), so nothing is taken then. An entry that
    somebody holds at this moment is passed over: nobody waits. ``free`` is looked at again on the row that is
    changed, so it never falls below zero; whoever calls holds the membership, so nobody gets an item twice.
    For people and projects without skills, and where seniority decides nothing: see ``serving.plain``.
    """
    found = sql.rows(_take(), [membership.project_id, membership.user_id, number])
    return sorted((_ENTRY.read(row) for row in found), key=lambda entry: entry.rank)


@cache
def _take() -> str:
    return (
        f"WITH first AS ({_coming('e.id, e.free, e.places, e.stream')}"
        f" LIMIT %s{sql.holding('e', skip=True)}) "
        "UPDATE projects_queueentry SET free = free - 1"
        " WHERE id IN (SELECT id FROM first) AND free > 0 AND state = 'live' AND NOT EXISTS"
        f" (SELECT 1 FROM first WHERE first.free < first.places AND first.stream NOT IN {_lasting()})"
        f" RETURNING {_ENTRY.of('projects_queueentry')}"
    )


def take_these(ids: Sequence[int]) -> set[int]:
    """Take a place in each of these entries, as far as one is free; return which."""
    if not ids:
        return set()
    found = sql.rows(
        "UPDATE projects_queueentry SET free = free - 1"
        f" WHERE id IN ({sql.marks(ids)}) AND free > 0 AND state = 'live' RETURNING id",
        ids,
    )
    return {pk for (pk,) in found}


def coming(membership: Membership, number: int) -> list[QueueEntry]:
    """Hold the next entries that a person may take, best first, passing over those that somebody holds."""
    statement = f"{_coming(_ENTRY.of('e'))} LIMIT %s{sql.holding('e', skip=True)}"
    return [
        _ENTRY.read(row) for row in sql.rows(statement, [membership.project_id, membership.user_id, number])
    ]


def window(membership: Membership, number: int) -> list[tuple[int, int, int, int, str]]:
    """Id, item, free places, places and stream of the next entries that a person may take, best first."""
    statement = f"{_coming('e.id, e.item_id, e.free, e.places, e.stream')} LIMIT %s"
    return sql.rows(statement, [membership.project_id, membership.user_id, number])


def anybody(project_id: int, item_id: int) -> bool:
    """Whether somebody who labels can still be given an item, or has it in hand: see ``places``."""
    found = sql.first(_anybody(), [project_id, item_id, item_id])
    return bool(found and found[0])


@cache
def _anybody() -> str:
    able = "m.active AND m.paused_at IS NULL AND m.excluded_at IS NULL"
    return (
        "SELECT EXISTS(SELECT 1 FROM projects_membership m WHERE m.project_id = %s"
        f" AND {able} AND (m.role = 'annotator' OR NOT EXISTS (SELECT 1 FROM projects_membership o"
        " WHERE o.project_id = m.project_id AND o.active AND o.role = 'annotator'))"
        " AND NOT EXISTS (SELECT 1 FROM projects_assignment a"
        " WHERE a.item_id = %s AND a.annotator_id = m.user_id AND a.state = 'submitted'))"
        " OR EXISTS(SELECT 1 FROM projects_assignment a WHERE a.item_id = %s AND (a.state = 'leased'"
        " OR (a.state = 'sent_back' AND EXISTS (SELECT 1 FROM projects_membership m"
        f" WHERE m.project_id = a.project_id AND m.user_id = a.annotator_id AND {able}))))"
    )


def hold_these(membership: Membership, ids: Sequence[int]) -> list[QueueEntry]:
    """Hold some of the entries that a person may take, without waiting for whoever holds one."""
    if not ids:
        return []
    statement = _coming(_ENTRY.of("e"), f" AND e.id IN ({sql.marks(ids)})") + sql.holding("e", skip=True)
    return [
        _ENTRY.read(row) for row in sql.rows(statement, [membership.project_id, *ids, membership.user_id])
    ]


def _coming(columns: str, also: str = "") -> str:
    """``serving.servable`` for everybody who is asked without regard to skills and seniority."""
    return (
        f"SELECT {columns} FROM projects_queueentry e WHERE e.project_id = %s AND e.state = 'live'"
        f" AND e.free > 0 AND e.stream NOT IN {_APART}{also} AND NOT EXISTS"
        " (SELECT 1 FROM projects_assignment a WHERE a.item_id = e.item_id AND a.annotator_id = %s"
        " AND a.state NOT IN ('expired', 'sent_back')) ORDER BY e.rank"
    )


def _lasting() -> str:
    from projects.serving import LASTING

    return "(" + ", ".join(f"'{stream.value}'" for stream in LASTING) + ")"


def hand_over(assignments: Sequence[Assignment]) -> None:
    """Lease items to a person who may have had them before; each gets the id of its row."""
    if not assignments:
        return
    given = sql.insert(
        assignments,
        "(item_id, annotator_id) DO UPDATE SET entry_id = excluded.entry_id, state = excluded.state,"
        " placed = excluded.placed, expires_at = excluded.expires_at",
        "item_id, id",
    )
    ids: dict[int, int] = dict(given)
    for assignment in assignments:
        assignment.pk = ids[assignment.item_id]
        assignment._state.adding = False


def contents(assignments: Iterable[Assignment], project: Project) -> None:
    """Load the items of assignments that come without."""
    bare = [one for one in assignments if "item" not in one._state.fields_cache]
    if not bare:
        return
    ids = [one.item_id for one in bare]
    statement = f"SELECT {_ITEM.of('i')} FROM projects_item i WHERE i.id IN ({sql.marks(ids)})"
    by_id = {row[0]: _ITEM.read(row) for row in sql.rows(statement, ids)}
    for one in bare:
        one.item = by_id[one.item_id]
        one.item.project = project


def partners(item_ids: Sequence[int]) -> dict[int, list[int]]:
    """Who has answered or holds each of these items."""
    found: dict[int, list[int]] = {}
    if item_ids:
        statement = (
            "SELECT item_id, annotator_id FROM projects_assignment"
            f" WHERE item_id IN ({sql.marks(item_ids)}) AND state IN ('leased', 'submitted')"
        )
        for item, person in sql.rows(statement, item_ids):
            found.setdefault(item, []).append(person)
    return found


# --- counted ---------------------------------------------------------------------------------------------


def answers_since(project_id: int, mark: int, most: int) -> int:
    """Answers that came after a round's mark, those that stand now; counts up to ``most``.

    «OFFSET 0» keeps PostgreSQL from joining all annotations that there are: it stops after the first ones.
    """
    found = sql.first(
        "SELECT count(*) FROM (SELECT 1 FROM projects_annotation a WHERE a.project_id = %s AND a.id > %s"
        " AND a.kind IN ('answer', 'cant_tell') AND NOT EXISTS"
        " (SELECT 1 FROM projects_annotation n WHERE n.supersedes_id = a.id LIMIT 1 OFFSET 0)"
        " ORDER BY a.id LIMIT %s) AS newest",
        [project_id, mark, most],
    )
    return int(found[0]) if found else 0


def settled_as(project_id: int, most: int) -> list[list[int]]:
    """What up to so many settled items outside the hold-out were settled as; not those nobody could tell."""
    found = sql.rows(
        "SELECT settled_labels FROM projects_item WHERE project_id = %s AND state = 'settled'"
        " AND NOT holdout AND settled_labels IS NOT NULL LIMIT %s",
        [project_id, most],
    )
    return [json.loads(labels) for (labels,) in found]
