"""Delivering a batch: claim, look up what may exist, deliver, settle what is unknown, commit. Chunk by chunk.

The order of effects is the promise: a key is claimed durably before anything is sent, and the claim ends only in the
transaction that writes a definite answer. Whatever happens between leaves the key in doubt, and a key in doubt is
never taken for unchanged and never blindly created again.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ponte.engine import settle
from ponte.engine.ledger_port import CLAIM_SCHEMA, ID_SCHEMA, RECORD_SCHEMA, REJECT_SCHEMA, Commit
from ponte.engine.ports import Delivery, Operation
from ponte.engine.rejecting import rejects_of
from ponte.engine.retry import retried
from ponte.engine.settle import ANSWERED_SCHEMA
from ponte.engine.state import RunState
from ponte.errors import PonteError

CLAIM_MARGIN_S = 30.0
_NO_ID = pl.lit(None, dtype=pl.String)
_AMBIGUOUS = ("AmbiguousCreate", "AmbiguousMatch")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the Mapping says of all records: paths of the natural key, and of fields not sent when they hold nothing."""

    key: tuple[str, ...]
    omit_null: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one operation: `work` as in `examine.Examined`, `records` row by row beside it."""

    operation: Operation
    work: pl.DataFrame
    records: pl.DataFrame
    shape: Shape

    def only(self, mask: pl.Series) -> Chunk:
        """The rows where the mask is true."""
        return Chunk(self.operation, self.work.filter(mask), self.records.filter(mask), self.shape)

    def delivery(self, state: RunState, rows: pl.DataFrame, operation: Operation) -> Delivery:
        """What is sent for the rows (columns row, target_id)."""
        return Delivery(
            operation=operation,
            frame=self.records[rows["row"]],
            key=self.shape.key,
            target_ids=rows["target_id"],
            idempotency_keys=settle.idempotency_keys(state, self.work[rows["row"]], operation),
            omit_null=self.shape.omit_null,
            owns_whole_record=state.job.owns_whole_record,
        )


def chunks_of(work: pl.DataFrame, records: pl.DataFrame, size: int, shape: Shape) -> list[Chunk]:
    """Splits work into chunks of one operation and at most `size` records; creates come first."""
    chunks = []
    operations: tuple[Operation, ...] = ("create", "update")
    for operation in operations:
        mask = work["outcome"] == operation
        chosen = Chunk(operation, work.filter(mask), records.filter(mask), shape)
        chunks += [
            Chunk(operation, chosen.work.slice(start, size), chosen.records.slice(start, size), shape)
            for start in range(0, chosen.work.height, size)
        ]
    return chunks


async def deliver(state: RunState, chunk: Chunk) -> None:
    """Delivers one chunk and commits what came of it.

    Raises:
        TransientError: the target cannot be reached; where nothing of the chunk was applied its claim is given back.
        StateError: another run has taken over.
    """
    state.check_stop()
    chunk, claim = await _claim(state, chunk)
    if chunk.work.is_empty():
        await state.ports.ledger.commit(state.writer, Commit(claim=claim, result=state.result()))
        return
    verdicts = await settle.judge(state, chunk.operation, chunk.work, chunk.records, chunk.shape.key)
    parts = [settle.answers_without_sending(verdicts)]
    updates = verdicts.filter(pl.col("verdict") == "update")
    creates = verdicts.filter(pl.col("verdict") == "create")
    try:
        if updates.height:
            answers = await _send(state, chunk, updates, "update")
            gone = answers.filter(_is_gone(state))
            parts.append(answers.join(gone, on="row", how="anti"))
            creates = pl.concat([creates, updates.join(gone, on="row", how="semi").with_columns(target_id=_NO_ID)])
        if creates.height:
            parts.append(await _send(state, chunk, creates, "create"))
    except PonteError:
        if len(parts) == 1:
            await state.ports.ledger.commit(state.writer, Commit(claim=claim, result=state.result()))
        raise
    await _commit(state, chunk, claim, pl.concat(parts).sort("row"))


def _is_gone(state: RunState) -> pl.Expr:
    """Records that somebody else removed from the target: they are created anew, where the job may create."""
    return (pl.col("reason") == "NotFound").fill_null(value=False) & pl.lit("create" in state.job.operations)


async def _claim(state: RunState, chunk: Chunk) -> tuple[Chunk, int]:
    ports = state.ports
    rows = chunk.work.select("key", unless_same("natural_key"), pl.lit(chunk.operation).alias("operation"), "version")
    await ports.failpoint("claim.before")
    live_s = max(ports.lease_s, ports.target.capabilities.timeout_s + CLAIM_MARGIN_S)
    with state.stage("claim"):
        grant = await ports.ledger.claim(state.writer, rows.match_to_schema(CLAIM_SCHEMA), live_s)
    await ports.failpoint("claim.after")
    if not grant.lost.is_empty():
        lost = chunk.work["key"].is_in(grant.lost.implode())
        state.again.append(grant.lost)
        state.count(superseded=int(lost.sum()))
        chunk = chunk.only(~lost)
    if not grant.doubtful.is_empty():
        is_doubtful = pl.col("is_doubtful") | pl.col("key").is_in(grant.doubtful.implode())
        work = chunk.work.with_columns(is_doubtful.alias("is_doubtful"))
        chunk = Chunk(chunk.operation, work, chunk.records, chunk.shape)
    return chunk, grant.claim


async def _send(state: RunState, chunk: Chunk, rows: pl.DataFrame, operation: Operation) -> pl.DataFrame:
    ports = state.ports
    delivery = chunk.delivery(state, rows, operation)
    await ports.failpoint("deliver.before")
    with state.stage("deliver"):
        answers = await retried(lambda: ports.target.deliver(delivery), ports.clock, state.check_stop)
        await ports.failpoint("deliver.after")
        answers = await settle.unknown_answers(state, delivery, answers)
    return answers.select(
        rows["row"].gather(answers["row"]).alias("row"),
        pl.col("outcome").cast(pl.String).alias("answer"),
        pl.lit(operation).alias("done_as"),
        "target_id",
        "field",
        "reason",
        "message",
    )


async def _commit(state: RunState, chunk: Chunk, claim: int, answered: pl.DataFrame) -> None:
    ports = state.ports
    rows = chunk.work.drop("row").with_row_index("row").join(answered, on="row", how="left", maintain_order="left")
    done = rows.filter(pl.col("answer") == "done")
    failed = rows.filter(pl.col("answer").ne_missing("done"))
    written = done.filter(pl.col("done_as") != "skip")
    rejects = _rejects(failed)
    closed = state.closing(done["key"])
    state.count(
        created=written.filter(pl.col("done_as") == "create").height,
        updated=written.filter(pl.col("done_as") == "update").height,
        skipped=done.height - written.height,
        rejected=failed.height,
    )
    state.note_rejects(rejects, closed)
    stored = written.select(unless_same("natural_key"), "key", "fingerprint", "version", "exists")
    commit = Commit(
        result=state.result(),
        claim=claim,
        unknown=failed.filter(pl.col("answer").ne_missing("rejected"))["key"],
        settled=rows.filter(pl.col("is_doubtful") & pl.col("answer").is_in(["done", "rejected"]))["key"],
        added=stored.filter(~pl.col("exists")).select(RECORD_SCHEMA.names()),
        changed=stored.filter("exists").select(RECORD_SCHEMA.names()),
        ids=written.filter(pl.col("target_id").is_not_null()).select(ID_SCHEMA.names()),
        rejects=rejects,
        closed=closed,
    )
    await ports.failpoint("commit.before")
    with state.stage("commit"):
        await ports.ledger.commit(state.writer, commit)
    await ports.failpoint("commit.after")
    state.known.delivered(written["natural"])


def _rejects(failed: pl.DataFrame) -> pl.DataFrame:
    faults = failed.select("row", "field", "reason", "message")
    is_ambiguous = pl.col("reason").is_in(_AMBIGUOUS)
    return pl.concat(
        [
            pl.DataFrame(schema=REJECT_SCHEMA),
            rejects_of(failed, faults.filter(~is_ambiguous), "deliver"),
            rejects_of(failed, faults.filter(is_ambiguous), "deliver", "ambiguous"),
        ]
    )


def unless_same(natural_key: str) -> pl.Expr:
    """The natural key, or null where it is the source key: the ledger stores it once."""
    return pl.when(pl.col(natural_key) != pl.col("key")).then(pl.col(natural_key)).alias("natural_key")


__all__ = ["ANSWERED_SCHEMA", "Chunk", "Shape", "chunks_of", "deliver", "unless_same"]
