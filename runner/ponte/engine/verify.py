"""Verify: both sides are read and compared by natural key and field; nothing is written.

Ponte's own runs compare with what was delivered; this is how what others changed at the target is found. Each
difference is looked at a second time before it is reported, since both systems may move while they are read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from ponte.engine.batches import Mapper
from ponte.engine.canonical import fingerprints, hash_text, key_text, plain_text
from ponte.engine.job import Job, Ports
from ponte.engine.ports import Batch, Read, Source
from ponte.engine.reading import keys_frame, read_ahead
from ponte.engine.settle import key_fields
from ponte.errors import ConfigurationError

# One side's records: natural key as hash and text, source key (null at the target), fingerprint of what is compared
_SIDE = pl.Schema(
    {"natural": pl.UInt128(), "natural_key": pl.String(), "key": pl.String(), "fingerprint": pl.UInt128()}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not the same on both sides.

    Attributes:
        verdict: different; missing at the target; extra at the target.
        natural_key: canonical.
        key: canonical source key; None for what the source does not have.
        fields: names of the fields that differ.
    """

    verdict: Literal["different", "missing", "extra"]
    natural_key: str
    key: str | None
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Verification:
    """What a verify found, in records.

    Attributes:
        unknown: records of the source that are rejected or wait for a look-up: there is nothing to compare.
        differences: at most as many of each verdict as were asked for; the counts are of all.
    """

    job: str
    equal: int = 0
    different: int = 0
    missing: int = 0
    extra: int = 0
    unknown: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_aligned(self) -> bool:
        """Whether both sides hold the same, as far as it could be compared."""
        return not (self.different or self.missing or self.extra)


async def verify(ports: Ports, mirror: Source, job: Job, *, most: int = 1000) -> Verification:
    """Compares both sides.

    Args:
        ports: as for a run; the ledger is only asked, the target only read.
        mirror: the target object, for reading.
        job: the job.
        most: most differences of each verdict to name; of those that differ, to look at again.

    Raises:
        ConfigurationError: the target cannot be listed: "cannot enumerate" is not "equal".
    """
    if "all" not in mirror.capabilities.reads:
        raise ConfigurationError(
            f"SyncJob {job.name}: {job.target_system}/{job.target_object} cannot be listed, so nothing can be said of "
            "what it holds. Declare how it is read in objects[] of the SyncSource.",
            reason="TargetNotReadable",
        )
    found = Verification(job.name)
    async with aclosing(read_ahead(mirror, Read("all", job.batch_size))) as theirs:
        first = await anext(theirs, None)
        columns = [] if first is None else first.frame.columns
        mapper = Mapper(job, ports.ledger)
        ours, schema = await _source_side(ports, mapper, columns, found)
        whole = (batch.frame async for batch in _from(first, theirs) if batch.frame.height)
        parts = [_side(_aligned(frame, schema), job) async for frame in whole]
    target = pl.concat([pl.DataFrame(schema=_SIDE), *parts]).unique("natural", keep="first")
    joined = ours.join(target, on="natural", how="full", suffix="_target", coalesce=True)
    await _judge(ports, mapper, joined, found, most)
    return found


async def _from(first: Batch | None, rest: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
    if first is not None:
        yield first
    async for batch in rest:
        yield batch


async def _source_side(
    ports: Ports, mapper: Mapper, columns: list[str], found: Verification
) -> tuple[pl.DataFrame, pl.Schema]:
    """The source's records, mapped, and the types of the fields that are compared."""
    parts, schema = [pl.DataFrame(schema=_SIDE)], pl.Schema()
    async for batch in read_ahead(ports.source, Read("all", mapper.job.batch_size)):
        if not batch.frame.height:
            continue
        _, mapped = await mapper.apply(batch.frame)
        compared = mapped.frame.select(name for name in mapped.frame.columns if name in columns or not columns)
        schema = compared.schema
        found.unknown += mapped.faults["row"].n_unique() + mapped.deferred["row"].n_unique()
        keys = key_text(batch.frame, mapper.job.source_object.key).gather(mapped.rows)
        parts.append(_side(compared, mapper.job).with_columns(keys.alias("key")))
    return pl.concat(parts).drop_nulls("key").unique("natural", keep="first"), schema


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
    missing, extra = joined.filter(is_missing), joined.filter(is_extra)
    suspects = joined.filter(~is_missing & ~is_extra & differs)
    confirmed = await _look_again(ports, mapper, suspects.head(most))
    found.missing, found.extra = missing.height, extra.height
    found.different = suspects.height - min(suspects.height, most) + len(confirmed)
    found.equal = joined.height - found.missing - found.extra - found.different
    found.differences = [
        *confirmed,
        *(Difference("missing", *row) for row in missing.head(most).select("natural_key", "key").iter_rows()),
        *(Difference("extra", *row) for row in extra.head(most).select("natural_key_target", "key").iter_rows()),
    ]


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
    known = await ports.ledger.target_ids(scope, naturals)
    return naturals.to_frame("natural_key").join(known, on="natural_key", how="left", maintain_order="left")[
        "target_id"
    ]


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
