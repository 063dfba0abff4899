"""When so many records are rejected that the source, the Mapping or the target must be broken, the run stops."""

from __future__ import annotations

import polars as pl

from ponte.engine.job import RejectLimits
from ponte.engine.ledger_port import Commit, Scope
from ponte.engine.state import RunState
from ponte.engine.wording import told
from ponte.errors import RejectThreshold

MIN_REJECTS_FOR_SHARE = 10
"""Below so many new rejects their share says nothing: one bad record of three is no broken source."""


def is_reached(state: RunState, rejects: pl.DataFrame, read: int) -> bool:
    """Whether these rejects more, of so many records that were read in all, would stop the run."""
    return exceeded(state.job.rejects, state.new_rejects + state.fresh(rejects), read) is not None


async def check_before(state: RunState, rejects: pl.DataFrame, read: int) -> None:
    """Stops before batches with these rejects are delivered; `read`: all records that were read, with theirs.

    Raises:
        RejectThreshold: too many new rejects; they are on record, nothing of the batch was delivered.
    """
    fresh = state.fresh(rejects)
    allowed = exceeded(state.job.rejects, state.new_rejects + fresh, read)
    if allowed is None:
        return
    await record(state, rejects)
    _stop(state, state.new_rejects + fresh, read, f"{allowed}. Nothing of this batch was sent.")


async def record(state: RunState, rejects: pl.DataFrame) -> None:
    """Writes rejects of batches that come to no end, so that a person sees them."""
    await state.ports.failpoint("threshold.before")
    await state.ports.ledger.commit(state.writer, Commit(result=state.result(), rejects=rejects))
    await state.ports.failpoint("threshold.after")


def check_after(state: RunState, read: int) -> None:
    """Stops after a delivery, so that a target that refuses everything is not asked a million times.

    Args:
        state: the run.
        read: all records that were read, those of this round that are not sent yet among them.

    Raises:
        RejectThreshold: too many new rejects; they are on record, what was delivered is too.
    """
    allowed = exceeded(state.job.rejects, state.new_rejects, read)
    if allowed is not None:
        _stop(state, state.new_rejects, read, f"{allowed}. What was delivered before is on record.")


def exceeded(limits: RejectLimits, fresh: int, read: int) -> str | None:
    """The limit that so many new rejects among so many records are above, in words; None where there is none."""
    percent = limits.max_percent
    if percent is not None and fresh > MIN_REJECTS_FOR_SHARE and fresh * 100 > percent * read:
        return f"rejects.maxPercent is {percent}"
    return f"rejects.max is {limits.max}" if limits.max is not None and fresh > limits.max else None


def since_success(scope: Scope) -> str:
    """Since when rejects are counted for the limit; the account calls new what is new to its own run."""
    return "" if scope.succeeded_at_us is None else " since the job's last success"


def _stop(state: RunState, fresh: int, read: int, why: str) -> None:
    since = since_success(state.writer.scope)
    raise RejectThreshold(
        f"SyncJob {state.job.name}: {fresh:,} of {told(read, 'record', 'is a reject', 'are rejects')}{since}, and "
        f"{why} {_renumbered(state, fresh)}Next: ponte rejects list {state.job.name}",
    )


def _renumbered(state: RunState, fresh: int) -> str:
    """The way out where most wanted a natural key that others hold; it ends only with a complete reading."""
    if 2 * sum(map(len, state.contested)) < fresh:
        return ""
    limits = 'rejects.maxPercent: "100"' + ("" if state.job.rejects.max is None else " and no rejects.max")
    return (
        "Most of them want a natural key that another record has (DuplicateTargetKey). If the source has numbered its "
        f"records anew: set {limits} in the job, run it with --read all and once more, then set it back. "
    )
