"""Reads a table or a query: all, changes by cursor, or single records by key, in one consistent snapshot each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import polars as pl

from ponte.connectors.bounds import TIME_EXAMPLE, check_bounds, is_integer, is_number, is_time
from ponte.connectors.declared import check_declared
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Rows, Session, Worker, refused_as_configuration
from ponte.connectors.relational.parts import PartTable, read_parts
from ponte.connectors.relational.reading import Plan, plan_reading
from ponte.connectors.relational.values import join_faults
from ponte.engine.ports import Batch, Read, ReadMode, SourceCapabilities
from ponte_api.sync_source import ObjectSpec, Part

OpenSession = Callable[[], AbstractAsyncContextManager[tuple[Session, Worker]]]


class RelationSource:
    """One table or query, for reading."""

    def __init__(self, spec: ObjectSpec, session: OpenSession) -> None:
        self._spec = spec
        self._session = session
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
                return await worker.run(_greatest, session, self._spec, self._spec.cursor.field)

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches of one snapshot; the last one says so."""
        async with self._session() as (session, worker):
            batches = _batches(session, self._spec, read)
            try:
                with refused_as_configuration(self._spec.name):
                    while (batch := await worker.run(next, batches, None)) is not None:
                        yield batch
            finally:
                await asyncio.shield(worker.run(batches.close))


def _greatest(session: Session, spec: ObjectSpec, field: str) -> str | None:
    session.begin(is_snapshot=True)
    relation = _relation(session, spec)
    column = relation.column(field)
    return session.scalar(f"SELECT {session.dialect.bound(column)} FROM {relation.sql} t")


def _relation(session: Session, spec: ObjectSpec) -> Relation:
    relation = session.relation(spec.table, spec.query)
    check_declared(spec, (column.name for column in relation.columns), relation.label)
    return relation


def _batches(session: Session, spec: ObjectSpec, read: Read) -> Generator[Batch, None, None]:
    session.begin(is_snapshot=True)
    relation = _relation(session, spec)
    if read.mode == "range" and spec.cursor is not None:
        _check_range(session, relation, relation.column(spec.cursor.field), read)
    plan = plan_reading(session.dialect, relation, spec, read)
    parts = [PartTable(part, session.relation(part.table, None)) for part in _wanted(spec, read)]
    held: Batch | None = None
    for rows in _rows(session, plan, read, is_shared=bool(parts)):
        if held is not None:
            yield held
        held = _batch(session, plan, parts, rows)
    yield replace(held or _batch(session, plan, parts, Rows(_empty(plan.columns))), is_last=True)
    session.rollback()


def _check_range(session: Session, relation: Relation, cursor: Column, read: Read) -> None:
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
        greatest = session.scalar(f"SELECT {session.dialect.bound(cursor)} FROM {relation.sql} t")
        if greatest is not None and is_time(greatest):
            check_bounds(read, is_time, TIME_EXAMPLE, label)


def _batch(session: Session, plan: Plan, parts: list[PartTable], rows: Rows) -> Batch:
    frame, faults = read_parts(session, parts, rows.frame)
    found = join_faults([part for part in (rows.faults, faults) if part is not None])
    return Batch(frame, faults=found, position=plan.position(rows.frame))


def _wanted(spec: ObjectSpec, read: Read) -> list[Part]:
    return [part for part in spec.parts if read.columns is None or part.name in read.columns]


def _rows(session: Session, plan: Plan, read: Read, *, is_shared: bool) -> Iterator[Rows]:
    fetch = session.pages if is_shared else session.stream
    for statement, parameters in plan.statements:
        yield from fetch(statement, parameters, plan.columns, read.batch_size)


def _empty(columns: tuple[Column, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema={column.name: column.dtype or pl.Decimal(38, 0) for column in columns})
