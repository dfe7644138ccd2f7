"""Make staged rows items: all in one short transaction, by the quickest way that the database has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from projects import audit, labelset, signals
from projects.files import claims
from projects.models import Event, Item, Project, Upload
from projects.tracing import REQUEST
from projects.trust import calibration

# A staged row: these, and the names of known labels (null: not known).
STAGED: Final = (
    *("key", "external_id", "text", "image", "width", "height", "metadata"),
    *("shuffle", "holdout", "agreement"),
)
_GIVEN: Final = ("project_id", "thumbnail", "number")
_SETTLED: Final = ("gold", "state", "settled_labels", "settled_source", "settled_at", "posterior", "method")
_COLUMNS: Final = (*STAGED, *_GIVEN, *_SETTLED)
_OPEN: Final = (None, Item.State.OPEN.value, None, "", None, None, "")
_CHUNK: Final = 2000
METHOD: Final = "import"


@dataclass(frozen=True)
class Batch:
    """What is published: the upload, its project, how many items that had, and the labels that occur."""

    upload: Upload
    project: Project
    before: int
    labels: list[str]


class _Raced(Exception):
    """Other items came in since the rows were sifted."""


def publish(batch: Batch, staged: Iterable[list[Any]], outcome: dict[str, Any]) -> bool:
    """Insert the rows and end the upload; False where other items came in meanwhile and nothing was done.

    Raises Lost where another attempt has taken over.
    """
    try:
        with transaction.atomic():
            claims.finish(batch.upload, Upload.State.DONE, heartbeat_at=timezone.now(), message="", **outcome)
            # Asked before the copy begins: a connection that copies answers nothing else.
            ids = _label_ids(batch)
            count = _insert(_items(batch, staged, ids))
            after = batch.before + count
            if not Project.objects.filter(pk=batch.project.pk, item_count=batch.before).update(
                item_count=after
            ):
                raise _Raced
            _record(batch, count)
            calibration.begin(batch.project)
    except (_Raced, IntegrityError):
        # The upload is still ours: the transaction that ended it was rolled back.
        batch.upload.refresh_from_db()
        return False
    return True


def _record(batch: Batch, count: int) -> None:
    upload, project = batch.upload, batch.project
    after = {
        "items": count,
        "first": batch.before + 1,
        "last": batch.before + count,
        "bad": upload.report.get("bad"),
    }
    together = uuid4()
    audit.record(project, upload.created_by, "upload.imported", upload.name, after=after, bulk=together)
    if upload.columns.get("known"):
        _record_known(batch, together)
    transaction.on_commit(partial(forget_file, upload))
    if count:
        transaction.on_commit(partial(signals.items_changed.send, sender=Project, project_id=project.pk))


# What an item that came with its labels rests on, as ``audit.facts`` says it: made where the items are.
_FACTS: Final = (
    """'{{"state": "' || state || '", "label_ids": ' || {labels} || ', "source": "' || settled_source"""
    """ || '", "posterior": 1.0, "method": "' || method || '"}}'"""
)


def _record_known(batch: Batch, together: UUID) -> None:
    """Add one event for each item that came with its labels, in one statement: they may be a million."""
    postgres = connection.vendor == "postgresql"
    facts = _FACTS.format(labels="settled_labels::text" if postgres else "settled_labels")
    upload, project = batch.upload, batch.project
    given = {
        "actor_id": upload.created_by_id,
        "kind": Event.Kind.IMPORT.value,
        "action": f"item.{Item.State.SETTLED.value}",
        "subject": "",
        "reason": "",
        "policy_version": project.policy.version,
        "guideline_version": project.guideline_version,
        "estimate_version": 0,
        "request": REQUEST.get(),
        "bulk": together if postgres else together.hex,
    }
    names = ", ".join(connection.ops.quote_name(name) for name in given)
    marks = ", ".join(["%s"] * len(given))
    statement = (
        f"INSERT INTO {_table(Event)} (project_id, item_id, at, after, {names}) "  # noqa: S608
        f"SELECT project_id, id, settled_at, {f'({facts})::jsonb' if postgres else facts}, {marks} "
        f"FROM {_table(Item)} WHERE project_id = %s AND number > %s AND state = %s ORDER BY number"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*given.values(), project.pk, batch.before, Item.State.SETTLED.value])


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _items(batch: Batch, staged: Iterable[list[Any]], ids: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    """Yield the values of ``_COLUMNS`` for every staged row. SQLite is locked meanwhile: this is brief."""
    given = (batch.project.pk, "")
    drawn = STAGED.index("holdout"), STAGED.index("agreement")
    known = str(batch.upload.columns.get("known", ""))
    settled = _Settled(known, ids)
    for number, row in enumerate(staged, batch.before + 1):
        labels = row.pop()
        if labels is not None and known != "gold":
            # Which items came with a label is nobody's random draw: no figure may rest on them.
            for column in drawn:
                row[column] = False
        row.extend(given)
        row.append(number)
        row.extend(_OPEN if labels is None else settled[tuple(labels)])
        yield tuple(row)


class _Settled(dict[tuple[str, ...], tuple[Any, ...]]):
    """The values of ``_SETTLED`` for an item with known labels; each made once."""

    def __init__(self, known: str, ids: dict[str, int]) -> None:
        self._known, self._ids = known, ids
        self._at = connection.ops.adapt_datetimefield_value(timezone.now())

    def __missing__(self, names: tuple[str, ...]) -> tuple[Any, ...]:
        labels = sorted({self._ids[name] for name in names})
        if self._known == "gold":
            # People are asked, and checked by it.
            values: tuple[Any, ...] = (json.dumps([labels]), *_OPEN[1:])
        else:
            source = Item.Source.SEED
            values = (None, Item.State.SETTLED.value, json.dumps(labels), source.value, self._at, 1.0, METHOD)
        self[names] = values
        return values


def _label_ids(batch: Batch) -> dict[str, int]:
    """Return the ids of labels that are used, by name, after making those that the person allowed."""
    project, wanted = batch.project, batch.labels
    if not batch.upload.columns.get("known"):
        return {}
    if batch.upload.columns.get("new_labels"):
        labelset.add(project, batch.upload.created_by, [labelset.Draft(name) for name in wanted])
    by_name = {name.casefold(): pk for name, pk in project.labels.values_list("name", "pk")}
    return {name: by_name[name.casefold()] for name in wanted if name.casefold() in by_name}


def _insert(rows: Iterator[tuple[Any, ...]]) -> int:
    """Insert rows and return how many."""
    table = _table(Item)
    names = ", ".join(connection.ops.quote_name(name) for name in _COLUMNS)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return int(cursor.rowcount)
        marks = ", ".join(["%s"] * len(_COLUMNS))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        count = 0
        # Not in one go: Django would keep every row until the last is in.
        while chunk := list(islice(rows, _CHUNK)):
            cursor.executemany(statement, chunk)
            count += len(chunk)
        return count


def folder(upload: Upload, attempt: int | None = None) -> str:
    """Return where an attempt writes its pictures."""
    return f"images/{upload.project_id}/{upload.pk}-{upload.attempt if attempt is None else attempt}"


def purge(upload: Upload, before: int) -> None:
    """Remove the pictures of earlier attempts, which no item refers to."""
    for attempt in range(1, before):
        place = folder(upload, attempt)
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in default_storage.listdir(place)[1]:
                default_storage.delete(f"{place}/{name}")
            default_storage.delete(place)


def forget_file(upload: Upload) -> None:
    """Delete the file of a finished import: its pictures may say where they were taken."""
    if upload.file:
        upload.file.delete(save=False)
        Upload.objects.filter(pk=upload.pk, state=Upload.State.DONE).update(file="")
