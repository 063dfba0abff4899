"""Reading: which readings a run needs, and their batches, one read ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import polars as pl

from ponte.engine.canonical import plain_text, split_key
from ponte.engine.job import Job
from ponte.engine.ports import Batch, Read, Source


@dataclass(frozen=True, slots=True)
class Window:
    """What a reading of changes covers; both bounds inclusive, None for open."""

    lower: str | None
    upper: str | None


async def read_ahead(source: Source, read: Read) -> AsyncGenerator[Batch, None]:
    """The batches of a reading; the next one is read while the last one is worked on."""
    batches = source.read(read).__aiter__()
    coming: asyncio.Task[Batch] = asyncio.ensure_future(_next(batches))
    try:
        while True:
            try:
                batch = await coming
            except StopAsyncIteration:
                return
            coming = asyncio.ensure_future(_next(batches))
            yield batch
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _next(batches: AsyncIterator[Batch]) -> Batch:
    return await batches.__anext__()


def keys_frame(job: Job, keys: pl.Series) -> pl.DataFrame:
    """Canonical source keys as a frame of the key's fields, as text."""
    fields = [split_key(key) for key in keys]
    named = [row for row in fields if len(row) == len(job.source_object.key)]
    return pl.DataFrame(named, schema=dict.fromkeys(job.source_object.key, pl.String), orient="row")


def last_cursor(frame: pl.DataFrame, field: str) -> str | None:
    """The greatest cursor of a batch that came in cursor order: that of its last record that has one."""
    if field not in frame.columns:
        return None
    texts = frame.select(plain_text(pl.col(field), frame.schema[field]).alias("cursor"))["cursor"].drop_nulls()
    return texts[-1] if len(texts) else None
