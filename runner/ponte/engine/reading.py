"""Reading: which readings a run needs, and their batches, one read ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

import polars as pl

from ponte.engine.canonical import join_key, plain_text, split_key
from ponte.engine.job import Job
from ponte.engine.ports import Batch, Read, Source
from ponte.engine.state import CHECKPOINT_INTERVAL, RunState

T = TypeVar("T")


def read_ahead(source: Source, read: Read) -> AsyncGenerator[Batch, None]:
    """The batches of a reading; the next one is read while the last one is worked on."""
    return ahead(source.read(read))


async def ahead(items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same items; the next one is made while the last one is worked on. Closes what makes them."""
    coming: asyncio.Task[T] = asyncio.ensure_future(_next(items))
    try:
        while True:
            try:
                item = await coming
            except StopAsyncIteration:
                return
            coming = asyncio.ensure_future(_next(items))
            yield item
    finally:
        await _end(coming, items)


async def promptly(items: AsyncGenerator[T, None], idle: Callable[[], Awaitable[None]]) -> AsyncGenerator[T, None]:
    """The same items; when one is not there within a second, `idle` is called while it is awaited."""
    patience_s = CHECKPOINT_INTERVAL.total_seconds()
    coming: asyncio.Task[T] = asyncio.ensure_future(_next(items))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=patience_s)
            if not done:
                await idle()
            try:
                item = await coming
            except StopAsyncIteration:
                return
            yield item
            coming = asyncio.ensure_future(_next(items))
    finally:
        await _end(coming, items)


async def _end(coming: asyncio.Task[T], items: AsyncIterator[T]) -> None:
    """Gives up the item that is being made, then closes what makes them: never while it is at work."""
    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)
    if isinstance(items, AsyncGenerator):
        await items.aclose()


async def _next(items: AsyncIterator[T]) -> T:
    return await items.__anext__()


def keys_frame(job: Job, keys: pl.Series) -> pl.DataFrame:
    """Canonical source keys as a frame of the key's fields, as text; what is no key of the object is left out."""
    names = job.source_object.key
    fields = [_fields(key) for key in keys]
    named = [row for row in fields if len(row) == len(names)]
    return pl.DataFrame(named, schema=dict.fromkeys(names, pl.String), orient="row")


def _fields(key: str) -> list[str]:
    """The fields of a canonical key; none of a position or another name of a reject."""
    try:
        fields = split_key(key)
    except ValueError:
        return []
    return fields if join_key(fields) == key else []


def timed_batches(state: RunState, read: Read) -> AsyncGenerator[Batch, None]:
    """The batches of a reading, one read ahead; between them a stop signal is obeyed."""
    return timed(state, read_ahead(state.ports.source, read))


async def timed(state: RunState, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same items; waiting for them is timed as reading, and between them a stop signal is obeyed."""
    try:
        while True:
            with state.stage("read"):
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            state.check_stop()
            yield item
    finally:
        await items.aclose()


def last_cursor(frame: pl.DataFrame, field: str, is_sound: Callable[[str], bool]) -> str | None:
    """The greatest sound cursor of a batch that came in cursor order: that of its last record that has one."""
    if field not in frame.columns:
        return None
    texts = frame.select(plain_text(pl.col(field), frame.schema[field]).alias("cursor"))["cursor"].drop_nulls()
    return next(filter(is_sound, reversed(texts)), None)
