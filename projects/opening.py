"""Who asks, and by which rules: all that a request of the labelling page needs to begin, in one statement.

What a browser's session says stands in one signed column, so no person can be joined to it. This process
remembers whose it is, and the statement asks again: a session that ended, a person who may not come in any
more or changed the password, a membership that is over, all bring no row or another one. Then ``known`` knows
nothing, and whoever asked goes the long way, by Django's own middleware, which alone refuses anybody.
"""
# ruff: noqa: S608 - only names of ours and placeholders are put together

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
    load_backend,
)
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import caches
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.timezone import now

from projects import access, queries, sql
from projects.models import Label, Membership, Policy, Project
from projects.queries import Rules

_near: Final = caches["near"]
# Whose session it was: remembered so long, looked at each time.
REMEMBERED_SECONDS: Final = 3600
_MEMBER: Final = sql.Columns(Membership)
_PROJECT: Final = sql.Columns(Project, without=("guidelines",))
_POLICY: Final = sql.Columns(Policy)


@dataclass(frozen=True)
class Opening:
    """A member with project and person, and the rules in force."""

    member: Membership
    rules: Rules


def known(request: HttpRequest, project_id: int) -> Opening | None:
    """Return who asks, where the session is known and all is well; None: go the long way, ``slowly``.

    Sets ``request.user`` as Django's middleware would.
    """
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    user_id = _near.get(_key(session)) if session else None
    if user_id is None:
        return None
    row = sql.first(_opening(), [project_id, session, sql.moment(now()), user_id])
    if row is None:
        return None
    user_columns = _user()
    (data, stamp), rest = row[:2], row[2:]
    user, rest = user_columns.read(rest[: user_columns.count]), rest[user_columns.count :]
    if not _is_of(data, user):
        return None
    request.user = user
    member, rest = _MEMBER.read(rest[: _MEMBER.count]), rest[_MEMBER.count :]
    member.user = user
    member.project = _PROJECT.read(rest[: _PROJECT.count])
    return Opening(member, _rules(member.project, rest[_PROJECT.count :], stamp or ""))


def slowly(request: HttpRequest, project_id: int) -> Opening:
    """Return the same of whom Django's own middleware knows, and remember whose session it is.

    Raises Http404 for somebody without a membership.
    """
    member = access.membership(request.user, project_id)
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if session and settings.SESSION_ENGINE == "django.contrib.sessions.backends.db":
        _near.set(_key(session), member.user_id, REMEMBERED_SECONDS)
    return Opening(member, queries.rules(member.project))


def _key(session: str) -> str:
    return f"session:{session}"


# --- the session -----------------------------------------------------------------------------------------


def _is_of(data: str, user: Any) -> bool:
    """Whether a session is this person's: signed in by a backend in use, active, the password unchanged."""
    person, backend, password = _decoded(data)
    if person != str(user.pk) or backend not in settings.AUTHENTICATION_BACKENDS or not _plain(backend):
        return False
    return bool(user.is_active) and constant_time_compare(password, user.get_session_auth_hash())


@lru_cache(maxsize=4096)
def _decoded(data: str) -> tuple[str, str, str]:
    """Read what was signed into a session; blank where the signature is not ours."""
    held = SessionStore().decode(data)
    return (
        str(held.get(SESSION_KEY, "")),
        str(held.get(BACKEND_SESSION_KEY, "")),
        str(held.get(HASH_SESSION_KEY, "")),
    )


@cache
def _plain(backend: str) -> bool:
    """Whether a backend knows people by their rows alone, as ``_is_of`` does."""
    return getattr(type(load_backend(backend)), "get_user", None) is ModelBackend.get_user


# --- the rules -------------------------------------------------------------------------------------------


def _rules(project: Project, policy: tuple[Any, ...], stamp: str) -> Rules:
    """Return the rules for what stands in the database now: read anew only where anything differs."""
    key = f"rules:{project.pk}"
    kept: tuple[Rules, tuple[Any, ...], str] | None = _kept.get(key)
    if kept is not None and kept[1] == policy and kept[2] == stamp:
        return kept[0]
    found = queries.rules(project)
    if len(_kept) > 1000:
        _kept.clear()
    read = replace(found, policy=_POLICY.read(policy)) if policy[0] else found
    if (seen := stamped(project.pk)) == stamp:
        _kept[key] = (read, policy, seen)
    return read


# By project: its rules, and what they were read from. What differs is read again, so nothing goes stale.
_kept: dict[str, tuple[Rules, tuple[Any, ...], str]] = {}


def stamped(project_id: int) -> str:
    """What the labels of a project say to an answer, as one text."""
    found = sql.first(f"SELECT ({_stamp('%s')})", [project_id])
    return (found and found[0]) or ""


def _stamp(project: str) -> str:
    joined = "group_concat" if connection.vendor == "sqlite" else "string_agg"
    retired = "CASE WHEN l.retired_at IS NULL THEN '' ELSE 'x' END"
    parts = f"""l.id || ':' || l.position || ':' || l."order" || ':' || {retired} || ':'
        || coalesce(l.merged_into_id, 0) || ':' || l.name"""
    return (
        f"SELECT {joined}(said, '\n') FROM (SELECT {parts} AS said FROM {Label._meta.db_table} l"
        f" WHERE l.project_id = {project} ORDER BY l.id) AS labels"
    )


@cache
def _user() -> sql.Columns[Any]:
    return sql.Columns(get_user_model())


@cache
def _opening() -> str:
    people = get_user_model()._meta.db_table
    return (
        f"SELECT s.session_data, ({_stamp('p.id')}), {_user().of('u')}, {_MEMBER.of('m')},"
        f" {_PROJECT.of('p')}, {_POLICY.of('r')} FROM {people} u"
        " JOIN projects_membership m ON m.user_id = u.id AND m.active AND m.project_id = %s"
        " JOIN projects_project p ON p.id = m.project_id"
        " JOIN django_session s ON s.session_key = %s AND s.expire_date > %s"
        " LEFT JOIN projects_policy r ON r.project_id = p.id"
        " AND r.version = (SELECT max(version) FROM projects_policy WHERE project_id = p.id) WHERE u.id = %s"
    )
