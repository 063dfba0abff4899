"""Readings by SQLAlchemy: pages, streams, single records, and parts. Blocking."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa

from ponte.connectors.declared import check_declared
from ponte.connectors.relational import text_cursors
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Rows
from ponte.connectors.relational.parts import lists, of_records
from ponte.connectors.relational.reading import position_of
from ponte.connectors.relational.source import check_range, empty_frame, mark_last, wanted_parts
from ponte.connectors.relational.spooling import spooled
from ponte.connectors.relational.values import join_faults
from ponte.connectors.sql.alchemy.decoding import decode
from ponte.connectors.sql.alchemy.reading import (
    KEYS_AT_ONCE,
    Reading,
    Step,
    bound_value,
    by_keys,
    columns_of,
    is_one_of,
    steps_of,
    typed_keys,
)
from ponte.connectors.sql.alchemy.session import AlchemySession, Selectable
from ponte.engine.ports import Batch, Read
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec, Part

_NUMBER = "ponte_row"
_MOST_PARTS = 10_000  # at once


class ByAlchemy:
    """How one object is read."""

    def greatest(self, session: AlchemySession, spec: ObjectSpec, field: str) -> str | None:
        """By `max`."""
        found = _found(session, spec)
        column = found.relation.column(field)
        greatest = _greatest(session, found, column)
        if greatest is not None and column.kind == "string":
            place = found.clause.c[field]
            smallest = session.one(sa.select(sa.func.min(place)).where(place > " "))
            text_cursors.check_ends(found.relation, column, smallest, greatest)
        return greatest

    def batches(self, session: AlchemySession, spec: ObjectSpec, read: Read) -> Generator[Batch, None, None]:
        """In one transaction."""
        found = _found(session, spec)
        relation = found.relation
        if read.mode == "range" and spec.cursor is not None:
            cursor = relation.column(spec.cursor.field)
            check_range(relation, cursor, read, lambda: _greatest(session, found, cursor))
        watch = text_cursors.watch(relation, spec, read)
        read = text_cursors.widened(read) if watch else read
        reading = Reading(found, spec, columns_of(relation, spec, read))
        parts = [_PartRows(part, session.find(part.table, None)) for part in wanted_parts(spec, read)]
        pages = text_cursors.watched(watch, _pages(session, reading, read))
        if parts and not reading.is_paged:
            pages = spooled(pages)
        yield from mark_last(
            (_batch(session, parts, rows, position) for rows, position in _placed(reading, read, pages)),
            lambda: _batch(session, parts, Rows(empty_frame(reading.columns)), None),
        )


def _found(session: AlchemySession, spec: ObjectSpec) -> Selectable:
    found = session.find(spec.table, spec.query)
    check_declared(spec, (column.name for column in found.relation.columns), found.relation.label)
    return found


def _greatest(session: AlchemySession, found: Selectable, column: Column) -> str | None:
    value = session.one(sa.select(sa.func.max(found.clause.c[column.name])))
    if value is None:
        return None
    rows = decode([[value]], [column])
    if rows.faults is not None:
        raise ConfigurationError(
            f"{found.relation.label}: the greatest value of the cursor {column.name} is no {column.kind}"
            f" ({column.declared}). Next: read from a query that makes it one.",
            reason="InvalidCursor",
        )
    return _text_of(rows.frame.item())


def _text_of(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _pages(session: AlchemySession, reading: Reading, read: Read) -> Generator[Rows, None, None]:
    if read.mode == "keys":
        yield from _by_keys(session, reading, read)
        return
    for step in steps_of(reading, read):
        yield from (_behind if reading.is_paged else _streamed)(session, reading, step, read.batch_size)


def _streamed(session: AlchemySession, reading: Reading, step: Step, batch_size: int) -> Iterator[Rows]:
    select = reading.ordered(reading.select(*step.conditions), step.order)
    yield from session.rows(select, reading.columns, batch_size)


def _behind(session: AlchemySession, reading: Reading, step: Step, batch_size: int) -> Iterator[Rows]:
    """Pages, each behind the last record of the one before; one record more shows that the key does tell them apart."""
    position = step.position
    while True:
        conditions = [*step.conditions, *([reading.behind(step.order, position)] if position else [])]
        select = reading.ordered(reading.select(*conditions), step.order).limit(batch_size + 1)
        pages = list(session.rows(select, reading.columns, batch_size + 1))
        if not pages:
            return
        (rows,) = pages
        page = Rows(rows.frame.head(batch_size), _first(rows.faults, batch_size))
        yield page
        if rows.frame.height <= batch_size:
            return
        _check_apart(reading, rows.frame.slice(batch_size - 1, 2))
        position = _position(reading, step, page.frame)


def _position(reading: Reading, step: Step, frame: pl.DataFrame) -> tuple[Any, ...]:
    """Where the next page begins. Raises ConfigurationError where the last record does not tell."""
    last = [frame.get_column(column.name)[-1] for column in step.order]
    if None in last:
        raise ConfigurationError(
            f"{reading.found.relation.label}: the key or the cursor of a record cannot be read, so that nothing behind"
            " it can be found. Next: mend the record, or read from a query.",
            reason="InvalidCursor",
        )
    return tuple(
        bound_value(value, column, reading.clause(column).type) for value, column in zip(last, step.order, strict=True)
    )


def _check_apart(reading: Reading, two: pl.DataFrame) -> None:
    """Some databases declare keys that they do not enforce."""
    if two.select(reading.spec.key).is_duplicated().any():
        raise ConfigurationError(
            f"{reading.found.relation.label}: the database declares the key ({', '.join(reading.spec.key)}) unique and"
            " holds it twice. Next: remove the doubled records, or read from a query.",
            reason="DuplicateKey",
        )


def _first(faults: pl.DataFrame | None, height: int) -> pl.DataFrame | None:
    return None if faults is None else faults.filter(pl.col("row") < height)


def _by_keys(session: AlchemySession, reading: Reading, read: Read) -> Iterator[Rows]:
    """Single records. What the database takes for the same key, and is not so to the letter, is left out."""
    if read.keys is None:
        return
    for select, keys in by_keys(reading, read.keys):
        for rows in session.rows(select, reading.columns, read.batch_size):
            numbered = rows.frame.with_row_index(_NUMBER).join(keys, on=keys.columns, how="semi", maintain_order="left")
            yield _gathered(rows, numbered.get_column(_NUMBER))


def _gathered(rows: Rows, numbers: pl.Series) -> Rows:
    """These rows, by their numbers in ascending order."""
    if rows.faults is None:
        return Rows(rows.frame[numbers])
    places = pl.DataFrame({"row": numbers.cast(pl.UInt32)}).with_row_index("place")
    faults = rows.faults.join(places, on="row").with_columns(row=pl.col("place").cast(pl.UInt32)).drop("place")
    return Rows(rows.frame[numbers], faults)


def _placed(reading: Reading, read: Read, pages: Iterator[Rows]) -> Iterator[tuple[Rows, str | None]]:
    """Pages with the position behind each."""
    cursor = reading.spec.cursor.field if reading.spec.cursor is not None and read.mode != "all" else None
    key = reading.spec.key if reading.is_paged and read.mode != "keys" else ()
    yield from ((rows, position_of(rows.frame, cursor, key)) for rows in pages)


def _batch(session: AlchemySession, parts: list[_PartRows], rows: Rows, position: str | None) -> Batch:
    columns, faults = [], [] if rows.faults is None else [rows.faults]
    for part in parts:
        values, found = part.read(session, rows.frame)
        columns.append(values)
        faults += [] if found is None else [found]
    return Batch(rows.frame.with_columns(columns), faults=join_faults(faults), position=position)


@dataclass(frozen=True, slots=True)
class _PartRows:
    """A table of parts."""

    part: Part
    found: Selectable

    def read(self, session: AlchemySession, records: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame | None]:
        """The lists of parts of these records, row by row, and faults of the records."""
        relation = self.found.relation
        ties = tuple(relation.column(pair.part) for pair in self.part.on)
        numbered = records.select(pl.col(pair.record).alias(pair.part) for pair in self.part.on)
        wanted, numbers = _with_numbers(numbered, ties)
        order = [relation.column(name) for name in self.part.order or self.part.key]
        frames, faults = [], []
        height = 0
        for chunk in wanted.unique(maintain_order=True).iter_slices(KEYS_AT_ONCE):
            condition = is_one_of(self.found, ties, chunk)
            clauses = [self.found.clause.c[column.name] for column in order]
            select = sa.select(*self.found.read(relation.columns)).where(condition)
            for rows in session.rows(select.order_by(*clauses), relation.columns, _MOST_PARTS):
                frames.append(rows.frame)
                faults += [] if rows.faults is None else [rows.faults.with_columns(pl.col("row") + height)]
                height += rows.frame.height
        every = pl.concat(frames, how="vertical_relaxed") if frames else empty_frame(relation.columns)
        return self._assigned(every, join_faults(faults), wanted.with_columns(numbers), records.height)

    def _assigned(
        self, every: pl.DataFrame, faults: pl.DataFrame | None, wanted: pl.DataFrame, height: int
    ) -> tuple[pl.Series, pl.DataFrame | None]:
        """Parts go to the records whose ties are the same to the letter."""
        ties = [pair.part for pair in self.part.on]
        placed = every.with_row_index("ponte_part").join(wanted, on=ties, maintain_order="left")
        if faults is not None:
            places = placed.select("ponte_part").with_row_index("place")
            joined = faults.rename({"row": "ponte_part"}).join(places, on="ponte_part", maintain_order="left")
            faults = joined.select(pl.col("place").cast(pl.UInt32).alias("row"), "field", "reason", "message")
        frame = placed.select(_NUMBER, *every.columns)
        return lists(frame, height, self.part.name), of_records(faults, frame, self.part.name)


def _with_numbers(keys: pl.DataFrame, ties: tuple[Column, ...]) -> tuple[pl.DataFrame, pl.Series]:
    """Ties of the parts' types, and the numbers of their records; records whose ties cannot be such have no parts."""
    number = Column(_NUMBER, "integer", "integer")
    typed = typed_keys(keys.with_row_index(_NUMBER), (number, *ties))
    return typed.drop(_NUMBER), typed.get_column(_NUMBER)


def relation_of(session: AlchemySession, spec: ObjectSpec) -> Relation:
    """What the database says of an object."""
    return session.find(spec.table, spec.query).relation
