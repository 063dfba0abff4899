"""Delivering a chunk in three steps: look up what may exist and claim; send, and settle what is unknown; commit.

The order of effects is the promise: a key is claimed durably before anything is sent, and the claim ends only in the
transaction that writes a definite answer. Whatever happens between leaves the key in doubt, and a key in doubt is
never taken for unchanged and never blindly created again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from ponte.engine import older, outages, settle
from ponte.engine.ledger_port import CLAIM_SCHEMA, ID_SCHEMA, RECORD_SCHEMA, REJECT_SCHEMA, Commit
from ponte.engine.ports import Delivery, Operation
from ponte.engine.rejecting import rejects_of
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
        is_whole = rows["row"].equals(self.work["row"])  # as a rule: what need not be copied is not
        return Delivery(
            operation=operation,
            frame=self.records if is_whole else self.records[rows["row"]],
            key=self.shape.key,
            target_ids=rows["target_id"],
            idempotency_keys=await settle.idempotency_keys(state, self.work["key"].gather(rows["row"]), operation),
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


@dataclass(frozen=True, slots=True)
class Alone:
    """Records of a chunk that are left alone.

    Attributes:
        lost: another writer has them, or has delivered newer (columns key, version).
        older: their version went back (columns row, key).
        erased: how many, because a person asked that they be forgotten.
    """

    lost: pl.DataFrame
    older: pl.DataFrame
    erased: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A chunk whose records may now be sent.

    Attributes:
        chunk: its work has the column `over` too (`older.over`).
        verdicts: what to do with each record (`settle.judge`), without those that are left alone.
        claim: None where nothing is to be sent.
        doubtful: keys that an older claim, never settled, has too.
        is_shared: other jobs may have created some of it since it was judged.
    """

    chunk: Chunk
    verdicts: pl.DataFrame
    claim: int | None
    doubtful: pl.Series
    alone: Alone
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A chunk that was sent as far as could be; the records themselves are let go of.

    Attributes:
        work, claim, alone: see `Claimed`.
        wanted: how many answers there should be.
        answers: by ANSWERED_SCHEMA; records that were not sent have none.
        error: why not all could be sent.
    """

    work: pl.DataFrame
    wanted: int
    claim: int | None
    alone: Alone
    answers: pl.DataFrame
    error: PonteError | None

    @property
    def is_well(self) -> bool:
        """Whether the target took all of it, and nothing became a reject."""
        return self.error is None and not self.alone.older.height and bool((self.answers["answer"] == "done").all())


async def claim(state: RunState, chunk: Chunk) -> Claimed:
    """Looks up what may exist, then claims what is to be sent: a claim means that this very operation may be sent.

    Raises:
        TransientError: the target cannot be asked.
        StateError: another run has taken over.
    """
    state.check_stop()
    chunk = replace(chunk, work=await older.over(state, chunk.work, chunk.operation))
    verdicts = await settle.judge(state, chunk.operation, chunk.work, chunk.records, chunk.shape.key)
    sent = chunk.work[verdicts.filter(pl.col("verdict").is_in(SENT))["row"]]
    if not sent.height:
        return Claimed(chunk, verdicts, None, sent["key"], Alone(sent.select("key", "version"), sent, 0))
    rows = sent.select("key", unless_same("natural_key"), operation=pl.lit(chunk.operation), version="over")
    await state.ports.failpoint("claim.before")
    live_s = state.begin_claim()
    with state.stage("claim"):
        read_at = None if state.is_again else state.read_at
        grant = await state.ports.ledger.claim(state.writer, rows.match_to_schema(CLAIM_SCHEMA), live_s, read_at)
    await state.ports.failpoint("claim.after")
    erased = sent.filter(pl.col("key").is_in(grant.erased.implode()))
    lost = sent.filter(pl.col("key").is_in(grant.lost.implode()))
    kept = verdicts.filter(~pl.col("row").is_in(pl.concat([erased["row"], lost["row"]]).implode()))
    back = await older.went_back(state, lost.filter(pl.col("key").is_in(grant.newer.implode())))
    others = lost.join(back, on="row", how="anti", maintain_order="left").select("key", "version")
    alone = Alone(others, back, erased.height)
    return Claimed(chunk, kept, grant.claim, grant.doubtful, alone, grant.is_shared)


async def send(state: RunState, claimed: Claimed) -> Sent:
    """Sends what is claimed. Never raises a PonteError: what was answered before it must be committed first."""
    chunk, verdicts = claimed.chunk, claimed.verdicts
    answered = [pl.DataFrame(schema=ANSWERED_SCHEMA)]
    error = None
    try:
        if claimed.is_shared:
            verdicts = await _judge_again(state, verdicts, _creates(chunk, verdicts))
        if not claimed.doubtful.is_empty():
            verdicts = await _judge_doubtful(state, chunk, verdicts, claimed.doubtful)
        answered.append(settle.answers_without_sending(verdicts))
        await _send_all(state, chunk, verdicts, answered)
    except PonteError as raised:
        error = raised
    answers = pl.concat(answered).filter(pl.col("answer") != "unsent").sort("row")
    return Sent(chunk.work, verdicts.height, claimed.claim, claimed.alone, answers, error)


async def commit(state: RunState, sent: Sent) -> None:
    """Commits what was answered; what was not sent is given back with the claim.

    Raises:
        PonteError: why not all could be sent.
        Interrupted: a stop signal kept some from being sent.
    """
    with state.counting():
        if sent.alone.erased:
            state.leave_erased(sent.alone.erased)
        if sent.alone.lost.height:
            state.lose(sent.alone.lost)
        await _commit(state, sent)
    if sent.error is not None:
        raise sent.error
    if sent.answers.height < sent.wanted:
        state.check_stop()


async def _judge_doubtful(state: RunState, chunk: Chunk, verdicts: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """Judges once more what turned out to have an older claim that was never settled, now that its time is over."""
    await state.ports.clock.sleep(state.ports.target.capabilities.settle_s)
    is_doubtful = chunk.work["key"].is_in(keys.implode())
    claimed = chunk.work.filter(is_doubtful).with_columns(unless_same("natural_key"), operation=pl.lit(chunk.operation))
    state.doubts = pl.concat([state.doubts, claimed.select(CLAIM_SCHEMA.names())])
    doubtful = chunk.only(is_doubtful)
    work = doubtful.work.with_columns(pl.lit(value=True).alias("is_doubtful"))
    return await _judge_again(state, verdicts, replace(doubtful, work=work))


def _creates(chunk: Chunk, verdicts: pl.DataFrame) -> Chunk:
    """What of the chunk is to be created."""
    rows = verdicts.filter(pl.col("verdict") == "create")["row"]
    return chunk.only(chunk.work["row"].is_in(rows.implode()))


async def _judge_again(state: RunState, verdicts: pl.DataFrame, part: Chunk) -> pl.DataFrame:
    """The verdicts, with newer ones for a part of the chunk."""
    judged = await settle.judge(state, part.operation, part.work, part.records, part.shape.key)
    again = judged.with_columns(part.work["row"].gather(judged["row"]).alias("row"))
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
        outages.check(state)
        anew = gone.filter(pl.col("verdict") == "create")
        await _bury(state, chunk.work[anew["row"]])
        creates = pl.concat([creates, anew])
    if creates.height:
        created = await _send(state, chunk, creates, "create")
        is_stale = _may_be_stale(state, chunk, created)
        answered.append(created.filter(~is_stale))
        if is_stale.any():
            answered.append(await _renewed(state, chunk, created.filter(is_stale)))
        outages.check(state)


async def _bury(state: RunState, work: pl.DataFrame) -> None:
    """Notes that records are gone, so that creating them anew is not taken for the create that the target knows."""
    if not work.height or not state.ports.target.capabilities.takes_idempotency_keys:
        return
    await state.ports.failpoint("bury.before")
    buried = Commit(result=state.result(), removed=work.select("key", version="over"))
    await state.ports.ledger.commit(state.writer, buried)
    await state.ports.failpoint("bury.after")


def _may_be_stale(state: RunState, chunk: Chunk, created: pl.DataFrame) -> pl.Series:
    """Which answers of creates may be about other content: a target that knows the key of a create looks at no more."""
    is_done = created["answer"] == "done"
    if not state.ports.target.capabilities.takes_idempotency_keys or "update" not in state.job.operations:
        return is_done & False
    return is_done & chunk.work["key"].is_in(state.doubts["key"].implode()).gather(created["row"])


async def _renewed(state: RunState, chunk: Chunk, created: pl.DataFrame) -> pl.DataFrame:
    """Answers of creates that an earlier run may have sent with other content: these are updated at once."""
    updated = await _send(state, chunk, created.select("row", "target_id"), "update")
    return updated.update(created.select("row", "target_id"), on="row").with_columns(done_as=pl.lit("create"))


async def _send(state: RunState, chunk: Chunk, rows: pl.DataFrame, operation: Operation) -> pl.DataFrame:
    ports = state.ports
    rows = outages.trouble_last(state, rows, chunk.work["key"])
    delivery = await chunk.delivery(state, rows, operation)
    await ports.failpoint("deliver.before")
    keys = chunk.work["key"].gather(rows["row"])
    with state.stage("deliver"):
        answers = await outages.deliver(state, delivery, keys, lambda: ports.failpoint("deliver.after"))
    return answers.select(
        rows["row"].gather(answers["row"]).alias("row"),
        pl.col("outcome").alias("answer"),
        pl.lit(operation).alias("done_as"),
        "target_id",
        "field",
        "reason",
        "message",
    )


async def _commit(state: RunState, sent: Sent) -> None:
    ports = state.ports
    rows = sent.work.join(sent.answers, on="row", how="inner", maintain_order="left")
    if sent.claim is None and not rows.height:
        return
    was_doubtful = pl.col("key").is_in(state.doubts["key"].implode())
    done = rows.filter(pl.col("answer") == "done")
    pending = rows.filter(pl.col("answer") == "open")["key"]
    failed = rows.filter(~pl.col("answer").is_in(["done", "open"]))
    written = done.filter(pl.col("done_as") != "skip")
    rejects = pl.concat([_rejects(failed), older.rejects_of_older(state, sent.alone.older)])
    closed = state.closing(done["key"])
    state.count(
        created=written.filter(pl.col("done_as") == "create").height,
        updated=written.filter(pl.col("done_as") == "update").height,
        skipped=done.height - written.height,
        rejected=rejects.height,
    )
    state.note_rejects(rejects, closed)
    stored = written.select(unless_same("natural_key"), "key", "fingerprint", "version", "over", "exists")
    healed = stored.filter(pl.col("over") > pl.col("version"))
    stored = stored.filter(pl.col("over") == pl.col("version"))
    outcome = Commit(
        result=state.result(),
        claim=sent.claim,
        unknown=pl.concat([failed.filter(pl.col("answer").ne_missing("rejected"))["key"], pending]),
        settled=rows.filter(was_doubtful & pl.col("answer").is_in(["done", "rejected"]))["key"],
        added=stored.filter(~pl.col("exists")).select(RECORD_SCHEMA.names()),
        changed=stored.filter("exists").select(RECORD_SCHEMA.names()),
        healed=healed.select(RECORD_SCHEMA.names()),
        ids=written.filter(pl.col("target_id").is_not_null()).select(ID_SCHEMA.names()),
        rejects=rejects,
        closed=closed,
    )
    await ports.failpoint("commit.before")
    with state.stage("commit"):
        await ports.ledger.commit(state.writer, outcome)
    await ports.failpoint("commit.after")
    state.settled.append(outcome.settled)


def _rejects(failed: pl.DataFrame) -> pl.DataFrame:
    if not failed.height:
        return pl.DataFrame(schema=REJECT_SCHEMA)
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
