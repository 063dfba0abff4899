"""Writes records into a table by natural key: a chunk is one transaction, and only the records at fault are left out."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

import polars as pl

from ponte.connectors.sql.catalogue import Column, Relation, did_you_mean
from ponte.connectors.sql.client import CommitLost, Refused, Session, Worker
from ponte.connectors.sql.encoding import encode
from ponte.connectors.sql.source import OpenSession
from ponte.connectors.sql.statements import Merge
from ponte.engine.ports import ANSWER_SCHEMA, Delivery, TargetCapabilities
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

CHUNK = 25_000
TIMEOUT_S = 120.0


class SqlTarget:
    """One table, for writing. Keeps its session from call to call."""

    capabilities = TargetCapabilities(
        operations=frozenset({"create", "update", "delete"}),
        upserts=True,
        finds=True,
        chunk=CHUNK,
        timeout_s=TIMEOUT_S,
        transactional=True,
    )

    def __init__(self, spec: ObjectSpec, session: OpenSession) -> None:
        self._spec = spec
        self._session = session
        self._held: tuple[Session, Worker] | None = None
        self._relation: Relation | None = None
        self._stack = AsyncExitStack()
        self._turn = asyncio.Lock()

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """Applies a chunk in one transaction."""
        async with self._turn:
            session, worker = await self._open()
            return await worker.run(self._deliver, session, delivery)

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Not yet."""
        raise NotImplementedError

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:
        """Not yet."""
        raise NotImplementedError

    async def close(self) -> None:
        """Gives the session back."""
        await self._stack.aclose()
        self._held = None

    async def _open(self) -> tuple[Session, Worker]:
        if self._held is None:
            self._held = await self._stack.enter_async_context(self._session())
        return self._held

    def _deliver(self, session: Session, delivery: Delivery) -> pl.DataFrame:
        relation = self._known(session)
        columns = _columns(relation, delivery)
        encoded, faulty = encode(delivery.frame, columns)
        good = pl.Series("row_number", range(delivery.frame.height), dtype=pl.Int32)
        if faulty is not None:
            good = good.filter(~good.is_in(faulty.get_column("row").cast(pl.Int32).implode()))
        answers = _Answers(delivery.frame.height, [] if faulty is None else _rejections(faulty))
        staged = pl.DataFrame([good]).hstack(encoded[good.to_list()] if good.len() < encoded.height else encoded)
        try:
            session.begin(is_snapshot=False)
            stage = session.stage(columns, staged)
            merge = Merge(session.dialect, relation, stage, delivery.key, delivery.omit_null)
            _apply(session, merge, delivery, answers)
            session.commit()
        except CommitLost:
            return answers.unknown()
        except BaseException:
            session.rollback()
            raise
        return answers.frame()

    def _known(self, session: Session) -> Relation:
        if self._relation is None:
            self._relation = session.relation(self._spec.table, None)
            session.rollback()
        return self._relation


def _apply(session: Session, merge: Merge, delivery: Delivery, answers: _Answers) -> None:
    statement = {"create": merge.insert, "update": merge.update, "delete": merge.delete}[delivery.operation]
    spans = [(0, delivery.frame.height)]
    while spans:
        first, end = spans.pop()
        session.execute("SAVEPOINT ponte")
        try:
            session.execute(statement(first, end))
        except Refused as refused:
            session.execute("ROLLBACK TO SAVEPOINT ponte")
            if end - first == 1:
                answers.reject(first, refused)
            else:
                middle = (first + end) // 2
                spans += [(middle, end), (first, middle)]
        session.execute("RELEASE SAVEPOINT ponte")


def _columns(relation: Relation, delivery: Delivery) -> tuple[Column, ...]:
    names = [column.name for column in relation.columns]
    for name in delivery.frame.columns:
        if name not in names:
            raise ConfigurationError(
                f"{relation.label} has no column {name!r}.{did_you_mean(name, names)}", reason="FieldMissing"
            )
    return relation.select(delivery.frame.columns)


def _rejections(faulty: pl.DataFrame) -> list[tuple[int, str | None, str, str]]:
    first = faulty.unique("row", keep="first", maintain_order=True)
    return [(row["row"], row["field"], row["reason"], row["message"]) for row in first.iter_rows(named=True)]


@dataclass(slots=True)
class _Answers:
    """What becomes of each row: done, unless it was rejected."""

    height: int
    rejected: list[tuple[int, str | None, str, str]]

    def reject(self, row: int, refused: Refused) -> None:
        self.rejected.append((row, refused.field, refused.reason, refused.message))

    def frame(self) -> pl.DataFrame:
        return self._frame("done", None, None)

    def unknown(self) -> pl.DataFrame:
        return self._frame("unknown", "CommitLost", "the connection broke while the commit was in flight")

    def _frame(self, outcome: str, reason: str | None, message: str | None) -> pl.DataFrame:
        refused = pl.DataFrame(
            self.rejected,
            schema={"row": pl.UInt32, "field": pl.String, "reason": pl.String, "message": pl.String},
            orient="row",
        )
        rest = pl.DataFrame({"row": pl.Series(range(self.height), dtype=pl.UInt32)}).join(refused, on="row", how="anti")
        answered = rest.with_columns(
            pl.lit(outcome).alias("outcome"),
            pl.lit(reason, pl.String).alias("reason"),
            pl.lit(message, pl.String).alias("message"),
        )
        both = pl.concat([answered, refused.with_columns(pl.lit("rejected").alias("outcome"))], how="diagonal")
        full = both.with_columns(target_id=pl.lit(None, pl.String))
        if "field" not in full.columns:
            full = full.with_columns(field=pl.lit(None, pl.String))
        return full.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items()).sort("row")
