"""Closing a reading of all: what vanished or was left goes last, and only when that is certain.

Vanished is what is known and live and was not seen by one uninterrupted, complete reading. Every record seen counts as
seen, whatever became of it. One record without a usable key, an unreadable piece or a short reading forbids deletes.
Each candidate is confirmed by key, or by a second reading; above the guard a person must approve.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from ponte.engine import outages
from ponte.engine.canonical import hashes_of, key_text
from ponte.engine.doubts import natural_key_fields
from ponte.engine.hashes import HashSet
from ponte.engine.known import IndexedKnown, Known
from ponte.engine.ledger_port import CLAIM_SCHEMA, REJECT_SCHEMA, REMOVED_SCHEMA, Commit, Grant
from ponte.engine.older import over, rejects_of_older
from ponte.engine.ports import Delivery, Operation, Read
from ponte.engine.reading import keys_frame, timed_batches
from ponte.engine.rejecting import rejects_of
from ponte.engine.settle import idempotency_keys, ids_beside
from ponte.engine.state import RunState
from ponte.errors import PonteError

# Columns of what is to be removed: key, natural_key (full text), version, why (vanished or left)
CANDIDATE_SCHEMA = pl.Schema({"key": pl.String, "natural_key": pl.String, "version": pl.Int64, "why": pl.String})
_MOVED = (
    "DeletesForbidden: the list moved while it was read: the second reading, which was to confirm deletes, did not "
    "bring again all that the first had. The next run tries again. Where it stays: let records be read by key"
)


async def vanished(state: RunState, known: IndexedKnown, read_at_us: int) -> pl.DataFrame:
    """CANDIDATE_SCHEMA: known records that the source certainly no longer has."""
    unseen = known.unseen()
    if unseen.is_empty():
        return pl.DataFrame(schema=CANDIDATE_SCHEMA)
    details = await state.ports.ledger.details_of_hashes(state.writer.scope, unseen)
    return await gone(state, details, read_at_us)


async def missing(state: RunState, keys: pl.Series, read_at_us: int) -> pl.DataFrame:
    """CANDIDATE_SCHEMA: records with these keys, which were asked for, that the source certainly does not have."""
    details = await state.ports.ledger.details(state.writer.scope, keys)
    return await gone(state, details.filter(~pl.col("deleted")), read_at_us)


async def gone(state: RunState, details: pl.DataFrame, read_at_us: int) -> pl.DataFrame:
    """CANDIDATE_SCHEMA: those of the records (DETAIL_SCHEMA) that the source, asked again, still does not have."""
    if not details.height:
        return pl.DataFrame(schema=CANDIDATE_SCHEMA)
    if state.shortcomings:
        state.notes.append(f"DeletesForbidden: {details.height:,} known records were not seen by a reading not whole")
        return pl.DataFrame(schema=CANDIDATE_SCHEMA)
    absent = await confirm(state, details["key"])
    missing = details.filter(pl.col("key").is_in(absent.implode()))
    if state.job.source_object.version is None:  # at least its own: it was asked for after that was delivered
        missing = missing.with_columns(pl.max_horizontal("version", pl.lit(read_at_us, dtype=pl.Int64)))
    return candidates_of(missing, "vanished")


async def confirm(state: RunState, keys: pl.Series) -> pl.Series:
    """Those of the keys that the source, asked again, still does not have; none where it did not answer wholly."""
    job, second = state.job, _Second()
    columns = tuple(job.source_object.key)
    is_by_key = state.can_read_keys
    if is_by_key:
        parts = [keys.slice(start, job.batch_size) for start in range(0, len(keys), job.batch_size)]
        reads = [Read("keys", job.batch_size, columns=columns, keys=keys_frame(job, part)) for part in parts]
    else:
        reads = [Read("all", job.batch_size, columns=columns)]
    for read in reads:
        if not await _collect(state, read, second):
            state.notes.append("DeletesForbidden: the second reading, which was to confirm deletes, was not whole")
            return keys.clear()
    if not is_by_key and (second.common, second.repeats) != (state.brought, state.repeats):
        state.notes.append(_MOVED)
        return keys.clear()
    return keys.filter(~second.present.contains(hashes_of(keys)))


@dataclass(slots=True)
class _Second:
    """What a second reading brought: hashes of keys, how many of them the first had too, how often one came again."""

    present: HashSet = field(default_factory=HashSet)
    common: int = 0
    repeats: int = 0

    def add(self, hashes: pl.Series, known: Known) -> None:
        fresh = hashes.unique()
        fresh = fresh.filter(~self.present.contains(fresh))
        self.present.add(fresh)
        self.common += int(known.has_seen(fresh).sum())
        self.repeats += len(hashes) - len(fresh)


async def _collect(state: RunState, read: Read, second: _Second) -> bool:
    """Notes the keys that a reading brings; whether it was whole and each record had one."""
    is_whole, is_clear = False, True
    async for batch in timed_batches(state, read):
        keys = (
            key_text(batch.frame, state.job.source_object.key) if batch.frame.height else pl.Series([], dtype=pl.String)
        )
        is_clear = is_clear and not batch.unreadable and not keys.null_count()
        second.add(hashes_of(keys.drop_nulls().alias("key")), state.known)
        is_whole = is_whole or batch.is_last
    return is_whole and is_clear


async def passed_over(state: RunState) -> pl.Series:
    """Keys of doubts and rejects that a whole reading did not bring, though the source has them, or may have them."""
    keys = pl.concat([state.doubts["key"], state.open_rejects["key"]]).unique(maintain_order=True)
    unseen = keys.filter(~state.known.has_seen(hashes_of(keys)))
    if unseen.is_empty() or not state.ports.source.capabilities.moves:
        return keys.clear()
    absent = await confirm(state, unseen)
    return unseen.filter(~unseen.is_in(absent.implode()))


async def left(state: RunState) -> pl.DataFrame:
    """CANDIDATE_SCHEMA: known records that `where` or the audience now leaves out."""
    rows = pl.concat([pl.DataFrame(schema={"key": pl.String, "version": pl.Int64}), *state.left])
    details = await state.ports.ledger.details(state.writer.scope, rows["key"])
    live = details.filter(~pl.col("deleted")).drop("version").join(rows, on="key")
    return candidates_of((await over(state, live, "delete")).with_columns(version="over"), "left")


def candidates_of(details: pl.DataFrame, why: str) -> pl.DataFrame:
    """CANDIDATE_SCHEMA of details."""
    natural = pl.coalesce("natural_key", "key").alias("natural_key")
    return details.select("key", natural, "version", pl.lit(why).alias("why"))


def is_over_guard(removals: int, known: int, max_percent: Decimal, min_count: int) -> bool:
    """Whether so many removals need a person: more than `min_count`, and more than the share of what is known."""
    return removals > min_count and removals * 100 > max_percent * known


async def remove(state: RunState, candidates: pl.DataFrame, key: tuple[str, ...]) -> None:
    """Removes or deactivates records at the target, chunk by chunk; what is refused becomes a reject."""
    size = state.ports.target.capabilities.chunk
    for start in range(0, candidates.height, size):
        state.check_stop()
        await _remove_chunk(state, candidates.slice(start, size), key)


async def _remove_chunk(state: RunState, rows: pl.DataFrame, key: tuple[str, ...]) -> None:
    ports = state.ports
    operation: Operation = "delete" if state.job.deletes.policy == "delete" else "update"
    claimed = rows.select("key", "natural_key", pl.lit(operation).alias("operation"), "version")
    await ports.failpoint("claim-delete.before")
    live_s = state.begin_claim()
    grant = await ports.ledger.claim(state.writer, claimed.match_to_schema(CLAIM_SCHEMA), live_s)
    await ports.failpoint("claim-delete.after")
    older = _left_alone(state, rows, grant)
    rows = rows.filter(~pl.col("key").is_in(pl.concat([grant.lost, grant.erased]).implode()))
    if not rows.height:
        await ports.ledger.commit(state.writer, Commit(claim=grant.claim, result=state.result(), rejects=older))
        return
    delivery = await _delivery(state, rows, operation, key)
    await ports.failpoint("delete.before")
    with state.stage("deliver"):
        try:
            answers = await outages.deliver(state, delivery, rows["key"], lambda: ports.failpoint("delete.after"))
        except PonteError:
            await ports.ledger.commit(state.writer, Commit(claim=grant.claim, result=state.result(), rejects=older))
            raise
    sent = answers.filter(pl.col("outcome") != "unsent")
    answered = rows.with_row_index("row").join(sent, on="row", maintain_order="left")
    with state.counting():
        await _commit(state, answered, grant.claim, older)
    outages.check(state)
    if answered.height < rows.height:
        state.check_stop()


def _left_alone(state: RunState, rows: pl.DataFrame, grant: Grant) -> pl.DataFrame:
    """REJECT_SCHEMA: what is not removed since the ledger has it newer; what another run has is for the next run."""
    is_older = pl.col("key").is_in(grant.newer.implode())
    busy = rows.filter(pl.col("key").is_in(grant.lost.implode()) & ~is_older)
    state.again.append(busy.select("key", "version"))
    rejects = rejects_of_older(state, rows.filter(is_older).with_row_index("row"))
    state.note_rejects(rejects, rejects["key"].clear())
    return rejects


async def _delivery(state: RunState, rows: pl.DataFrame, operation: Operation, key: tuple[str, ...]) -> Delivery:
    fields = natural_key_fields(rows["natural_key"], key)
    if operation == "update":
        fields = fields.with_columns(pl.lit(value).alias(name) for name, value in state.job.deletes.set_fields)
    ids = await ids_beside(state.ports.ledger, state.writer.scope, rows["natural_key"])
    return Delivery(operation, fields, key, ids, await idempotency_keys(state, rows["key"], operation))


async def _commit(state: RunState, answered: pl.DataFrame, claim: int, older: pl.DataFrame) -> None:
    is_done = (pl.col("outcome") == "done") | (pl.col("reason") == "NotFound")
    done = answered.filter(is_done.fill_null(value=False))
    is_open = pl.col("outcome") == "open"
    pending = answered.filter(is_open)["key"]
    failed = answered.filter(~is_open).join(done, on="row", how="anti", maintain_order="left")
    state.count_deleted(done.height)
    rejects = pl.concat(
        [
            pl.DataFrame(schema=REJECT_SCHEMA),
            rejects_of(failed, failed.select("row", "field", "reason", "message"), "deliver"),
        ]
    )
    closed = state.closing(done["key"])
    state.note_rejects(rejects, closed)
    commit = Commit(
        result=state.result(),
        claim=claim,
        unknown=pl.concat([failed.filter(pl.col("outcome").ne_missing("rejected"))["key"], pending]),
        removed=done.select(REMOVED_SCHEMA.names()),
        settled=done["key"],
        rejects=pl.concat([older, rejects]),
        closed=closed,
    )
    await state.ports.failpoint("commit-delete.before")
    await state.ports.ledger.commit(state.writer, commit)
    await state.ports.failpoint("commit-delete.after")
    state.settled.append(commit.settled)
