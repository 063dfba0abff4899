"""One batch from the source to the ledger: identify, map, look up, decide, deliver, account for."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from ponte.engine import examine
from ponte.engine.canonical import join_key
from ponte.engine.deliver import Shape, chunks_of, deliver
from ponte.engine.examine import Examined
from ponte.engine.job import Job
from ponte.engine.ledger_port import REJECT_SCHEMA, Commit, Ledger
from ponte.engine.ports import Batch
from ponte.engine.rejecting import deferral_faults, rejects_of, single_fault
from ponte.engine.state import RunState
from ponte.engine.versions import versions
from ponte.errors import RejectThreshold
from ponte.mapping import CompiledMapping, LookupRef, Mapped, compile_mapping

MIN_REJECTS_FOR_SHARE = 10
"""Below so many new rejects their share says nothing: one bad record of three is no broken source."""


@dataclass(slots=True)
class Mapper:
    """The job's Mapping, compiled once per shape of the source's frames."""

    job: Job
    ledger: Ledger
    _compiled: dict[tuple[tuple[str, pl.DataType], ...], CompiledMapping] = field(default_factory=dict)

    def compiled(self, schema: pl.Schema) -> CompiledMapping:
        """The Mapping for frames of this schema."""
        shape = tuple(schema.items())
        if shape not in self._compiled:
            self._compiled[shape] = compile_mapping(
                self.job.mapping, schema, declared=self.job.source_object.fields, audience=self.job.audience
            )
        return self._compiled[shape]

    async def apply(self, frame: pl.DataFrame) -> tuple[CompiledMapping, Mapped]:
        """Maps a frame, after looking up what its look-ups need."""
        compiled = self.compiled(frame.schema)
        wanted = compiled.lookup_values(frame)
        found = {ref: await self._found(ref, values) for ref, values in wanted.items()}
        return compiled, compiled.apply(frame, found)

    async def _found(self, ref: LookupRef, values: pl.Series) -> pl.DataFrame:
        keys = pl.Series("key", [join_key([value]) for value in values], dtype=pl.String)
        answered = await self.ledger.resolve(ref.system, ref.object, ref.by, keys)
        asked = pl.DataFrame({"asked": values, "value": keys}, schema={"asked": pl.String, "value": pl.String})
        return asked.join(answered, on="value").select(value="asked", target_id="target_id")


async def process(state: RunState, mapper: Mapper, batch: Batch, read_at_us: int, watermark: str | None) -> None:
    """Processes one batch; when it returns, all of it is durable and accounted for.

    Args:
        state: the run.
        mapper: the job's Mapping.
        batch: what was read.
        read_at_us: ledger time before the request was sent.
        watermark: to be written with the batch; None leaves it.

    Raises:
        RejectThreshold: too many new rejects; nothing of this batch was delivered.
    """
    unreadable = _unreadable(state, batch)
    if not batch.frame.height:
        await _close_batch(state, _Closing(unreadable, len(batch.unreadable), watermark))
        return
    examined, shape = await _examine(state, mapper, batch, read_at_us)
    rejects = pl.concat([_rejects(examined, state.account.read), unreadable])
    await _check_threshold(state, rejects, batch.frame.height)
    for chunk in chunks_of(examined.work, examined.records, state.ports.target.capabilities.chunk, shape):
        await deliver(state, chunk)
    await _close_batch(state, _Closing(rejects, len(batch.unreadable), watermark, examined))


async def _examine(state: RunState, mapper: Mapper, batch: Batch, read_at_us: int) -> tuple[Examined, Shape]:
    job, frame = state.job, batch.frame
    with state.stage("identify"):
        version = versions(frame, job.source_object.version, read_at_us)
        rows = examine.identify(frame, job.source_object.key, version)
    with state.stage("map"):
        compiled, mapped = await mapper.apply(frame)
    mapped = _without_faulty(mapped, batch.faults)
    with state.stage("compare"):
        rows = rows.hstack(await state.known.view(rows["key"], rows["hash"]))
        first = examine.first_of_key(rows)
    with state.stage("fingerprint"):
        considered = examine.consider(rows, first, mapped, compiled.key)
    with state.stage("compare"):
        naturals = considered.rows.select(text="natural_key", hash="natural")
        taken = await state.known.taken(considered.rows["key"], naturals)
        doubtful = considered.rows["key"].is_in(state.doubts["key"].implode())
        decided, key_faults = examine.decide(considered, taken, doubtful, job, state.order)
        examined = examine.assemble(rows, first, mapped, considered, (decided, key_faults))
    return examined, Shape(compiled.key, compiled.omit_null)


def _without_faulty(mapped: Mapped, faults: pl.DataFrame | None) -> Mapped:
    """Adds what the source already found faulty to the Mapping's faults."""
    if faults is None or not faults.height:
        return mapped
    faulty = faults["row"].unique().implode()
    passed = ~mapped.rows.is_in(faulty)
    return Mapped(
        frame=mapped.frame.filter(passed),
        rows=mapped.rows.filter(passed),
        left=mapped.left.filter(~mapped.left.is_in(faulty)),
        faults=pl.concat([faults.match_to_schema(mapped.faults.schema), mapped.faults]),
        deferred=mapped.deferred.filter(~pl.col("row").is_in(faulty)),
    )


def _rejects(examined: Examined, read_before: int) -> pl.DataFrame:
    keyless = examined.rows.filter(pl.col("outcome") == "keyless")
    position = pl.concat_str(pl.lit("record "), (pl.col("row") + read_before + 1).cast(pl.String))
    message = "the source key has no value or is longer than 1,024 bytes"
    return pl.concat(
        [
            rejects_of(examined.rows, examined.faults, "map"),
            rejects_of(examined.rows, deferral_faults(examined.deferred), "lookup", "deferred"),
            rejects_of(
                keyless.with_columns(position.alias("key")),
                single_fault(keyless["row"], None, "SourceKeyMissing", message),
                "extract",
            ),
        ]
    )


def _unreadable(state: RunState, batch: Batch) -> pl.DataFrame:
    if not batch.unreadable:
        return pl.DataFrame(schema=REJECT_SCHEMA)
    state.unreadable += len(batch.unreadable)
    rows = pl.DataFrame({"key": [piece.position for piece in batch.unreadable]}).with_row_index("row")
    faults = rows.select(
        "row",
        pl.lit(None, dtype=pl.String).alias("field"),
        pl.Series("reason", [piece.reason for piece in batch.unreadable]),
        pl.Series("message", [piece.message for piece in batch.unreadable]),
    )
    return rejects_of(rows, faults, "extract")


async def _check_threshold(state: RunState, rejects: pl.DataFrame, records: int) -> None:
    known = state.open_rejects["key"].implode()
    fresh = state.new_rejects + rejects.filter((pl.col("state") != "deferred") & ~pl.col("key").is_in(known)).height
    read = state.account.read + records
    limits = state.job.rejects
    over_share = fresh > MIN_REJECTS_FOR_SHARE and fresh * 100 > limits.max_percent * read
    if (limits.max is None or fresh <= limits.max) and not over_share:
        return
    allowed = f"rejects.max is {limits.max}" if not over_share else f"rejects.maxPercent is {limits.max_percent}"
    await state.ports.ledger.commit(state.writer, Commit(result=state.result(), rejects=rejects))
    raise RejectThreshold(
        f"SyncJob {state.job.name}: {fresh:,} of {read:,} records read are new rejects, and {allowed}. Nothing of the "
        f"last batch was delivered. See them with: ponte rejects list {state.job.name}",
    )


@dataclass(frozen=True, slots=True)
class _Closing:
    rejects: pl.DataFrame
    unreadable: int
    watermark: str | None
    examined: Examined | None = None


async def _close_batch(state: RunState, closing: _Closing) -> None:
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
    if closing.watermark is not None:
        state.watermark = closing.watermark
    says_more = closing.rejects.height or closed.len() or closing.watermark is not None
    if not says_more and not state.is_checkpoint_due():
        return
    commit = Commit(result=state.result(), rejects=closing.rejects, closed=closed, watermark=closing.watermark)
    await state.ports.failpoint("close-batch.before")
    with state.stage("commit"):
        await state.ports.ledger.commit(state.writer, commit)
    await state.ports.failpoint("close-batch.after")
