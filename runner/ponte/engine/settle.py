"""Settling what may or may not be at the target: before a create, and after an answer that never came.

A create is safe to send again where the target upserts by our key or honours an idempotency key. Elsewhere it is looked
up by natural key first. With none of the three, an unknown create stops for a person as AmbiguousCreate.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from ponte.engine.canonical import hash_text
from ponte.engine.job import Job
from ponte.engine.ledger_port import Ledger, Scope
from ponte.engine.ports import ANSWER_SCHEMA, Delivery, Operation, TargetCapabilities
from ponte.engine.retry import DELAYS_S, retried
from ponte.engine.state import RunState
from ponte.errors import Interrupted, PonteError, TransientError

ANSWERED_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32,  # index into the chunk
        "answer": pl.String,  # done, rejected, unknown, unsent, or open: unknown as long as the target is down
        "done_as": pl.String,  # create, update, or skip for what was left alone
        "target_id": pl.String,
        "field": pl.String,
        "reason": pl.String,
        "message": pl.String,
    }
)
_VERDICTS = {
    "AlreadyExists": "the target has a record with this natural key that Ponte did not deliver, and onExisting is fail",
    "AmbiguousMatch": "the target has several records with this natural key; remove all but one, then retry the reject",
    "AmbiguousCreate": "an earlier create had no answer and the target offers no way to find out; look there, then "
    "`ponte rejects retry` to send it again or `ponte rejects skip` if it arrived",
    "NotFound": "the target has no record with this natural key, so it cannot be changed",
}


async def judge(
    state: RunState, operation: Operation, work: pl.DataFrame, records: pl.DataFrame, key: tuple[str, ...]
) -> pl.DataFrame:
    """What to do with each row: columns row, verdict (create, update, skip or a reason to reject), target_id."""
    ids = await _known_ids(state, operation, work)
    rows = work.select("is_doubtful", target_id=ids).with_row_index("row").with_columns(verdict=pl.lit(operation))
    capabilities = state.ports.target.capabilities
    if not _must_look(capabilities, operation, state.job):
        stuck = pl.col("is_doubtful") & pl.lit(operation == "create" and not _may_repeat(capabilities))
        return rows.with_columns(pl.when(stuck).then(pl.lit("AmbiguousCreate")).otherwise("verdict").alias("verdict"))
    asked = rows.filter(pl.col("target_id").is_null())["row"]
    found = await _find(state, records[asked], key, asked)
    return _verdicts(rows, found, operation, state.job)


def outcome_of_unknown(job: Job, capabilities: TargetCapabilities) -> Literal["create", "skipped"]:
    """What becomes of a record that the ledger does not know; to be created may turn out to be adopted (`judge`)."""
    may_adopt = capabilities.finds and _existing(job) == "update"
    return "create" if "create" in job.operations or may_adopt else "skipped"


def _must_look(capabilities: TargetCapabilities, operation: Operation, job: Job) -> bool:
    if not capabilities.finds:
        return False
    if operation == "create":
        return not capabilities.upserts or _existing(job) != "update" or "create" not in job.operations
    return capabilities.gives_ids


def _existing(job: Job) -> str:
    """What becomes of a record that the target has and the ledger does not know."""
    adopted = "update" if "update" in job.operations else "skip"
    return {"adopt": adopted, "skip": "skip", "fail": "AlreadyExists"}[job.on_existing]


async def locate(state: RunState, rows: pl.DataFrame, records: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """Verdicts whose ids lead nowhere, judged anew: the record is elsewhere by now, or must be created."""
    lost = rows.with_columns(pl.lit("create").alias("verdict"), pl.lit(None, dtype=pl.String).alias("target_id"))
    capabilities = state.ports.target.capabilities
    if not rows.height or capabilities.upserts or not capabilities.finds:
        return lost
    found = await _find(state, records[rows["row"]], key, rows["row"])
    return _verdicts(lost, found, "update", state.job).select(rows.columns)


def _may_repeat(capabilities: TargetCapabilities) -> bool:
    return capabilities.upserts or capabilities.takes_idempotency_keys


async def _known_ids(state: RunState, operation: Operation, work: pl.DataFrame) -> pl.Series:
    if operation == "create" or not state.ports.target.capabilities.gives_ids:
        return pl.Series("target_id", [None], dtype=pl.String).new_from_index(0, work.height)
    return await ids_beside(state.ports.ledger, state.writer.scope, work["natural_key"])


async def ids_beside(ledger: Ledger, scope: Scope, naturals: pl.Series) -> pl.Series:
    """The target's own ids of natural keys, row by row; null where none is known."""
    known = await ledger.target_ids(scope, naturals.unique())
    rows = naturals.alias("natural_key").to_frame()
    return rows.join(known, on="natural_key", how="left", maintain_order="left")["target_id"]


async def _find(state: RunState, records: pl.DataFrame, key: tuple[str, ...], rows: pl.Series) -> pl.DataFrame:
    """Columns row, matches, found_id; only rows that were found."""
    ports = state.ports
    with state.stage("find"):
        found = await retried(lambda: ports.target.find(key_fields(records, key)), ports.clock, state.check_stop)
    named = found.with_columns(rows.gather(found["row"]).alias("row"))
    return named.group_by("row").agg(pl.len().alias("matches"), pl.col("target_id").first().alias("found_id"))


def _verdicts(rows: pl.DataFrame, found: pl.DataFrame, operation: Operation, job: Job) -> pl.DataFrame:
    joined = rows.join(found, on="row", how="left", maintain_order="left")
    missing = "skip" if operation == "create" else "NotFound"
    verdict = (
        pl.when(pl.col("target_id").is_not_null())
        .then(pl.lit("update"))
        .when(pl.col("matches").is_null())
        .then(pl.lit("create" if "create" in job.operations else missing))
        .when(pl.col("matches") > 1)
        .then(pl.lit("AmbiguousMatch"))
        .when(pl.col("is_doubtful") | pl.lit(operation == "update"))
        .then(pl.lit("update"))
        .otherwise(pl.lit(_existing(job)))
    )
    return joined.select(
        "row", "is_doubtful", verdict.alias("verdict"), pl.coalesce("target_id", "found_id").alias("target_id")
    )


def answers_without_sending(verdicts: pl.DataFrame) -> pl.DataFrame:
    """ANSWERED_SCHEMA for rows whose verdict needs no call: left alone, or rejected."""
    unsent = verdicts.filter(~pl.col("verdict").is_in(["create", "update"]))
    if not unsent.height:
        return pl.DataFrame(schema=ANSWERED_SCHEMA)
    is_skip = pl.col("verdict") == "skip"
    answered = unsent.select(
        "row",
        pl.when(is_skip).then(pl.lit("done")).when(pl.col("verdict") == "AmbiguousCreate").then(pl.lit("unknown"))
        .otherwise(pl.lit("rejected")).alias("answer"),
        pl.lit("skip").alias("done_as"),
        "target_id",
        pl.lit(None, dtype=pl.String).alias("field"),
        pl.when(~is_skip).then(pl.col("verdict")).alias("reason"),
        pl.when(~is_skip).then(pl.col("verdict").replace(_VERDICTS)).alias("message"),
    )  # fmt: skip
    return answered.match_to_schema(ANSWERED_SCHEMA)


async def unknown_answers(state: RunState, delivery: Delivery, answers: pl.DataFrame) -> pl.DataFrame:
    """Replaces answers of unknown outcome by definite ones, as far as the target lets it be found out.

    What could not be sent again for now stays unknown: it may have arrived before.
    """
    if not (answers["outcome"] == "unknown").any():
        return answers
    capabilities = state.ports.target.capabilities
    for delay in DELAYS_S:
        rows = answers.filter(pl.col("outcome") == "unknown")["row"]
        if rows.is_empty() or not may_ask(capabilities, delivery.operation):
            break
        try:
            await state.ports.clock.sleep(max(delay, capabilities.settle_s))
        except Interrupted:
            break  # what was answered so far must be committed first
        if not state.may_send():
            break
        try:
            part = part_of(delivery, rows)
            newer = one_each(await _ask_again(state, part), part, rows).filter(pl.col("outcome") != "unsent")
        except TransientError:
            continue
        except PonteError:
            break  # the next call meets it too; what was acknowledged must be committed first
        answers = with_newer(answers, newer)
    return answers


def with_newer(answers: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """The answers, by row, with newer ones in the place of those that some rows had."""
    return pl.concat([answers.filter(~pl.col("row").is_in(newer["row"].implode())), newer]).sort("row")


def for_a_person(capabilities: TargetCapabilities, operation: Operation, answers: pl.DataFrame) -> pl.DataFrame:
    """The answers; unknown creates of which nobody but a person can find out what became of them are named so."""
    if may_ask(capabilities, operation):
        return answers
    name = "AmbiguousCreate"
    is_meant = pl.col("outcome") == "unknown"
    return answers.with_columns(
        pl.when(is_meant).then(pl.lit(name)).otherwise("reason").alias("reason"),
        pl.when(is_meant).then(pl.lit(_VERDICTS[name])).otherwise("message").alias("message"),
    )


def may_ask(capabilities: TargetCapabilities, operation: Operation) -> bool:
    """Whether it can be found out what became of an operation whose answer was lost."""
    return operation != "create" or _may_repeat(capabilities) or capabilities.finds


async def _ask_again(state: RunState, delivery: Delivery) -> pl.DataFrame:
    """Answers of the same delivery, sent again; creates that must not be repeated are looked up first."""
    target = state.ports.target
    if delivery.operation != "create" or _may_repeat(target.capabilities):
        return await target.deliver(delivery)
    found = await target.find(key_fields(delivery.frame, delivery.key))
    arrived = found.group_by("row", maintain_order=True).agg(pl.len().alias("matches"), pl.col("target_id").first())
    is_single = pl.col("matches") == 1
    answers = arrived.select(
        "row",
        pl.when(is_single).then(pl.lit("done")).otherwise(pl.lit("rejected")).cast(_OUTCOME).alias("outcome"),
        "target_id",
        pl.lit(None, dtype=pl.String).alias("field"),
        pl.when(~is_single).then(pl.lit("AmbiguousMatch")).alias("reason"),
        pl.when(~is_single).then(pl.lit(_VERDICTS["AmbiguousMatch"])).alias("message"),
    )
    every = pl.int_range(delivery.frame.height, dtype=pl.UInt32, eager=True)
    lost = every.filter(~every.is_in(arrived["row"].implode()))
    if lost.is_empty():
        return answers
    sent = one_each(await target.deliver(part_of(delivery, lost)), part_of(delivery, lost), lost)
    return pl.concat([answers, sent])


def one_each(answers: pl.DataFrame, delivery: Delivery, rows: pl.Series | None = None) -> pl.DataFrame:
    """ANSWER_SCHEMA with exactly one answer for each row sent: the first one counts, a missing one is unknown.

    Args:
        answers: what the target said; `row` counts within the delivery.
        delivery: what was sent.
        rows: what to call the rows instead.
    """
    sent = pl.int_range(delivery.frame.height, dtype=pl.UInt32, eager=True).alias("row").to_frame()
    first = answers.unique("row", keep="first")
    if answers.height == sent.height == first.height and answers["outcome"].null_count() == 0:
        joined = answers
    else:
        joined = sent.join(first, on="row", how="left", maintain_order="left").with_columns(
            pl.when(pl.col("outcome").is_null()).then(pl.lit("NoAnswer")).otherwise("reason").alias("reason"),
            pl.when(pl.col("outcome").is_null())
            .then(pl.lit("the target gave no answer for this record")).otherwise("message").alias("message"),
            pl.col("outcome").fill_null("unknown"),
        )  # fmt: skip
    plain = joined.select(ANSWER_SCHEMA.names()).cast({"outcome": _OUTCOME})
    return plain if rows is None else plain.with_columns(rows.gather(plain["row"]).alias("row"))


_OUTCOME = ANSWER_SCHEMA["outcome"]


def part_of(delivery: Delivery, rows: pl.Series) -> Delivery:
    """The same delivery of some of its rows."""
    return Delivery(
        operation=delivery.operation,
        frame=delivery.frame[rows],
        key=delivery.key,
        target_ids=delivery.target_ids.gather(rows),
        idempotency_keys=delivery.idempotency_keys.gather(rows),
        omit_null=delivery.omit_null,
        json_fields=delivery.json_fields,
        owns_whole_record=delivery.owns_whole_record,
    )


async def idempotency_keys(state: RunState, keys: pl.Series, operation: Operation) -> pl.Series:
    """What the target tells requests apart by, row by row beside source keys; null where it takes no such keys.

    A target does nothing when it knows the key already. So a create keeps its key, whatever its content, until the
    record is removed: one in doubt is not made twice, and what was removed can come back. Updates and deletes do no
    harm when they are done twice, but much if they are not done: theirs is new in each delivery.
    """
    if not state.ports.target.capabilities.takes_idempotency_keys:
        return pl.Series("idempotency_key", [None], dtype=pl.String).new_from_index(0, len(keys))
    if operation == "create":
        which = await _times_of_removal(state, keys)
    else:
        state.deliveries += 1
        which = pl.repeat(f"{state.order.run}/{state.deliveries}", len(keys), eager=True)
    text = pl.concat_str(pl.lit(f"{state.job.state_id}/{operation}/"), "key", pl.lit("/"), "which")
    named = pl.DataFrame([keys.alias("key"), which.alias("which")])
    return named.select(hash_text(text).cast(pl.String).alias("idempotency_key")).to_series()


async def _times_of_removal(state: RunState, keys: pl.Series) -> pl.Series:
    """When each record was removed from the target, as text; empty for one that never was."""
    details = await state.ports.ledger.details(state.writer.scope, keys)
    beside = keys.alias("key").to_frame().join(details, on="key", how="left", maintain_order="left")
    return beside["deleted_at"].cast(pl.String).fill_null("")


def key_fields(records: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """The fields of the natural key, each a column named by its path."""
    columns = []
    for path in key:
        name, *rest = path.split(".")
        value = pl.col(name)
        for member in rest:
            value = value.struct.field(member)
        columns.append(value.alias(path))
    return records.select(columns)
