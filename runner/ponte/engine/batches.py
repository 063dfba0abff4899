"""One batch from what is prepared to the ledger: look up, decide, deliver, account for."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ponte.engine import examine, threshold
from ponte.engine.deliver import chunks_of, deliver
from ponte.engine.examine import Examined
from ponte.engine.known import QueriedKnown
from ponte.engine.ledger_port import Commit
from ponte.engine.ports import Batch
from ponte.engine.preparing import Prepared
from ponte.engine.rejecting import rejects_of_batch, rejects_of_pieces
from ponte.engine.state import RunState
from ponte.engine.wording import told
from ponte.errors import StateError


async def process(state: RunState, item: Prepared | Batch, watermark: str | None) -> None:
    """Processes one batch; when it returns, all of it is durable and accounted for.

    Args:
        state: the run.
        item: a prepared batch, or one without records.
        watermark: to be written with the batch if it may pass what was rejected; None leaves it.

    Raises:
        RejectThreshold: too many new rejects; nothing of this batch was delivered.
    """
    batch = item.batch if isinstance(item, Prepared) else item
    state.unreadable += len(batch.unreadable)
    unreadable = rejects_of_pieces(batch.unreadable)
    read_before = state.account.read
    closing = _Closing(unreadable, len(batch.unreadable), watermark)
    if isinstance(item, Prepared):
        examined = await _examine(state, item)
        is_final = state.is_again or not state.can_read_keys
        rejects = rejects_of_batch(examined, read_before, is_final=is_final)
        rejects = pl.concat([rejects, unreadable])
        await threshold.check_before(state, rejects, batch.frame.height)
        for chunk in chunks_of(examined.work, examined.records, state.ports.target.capabilities.chunk, item.shape):
            await deliver(state, chunk)
            threshold.check_after(state)
        if not is_final:
            state.again.append(examined.rows.filter(pl.col("outcome") == "duplicate").select("key", "version"))
        closing = _Closing(rejects, len(batch.unreadable), watermark, examined)
    await _close_batch(state, closing, read_before + batch.frame.height + len(batch.unreadable))


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
            state.contested.append(considered.rows["natural"].filter(taken))
        doubtful = considered.rows["key"].is_in(pl.concat([state.doubts["key"], outside.claimed]).implode())
        decided = examine.decide(considered, taken, doubtful, state.job, state.order)
        return examine.assemble(rows, first, item.mapped, considered, decided)


async def _viewed(state: RunState, rows: pl.DataFrame, newest: QueriedKnown | None) -> pl.DataFrame:
    """VIEW_SCHEMA of a batch; what was loaded at open is not believed once others have written."""
    view = await state.known.view(rows["key"], rows["hash"])
    if newest is None:
        return view
    return (await newest.view(rows["key"], rows["hash"])).with_columns(view["seen"])


@dataclass(frozen=True, slots=True)
class _Closing:
    rejects: pl.DataFrame
    unreadable: int
    watermark: str | None
    examined: Examined | None = None


async def _close_batch(state: RunState, closing: _Closing, read: int) -> None:
    """Accounts for what was not delivered; `read` is what the account must come to."""
    examined = closing.examined
    closed = pl.Series("key", [], dtype=pl.String)
    if examined is not None:
        keyless = examined.count("keyless")
        state.keyless += keyless
        fine = examined.rows.filter(pl.col("outcome").is_in(["unchanged", "skipped", "left"]))
        left = examined.rows.filter(pl.col("outcome") == "left")
        state.left.append(left.select("key", "version"))
        closed = state.closing(fine["key"])
        state.count(
            unchanged=examined.count("unchanged"),
            skipped=examined.count("skipped"),
            left=left.height,
            rejected=examined.count("rejected") + keyless,
            duplicate=examined.count("duplicate"),
            deferred=examined.count("deferred"),
        )
    if closing.unreadable:
        state.count(rejected=closing.unreadable)
    state.note_rejects(closing.rejects, closed)
    _check_account(state, read)
    watermark = None if state.holds_watermark else closing.watermark
    state.watermark = watermark or state.watermark
    says_more = closing.rejects.height or closed.len() or watermark is not None
    if not says_more and not state.is_checkpoint_due():
        return
    commit = Commit(result=state.result(), rejects=closing.rejects, closed=closed, watermark=watermark)
    await state.ports.failpoint("close-batch.before")
    with state.stage("commit"):
        await state.ports.ledger.commit(state.writer, commit)
    await state.ports.failpoint("close-batch.after")


def _check_account(state: RunState, read: int) -> None:
    """Only a batch whose account closes may move the watermark."""
    if state.account.read != read or not state.account.is_closed:
        raise StateError(
            f"SyncJob {state.job.name}: {told(read, 'record', 'was', 'were')} read, but the account has "
            f"{state.account.read:,}: some record got lost inside Ponte, or was counted "
            "twice. The watermark stays; please report this.",
            reason="AccountNotClosed",
        )
