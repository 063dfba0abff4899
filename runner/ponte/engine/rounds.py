"""Rounds: findings are gathered until a delivery is worth its while, then delivered and accounted for together.

A delivery costs a claim, a call and a commit, however few records it has. In a reading in which little has changed,
records wait for those of the next batches, but no longer than a second, and never for more than the job's batchSize.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from itertools import groupby

import polars as pl

from ponte.engine import threshold
from ponte.engine.deliver import Chunk, Sent, chunks_of, claim, commit, send
from ponte.engine.findings import Findings, Work
from ponte.engine.ledger_port import Commit
from ponte.engine.preparing import Mapper
from ponte.engine.reading import promptly
from ponte.engine.settle import may_ask
from ponte.engine.state import RunState
from ponte.engine.watermark import later
from ponte.engine.wording import told
from ponte.errors import PonteError, StateError


@dataclass(frozen=True, slots=True)
class _Round:
    """What is to be accounted for together.

    Attributes:
        read: what the account must come to.
        is_due: what was read has gone unaccounted for a second.
    """

    held: list[Findings]
    rejects: pl.DataFrame
    read: int
    is_due: bool


class Rounds:
    """Takes findings in the order of the reading, delivers and accounts for them.

    While a chunk is on its way to the target, the answers of the one before are committed: never more than two chunks
    are claimed and not settled. Where the Mapping has look-ups, each batch is finished before the next is asked for.
    """

    def __init__(self, state: RunState, mapper: Mapper) -> None:
        self._state = state
        self._is_patient = not mapper.has_lookups
        self._size = min(state.job.batch_size, state.ports.target.capabilities.chunk)
        self._read = state.account.read
        self._held: list[Findings] = []
        self._sent: Sent | None = None
        self._done: _Round | None = None

    async def work(self, items: AsyncGenerator[Findings, None], note: Callable[[Findings], None]) -> None:
        """Takes all findings of a reading; when it returns, what they say is done, durable and accounted for.

        What was read before a source broke off gets through; what is not read within a second is not waited for.

        Args:
            items: the findings.
            note: told of each.

        Raises:
            RejectThreshold: too many new rejects; nothing of the batches held was delivered.
        """
        async with aclosing(promptly(items, self._close)) as prompt:
            while (item := await self._next(prompt)) is not None:
                note(item)
                try:
                    await self._take(item)
                except PonteError:
                    await self._finish()  # what was answered; nothing more is sent
                    raise
        await self._close()

    async def _next(self, prompt: AsyncGenerator[Findings, None]) -> Findings | None:
        try:
            return await anext(prompt, None)
        except PonteError:
            await self._close()
            raise

    async def _take(self, item: Findings) -> None:
        if item.rejects.height:
            await self._finish()  # the threshold counts them all
        rejects = pl.concat([held.rejects for held in [*self._held, item]])
        if self._held and threshold.is_reached(self._state, rejects, self._read + item.read):
            await self._work_off()
        self._held.append(item)
        self._read += item.read
        waiting = sum(held.work.rows.height for held in self._held if held.work is not None)
        if waiting >= self._size or self._state.is_checkpoint_due():
            await self._work_off()
        if not self._is_patient:
            await self._close()

    async def _close(self) -> None:
        """Delivers what is held; when it returns, all that was taken is durable and accounted for."""
        try:
            await self._work_off()
        finally:
            await self._finish()

    async def _work_off(self) -> None:
        held, self._held = self._held, []
        if not held:
            return
        state = self._state
        state.unreadable += sum(item.unreadable for item in held)
        rejects = pl.concat([item.rejects for item in held])
        await threshold.check_before(state, rejects, self._read)
        try:
            for chunk in _chunks(held, state.ports.target.capabilities.chunk):
                await self._deliver(chunk)
            if self._done is not None:
                await self._finish()
        except PonteError:
            with suppress(PonteError):
                await threshold.record(state, rejects)
            raise
        accounted = [replace(item, work=None) for item in held]
        self._done = _Round(accounted, rejects, self._read, state.is_checkpoint_due())
        state.checkpoint_at = state.ports.clock.now()

    async def _deliver(self, chunk: Chunk) -> None:
        if not may_ask(self._state.ports.target.capabilities, "create"):
            await self._finish()  # each create in doubt is work for a person: never more than those of one chunk
        claimed = await claim(self._state, chunk)
        sent, finished = await asyncio.gather(send(self._state, claimed), self._finish(), return_exceptions=True)
        if isinstance(sent, BaseException):
            raise sent
        self._sent = sent
        if isinstance(finished, BaseException):
            raise finished
        if not sent.is_well:
            await self._finish()  # before anything else is sent

    async def _finish(self) -> None:
        """Commits what was sent last, and accounts for its round if that is complete."""
        sent, self._sent = self._sent, None
        done, self._done = self._done, None
        if sent is not None:
            await commit(self._state, sent)
            threshold.check_after(self._state, self._read)
        if done is not None:
            with self._state.counting():
                await _account_for(self._state, done)


def _chunks(held: list[Findings], size: int) -> Iterator[Chunk]:
    """What must be delivered; batches whose records are of one kind share chunks."""
    works = (item.work for item in held if item.work is not None)
    for (_, shape), group in groupby(works, key=lambda work: (work.records.schema, work.shape)):
        parts: list[Work] = list(group)
        rows = pl.concat([part.rows for part in parts])
        yield from chunks_of(rows, pl.concat([part.records for part in parts]), size, shape)


async def _account_for(state: RunState, done: _Round) -> None:
    """Counts what was not sent, and writes what is not written yet."""
    for item in done.held:
        state.keyless += item.keyless
        state.left.append(item.left)
        state.again.append(item.twice)
        state.count(**item.outcomes)
    closed = pl.concat([item.closed for item in done.held])
    state.note_rejects(done.rejects, closed)
    check_account(state, done.read)
    reached = next((item.reached for item in reversed(done.held) if item.reached is not None), None)
    watermark = None if reached is None or state.holds_watermark else later(state.watermark, reached)
    state.watermark = watermark or state.watermark
    if not (done.rejects.height or closed.len() or watermark is not None or done.is_due):
        return
    written = Commit(result=state.result(), rejects=done.rejects, closed=closed, watermark=watermark)
    await state.ports.failpoint("close-batch.before")
    with state.stage("commit"):
        await state.ports.ledger.commit(state.writer, written)
    await state.ports.failpoint("close-batch.after")


def check_account(state: RunState, read: int) -> None:
    """Only where the account closes over what was read may the watermark move.

    Raises:
        StateError: it does not (AccountNotClosed).
    """
    if state.account.read != read or not state.account.is_closed:
        raise StateError(
            f"SyncJob {state.job.name}: {told(read, 'record', 'was', 'were')} read, but the account has "
            f"{state.account.read:,}: some record got lost inside Ponte, or was counted twice. The watermark stays. "
            "Next: report this, with what `ponte runs -o json` says of the run.",
            reason="AccountNotClosed",
        )
