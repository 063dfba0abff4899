"""Writes records into a table by natural key, and looks them up by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Session, Worker, refused_as_configuration
from ponte.connectors.relational.parts import PartTable, read_parts
from ponte.connectors.relational.reading import key_rows
from ponte.connectors.relational.source import OpenSession
from ponte.connectors.relational.statements import SelectByKey
from ponte.connectors.relational.writing import Writer
from ponte.engine.ports import FOUND_SCHEMA, Delivery, TargetCapabilities
from ponte.errors import ConfigurationError, TransientError
from ponte_api.sync_source import ObjectSpec

T = TypeVar("T")

CHUNK = 25_000
TIMEOUT_S = 120.0
_NUMBER = Column("ponte_row", "integer", "integer", bits=32)


class TableTarget:
    """One table, for writing. Keeps its session from call to call; one call at a time."""

    capabilities = TargetCapabilities(
        operations=frozenset({"create", "update", "delete"}),
        upserts=True,
        finds=True,
        chunk=CHUNK,
        timeout_s=TIMEOUT_S,
        transactional=True,
    )

    def __init__(self, spec: ObjectSpec, session: OpenSession[Session]) -> None:
        self._spec = spec
        self._session = session
        self._held: tuple[Session, Worker] | None = None
        self._writer: Writer | None = None
        self._stack = AsyncExitStack()
        self._turn = asyncio.Lock()

    async def ready(self) -> None:
        """Connects, and looks at the tables."""
        await self._run(lambda _: None)

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """Applies a chunk in one transaction.

        Raises:
            ConfigurationError: fields that the table does not have, no unique index on the key, columns that must be
                filled and are not mapped. Nothing was applied.
            TransientError: the database could not be used. Nothing was applied.
        """
        return await self._run(lambda writer: writer.deliver(delivery))

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Which of the keys the table has. It has no id besides the key."""
        return await self._run(lambda writer: _find(writer.session, writer.table, keys))

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:  # noqa: ARG002 - keys are enough
        """The records as they stand, with their parts."""
        return await self._run(lambda writer: _fetch(writer, keys))

    async def close(self) -> None:
        """Gives the session back."""
        self._held = self._writer = None
        await self._stack.aclose()

    async def _run(self, call: Callable[[Writer], T]) -> T:
        async with self._turn:
            if self._held is None:
                self._held = await self._stack.enter_async_context(self._session())
            session, worker = self._held
            try:
                if self._writer is None:
                    self._writer = await worker.run(_prepare, session, self._spec)
                with refused_as_configuration(self._spec.name):
                    return await worker.run(call, self._writer)
            except (TransientError, ConfigurationError):
                await self.close()  # the next call starts with a fresh connection
                raise


def _prepare(session: Session, spec: ObjectSpec) -> Writer:
    session.begin(is_snapshot=True)
    table = session.relation(spec.table, None)
    parts = tuple(PartTable(part, session.relation(part.table, None)) for part in spec.parts)
    session.rollback()
    for relation in (table, *(part.relation for part in parts)):
        if not relation.is_transactional:
            raise ConfigurationError(
                f"{relation.label}: its storage engine has no transactions: half a delivery could stay behind."
                " Next: move the table to one that has them (ALTER TABLE ... ENGINE=InnoDB).",
                reason="NotTransactional",
            )
    return Writer(session, table, parts)


def _find(session: Session, table: Relation, keys: pl.DataFrame) -> pl.DataFrame:
    session.begin(is_snapshot=True)
    found = _by_key(session, table, keys, ())
    frame = pl.concat(found) if found else FOUND_SCHEMA.to_frame()
    session.rollback()
    return frame.select(pl.col("row").cast(pl.UInt32), pl.lit(None, pl.String).alias("target_id"))


def _fetch(writer: Writer, keys: pl.DataFrame) -> pl.DataFrame:
    session = writer.session
    columns = tuple(column for column in writer.table.columns if column.name != "row")
    session.begin(is_snapshot=True)
    found = _by_key(session, writer.table, keys, columns)
    whole = pl.concat(found, how="vertical_relaxed") if found else None  # scales that are not declared may differ
    frame, _ = (pl.DataFrame(), None) if whole is None else read_parts(session, list(writer.parts), whole)
    session.rollback()
    return frame


def _by_key(session: Session, table: Relation, keys: pl.DataFrame, columns: tuple[Column, ...]) -> list[pl.DataFrame]:
    key = tuple(table.column(name) for name in keys.columns)
    statement = SelectByKey(table, key, columns).text(session.dialect)
    fields, most = (_NUMBER, *columns), max(keys.height, 1)
    pages = (page for rows in key_rows(table, keys, key) for page in session.stream(statement, [rows], fields, most))
    return [page.frame.rename({page.frame.columns[0]: "row"}) for page in pages]
