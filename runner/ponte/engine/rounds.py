"""Rounds: findings are gathered until a delivery is worth its while, then delivered and accounted for together.

A delivery costs a claim, a call and a commit however few records it has. In a reading in which little has changed,
records wait for those of the next batches, but no longer than a second, and never for more than the job's batchSize.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import polars as pl

from ponte.engine import threshold
from ponte.engine.deliver import Chunk, chunks_of, deliver
from ponte.engine.findings import Findings, Work
from ponte.engine.ledger_port import Commit
from ponte.engine.preparing import Mapper
from ponte.engine.state import RunState
from ponte.engine.watermark import later
from ponte.engine.wording import told
from ponte.errors import StateError


class Rounds:
    """Takes findings in the order of the reading.

    Where the Mapping has look-ups, each batch has a round of its own: the next one asks for what it delivered.
    """

    def __init__(self, state: RunState, mapper: Mapper) -> None:
        self._state = state
        self._size = 0 if mapper.has_lookups else min(state.job.batch_size, state.ports.target.capabilities.chunk)
        self._held: list[Findings] = []

    async def take(self, item: Findings) -> None:
        """Adds what was found out about one batch; delivers if it is time.

        Raises:
            RejectThreshold: too many new rejects; nothing of the batches held was delivered.
        """
        if self._held and threshold.is_reached(self._state, *_rejected([*self._held, item])):
            await self.work_off()
        self._held.append(item)
        waiting = sum(held.work.rows.height for held in self._held if held.work is not None)
        if waiting >= self._size or self._state.is_checkpoint_due():
            await self.work_off()

    async def work_off(self) -> None:
        """Delivers what is held; when it returns, all of it is durable and accounted for.

        Raises:
            RejectThreshold: see `take`.
        """
        held, self._held = self._held, []
        if not held:
            return
        state = self._state
        read = state.account.read + sum(item.read for item in held)
        state.unreadable += sum(item.unreadable for item in held)
        rejects, records = _rejected(held)
        await threshold.check_before(state, rejects, records)
        for chunk in _chunks(held, state.ports.target.capabilities.chunk):
            await deliver(state, chunk)
            threshold.check_after(state)
        for item in held:
            state.keyless += item.keyless
            state.left.append(item.left)
            state.again.append(item.twice)
            state.count(**item.outcomes)
        await _close(state, rejects, held, read)


def _rejected(held: list[Findings]) -> tuple[pl.DataFrame, int]:
    """The rejects of several batches, and how many records these have."""
    return pl.concat([item.rejects for item in held]), sum(item.read - item.unreadable for item in held)


def _chunks(held: list[Findings], size: int) -> Iterator[Chunk]:
    """What must be delivered; batches whose records are of one kind share chunks."""
    works = (item.work for item in held if item.work is not None)
    for (_, shape), group in groupby(works, key=lambda work: (work.records.schema, work.shape)):
        parts: list[Work] = list(group)
        rows = pl.concat([part.rows for part in parts])
        yield from chunks_of(rows, pl.concat([part.records for part in parts]), size, shape)


async def _close(state: RunState, rejects: pl.DataFrame, held: list[Findings], read: int) -> None:
    """Writes what is not written yet; `read` is what the account must come to."""
    closed = pl.concat([item.closed for item in held])
    state.note_rejects(rejects, closed)
    _check_account(state, read)
    reached = next((item.reached for item in reversed(held) if item.reached is not None), None)
    watermark = None if reached is None or state.holds_watermark else later(state.watermark, reached)
    state.watermark = watermark or state.watermark
    is_due = state.is_checkpoint_due()
    state.checkpoint_at = state.ports.clock.now()
    if not (rejects.height or closed.len() or watermark is not None or is_due):
        return
    commit = Commit(result=state.result(), rejects=rejects, closed=closed, watermark=watermark)
    await state.ports.failpoint("close-batch.before")
    with state.stage("commit"):
        await state.ports.ledger.commit(state.writer, commit)
    await state.ports.failpoint("close-batch.after")


def _check_account(state: RunState, read: int) -> None:
    """Only a round whose account closes may move the watermark."""
    if state.account.read != read or not state.account.is_closed:
        raise StateError(
            f"SyncJob {state.job.name}: {told(read, 'record', 'was', 'were')} read, but the account has "
            f"{state.account.read:,}: some record got lost inside Ponte, or was counted "
            "twice. The watermark stays; please report this.",
            reason="AccountNotClosed",
        )
