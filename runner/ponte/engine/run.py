"""One run of a job: open, then read, map, diff, claim, deliver and commit batch by batch, then close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import polars as pl

from ponte.engine import close, moving, succession
from ponte.engine.acknowledging import acknowledge
from ponte.engine.canonical import hashes_of, join_key
from ponte.engine.doubts import settle_rest
from ponte.engine.findings import Findings, findings, findings_of
from ponte.engine.job import Job, Order, Ports
from ponte.engine.known import IndexedKnown
from ponte.engine.ledger_port import REMOVED_SCHEMA, Commit, Ending
from ponte.engine.opening import Opened, open_run
from ponte.engine.ports import Read, ReadiedTarget, Target
from ponte.engine.preparing import Mapper
from ponte.engine.reading import keys_frame
from ponte.engine.rereading import read_again
from ponte.engine.rounds import Rounds, check_account
from ponte.engine.state import RunState
from ponte.engine.watermark import later, lower_bound
from ponte.engine.wording import counted, keys_not_there, told
from ponte.errors import Interrupted, PonteError
from ponte_api.result import Phase, RunError, RunResult

DEFAULT_OVERLAP_S = 300.0


async def run(ports: Ports, job: Job, order: Order) -> RunResult:
    """Runs a job once.

    Returns:
        the report of a run that came to its end: Succeeded, PartiallySucceeded or AwaitingApproval.

    Raises:
        RunFailed: with the report of a run that did not; what it committed stays.
        PonteError: the run could not even be opened.
    """
    opened = await open_run(ports, job, order)
    state = opened.state
    async with _beside(_keep_lease(state)), _beside(_ready(ports.target)):
        try:
            ending = await _work(opened)
        except PonteError as error:
            raise RunFailed(error, await _fail(state, error)) from error
    await ports.failpoint("finish.before")
    await ports.ledger.finish(state.writer, ending)
    await ports.failpoint("finish.after")
    return await acknowledge(state, ending)


class RunFailed(PonteError):  # noqa: N818 - an outcome; its cause is the error
    """A run that did not come to its end; the cause decides the exit code."""

    def __init__(self, cause: PonteError, result: RunResult) -> None:
        super().__init__(cause.message, reason=cause.reason)
        self.exit_code = cause.exit_code
        self.result = result


@dataclass(slots=True)
class _Reading:
    """One reading as it goes on."""

    is_whole: bool = False
    is_still: bool = True
    announced: int | None = None
    records: int = 0

    def note(self, found: Findings) -> None:
        self.is_whole = self.is_whole or found.is_last
        self.announced = found.announced if found.announced is not None else self.announced
        self.records += found.read


async def _work(opened: Opened) -> Ending:
    state, order = opened.state, opened.state.order
    mapper = Mapper(state.job, state.ports.ledger)
    upper = order.upper
    if order.read in ("all", "changes") and "changes" in state.ports.source.capabilities.reads:
        upper = await state.ports.source.upper_bound()
    read_at = await state.ports.ledger.now()
    read_at_us = int(read_at.timestamp() * 1e6)
    state.set_clock(read_at, upper)
    reading = await _read(opened, mapper, _request(state, upper), read_at_us)
    state.judge_digits()
    check_account(state, reading.records)
    _judge_wholeness(state, reading)
    await read_again(state, mapper)
    is_whole = order.read == "all" and reading.is_whole
    given_up = None
    if is_whole and isinstance(state.known, IndexedKnown):
        given_up = await succession.given_up(state, state.known, read_at_us)
    pending = await _remove(state, read_at_us)
    if is_whole and not state.shortcomings:
        passed_over = await close.passed_over(state)
        await settle_rest(state, passed_over)
        await _forget(state, given_up, passed_over)
    if _may_advance(state) and reading.is_whole and reading.is_still and upper is not None:
        await _advance(state, upper)
    _note_waiting(state)
    await state.refresh_levels()
    _note_missed(state)
    phase, reason = _phase(state, pending)
    result = state.result(phase, reason, ended_at=await state.ports.ledger.now())
    has_succeeded = phase in ("Succeeded", "PartiallySucceeded")
    return Ending(
        result=result,
        mapping_fingerprint=opened.fingerprint if is_whole and has_succeeded and not state.missed else None,
        has_succeeded=has_succeeded and reading.is_whole and order.read in ("all", "changes"),
        pending=pending,
    )


def _request(state: RunState, upper: str | None) -> Read:
    job, order = state.job, state.order
    size = job.batch_size
    if order.read == "keys":
        return Read(
            "keys", size, keys=keys_frame(job, pl.Series([join_key(fields) for fields in order.keys], dtype=pl.String))
        )
    if order.read == "range":
        return Read("range", size, lower=order.lower, upper=order.upper)
    if order.read == "changes":
        overlap = DEFAULT_OVERLAP_S if job.overlap_s is None else job.overlap_s
        return Read("changes", size, lower=lower_bound(state.watermark, overlap), upper=upper)
    return Read("all", size)


async def _read(opened: Opened, mapper: Mapper, read: Read, read_at_us: int) -> _Reading:
    state, reading = opened.state, _Reading()

    def note(found: Findings) -> None:
        reading.note(found)
        state.announced = reading.announced

    source = state.ports.source
    await Rounds(state, mapper).work(findings(state, mapper, read, read_at_us), note)
    state.note_brought()
    if moving.is_read_until_still(source, read, opened.is_mapping_changed):
        more = moving.Readings(source, tuple(state.job.source_object.key), state.known, state.brought)

        async def read_once_more() -> None:
            found = findings_of(state, mapper, more.read(read), read_at_us)
            await Rounds(state, mapper).work(found, note)

        await _read_until_still(reading, more, read_once_more)
    return reading


async def _read_until_still(
    reading: _Reading, more: moving.Readings, read_once_more: Callable[[], Awaitable[None]]
) -> None:
    """Reads a window of changes until two readings of it agree; see `moving`."""
    for _ in range(moving.MOST_READINGS - 1):
        if not reading.is_whole:
            return
        reading.is_whole = False
        await read_once_more()
        if more.is_same:
            return
    reading.is_still = not more.is_new


def _judge_wholeness(state: RunState, reading: _Reading) -> None:
    expect = state.job.source_object.expect if state.order.read == "all" else None
    if not reading.is_whole:
        state.problems.append("the reading ended without the source's end mark")
    if not reading.is_still:
        state.problems.append("records kept changing their places in the list while it was read")
    if reading.announced is not None and reading.records < reading.announced:
        state.problems.append(
            f"the source announced {counted(reading.announced, 'record')} and gave {reading.records:,}"
        )
    if expect is not None and reading.records < expect.min_records:
        state.problems.append(f"expect.minRecords is {expect.min_records:,}, and {reading.records:,} were read")


def _note_waiting(state: RunState) -> None:
    """A run succeeds though records wait for other jobs; whoever looks for them at the target must be told."""
    waiting = pl.concat([pl.Series("key", [], dtype=pl.String), *state.deferred]).n_unique()
    if waiting:
        who = told(waiting, "record", "waits", "wait")
        state.notes.append(f"{who} for records of other jobs (LookupPending); each run tries again")


async def _remove(state: RunState, read_at_us: int) -> pl.DataFrame | None:
    """Deletes last. Gives what must be approved first, or None."""
    is_wanted = state.job.deletes.policy != "ignore"
    gone = []
    if state.order.read == "all" and is_wanted and isinstance(state.known, IndexedKnown):
        gone = [await close.vanished(state, state.known, read_at_us)]
    if state.order.read == "keys":
        ordered = pl.Series("key", [join_key(fields) for fields in state.order.keys], dtype=pl.String)
        missing = ordered.filter(~state.known.has_seen(hashes_of(ordered)))
        if missing.len():
            state.notes.append(keys_not_there(missing.len(), ordered.len()))
        gone = [await close.missing(state, missing, read_at_us)] if is_wanted else []
    return await _guarded(state, pl.concat([*gone, await close.left(state)])) if is_wanted else None


async def _guarded(state: RunState, candidates: pl.DataFrame) -> pl.DataFrame | None:
    rules = state.job.deletes
    approved = candidates.filter(pl.col("key").is_in(list(state.order.approved)))
    candidates = candidates.join(approved, on="key", how="anti", maintain_order="left")
    needed = "delete" if rules.policy == "delete" else "update"
    if approved.height and needed in state.job.operations:
        await close.remove(state, approved, tuple(state.job.mapping.key))
    if not candidates.height:
        return None
    known = await _live_count(state) if candidates.height > rules.min_count else candidates.height
    if needed not in state.job.operations:
        state.notes.append(
            f"{counted(candidates.height, 'record')} would be removed, but target.operations has no {needed}"
        )
        return None
    if close.is_over_guard(candidates.height, known, rules.max_percent, rules.min_count):
        state.notes.append(
            f"{candidates.height:,} of {counted(known, 'record')} would be removed; the guard allows "
            f"{rules.max_percent} % or {rules.min_count}. Nothing was removed. "
            f"Approve with: ponte run {state.job.name} --approve {state.order.run}"
        )
        return candidates
    await close.remove(state, candidates, tuple(state.job.mapping.key))
    return None


async def _live_count(state: RunState) -> int:
    """How many records the target is known to have."""
    if isinstance(state.known, IndexedKnown):
        return state.known.live_count
    return IndexedKnown(await state.ports.ledger.known(state.writer.scope)).live_count


async def _forget(state: RunState, given_up: pl.DataFrame | None, passed_over: pl.Series) -> None:
    """Lets go of records that others succeed (REMOVED_SCHEMA), and of rejects that a whole reading did not bring."""
    keys = state.open_rejects["key"]
    again = pl.concat([passed_over, *state.rejected])
    done = keys.filter(~state.known.has_seen(hashes_of(keys)) & ~keys.is_in(again.implode()))
    removed = pl.DataFrame(schema=REMOVED_SCHEMA) if given_up is None else given_up
    if done.len() or removed.height:
        state.closed_rejects += done.len()
        await state.ports.failpoint("forget.before")
        await state.ports.ledger.commit(state.writer, Commit(result=state.result(), closed=done, removed=removed))
        await state.ports.failpoint("forget.after")


def _may_advance(state: RunState) -> bool:
    """Whether a whole reading of this kind shows that nothing up to its bound was passed over."""
    is_steady = not state.ports.source.capabilities.moves
    return state.order.read == "changes" or (state.order.read == "all" and is_steady)


async def _advance(state: RunState, upper: str) -> None:
    if state.holds_watermark:
        what = "was rejected" if not state.missed else "did not get through"
        state.notes.append(f"WatermarkHeld: what {what} cannot be read again by key; the next run starts before it")
        return
    durable = state.durable(upper)
    if durable == upper or state.watermark is None:
        state.watermark = later(state.watermark, durable)
    _note_future(state, upper)
    await state.ports.failpoint("watermark.before")
    await state.ports.ledger.commit(state.writer, Commit(result=state.result(), watermark=state.watermark))
    await state.ports.failpoint("watermark.after")


def _note_future(state: RunState, upper: str) -> None:
    """A record that says it will be changed in years to come would hide every change until then."""
    cursor = state.job.source_object.cursor
    if state.durable(upper) != upper and cursor is not None:
        state.notes.append(
            f"the source has {cursor.field} {upper[:40]}, which is in the future; the watermark stays at "
            f"{state.watermark}, and what is later is read again each time. Next: mend it in the source"
        )


def _note_missed(state: RunState) -> None:
    if state.missed:
        state.notes.append(
            f"KeysBusy: {told(state.missed, 'record', 'was', 'were')} being delivered by another run and could not be "
            "read again; the next run reads again"
        )


def _phase(state: RunState, pending: pl.DataFrame | None) -> tuple[Phase, str]:
    if pending is not None:
        return "AwaitingApproval", "DeletesAboveGuard"
    if state.shortcomings:
        return "PartiallySucceeded", "ReadingNotWhole"
    if state.missed:
        return "PartiallySucceeded", "KeysBusy"
    if state.found_rejects:
        return "PartiallySucceeded", "Rejects"
    return "Succeeded", "Completed"


async def _fail(state: RunState, error: PonteError) -> RunResult:
    """How the run ended; written too, if this run may still write."""
    with suppress(PonteError):
        await state.refresh_levels()
    phase: Phase = "Cancelled" if isinstance(error, Interrupted) else "Failed"
    failure = RunError(reason=error.reason, message=error.message, exit_code=error.exit_code)
    ended = state.ports.clock.now()
    result = state.result(phase, error.reason, ended_at=ended, error=failure)
    with suppress(PonteError):
        await state.ports.failpoint("fail.before")
        await state.ports.ledger.finish(state.writer, Ending(result))
        await state.ports.failpoint("fail.after")
    return result


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Does work while the block goes on. It ends with the block, and its errors are left to who meets them next."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _ready(target: Target) -> None:
    """The target gets ready while the first records are read; what keeps it from that, the first delivery says."""
    if isinstance(target, ReadiedTarget):
        await target.ready()


async def _keep_lease(state: RunState) -> None:
    """Renews the lease while the run goes on; a lost lease is found out by the next claim or commit."""
    while state.writer.is_leased:
        await asyncio.sleep(state.ports.lease_s / 3)
        with suppress(PonteError):
            await state.ports.ledger.renew(state.writer, state.ports.lease_s)
