"""Preparing a batch: what can be said of its records without knowing what was delivered before.

It is done in a thread, while the target and the ledger are busy with the batches before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import polars as pl

from ponte.engine import examine
from ponte.engine.canonical import fingerprints, join_key, key_text
from ponte.engine.deliver import Shape
from ponte.engine.job import Job
from ponte.engine.ledger_port import Ledger
from ponte.engine.ports import Batch
from ponte.engine.reading import last_cursor
from ponte.engine.rejecting import overdue_faults, single_fault
from ponte.engine.state import RunState
from ponte.engine.versions import versions
from ponte.errors import ConfigurationError
from ponte.mapping import CompiledMapping, LookupRef, Mapped, compile_mapping
from ponte.mapping.paths import united
from ponte.threads import in_thread
from ponte_api.mapping import Converted


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

    @property
    def has_lookups(self) -> bool:
        """Whether a rule asks for what was delivered before."""
        return any(_looks_up(rule) for rule in self.job.mapping.fields)

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
                    f"{error.message}. No record read so far has it. Next: if it is optional, declare it in `fields` "
                    f"of the object {source.name} (`ponte schema --lock`).",
                    reason=error.reason,
                ) from error
            self._earlier = united(self._earlier, schema)
        return self._compiled[shape]

    async def apply(self, frame: pl.DataFrame) -> tuple[CompiledMapping, Mapped]:
        """Maps a frame, after looking up what its look-ups need."""
        compiled = self.compiled(frame.schema)
        return compiled, compiled.apply(frame, await self.found(compiled, frame))

    async def found(self, compiled: CompiledMapping, frame: pl.DataFrame) -> dict[LookupRef, pl.DataFrame]:
        """What the look-ups of a frame found."""
        wanted = compiled.lookup_values(frame)
        return {ref: await self._found(ref, values) for ref, values in wanted.items()}

    async def _found(self, ref: LookupRef, values: pl.Series) -> pl.DataFrame:
        keys = pl.Series("key", [join_key([value]) for value in values], dtype=pl.String)
        answered = await self.ledger.resolve(ref.system, ref.object, ref.by, keys)
        asked = pl.DataFrame({"asked": values, "value": keys}, schema={"asked": pl.String, "value": pl.String})
        return asked.join(answered, on="value").select(value="asked", target_id="target_id")


def _looks_up(rule: Converted) -> bool:
    inner: list[Converted] = getattr(rule, "each", None) or []
    return rule.lookup is not None or any(_looks_up(part) for part in inner)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch whose records have their keys and are mapped.

    Attributes:
        batch: as it was read, but for the frame, which is let go of.
        rows: row, key, hash, version; one per record.
        mapped: what the Mapping said.
        identity: natural_key (text) and fingerprint, row by row beside the mapped records.
        shape: what the Mapping says of all records.
        reached: the greatest cursor, where the reading may be taken up again behind it; None elsewhere.
    """

    batch: Batch
    rows: pl.DataFrame
    mapped: Mapped
    identity: pl.DataFrame
    shape: Shape
    reached: str | None


async def prepared_batches(
    state: RunState, mapper: Mapper, batches: AsyncGenerator[Batch, None], read_at_us: int
) -> AsyncGenerator[Prepared | Batch, None]:
    """The batches of a reading, prepared; one without records stays as it is."""
    async with aclosing(batches):
        async for batch in batches:
            item = await _prepare(state, mapper, batch, read_at_us) if batch.frame.height else batch
            del batch  # a generator that waits holds on to what it names: here a whole batch
            yield item


async def _prepare(state: RunState, mapper: Mapper, batch: Batch, read_at_us: int) -> Prepared:
    """In a thread: the event loop stays free for the answers of target and ledger, and Polars needs no GIL."""
    compiled = mapper.compiled(batch.frame.schema)
    found = await mapper.found(compiled, batch.frame)
    return await in_thread(lambda: _computed(state, compiled, batch, found, read_at_us))


def _computed(
    state: RunState,
    compiled: CompiledMapping,
    batch: Batch,
    found: Mapping[LookupRef, pl.DataFrame],
    read_at_us: int,
) -> Prepared:
    source = state.job.source_object
    with state.stage("identify"):
        version = versions(batch.frame, source.version, read_at_us)
        rows = examine.identify(batch.frame, source.key, version)
    unversioned = single_fault(
        rows.filter(pl.col("version").is_null())["row"],
        source.version,
        "VersionMissing",
        "the record has no version, so that nobody knows whether it is newer than what was delivered",
    )
    rows = rows.with_columns(pl.col("version").fill_null(0))
    with state.stage("map"):
        mapped = compiled.apply(batch.frame, found)
    mapped = _without_faulty(_without_faulty(mapped, unversioned), batch.faults)
    mapped = _without_overdue(state, rows, mapped, read_at_us)
    with state.stage("fingerprint"):
        naturals = key_text(mapped.frame, compiled.key).alias("natural_key")
        identity = pl.DataFrame([naturals, fingerprints(mapped.frame, compiled.form)])
    shape = Shape(compiled.key, compiled.omit_null, compiled.json_fields)
    return Prepared(replace(batch, frame=pl.DataFrame()), rows, mapped, identity, shape, _reached(state, batch))


def _reached(state: RunState, batch: Batch) -> str | None:
    """A watermark inside the window: only where changes come in (cursor, key) order. Notes what its values tell."""
    cursor = state.job.source_object.cursor
    if cursor is not None and state.evidence is not None and cursor.field in batch.frame.columns:
        state.evidence.note(batch.frame[cursor.field])
    is_ordered = state.order.read == "changes" and state.ports.source.capabilities.cursor_order
    if not is_ordered or cursor is None or state.is_again:
        return None
    return last_cursor(batch.frame, cursor.field, lambda text: state.durable(text) == text)


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
