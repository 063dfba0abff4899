"""When so many records are rejected that the source, the Mapping or the target must be broken, the run stops."""

from __future__ import annotations

import polars as pl

from ponte.engine.job import RejectLimits
from ponte.engine.ledger_port import Commit
from ponte.engine.state import RunState
from ponte.engine.wording import told
from ponte.errors import RejectThreshold

MIN_REJECTS_FOR_SHARE = 10
"""Below so many new rejects their share says nothing: one bad record of three is no broken source."""


def is_reached(state: RunState, rejects: pl.DataFrame, records: int) -> bool:
    """Whether so many more records, of which these are rejected, would stop the run."""
    return (
        exceeded(state.job.rejects, state.new_rejects + state.fresh(rejects), state.account.read + records) is not None
    )


async def check_before(state: RunState, rejects: pl.DataFrame, records: int) -> None:
    """Stops before a batch of so many records, of which these are rejected, is delivered.

    Raises:
        RejectThreshold: too many new rejects; they are on record, nothing of the batch was delivered.
    """
    fresh = state.fresh(rejects)
    allowed = exceeded(state.job.rejects, state.new_rejects + fresh, state.account.read + records)
    if allowed is None:
        return
    await state.ports.failpoint("threshold.before")
    await state.ports.ledger.commit(state.writer, Commit(result=state.result(), rejects=rejects))
    await state.ports.failpoint("threshold.after")
    _stop(state, state.new_rejects + fresh, state.account.read + records, f"{allowed}. Nothing of this batch was sent.")


def check_after(state: RunState) -> None:
    """Stops after a delivery, so that a target that refuses everything is not asked a million times.

    Raises:
        RejectThreshold: too many new rejects; they are on record, what was delivered is too.
    """
    allowed = exceeded(state.job.rejects, state.new_rejects, state.account.read)
    if allowed is not None:
        _stop(state, state.new_rejects, state.account.read, f"{allowed}. What was delivered before is on record.")


def exceeded(limits: RejectLimits, fresh: int, read: int) -> str | None:
    """The limit that so many new rejects among so many records are above, in words; None where there is none."""
    percent = limits.max_percent
    if percent is not None and fresh > MIN_REJECTS_FOR_SHARE and fresh * 100 > percent * read:
        return f"rejects.maxPercent is {percent}"
    return f"rejects.max is {limits.max}" if limits.max is not None and fresh > limits.max else None


def _stop(state: RunState, fresh: int, read: int, why: str) -> None:
    raise RejectThreshold(
        f"SyncJob {state.job.name}: {fresh:,} of {told(read, 'record', 'is a new reject', 'are new rejects')}, and "
        f"{why} "
        f"See them with: ponte rejects list {state.job.name}",
    )
