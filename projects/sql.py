"""Statements written by hand: to run one, to read rows as models, to add and change rows.

For what every answer runs: Django takes ten times as long to build a statement as the database to answer it.
Columns come from the models, values pass through Django's own converters on their way in and out, so what is
read and stored is what the ORM would read and store, on PostgreSQL and on SQLite alike.
"""
# ruff: noqa: S608 - only names of ours and placeholders are put together

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from types import NoneType
from typing import Any, Final, Generic, TypeVar

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import (
    AutoField,
    BooleanField,
    CharField,
    Field,
    FloatField,
    ForeignKey,
    IntegerField,
    Model,
    TextField,
)
from django.db.models.base import ModelState

M = TypeVar("M", bound=Model)
# Of these values Django's fields of these kinds make nothing else.
_AS_IS: Final = frozenset({bool, int, float, str, NoneType})
_SIMPLE: Final = (BooleanField, CharField, FloatField, ForeignKey, IntegerField, TextField)
# What Django has for «server_side_binding», which its own statements do not all bear.
_PREPARED: Final[Any] = ServerBindingCursor
Row = tuple[Any, ...]


def rows(statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
    """Run a statement and return all its rows."""
    with _cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Row] = cursor.fetchall()
    return found


def first(statement: str, parameters: Sequence[Any] = ()) -> Row | None:
    """Run a statement and return its first row; None: there is none."""
    with _cursor() as cursor:
        cursor.execute(statement, parameters)
        found: Row | None = cursor.fetchone()
    return found


def run(statement: str, parameters: Sequence[Any] = ()) -> int:
    """Run a statement and return how many rows it changed."""
    with _cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _cursor() -> Any:
    """A cursor whose statements PostgreSQL parses and plans once, not at every answer.

    Django's own puts the values into the text; that makes each statement a new one.
    """
    if connection.vendor == "sqlite":
        return connection.cursor()
    database: Any = connection
    database.ensure_connection()
    return database._prepare_cursor(_PREPARED(database.connection))


def holding(tables: str, *, skip: bool = False) -> str:
    """What holds the rows of these tables (aliases) until the transaction ends; ``skip``: waits for nobody.

    On SQLite a transaction holds everything.
    """
    if connection.vendor == "sqlite":
        return ""
    return f" FOR NO KEY UPDATE OF {tables}{' SKIP LOCKED' if skip else ''}"


def marks(values: Sequence[Any]) -> str:
    """Placeholders for so many values, for «IN (…)»."""
    return ", ".join(["%s"] * len(values))


def moment(value: Any) -> Any:
    """Prepare a time to be compared with a column."""
    return connection.ops.adapt_datetimefield_value(value)


class Columns(Generic[M]):
    """Some columns of a model: by name for a statement, and as a model read from what it returned.

    Others are left for later, as ``defer`` does. ``without`` names those to leave; by default all are read.
    """

    def __init__(self, model: type[M], *, without: Sequence[str] = ()) -> None:
        self.model = model
        left = set(without)
        self.fields = [field for field in model._meta.concrete_fields if field.name not in left]
        self.names = tuple(field.attname for field in self.fields)
        self.count = len(self.fields)

    def of(self, alias: str) -> str:
        """The columns of a table called so in the statement."""
        return ", ".join(f'{alias}."{field.column}"' for field in self.fields)

    def read(self, values: Sequence[Any]) -> M:
        """Make a model of as many values, in order.

        As ``from_db`` does, but without its signals and descriptors: no model of ours listens to those.
        """
        row = self.model.__new__(self.model)
        row._state = state = ModelState()
        state.adding, state.db = False, connection.alias
        held = row.__dict__
        held.update(zip(self.names, values, strict=True))
        for name, convert in _converters(self.model, self.names):
            held[name] = convert(held[name])
        return row


@cache
def _converters(model: type[Model], names: tuple[str, ...]) -> list[tuple[str, Callable[[Any], Any]]]:
    """What Django does with the values of these columns, by their name; most need nothing."""
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    return [(name, convert) for name in names if (convert := converter(by_name[name]))]


def converter(field: Field[Any, Any]) -> Callable[[Any], Any] | None:
    """What makes a value of Python of what the database gave; None: it is one already."""
    column = field.get_col(field.model._meta.db_table)
    steps = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]
    if not steps:
        return None

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert


@lru_cache(maxsize=64)
def _inserted(model: type[Model]) -> tuple[list[Field[Any, Any]], str]:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]
    names = ", ".join(f'"{field.column}"' for field in fields)
    return fields, f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES '


def insert(added: Sequence[M], conflict: str = "", returning: str = "id") -> list[Row]:
    """Add rows; return these columns of each, after what ``conflict`` says of those that are there."""
    fields, statement = _inserted(type(added[0]))
    values = [_prepared(one, field) for one in added for field in fields]
    one = f"({marks(fields)})"
    then = f" ON CONFLICT {conflict}" if conflict else ""
    return rows(f"{statement}{', '.join([one] * len(added))}{then} RETURNING {returning}", values)


def add(row: M, conflict: str = "") -> bool:
    """Add one row, and give it its id; False: another one was in its way."""
    found = insert([row], conflict)
    if found:
        row.pk = found[0][0]
        row._state.adding, row._state.db = False, connection.alias
    return bool(found)


def save(row: Model, *names: str) -> None:
    """Write these columns of a row that is there, as ``save(update_fields=…)`` does."""
    fields, statement = _updated(type(row), names)
    run(statement, [*[_prepared(row, field) for field in fields], row.pk])


@lru_cache(maxsize=64)
def _updated(model: type[Model], names: tuple[str, ...]) -> tuple[list[Field[Any, Any]], str]:
    by_name = {field.name: field for field in model._meta.concrete_fields}
    fields = [by_name[name] for name in names]
    changes = ", ".join(f'"{field.column}" = %s' for field in fields)
    return fields, f'UPDATE "{model._meta.db_table}" SET {changes} WHERE id = %s'


def _prepared(row: Model, field: Field[Any, Any]) -> Any:
    value = getattr(row, field.attname)
    if type(value) in _AS_IS and isinstance(field, _SIMPLE):
        return value
    return field.get_db_prep_save(value, connection)
