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

SENT = ("create", "update")
_AMBIGUOUS = ("AmbiguousCreate", "AmbiguousMatch")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the Mapping says of all records: paths of the natural key, of fields not sent when null, of JSON text."""

    key: tuple[str, ...]
    omit_null: frozenset[str] = frozenset()
    json_fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one operation: `work` as in `Examined` but counted here, `records` beside it."""

    operation: Operation
    work: pl.DataFrame
    records: pl.DataFrame
    shape: Shape

    def only(self, mask: pl.Series) -> Chunk:
        """The rows where the mask is true."""
        return Chunk(self.operation, self.work.filter(mask), self.records.filter(mask), self.shape)

    async def delivery(self, state: RunState, rows: pl.DataFrame, operation: Operation) -> Delivery:
        """What is sent for the rows (columns row, target_id)."""
        return Delivery(
            operation=operation,
            frame=self.records[rows["row"]],
            key=self.shape.key,
            target_ids=rows["target_id"],
            idempotency_keys=await settle.idempotency_keys(state, self.work[rows["row"]], operation),
            omit_null=self.shape.omit_null,
            json_fields=self.shape.json_fields,
            owns_whole_record=state.job.owns_whole_record,
        )


def chunks_of(work: pl.DataFrame, records: pl.DataFrame, size: int, shape: Shape) -> list[Chunk]:
    """Splits work into chunks of one operation and at most `size` records; creates come first."""
    chunks = []
    operations: tuple[Operation, ...] = ("create", "update")
    for operation in operations:
        mask = work["outcome"] == operation
        chosen, beside = work.filter(mask).drop("row"), records.filter(mask)
        chunks += [
            Chunk(operation, chosen.slice(start, size).with_row_index("row"), beside.slice(start, size), shape)
            for start in range(0, chosen.height, size)
        ]
    return chunks


async def deliver(state: RunState, chunk: Chunk) -> None:
    """Delivers one chunk and commits what came of it.

    Looking up comes before claiming, so that a claim means: this very operation may have been sent.

    Raises:
        TransientError: the target cannot be reached; what was answered is committed, the rest is given back.
        StateError: another run has taken over.
    """
    state.check_stop()
    verdicts = await settle.judge(state, chunk.operation, chunk.work, chunk.records, chunk.shape.key)
    claim, doubtful = None, pl.Series("key", [], dtype=pl.String)
    if verdicts["verdict"].is_in(SENT).any():
        verdicts, claim, doubtful = await _claim(state, chunk, verdicts)
    answered = [pl.DataFrame(schema=ANSWERED_SCHEMA)]
    try:
        if not doubtful.is_empty():
            verdicts = await _judge_doubtful(state, chunk, verdicts, doubtful)
        answered.append(settle.answers_without_sending(verdicts))
        await _send_all(state, chunk, verdicts, answered)
    except PonteError:
        await _commit(state, chunk, claim, pl.concat(answered).sort("row"))
        raise
    await _commit(state, chunk, claim, pl.concat(answered).sort("row"))
    if sum(part.height for part in answered) < verdicts.height:
        state.check_stop()


async def _claim(state: RunState, chunk: Chunk, verdicts: pl.DataFrame) -> tuple[pl.DataFrame, int, pl.Series]:
    """Claims what is to be sent; gives the verdicts without those that another writer has, and what is doubtful."""
    ports = state.ports
    sent = chunk.work[verdicts.filter(pl.col("verdict").is_in(SENT))["row"]]
    rows = sent.select("key", unless_same("natural_key"), pl.lit(chunk.operation).alias("operation"), "version")
    await ports.failpoint("claim.before")
    live_s = state.begin_claim()
    with state.stage("claim"):
        grant = await ports.ledger.claim(state.writer, rows.match_to_schema(CLAIM_SCHEMA), live_s)
    await ports.failpoint("claim.after")
    if not grant.erased.is_empty():
        erased = sent.filter(pl.col("key").is_in(grant.erased.implode()))
        state.leave_erased(erased.height)
        verdicts = verdicts.filter(~pl.col("row").is_in(erased["row"].implode()))
    if not grant.lost.is_empty():
        lost = sent.filter(pl.col("key").is_in(grant.lost.implode()))
        state.lose(lost.select("key", "version"))
        verdicts = verdicts.filter(~pl.col("row").is_in(lost["row"].implode()))
    return verdicts, grant.claim, grant.doubtful


async def _judge_doubtful(state: RunState, chunk: Chunk, verdicts: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """Judges once more what turned out to have an older claim that was never settled, now that its time is over."""
    await state.ports.clock.sleep(state.ports.target.capabilities.settle_s)
    is_doubtful = chunk.work["key"].is_in(keys.implode())
    claimed = chunk.work.filter(is_doubtful).with_columns(unless_same("natural_key"), operation=pl.lit(chunk.operation))
    state.doubts = pl.concat([state.doubts, claimed.select(CLAIM_SCHEMA.names())])
    doubtful = chunk.only(is_doubtful)
    work = doubtful.work.with_columns(pl.lit(value=True).alias("is_doubtful"))
    judged = await settle.judge(state, chunk.operation, work, doubtful.records, chunk.shape.key)
    again = judged.with_columns(doubtful.work["row"].gather(judged["row"]).alias("row"))
    return pl.concat([verdicts.join(again, on="row", how="anti"), again.select(verdicts.columns)]).sort("row")


async def _send_all(state: RunState, chunk: Chunk, verdicts: pl.DataFrame, answered: list[pl.DataFrame]) -> None:
    """Sends updates, then creates; what somebody else removed from the target is created anew where the job may."""
    updates = verdicts.filter(pl.col("verdict") == "update")
    creates = verdicts.filter(pl.col("verdict") == "create")
    if updates.height:
        answers = await _send(state, chunk, updates, "update")
        is_gone = (pl.col("reason") == "NotFound").fill_null(value=False) & pl.lit("create" in state.job.operations)
        answered.append(answers.filter(~is_gone))
        lost = updates.join(answers.filter(is_gone), on="row", how="semi", maintain_order="left")
        gone = await settle.locate(state, lost, chunk.records, chunk.shape.key)
        moved = gone.filter(pl.col("verdict") == "update")
        if moved.height:
            answered.append(await _send(state, chunk, moved, "update"))
        creates = pl.concat([creates, gone.filter(pl.col("verdict") == "create")])
    if creates.height:
        answered.append(await _send(state, chunk, creates, "create"))


async def _send(state: RunState, chunk: Chunk, rows: pl.DataFrame, operation: Operation) -> pl.DataFrame:
    ports = state.ports
    delivery = await chunk.delivery(state, rows, operation)
    await ports.failpoint("deliver.before")
    with state.stage("deliver"):
        answers = await retried(lambda: ports.target.deliver(delivery), ports.clock, state.check_sending)
        await ports.failpoint("deliver.after")
        answers = await settle.unknown_answers(state, delivery, settle.one_each(answers, delivery))
    answers = settle.without_unsent(answers)
    return answers.select(
        rows["row"].gather(answers["row"]).alias("row"),
        pl.col("outcome").cast(pl.String).alias("answer"),
        pl.lit(operation).alias("done_as"),
        "target_id",
        "field",
        "reason",
        "message",
    )


async def _commit(state: RunState, chunk: Chunk, claim: int | None, answered: pl.DataFrame) -> None:
    """Commits what was answered; what was not sent is given back with the claim."""
    ports = state.ports
    rows = chunk.work.join(answered, on="row", how="inner", maintain_order="left")
    if claim is None and not rows.height:
        return
    was_doubtful = pl.col("key").is_in(state.doubts["key"].implode())
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
        settled=rows.filter(was_doubtful & pl.col("answer").is_in(["done", "rejected"]))["key"],
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
    state.settled.append(commit.settled)
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
