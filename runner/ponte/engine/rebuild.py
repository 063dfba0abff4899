"""Rebuilding what the ledger knows, after it was lost: from the source, and from the target by natural key.

Fingerprints stay unknown, so that the next run delivers all as updates; but nothing that is there is created twice, and
ids that the target gave are known again.
"""

from __future__ import annotations

import polars as pl

from ponte.engine.canonical import hashes_of, key_text
from ponte.engine.deliver import unless_same
from ponte.engine.hashes import HashSet
from ponte.engine.job import Job, Order, Ports
from ponte.engine.ledger_port import Ending
from ponte.engine.opening import open_run
from ponte.engine.ports import Read, Source
from ponte.engine.preparing import Mapper
from ponte.engine.reading import read_ahead, timed_batches
from ponte.engine.settle import key_fields
from ponte.engine.state import RunState
from ponte.engine.versions import versions
from ponte.engine.wording import counted
from ponte.errors import ConfigurationError


async def rebuild(ports: Ports, mirror: Source, job: Job, run: str) -> int:
    """Makes known what both sides have.

    Args:
        ports: as for a run; only the ledger is written.
        mirror: the target object, for reading.
        job: the job.
        run: identity of this run.

    Returns:
        how many records became known.

    Raises:
        ConfigurationError: the target can neither be listed nor asked by natural key.
    """
    capabilities = ports.target.capabilities
    can_list = "all" in mirror.capabilities.reads and not capabilities.gives_ids
    if not can_list and not capabilities.finds:
        raise ConfigurationError(
            f"SyncJob {job.name}: {job.target_system}/{job.target_object} can neither be listed nor asked by natural "
            "key, so nothing can be known of what it holds. Next: declare write.find, or how the object is listed.",
            reason="TargetNotReadable",
        )
    state = (await open_run(ports, job, Order(run, read="all"))).state
    present = await _listed(mirror, job) if can_list else None
    known = await _seed(state, present)
    state.notes.append(f"Rebuilt: {counted(known, 'record')} of the target known again")
    ended = await ports.ledger.now()
    await ports.ledger.finish(state.writer, Ending(state.result("Succeeded", "Rebuilt", ended_at=ended)))
    return known


async def _listed(mirror: Source, job: Job) -> HashSet:
    present = HashSet()
    async for batch in read_ahead(mirror, Read("all", job.batch_size)):
        if batch.frame.height:
            present.add(hashes_of(key_text(batch.frame, job.mapping.key).drop_nulls()))
    return present


async def _seed(state: RunState, present: HashSet | None) -> int:
    mapper = Mapper(state.job, state.ports.ledger)
    read_at_us = int((await state.ports.ledger.now()).timestamp() * 1e6)
    known = 0
    async for batch in timed_batches(state, Read("all", state.job.batch_size)):
        if not batch.frame.height:
            continue
        compiled, mapped = await mapper.apply(batch.frame)
        version = versions(batch.frame, state.job.source_object.version, read_at_us)
        keys = key_text(batch.frame, state.job.source_object.key)
        rows = pl.DataFrame(
            {
                "key": keys.gather(mapped.rows),
                "natural": key_text(mapped.frame, compiled.key),
                "version": version.gather(mapped.rows),
            }
        )
        ids = await _found(state, rows["natural"], key_fields(mapped.frame, compiled.key), present)
        there = rows.with_columns(ids).filter(pl.col("is_there") & pl.col("key").is_not_null())
        known += await state.ports.ledger.seed(state.writer, _seeds(there.unique("key", keep="first")))
    return known


async def _found(state: RunState, naturals: pl.Series, keys: pl.DataFrame, present: HashSet | None) -> pl.DataFrame:
    """Columns is_there, target_id, row by row beside the records."""
    if present is not None:
        there = present.contains(hashes_of(naturals)).alias("is_there")
        return pl.DataFrame([there, pl.Series("target_id", [None], dtype=pl.String).new_from_index(0, len(there))])
    found = (await state.ports.target.find(keys)).unique("row", keep="first")
    rows = pl.DataFrame({"row": pl.int_range(keys.height, dtype=pl.UInt32, eager=True)})
    joined = rows.join(found.with_columns(is_there=True), on="row", how="left", maintain_order="left")
    return joined.select(pl.col("is_there").fill_null(value=False), "target_id")


def _seeds(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "key",
        unless_same("natural"),
        "target_id",
        pl.lit(None, dtype=pl.UInt128).alias("fingerprint"),
        "version",
    )
