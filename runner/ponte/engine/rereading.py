"""Reading again by key: what another writer had, what came twice, and in a reading of changes what still waits."""

from __future__ import annotations

import polars as pl

from ponte.engine.canonical import hashes_of
from ponte.engine.findings import findings
from ponte.engine.known import QueriedKnown
from ponte.engine.ports import Read
from ponte.engine.preparing import Mapper
from ponte.engine.reading import keys_frame
from ponte.engine.rounds import Rounds
from ponte.engine.state import RunState
from ponte.engine.wording import told
from ponte.errors import PonteError, TransientError

POLL_S = 1.0
PATIENCE_S = 300.0
"""How long keys are waited for that another writer is delivering: longer than a claim lives."""


async def read_again(state: RunState, mapper: Mapper) -> None:
    """Reads keys again until each is delivered by this run, or newer by another.

    Raises:
        TransientError: another run has claimed some of them all the time; the watermark stays before them.
    """
    if "keys" not in state.ports.source.capabilities.reads:
        return
    waited_s = 0.0
    keys = pl.concat([state.take_again()["key"], _waiting(state)]).unique(maintain_order=True)
    while not keys.is_empty():
        await _read_keys(state, mapper, keys)
        keys = await _still_claimed(state)
        if waited_s > PATIENCE_S:
            raise TransientError(
                f"SyncJob {state.job.name}: {told(len(keys), 'record', 'is', 'are')} being delivered by another run, "
                "not given free in time. The next run reads again.",
                reason="KeysBusy",
            )
        if not keys.is_empty():
            await state.ports.clock.sleep(POLL_S)
            waited_s += POLL_S


def _waiting(state: RunState) -> pl.Series:
    """Keys outside the window of a reading of changes or a range: rejected before, deferred, or in doubt."""
    none = state.doubts["key"].clear()
    if state.order.read not in ("changes", "range"):
        return none
    rejected = state.open_rejects.filter(pl.col("state").is_in(["open", "deferred"]))["key"]
    keys = pl.concat([state.doubts["key"], rejected if state.order.read == "changes" else none])
    return keys.filter(~state.known.has_seen(hashes_of(keys)))


async def _read_keys(state: RunState, mapper: Mapper, keys: pl.Series) -> None:
    read_at_us = int((await state.ports.ledger.now()).timestamp() * 1e6)
    read = Read("keys", state.job.batch_size, keys=keys_frame(state.job, keys))
    before, state.known, state.is_again = state.known, QueriedKnown(state.ports.ledger, state.writer.scope), True
    rounds = Rounds(state, mapper)
    try:
        async for item in findings(state, mapper, read, read_at_us):
            await rounds.take(item)
    except PonteError:
        await rounds.close()  # what was acknowledged is committed
        raise
    await rounds.close()
    state.known, state.is_again = before, False


async def _still_claimed(state: RunState) -> pl.Series:
    """Keys that this reading lost too, but for those of which the ledger has what is newer."""
    lost = state.take_again()
    if not lost.height:
        return lost["key"]
    details = await state.ports.ledger.details(state.writer.scope, lost["key"])
    beside = lost.join(details.select("key", held="version"), on="key", how="left", maintain_order="left")
    return beside.filter((pl.col("held") > pl.col("version")).fill_null(value=False).not_())["key"]
