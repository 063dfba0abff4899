"""Versions that went back: the source has something older than what was delivered, and nobody wrote meanwhile.

A value is older for good only if the ledger had its newer version before the value was read. Else another run has
delivered what it read later, and that is what the target is to hold.
"""

from __future__ import annotations

import polars as pl

from ponte.engine.ledger_port import REJECT_SCHEMA
from ponte.engine.ports import Operation
from ponte.engine.rejecting import rejects_of, single_fault
from ponte.engine.state import RunState

_DEED = "Deliver it all the same: `ponte run JOB --write all`, or `ponte verify JOB --repair`"
_VERSION_LOWER = "its version in the source is lower than the one that was delivered, so it was left alone"
_READ_EARLIER = "by the clock it was read before what was delivered was, so it was left alone: a clock was set back"


async def over(state: RunState, work: pl.DataFrame, operation: Operation) -> pl.DataFrame:
    """The work (columns key, version) with `over`: up to which version of the ledger its delivery may replace it.

    That is its own, but for a run that writes all: somebody said that the target is to hold what the source has. And
    for what was read again after the ledger had the newer version, where it cannot be older: it was removed and is in
    the source again, or it only looks older by a clock that was set back.
    """
    is_by_clock = state.job.source_object.version is None
    if state.order.write != "all" and not (state.is_again and (operation == "create" or is_by_clock)):
        return work.with_columns(over="version")
    held = await _held_before(state, work["key"])
    beside = work.join(held, on="key", how="left", maintain_order="left")
    return beside.with_columns(over=pl.max_horizontal("version", "held")).drop("held")


async def went_back(state: RunState, work: pl.DataFrame) -> pl.DataFrame:
    """Those of the work (columns key, over), all lost to newer versions, that no reading again would make newer."""
    if not work.height or (state.can_read_keys and state.job.source_object.version is None):
        return work.clear()
    held = await _held_before(state, work["key"])
    older = held.join(work, on="key").filter(pl.col("held") > pl.col("over"))
    return work.filter(pl.col("key").is_in(older["key"].implode()))


def rejects_of_older(state: RunState, rows: pl.DataFrame) -> pl.DataFrame:
    """REJECT_SCHEMA: why records (columns row, key) were left alone, and what to do."""
    if not rows.height:
        return pl.DataFrame(schema=REJECT_SCHEMA)
    field = state.job.source_object.version
    why = _READ_EARLIER if field is None else _VERSION_LOWER
    message = f"{why}. {_DEED.replace('JOB', state.job.name)}"
    return rejects_of(rows, single_fault(rows["row"], field, "OlderThanDelivered", message), "deliver")


async def _held_before(state: RunState, keys: pl.Series) -> pl.DataFrame:
    """The versions (columns key, held) that the ledger had before this was read; none where nobody can tell.

    While a run has the lease and nobody wrote without it, they are as they were when it was opened.
    """
    if state.is_again:
        return state.held
    ledger = state.ports.ledger
    held = (await ledger.details(state.writer.scope, keys)).select("key", held="version")
    is_alone = state.writer.is_leased and not (await ledger.outside(state.writer)).has_written
    return held if is_alone else held.clear()
