"""What is found out about each batch before anything of it is sent: what must be delivered, and what came of the rest.

Batches are examined one ahead, while the last ones are on their way to the target. Only where a Mapping has look-ups
must the next batch wait: it asks for what the last one delivered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

import polars as pl

from ponte.engine import examine, settle
from ponte.engine.copying import copied
from ponte.engine.deliver import Shape
from ponte.engine.examine import Examined
from ponte.engine.known import QueriedKnown
from ponte.engine.ledger_port import REJECT_SCHEMA
from ponte.engine.ports import Batch, Read
from ponte.engine.preparing import Mapper, Prepared, prepared_batches
from ponte.engine.reading import ahead, timed
from ponte.engine.rejecting import rejects_of_batch, rejects_of_pieces
from ponte.engine.state import RunState

_FEW = 0.25
_KEYS = pl.DataFrame(schema={"key": pl.String, "version": pl.Int64})


@dataclass(frozen=True, slots=True)
class Work:
    """Records that must be delivered: `rows` and `records` as `work` and `records` of `Examined`."""

    rows: pl.DataFrame
    records: pl.DataFrame
    shape: Shape


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about a batch.

    Attributes:
        read: how many records and pieces that are none it had.
        is_last, announced: as in `Batch`.
        reached: the greatest cursor, where the reading may be taken up again behind it; None elsewhere.
        work: what must be delivered; None for nothing.
        outcomes: how many records came to each end of the account without being sent.
        rejects: by REJECT_SCHEMA; of records and of pieces that are none.
        closed: keys whose rejects are done.
        left, twice: records that are left out now, and records that came before (columns key, version).
        keyless, unreadable: records without a usable key, and pieces that are no records.
    """

    read: int
    is_last: bool
    announced: int | None
    reached: str | None = None
    work: Work | None = None
    outcomes: dict[str, int] = field(default_factory=dict)
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECT_SCHEMA))
    closed: pl.Series = field(default_factory=lambda: pl.Series("key", [], dtype=pl.String))
    left: pl.DataFrame = field(default_factory=lambda: _KEYS)
    twice: pl.DataFrame = field(default_factory=lambda: _KEYS)
    keyless: int = 0
    unreadable: int = 0


def findings(state: RunState, mapper: Mapper, read: Read, read_at_us: int) -> AsyncGenerator[Findings, None]:
    """What is found out about the batches of a reading, in its order; between them a stop signal is obeyed."""
    return findings_of(state, mapper, state.ports.source.read(read), read_at_us)


async def findings_of(
    state: RunState, mapper: Mapper, batches: AsyncIterator[Batch], read_at_us: int
) -> AsyncGenerator[Findings, None]:
    """The same about batches that come from elsewhere."""
    if mapper.has_lookups:
        items = _examined(state, prepared_batches(state, mapper, ahead(batches), read_at_us))
    else:
        prepared = ahead(prepared_batches(state, mapper, ahead(batches), read_at_us))
        items = ahead(_examined(state, prepared))
    async with aclosing(timed(state, items)) as found:
        async for item in found:
            yield item


async def _examined(state: RunState, items: AsyncGenerator[Prepared | Batch, None]) -> AsyncGenerator[Findings, None]:
    read_before = state.account.read
    async with aclosing(items):
        async for item in items:
            found = await _found(state, item, read_before) if isinstance(item, Prepared) else _of_pieces(state, item)
            read_before += found.read
            del item  # a generator that waits holds on to what it names: here a whole batch
            yield found


def _of_pieces(state: RunState, batch: Batch) -> Findings:
    """Of a batch without records. A piece has no key: what keys are read again from counted it before."""
    unreadable = () if state.is_again else batch.unreadable
    pieces = len(unreadable)
    return Findings(
        read=pieces,
        is_last=batch.is_last,
        announced=batch.announced,
        outcomes={"rejected": pieces},
        rejects=rejects_of_pieces(unreadable),
        unreadable=pieces,
    )


async def _found(state: RunState, item: Prepared, read_before: int) -> Findings:
    examined = await _examine(state, item)
    state.known.delivered(examined.work)
    is_final = state.is_again or not state.can_read_keys
    rows, pieces = examined.rows, _of_pieces(state, item.batch)
    counts = examined.counts()
    fine = rows.filter(pl.col("outcome").is_in(["unchanged", "skipped", "left"]))
    return Findings(
        read=rows.height + pieces.read,
        is_last=item.batch.is_last,
        announced=item.batch.announced,
        reached=item.reached,
        work=_work(examined, item.shape),
        outcomes={
            **{name: counts.get(name, 0) for name in ("unchanged", "skipped", "left", "duplicate", "deferred")},
            "rejected": counts.get("rejected", 0) + counts.get("keyless", 0) + pieces.unreadable,
        },
        rejects=pl.concat([rejects_of_batch(examined, read_before, is_final=is_final), pieces.rejects]),
        closed=state.closing(fine["key"]),
        left=rows.filter(pl.col("outcome") == "left").select(_KEYS.columns),
        twice=_KEYS if is_final else rows.filter(pl.col("outcome") == "duplicate").select(_KEYS.columns),
        keyless=counts.get("keyless", 0),
        unreadable=pieces.unreadable,
    )


def _work(examined: Examined, shape: Shape) -> Work | None:
    """What must be delivered of a batch.

    A filtered frame keeps the buffers of all texts that it was filtered from: where little is left of much, and must
    wait for more, it is copied.
    """
    rows, records = examined.work, examined.records
    if not rows.height:
        return None
    if rows.height < _FEW * examined.rows.height:
        rows, records = copied(rows), copied(records)
    return Work(rows, records, shape)


async def _examine(state: RunState, item: Prepared) -> Examined:
    ledger = state.ports.ledger
    with state.stage("compare"):
        outside = await ledger.outside(state.writer)
        newest = QueriedKnown(ledger, state.writer.scope) if outside.has_written else None
        erased = await ledger.erased(state.writer.scope, item.rows["key"].drop_nulls())
        state.erased += len(erased)
        rows = item.rows.hstack(await _viewed(state, item.rows, newest)).with_columns(
            pl.col("key").is_in(erased.implode()).fill_null(value=False).alias("erased")
        )
        first = examine.first_of_key(rows)
        considered = examine.consider(rows, first, item.mapped, item.identity)
        taken = await state.known.taken(considered.rows)
        if newest is not None:
            taken = taken | await newest.taken(considered.rows)
        if taken.any():
            stays = (pl.col("live") & (pl.col("holds") != pl.col("natural"))).fill_null(
                value=False
            )  # NaturalKeyChanged
            state.contested.append(
                considered.rows.filter(taken & ~considered.rows.select(stays).to_series())["natural"]
            )
        doubtful = considered.rows["key"].is_in(pl.concat([state.doubts["key"], outside.claimed]).implode())
        unknown = settle.outcome_of_unknown(state.job, state.ports.target.capabilities)
        decided = examine.decide(considered, taken, doubtful, unknown, state.job, state.order)
        return examine.assemble(rows, first, item.mapped, considered, decided)


async def _viewed(state: RunState, rows: pl.DataFrame, newest: QueriedKnown | None) -> pl.DataFrame:
    """VIEW_SCHEMA of a batch; what was loaded at open is not believed once others have written."""
    view = await state.known.view(rows["key"], rows["hash"])
    if newest is None:
        return view
    return (await newest.view(rows["key"], rows["hash"])).with_columns(view["seen"])
