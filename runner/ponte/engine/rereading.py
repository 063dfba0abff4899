"""Reading again by key: what another writer had, what came twice, and in a reading of changes what still waits."""

from __future__ import annotations

import polars as pl

from ponte.engine.canonical import hashes_of, join_key
from ponte.engine.findings import findings
from ponte.engine.known import QueriedKnown
from ponte.engine.ports import Read
from ponte.engine.preparing import Mapper
from ponte.engine.reading import keys_frame
from ponte.engine.rounds import Rounds
from ponte.engine.state import RunState
from ponte.engine.wording import told
from ponte.errors import TransientError

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
    keys = pl.concat([state.take_again()["key"], _waiting(state), await _overtaken(state)]).unique(maintain_order=True)
    while not keys.is_empty():
        await _read_keys(state, mapper, keys)
        keys = await _still_claimed(state)
        if waited_s > PATIENCE_S:
            raise TransientError(
                f"SyncJob {state.job.name}: {told(len(keys), 'record', 'is', 'are')} being delivered by another run, "
                "not given free in time. Next: run it again; it reads them again.",
                reason="KeysBusy",
            )
        if not keys.is_empty():
            await state.ports.clock.sleep(POLL_S)
            waited_s += POLL_S


async def _overtaken(state: RunState) -> pl.Series:
    """Keys of a run on request that wrote while another run read.

    That one may have seen newer values, equal to what it knew, and left alone what this one overwrote with older ones.
    """
    keys = pl.Series("key", [join_key(fields) for fields in state.order.keys], dtype=pl.String)
    is_settled = state.writer.is_leased or not state.account.written or await state.ports.ledger.is_alone(state.writer)
    return keys.clear() if is_settled else keys


def _waiting(state: RunState) -> pl.Series:
    """Keys outside the window of a reading of changes or a range: rejected before, deferred, or in doubt."""
    none = state.doubts["key"].clear()
    if state.order.read not in ("changes", "range"):
        return none
    rejected = state.open_rejects.filter(pl.col("state").is_in(["open", "deferred"]))["key"]
    keys = pl.concat([state.doubts["key"], rejected if state.order.read == "changes" else none])
    return keys.filter(~state.known.has_seen(hashes_of(keys)))


async def _read_keys(state: RunState, mapper: Mapper, keys: pl.Series) -> None:
    details = await state.ports.ledger.details(state.writer.scope, keys)
    state.held = details.select("key", held="version")
    read_at_us = int((await state.ports.ledger.now()).timestamp() * 1e6)
    read = Read("keys", state.job.batch_size, keys=keys_frame(state.job, keys))
    state.left = [rows.filter(~pl.col("key").is_in(keys.implode())) for rows in state.left]  # judged anew
    before, state.known, state.is_again = state.known, QueriedKnown(state.ports.ledger, state.writer.scope), True
    await Rounds(state, mapper).work(findings(state, mapper, read, read_at_us), lambda _: None)
    state.known, state.is_again = before, False


async def _still_claimed(state: RunState) -> pl.Series:
    """Keys that this reading lost too, but for those of which another run delivered what is newer meanwhile."""
    lost = state.take_again()
    if not lost.height:
        return lost["key"]
    details = await state.ports.ledger.details(state.writer.scope, lost["key"])
    beside = lost.join(state.held, on="key", how="left", maintain_order="left").join(
        details.select("key", now="version"), on="key", how="left", maintain_order="left"
    )
    is_newer = pl.col("now") > pl.max_horizontal("version", "held")
    return beside.filter(is_newer.fill_null(value=False).not_())["key"]
