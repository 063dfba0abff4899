"""Reads a table or a query: all, changes by cursor, or single records by key, in one consistent snapshot each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

import polars as pl

from ponte.connectors.bounds import TIME_EXAMPLE, check_bounds, is_integer, is_number, is_time
from ponte.connectors.declared import check_declared
from ponte.connectors.relational import text_cursors
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Rows, Session, Worker, refused_as_configuration
from ponte.connectors.relational.parts import PartTable, read_parts
from ponte.connectors.relational.reading import Plan, plan_reading
from ponte.connectors.relational.values import join_faults
from ponte.engine.ports import Batch, Read, ReadMode, SourceCapabilities
from ponte_api.sync_source import ObjectSpec, Part

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
OpenSession = Callable[[], AbstractAsyncContextManager[tuple[S, Worker]]]


class Readings(Protocol[S_contra]):
    """How one object is read by a session, in its thread. Blocking."""

    def greatest(self, session: S_contra, spec: ObjectSpec, field: str) -> str | None:
        """The greatest value of a field now, as the canonical text of a bound."""
        ...

    def batches(self, session: S_contra, spec: ObjectSpec, read: Read) -> Generator[Batch, None, None]:
        """The batches of one reading; the last one says so."""
        ...


class RelationSource(Generic[S]):
    """One table or query, for reading."""

    def __init__(self, spec: ObjectSpec, session: OpenSession[S], readings: Readings[S]) -> None:
        self._spec = spec
        self._session = session
        self._readings = readings
        modes: list[ReadMode] = ["all"]
        modes += ["keys"] if spec.key else []
        modes += ["changes", "range"] if spec.cursor else []
        self.capabilities = SourceCapabilities(
            reads=frozenset(modes), cursor_order=spec.cursor is not None and bool(spec.key)
        )

    async def upper_bound(self) -> str | None:
        """The greatest cursor now."""
        if self._spec.cursor is None:
            return None
        async with self._session() as (session, worker):
            with refused_as_configuration(self._spec.name):
                return await worker.run(self._readings.greatest, session, self._spec, self._spec.cursor.field)

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches of one snapshot; the last one says so."""
        async with self._session() as (session, worker):
            batches = self._readings.batches(session, self._spec, read)
            try:
                with refused_as_configuration(self._spec.name):
                    while (batch := await worker.run(next, batches, None)) is not None:
                        yield batch
            finally:
                await asyncio.shield(worker.run(batches.close))


class ByStatements:
    """Readings by the statements of a dialect of ours."""

    def greatest(self, session: Session, spec: ObjectSpec, field: str) -> str | None:
        """By `max`."""
        session.begin(is_snapshot=True)
        relation = _relation(session, spec)
        column = relation.column(field)
        greatest = _greatest(session, relation, column)
        if greatest is not None and column.kind == "string":
            place = session.dialect.comparable(column, "t")
            smallest = f"SELECT {session.dialect.bound(column, 'MIN')} FROM {relation.sql} t WHERE {place} > ' '"
            text_cursors.check_ends(relation, column, session.scalar(smallest), greatest)
        return greatest

    def batches(self, session: Session, spec: ObjectSpec, read: Read) -> Generator[Batch, None, None]:
        """In one snapshot."""
        session.begin(is_snapshot=True)
        relation = _relation(session, spec)
        if read.mode == "range" and spec.cursor is not None:
            cursor = relation.column(spec.cursor.field)
            check_range(relation, cursor, read, lambda: _greatest(session, relation, cursor))
        watch = text_cursors.watch(relation, spec, read)
        plan = plan_reading(session.dialect, relation, spec, text_cursors.widened(read) if watch else read)
        parts = [PartTable(part, session.relation(part.table, None)) for part in wanted_parts(spec, read)]
        rows = text_cursors.watched(watch, _rows(session, plan, read, is_shared=bool(parts)))
        yield from mark_last(
            (_batch(session, plan, parts, page) for page in rows),
            lambda: _batch(session, plan, parts, Rows(empty_frame(plan.columns))),
        )
        session.rollback()


def mark_last(batches: Iterator[Batch], empty: Callable[[], Batch]) -> Iterator[Batch]:
    """The batches, of which the last one says so; an empty one where there is none."""
    held: Batch | None = None
    for batch in batches:
        if held is not None:
            yield held
        held = batch
    yield replace(held or empty(), is_last=True)


def _greatest(session: Session, relation: Relation, column: Column) -> str | None:
    return session.scalar(f"SELECT {session.dialect.bound(column)} FROM {relation.sql} t")


def _relation(session: Session, spec: ObjectSpec) -> Relation:
    relation = session.relation(spec.table, spec.query)
    check_declared(spec, (column.name for column in relation.columns), relation.label)
    return relation


def check_range(relation: Relation, cursor: Column, read: Read, greatest: Callable[[], str | None]) -> None:
    """Raises UsageError for bounds that the cursor cannot have; text that holds times is told by its greatest value."""
    label = f"{relation.label}, cursor {cursor.name}"
    if cursor.kind == "integer":
        check_bounds(read, is_integer, "1000", label)
    elif cursor.kind in {"float", "decimal"}:
        check_bounds(read, is_number, "12.50", label)
    elif cursor.kind in {"date", "datetime", "datetimetz"}:
        check_bounds(read, is_time, TIME_EXAMPLE, label)
    elif cursor.holds_times:
        check_bounds(read, lambda text: is_time(text) or is_number(text), TIME_EXAMPLE, label)
    elif cursor.kind == "string":
        found = greatest()
        if found is not None and is_time(found):
            check_bounds(read, is_time, TIME_EXAMPLE, label)
        elif found is not None:
            text_cursors.check_day_first(label, found)


def _batch(session: Session, plan: Plan, parts: list[PartTable], rows: Rows) -> Batch:
    frame, faults = read_parts(session, parts, rows.frame)
    found = join_faults([part for part in (rows.faults, faults) if part is not None])
    return Batch(frame, faults=found, position=plan.position(rows.frame))


def wanted_parts(spec: ObjectSpec, read: Read) -> list[Part]:
    """The parts that a reading asks for."""
    return [part for part in spec.parts if read.columns is None or part.name in read.columns]


def _rows(session: Session, plan: Plan, read: Read, *, is_shared: bool) -> Generator[Rows, None, None]:
    fetch = session.pages if is_shared else session.stream
    for statement, parameters in plan.statements:
        yield from fetch(statement, parameters, plan.columns, read.batch_size)


def empty_frame(columns: Sequence[Column]) -> pl.DataFrame:
    """No rows of these columns."""
    return pl.DataFrame(schema={column.name: column.dtype or pl.Decimal(38, 0) for column in columns})
