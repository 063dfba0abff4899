"""Looks at systems: what they hold, which fields an object has, and a few of its values for guesses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import polars as pl

from ponte.connectors.discovery import Discovers, FoundField, FoundObject
from ponte.connectors.registry import References, connect
from ponte.engine.ports import Read, System
from ponte.errors import PonteError
from ponte.runtime.clock import SystemClock
from ponte_api.sync_source import SyncSource

SAMPLES = 200


@asynccontextmanager
async def connected(source: SyncSource, references: References) -> AsyncIterator[System]:
    """The connected system."""
    system = connect(source, references, SystemClock())
    try:
        yield system
    finally:
        await system.close()


async def names_in(source: SyncSource, references: References) -> list[str]:
    """What the system holds; empty where it does not say."""
    async with connected(source, references) as system:
        return await system.object_names() if isinstance(system, Discovers) else []


async def look_at_source(source: SyncSource, object_name: str, references: References) -> FoundObject:
    """An object with samples of its fields."""
    async with connected(source, references) as system:
        found = await _found(system, object_name)
        frame = await _first_records(system, object_name)
    fields = (replace(field, samples=_samples(frame, field.name)) for field in found.fields)
    return replace(found, fields=tuple(fields))


async def look_at_target(source: SyncSource, object_name: str, references: References) -> FoundObject:
    """An object as it is to be written."""
    async with connected(source, references) as system:
        return await _found(system, object_name)


async def _found(system: System, object_name: str) -> FoundObject:
    if isinstance(system, Discovers):
        return await system.found_object(object_name)
    fields = await system.schema(object_name)
    return FoundObject(tuple(FoundField(field.name, field.type) for field in fields))


async def _first_records(system: System, object_name: str) -> pl.DataFrame:
    """A few records; none where they cannot be read, which a proposal does not need."""
    try:
        source = system.source(object_name)
        async with aclosing(source.read(Read("all", SAMPLES))) as batches:  # type: ignore[type-var]  # the connectors' readings are generators
            async for batch in batches:
                if batch.frame.height:
                    return batch.frame
    except PonteError:
        return pl.DataFrame()
    return pl.DataFrame()


def _samples(frame: pl.DataFrame, name: str) -> tuple[str, ...]:
    if name not in frame.columns or frame.schema[name].is_nested():
        return ()
    return tuple(frame.get_column(name).head(SAMPLES).cast(pl.String, strict=False).fill_null("").to_list())
