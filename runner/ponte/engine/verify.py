"""Verify: both sides are read and compared by natural key and field; nothing is written.

Ponte's own runs compare with what was delivered; this is how what others changed at the target is found. Each
difference is looked at a second time before it is reported, since both systems may move while they are read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from ponte.engine.canonical import fingerprints, hash_text, key_text, plain_text
from ponte.engine.job import Job, Ports
from ponte.engine.ports import Batch, Read, Source
from ponte.engine.preparing import Mapper
from ponte.engine.reading import keys_frame, read_ahead
from ponte.engine.settle import ids_beside, key_fields
from ponte.engine.wording import counted, told
from ponte.errors import ConfigurationError, TransientError
from ponte.mapping.paths import united

# One side's records: natural key as hash and text, source key (null at the target), fingerprint of what is compared
_SIDE = pl.Schema(
    {"natural": pl.UInt128(), "natural_key": pl.String(), "key": pl.String(), "fingerprint": pl.UInt128()}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not the same on both sides.

    Attributes:
        verdict: different; missing at the target; extra at the target; duplicate: the target has it several times.
        natural_key: canonical.
        key: canonical source key; None for what the source does not have, and for duplicates.
        fields: names of the fields that differ.
    """

    verdict: Literal["different", "missing", "extra", "duplicate"]
    natural_key: str
    key: str | None
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Verification:
    """What a verify found, in records.

    Attributes:
        extra: records of the target that the source does not have; also those without a natural key.
        duplicate: records of the target beyond the first of their natural key.
        unknown: records of the source that are rejected or wait for a look-up: there is nothing to compare.
        rejected: those of the different and missing that are open rejects: to deliver them again may not help.
        differences: at most as many of each verdict as were asked for; the counts are of all.
    """

    job: str
    equal: int = 0
    different: int = 0
    missing: int = 0
    extra: int = 0
    duplicate: int = 0
    unknown: int = 0
    rejected: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_aligned(self) -> bool:
        """Whether both sides hold the same, as far as it could be compared."""
        return not (self.different or self.missing or self.extra or self.duplicate)


async def verify(ports: Ports, mirror: Source, job: Job, *, most: int = 1000) -> Verification:
    """Compares both sides.

    The target is read first and held, by the fields that the Mapping writes: which of them it gives at all is known
    only at its end, since records of JSON need not have all fields.

    Args:
        ports: as for a run; the ledger is only asked, the target only read.
        mirror: the target object, for reading.
        job: the job.
        most: most differences of each verdict to name; of those that differ, to look at again.

    Raises:
        ConfigurationError: the target cannot be listed, or not by its key: "cannot enumerate" is not "equal".
        TransientError: a side was not read whole: "not read" is not "missing".
    """
    if "all" not in mirror.capabilities.reads:
        raise _unreadable_target(job, "cannot be listed")
    found = Verification(job.name)
    theirs = await _target_frames(mirror, job)
    given = pl.Schema()
    for frame in theirs:
        given = united(given, frame.schema)
    if theirs and not {name.partition(".")[0] for name in job.mapping.key} <= given.keys():
        raise _unreadable_target(job, f"is listed without its natural key ({', '.join(job.mapping.key)})")
    mapper = Mapper(job, ports.ledger)
    ours, mapped, unknown = await _source_side(ports, mapper, given, found)
    target = _target_side([_side(_aligned(frame, mapped or given), job) for frame in theirs], found, most)
    unknowable = await _delivered_as(ports, job, unknown)
    target = target.filter(~pl.col("natural_key").is_in(unknowable.implode()))
    joined = ours.join(target, on="natural", how="full", suffix="_target", coalesce=True)
    await _judge(ports, mapper, joined, found, most)
    return found


async def _delivered_as(ports: Ports, job: Job, keys: pl.Series) -> pl.Series:
    """The natural keys of these records, as far as they were delivered earlier: at the target they are not extra."""
    scope = await ports.ledger.find_scope(job.identity)
    if scope is None or keys.is_empty():
        return pl.Series("natural_key", [], dtype=pl.String)
    details = await ports.ledger.details(scope, keys)
    return details.select(pl.coalesce("natural_key", "key"))["natural_key"]


def _unreadable_target(job: Job, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"SyncJob {job.name}: {job.target_system}/{job.target_object} {why}, so nothing can be said of "
        "what it holds. Next: declare how it is read in objects[] of the SyncSource.",
        reason="TargetNotReadable",
    )


async def _target_frames(mirror: Source, job: Job) -> list[pl.DataFrame]:
    """The target's records, with the fields that the Mapping writes."""
    written = {rule.to.partition(".")[0] for rule in job.mapping.fields}
    label = f"{job.target_system}/{job.target_object}"
    frames = []
    async for batch in _whole(mirror, job, label):
        if batch.unreadable:
            raise _not_whole(job, label, f"{batch.unreadable[0].position}: {batch.unreadable[0].message}")
        if batch.frame.height:
            frames.append(batch.frame.select(name for name in batch.frame.columns if name in written))
    return frames


async def _whole(source: Source, job: Job, label: str) -> AsyncGenerator[Batch]:
    """The batches of a reading of all. Raises TransientError at its end where it was not whole."""
    is_ended, announced, records = False, None, 0
    async with aclosing(read_ahead(source, Read("all", job.batch_size))) as batches:
        async for batch in batches:
            is_ended = is_ended or batch.is_last
            announced = batch.announced if batch.announced is not None else announced
            records += batch.frame.height + len(batch.unreadable)
            yield batch
    if not is_ended:
        raise _not_whole(job, label, f"the reading ended without the end mark, after {counted(records, 'record')}")
    if announced is not None and records < announced:
        raise _not_whole(job, label, f"{told(announced, 'record', 'was', 'were')} announced and {records:,} came")


def _not_whole(job: Job, label: str, why: str) -> TransientError:
    return TransientError(
        f"SyncJob {job.name}: {label} was not read whole: {why}. What is missing cannot be told from what was not "
        "read, so nothing was compared. Next: try again; if it stays so, see ponte doctor.",
        reason="ReadingNotWhole",
    )


async def _source_side(
    ports: Ports, mapper: Mapper, given: pl.Schema, found: Verification
) -> tuple[pl.DataFrame, pl.Schema, pl.Series]:
    """The source's records, mapped; the types of the fields that are compared; the keys of what is not known."""
    job = mapper.job
    parts, schema = [pl.DataFrame(schema=_SIDE)], pl.Schema()
    unknown = pl.Series("key", [], dtype=pl.String)
    async for batch in _whole(ports.source, job, f"{job.source_system}/{job.source_object.name}"):
        found.unknown += len(batch.unreadable)
        if not batch.frame.height:
            continue
        _, mapped = await mapper.apply(batch.frame)
        compared = mapped.frame.select(name for name in mapped.frame.columns if name in given or not given)
        schema = united(schema, compared.schema)
        faulty = mapped.faults["row"] if batch.faults is None else mapped.faults["row"].append(batch.faults["row"])
        keys = key_text(batch.frame, job.source_object.key)
        is_known = ~mapped.rows.is_in(faulty.implode()) & keys.gather(mapped.rows).is_not_null()
        left = mapped.left.filter(~mapped.left.is_in(faulty.implode()))
        settled = pl.concat([mapped.rows.filter(is_known), left]).implode()
        others = keys.filter(~pl.int_range(len(keys), dtype=pl.UInt32, eager=True).is_in(settled))
        found.unknown += len(others)
        unknown = unknown.append(others.drop_nulls())
        parts.append(_side(compared, job).with_columns(keys.gather(mapped.rows).alias("key")).filter(is_known))
    return pl.concat(parts).unique("natural", keep="first"), schema, unknown


def _target_side(parts: list[pl.DataFrame], found: Verification, most: int) -> pl.DataFrame:
    """The target's records, each natural key once; what stands there several times, or without key, is counted."""
    records = pl.concat([pl.DataFrame(schema=_SIDE), *parts])
    named = records.drop_nulls("natural_key")
    once = named.unique("natural", keep="first", maintain_order=True)
    found.extra += records.height - named.height
    found.duplicate = named.height - once.height
    doubled = named.filter(pl.col("natural").is_duplicated()).unique("natural", keep="first", maintain_order=True)
    found.differences += [Difference("duplicate", key, None) for key in doubled["natural_key"].sort().head(most)]
    return once


def _side(frame: pl.DataFrame, job: Job) -> pl.DataFrame:
    naturals = key_text(frame, job.mapping.key).alias("natural_key").to_frame()
    return naturals.select(
        hash_text(pl.col("natural_key")).alias("natural"),
        "natural_key",
        pl.lit(None, dtype=pl.String).alias("key"),
        fingerprints(frame).alias("fingerprint"),
    )


def _aligned(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The target's records with the fields and types of the mapped ones; what cannot be one is no value: it differs."""
    present = [
        pl.col(name).cast(dtype, strict=False) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return frame.select(present)


async def _judge(ports: Ports, mapper: Mapper, joined: pl.DataFrame, found: Verification, most: int) -> None:
    is_missing, is_extra = pl.col("natural_key_target").is_null(), pl.col("natural_key").is_null()
    differs = pl.col("fingerprint") != pl.col("fingerprint_target")
    missing = joined.filter(is_missing).sort("natural_key")
    extra = joined.filter(is_extra).sort("natural_key_target")
    suspects = joined.filter(~is_missing & ~is_extra & differs).sort("natural_key")
    confirmed = await _look_again(ports, mapper, suspects.head(most))
    found.missing = missing.height
    found.extra += extra.height
    found.different = suspects.height - min(suspects.height, most) + len(confirmed)
    found.equal = joined.height - missing.height - extra.height - found.different
    wanting = pl.Series("key", [item.key for item in confirmed], dtype=pl.String).append(missing["key"])
    found.rejected = await _open_rejects(ports, mapper.job, wanting)
    found.differences = [
        *sorted(confirmed, key=lambda difference: difference.natural_key),
        *(Difference("missing", *row) for row in missing.head(most).select("natural_key", "key").iter_rows()),
        *(Difference("extra", *row) for row in extra.head(most).select("natural_key_target", "key").iter_rows()),
        *found.differences,
    ]


async def _open_rejects(ports: Ports, job: Job, keys: pl.Series) -> int:
    """How many of these source keys have a reject that is not closed."""
    scope = await ports.ledger.find_scope(job.identity)
    if scope is None or keys.is_empty():
        return 0
    rejects = await ports.ledger.open_rejects(scope)
    return int(keys.is_in(rejects["key"].implode()).sum())


async def _look_again(ports: Ports, mapper: Mapper, suspects: pl.DataFrame) -> list[Difference]:
    """Reads the suspects anew, by key on both sides; those that now agree are dropped."""
    if not suspects.height or "keys" not in ports.source.capabilities.reads:
        return [Difference("different", *row) for row in suspects.select("natural_key", "key").iter_rows()]
    confirmed = []
    wanted = keys_frame(mapper.job, suspects["key"])
    async for batch in ports.source.read(Read("keys", mapper.job.batch_size, keys=wanted)):
        if not batch.frame.height:
            continue
        compiled, mapped = await mapper.apply(batch.frame)
        keys = key_text(batch.frame, mapper.job.source_object.key).gather(mapped.rows)
        naturals = key_text(mapped.frame, compiled.key)
        ids = await _ids(ports, mapper.job, naturals)
        current = await ports.target.fetch(key_fields(mapped.frame, compiled.key), ids)
        fields = _fields_that_differ(mapped.frame, current)
        confirmed += [
            Difference("different", natural, key, names)
            for natural, key, names in zip(naturals, keys, fields, strict=True)
            if names
        ]
    return confirmed


async def _ids(ports: Ports, job: Job, naturals: pl.Series) -> pl.Series:
    scope = await ports.ledger.find_scope(job.identity)
    if scope is None:
        return pl.Series("target_id", [None], dtype=pl.String).new_from_index(0, len(naturals))
    return await ids_beside(ports.ledger, scope, naturals)


def _fields_that_differ(mapped: pl.DataFrame, current: pl.DataFrame) -> list[tuple[str, ...]]:
    """Per mapped record, the names of the fields in which the target's record is another; all where it is not there."""
    compared = [name for name in mapped.columns if name in current.columns]
    aligned = _aligned(current, pl.Schema({name: mapped.schema[name] for name in compared}))
    beside = mapped.with_row_index("row").join(
        aligned.with_columns(current["row"].cast(pl.UInt32)),
        on="row",
        how="left",
        suffix="_target",
        maintain_order="left",
    )
    flags = beside.select(
        pl.when(_comparable(name, beside).ne_missing(_comparable(f"{name}_target", beside)))
        .then(pl.lit(name))
        .alias(name)
        for name in compared
    )
    return [tuple(name for name in row if name is not None) for row in flags.iter_rows()]


def _comparable(name: str, frame: pl.DataFrame) -> pl.Expr:
    dtype = frame.schema[name]
    return pl.col(name) if dtype.is_nested() else plain_text(pl.col(name), dtype)
