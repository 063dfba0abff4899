"""One batch from the source to the ledger: identify, map, look up, decide, deliver, account for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import polars as pl

from ponte.engine import examine, threshold
from ponte.engine.canonical import join_key
from ponte.engine.deliver import Shape, chunks_of, deliver
from ponte.engine.examine import Examined
from ponte.engine.job import Job
from ponte.engine.known import QueriedKnown
from ponte.engine.ledger_port import Commit, Ledger
from ponte.engine.ports import Batch
from ponte.engine.rejecting import overdue_faults, rejects_of_batch, rejects_of_pieces, single_fault
from ponte.engine.state import RunState
from ponte.engine.versions import versions
from ponte.errors import ConfigurationError, StateError
from ponte.mapping import CompiledMapping, LookupRef, Mapped, compile_mapping
from ponte.mapping.paths import united


@dataclass(slots=True)
class Mapper:
    """The job's Mapping, compiled once per shape of the source's frames.

    Where no schema is declared (JSON), a field that some earlier record had is empty in those that lack it. One that no
    record had so far stops the run: it may be a slip of the pen, and would empty the field in the target.
    """

    job: Job
    ledger: Ledger
    _earlier: pl.Schema = field(default_factory=pl.Schema)
    _compiled: dict[tuple[tuple[str, pl.DataType], ...], CompiledMapping] = field(default_factory=dict)

    def compiled(self, schema: pl.Schema) -> CompiledMapping:
        """The Mapping for frames of this schema."""
        shape = tuple(schema.items())
        if shape not in self._compiled:
            source = self.job.source_object
            try:
                self._compiled[shape] = compile_mapping(
                    self.job.mapping,
                    schema,
                    declared=source.fields,
                    audience=self.job.audience,
                    earlier=self._earlier,
                )
            except ConfigurationError as error:
                if error.reason != "UnknownField":
                    raise
                raise ConfigurationError(
                    f"{error.message}. No record read so far has it; if it is optional, declare it in `fields` of the"
                    f" object {source.name} (`ponte schema --lock`).",
                    reason=error.reason,
                ) from error
            self._earlier = united(self._earlier, schema)
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
        watermark: to be written with the batch if it may pass what was rejected; None leaves it.

    Raises:
        RejectThreshold: too many new rejects; nothing of this batch was delivered.
    """
    state.unreadable += len(batch.unreadable)
    unreadable = rejects_of_pieces(batch.unreadable)
    read_before = state.account.read
    closing = _Closing(unreadable, len(batch.unreadable), watermark)
    if batch.frame.height:
        examined, shape = await _examine(state, mapper, batch, read_at_us)
        is_final = state.is_again or not state.can_read_keys
        rejects = rejects_of_batch(examined, read_before, is_final=is_final)
        rejects = pl.concat([rejects, unreadable])
        await threshold.check_before(state, rejects, batch.frame.height)
        for chunk in chunks_of(examined.work, examined.records, state.ports.target.capabilities.chunk, shape):
            await deliver(state, chunk)
            threshold.check_after(state)
        if not is_final:
            state.again.append(examined.rows.filter(pl.col("outcome") == "duplicate").select("key", "version"))
        closing = _Closing(rejects, len(batch.unreadable), watermark, examined)
    await _close_batch(state, closing, read_before + batch.frame.height + len(batch.unreadable))


async def _examine(state: RunState, mapper: Mapper, batch: Batch, read_at_us: int) -> tuple[Examined, Shape]:
    job, frame = state.job, batch.frame
    with state.stage("identify"):
        version = versions(frame, job.source_object.version, read_at_us)
        rows = examine.identify(frame, job.source_object.key, version)
        unversioned = single_fault(
            rows.filter(pl.col("version").is_null())["row"],
            job.source_object.version,
            "VersionMissing",
            "the record has no version, so that nobody knows whether it is newer than what was delivered",
        )
        rows = rows.with_columns(pl.col("version").fill_null(0))
    with state.stage("map"):
        compiled, mapped = await mapper.apply(frame)
    mapped = _without_overdue(
        state, rows, _without_faulty(_without_faulty(mapped, unversioned), batch.faults), read_at_us
    )
    with state.stage("compare"):
        outside = await state.ports.ledger.outside(state.writer)
        newest = QueriedKnown(state.ports.ledger, state.writer.scope) if outside.has_written else None
        erased = await state.ports.ledger.erased(state.writer.scope, rows["key"].drop_nulls())
        state.erased += len(erased)
        rows = rows.hstack(await _viewed(state, rows, newest)).with_columns(
            pl.col("key").is_in(erased.implode()).fill_null(value=False).alias("erased")
        )
        first = examine.first_of_key(rows)
    with state.stage("fingerprint"):
        considered = examine.consider(rows, first, mapped, compiled.key)
    with state.stage("compare"):
        naturals = considered.rows.select(text="natural_key", hash="natural")
        taken = await state.known.taken(considered.rows["key"], naturals)
        if newest is not None:
            taken = taken | await newest.taken(considered.rows["key"], naturals)
        doubtful = considered.rows["key"].is_in(pl.concat([state.doubts["key"], outside.claimed]).implode())
        decided, key_faults = examine.decide(considered, taken, doubtful, job, state.order)
        examined = examine.assemble(rows, first, mapped, considered, (decided, key_faults))
    return examined, Shape(compiled.key, compiled.omit_null, compiled.json_fields)


async def _viewed(state: RunState, rows: pl.DataFrame, newest: QueriedKnown | None) -> pl.DataFrame:
    """VIEW_SCHEMA of a batch; what was loaded at open is not believed once others have written."""
    view = await state.known.view(rows["key"], rows["hash"])
    if newest is None:
        return view
    return (await newest.view(rows["key"], rows["hash"])).with_columns(view["seen"])


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


def _without_overdue(state: RunState, rows: pl.DataFrame, mapped: Mapped, now_us: int) -> Mapped:
    """Turns what has waited for a look-up longer than the job's patience into faults."""
    if not mapped.deferred.height:
        return mapped
    since = now_us - int(state.job.patience_s * 1e6)
    waiting = state.open_rejects.filter((pl.col("state") != "skipped") & (pl.col("first_seen") <= since))["key"]
    late = rows.filter(pl.col("key").is_in(waiting.implode()))["row"].implode()
    overdue = mapped.deferred.filter(pl.col("row").is_in(late))
    faults = pl.concat([mapped.faults, overdue_faults(overdue).match_to_schema(mapped.faults.schema)])
    return replace(mapped, faults=faults, deferred=mapped.deferred.filter(~pl.col("row").is_in(late)))


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
            f"SyncJob {state.job.name}: {read:,} records were read, but the account has {state.account.read:,}: some "
            "record got lost inside Ponte, or was counted twice. The watermark stays; please report this.",
            reason="AccountNotClosed",
        )
