"""What to ask for one reading, as statements of SQLAlchemy Core: each dialect writes them in its own way. Pure.

Where the database keeps the key unique, records come in pages of a size, each found behind the last record of the one
before: no driver can hold more than a page, and the connection is free between them. Elsewhere one statement streams.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import polars as pl
import sqlalchemy as sa

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.encoding import encode
from ponte.connectors.sql.alchemy.session import Selectable
from ponte.engine.ports import Read
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

KEYS_AT_ONCE = 200  # fewer than any database refuses in one condition
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """One object as it is about to be read.

    Attributes:
        columns: what is read.
    """

    found: Selectable
    spec: ObjectSpec
    columns: tuple[Column, ...]

    @property
    def key(self) -> tuple[Column, ...]:
        """The columns of the source key."""
        return tuple(self.found.relation.column(name) for name in self.spec.key)

    @property
    def is_paged(self) -> bool:
        """Whether each record has a place of its own in the order of the key."""
        names = frozenset(column.name for column in self.key)
        return names in self.found.relation.unique_keys and not any(column.is_nullable for column in self.key)

    def select(self, *conditions: Condition) -> sa.Select[Any]:
        """The columns of the records that meet all conditions."""
        return sa.select(*self.found.read(self.columns)).where(*conditions)

    def ordered(self, select: sa.Select[Any], order: Sequence[Column]) -> sa.Select[Any]:
        """In the order of columns."""
        return select.order_by(*(self.clause(column) for column in order))

    def behind(self, order: Sequence[Column], position: Sequence[Any]) -> Condition:
        """What stands behind a position in the order of columns, spelt out: not every database compares rows."""
        column, value = self.clause(order[0]), position[0]
        beyond: Condition = column > value
        if len(order) == 1:
            return beyond
        return sa.or_(beyond, sa.and_(column == value, self.behind(order[1:], position[1:])))

    def clause(self, column: Column) -> sa.ColumnElement[Any]:
        """The column as SQLAlchemy has it."""
        return self.found.clause.c[column.name]

    def value(self, column: Column, text: str) -> Any:
        """A bound or a part of a position, as the driver takes it."""
        return bound_value(text, column, self.clause(column).type)


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a reading: records that meet conditions, in an order.

    Attributes:
        position: values of `order` behind which to go on; empty for the beginning.
    """

    conditions: tuple[Condition, ...] = ()
    order: tuple[Column, ...] = ()
    position: tuple[Any, ...] = ()
    cursor: str | None = None


def steps_of(reading: Reading, read: Read) -> list[Step]:
    """The parts of a reading of all or of changes, one after the other."""
    resumed = () if read.resume is None else tuple(json.loads(read.resume))
    if read.mode == "all":
        order = reading.key if reading.is_paged else ()
        return [Step((), order, tuple(reading.value(c, text) for c, text in zip(order, resumed, strict=False)))]
    if reading.spec.cursor is None:
        raise ConfigurationError(
            f"{reading.found.relation.label} has no cursor. Next: declare objects[].cursor to read changes."
        )
    return _changes(reading, read, reading.found.relation.column(reading.spec.cursor.field), resumed)


def _changes(reading: Reading, read: Read, cursor: Column, resumed: tuple[str | None, ...]) -> list[Step]:
    place, key = reading.clause(cursor), reading.key
    steps = []
    if read.mode == "changes" and not (resumed and resumed[0] is not None):
        after = tuple(reading.value(c, text or "") for c, text in zip(key, resumed[1:], strict=False))
        steps.append(Step((place.is_(None),), key, after, cursor.name))
    conditions = [place.is_not(None)]
    if read.lower is not None:
        conditions.append(place >= reading.value(cursor, read.lower))
    if read.upper is not None:
        conditions.append(place <= reading.value(cursor, read.upper))
    order = (cursor, *key)
    is_inside = bool(resumed) and resumed[0] is not None
    after = tuple(reading.value(c, text or "") for c, text in zip(order, resumed, strict=False)) if is_inside else ()
    return [*steps, Step(tuple(conditions), order, after, cursor.name)]


def by_keys(reading: Reading, keys: pl.DataFrame) -> Iterator[tuple[sa.Select[Any], pl.DataFrame]]:
    """Statements for the records of these keys, and the keys of each; what cannot be a key there is left out."""
    columns = reading.key
    if not columns:
        raise ConfigurationError(
            f"{reading.found.relation.label} has no key. Next: declare objects[].key to read single records."
        )
    wanted = typed_keys(keys.select([column.name for column in columns]), columns).unique(maintain_order=True)
    for chunk in wanted.iter_slices(KEYS_AT_ONCE):
        yield reading.select(is_one_of(reading.found, columns, chunk)), chunk


def typed_keys(keys: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """Keys of the columns' types, without those that are none."""
    places = [Column(c.name, c.kind, c.declared, c.bits, c.precision, c.scale, length=c.length) for c in columns]
    encoded, faulty = encode(keys, places)
    bad = set() if faulty is None else set(faulty.get_column("row"))
    kept = pl.Series([row not in bad for row in range(keys.height)], dtype=pl.Boolean)
    return encoded.filter(kept).drop_nulls()


def is_one_of(found: Selectable, columns: Sequence[Column], keys: pl.DataFrame) -> Condition:
    """The condition that columns hold one of these keys, for the database's own idea of equal."""
    clauses = [found.clause.c[column.name] for column in columns]
    values = [
        [bound_value(value, column, clause.type) for value in series.to_list()]
        for series, column, clause in zip(keys.iter_columns(), columns, clauses, strict=True)
    ]
    if len(columns) == 1:
        return clauses[0].in_(values[0])
    rows = (sa.and_(*(c == v for c, v in zip(clauses, row, strict=True))) for row in zip(*values, strict=True))
    return sa.or_(*rows)


def bound_value(value: Any, column: Column, type_: sa.types.TypeEngine[Any]) -> Any:
    """A value, or the canonical text of one, as SQLAlchemy binds it for a column of that type."""
    if column.kind == "datetime" and isinstance(value, datetime | str):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    if column.kind == "datetimetz" and isinstance(value, datetime | str):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not isinstance(value, str):
        return value
    if column.kind == "other" and isinstance(type_, sa.Uuid):
        return UUID(value) if type_.as_uuid else value
    if column.kind == "other" and isinstance(type_, sa.Time):
        return time.fromisoformat(value)
    return _OF_TEXT.get(column.kind, str)(value)


_OF_TEXT: dict[str, Any] = {
    "integer": int,
    "decimal": Decimal,
    "float": float,
    "boolean": lambda text: text.lower() in {"1", "true", "t"},
    "date": lambda text: date.fromisoformat(text[:10]),
}


def columns_of(relation: Relation, spec: ObjectSpec, read: Read) -> tuple[Column, ...]:
    """What has to be read: the columns asked for, and those that tell key, cursor and parts."""
    if read.columns is None:
        return relation.columns
    parts = {part.name for part in spec.parts}
    tied = [pair.record for part in spec.parts for pair in part.on]
    cursor = [spec.cursor.field] if spec.cursor else []
    return relation.select([*(n for n in read.columns if n not in parts), *spec.key, *cursor, *tied])
