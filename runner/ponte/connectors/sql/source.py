"""Reads a table or a query: all, changes by cursor, or single records by key, in one consistent snapshot each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager

import polars as pl

from ponte.connectors.sql.catalogue import Column, Relation
from ponte.connectors.sql.client import Rows, Session, Worker
from ponte.connectors.sql.reading import Plan, plan_reading
from ponte.engine.ports import Batch, Read, SourceCapabilities
from ponte_api.sync_source import ObjectSpec

OpenSession = Callable[[], AbstractAsyncContextManager[tuple[Session, Worker]]]


class SqlSource:
    """One table or query, for reading."""

    def __init__(self, spec: ObjectSpec, session: OpenSession) -> None:
        self._spec = spec
        self._session = session
        modes = {"all"} | ({"keys"} if spec.key else set()) | ({"changes", "range"} if spec.cursor else set())
        self.capabilities = SourceCapabilities(reads=frozenset(modes), cursor_order=spec.cursor is not None)

    async def upper_bound(self) -> str | None:
        """The greatest cursor now."""
        if self._spec.cursor is None:
            return None
        async with self._session() as (session, worker):
            return await worker.run(_greatest, session, self._spec, self._spec.cursor.field)

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches of one snapshot; the last one says so."""
        async with self._session() as (session, worker):
            batches = _batches(session, self._spec, read)
            while (batch := await worker.run(next, batches, None)) is not None:
                yield batch


def _greatest(session: Session, spec: ObjectSpec, field: str) -> str | None:
    relation = session.relation(spec.table, spec.query)
    column = relation.column(field)
    return session.scalar(f"SELECT {session.dialect.bound(column)} FROM {relation.sql} AS t")


def _batches(session: Session, spec: ObjectSpec, read: Read) -> Iterator[Batch]:
    session.begin(is_snapshot=True)
    relation = session.relation(spec.table, spec.query)
    plan = plan_reading(session.dialect, relation, spec, read)
    held: Batch | None = None
    for rows in _rows(session, plan, read):
        if held is not None:
            yield held
        held = Batch(rows.frame, faults=rows.faults, position=plan.position(rows.frame))
    session.rollback()
    final = held or Batch(_empty(plan.columns))
    yield Batch(final.frame, faults=final.faults, position=final.position, is_last=True)


def _rows(session: Session, plan: Plan, read: Read) -> Iterator[Rows]:
    for statement, parameters in plan.statements:
        yield from session.stream(statement, parameters, plan.columns, read.batch_size)


def _empty(columns: tuple[Column, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema={column.name: column.dtype or pl.Decimal(38, 0) for column in columns})


__all__ = ["Relation", "SqlSource"]
