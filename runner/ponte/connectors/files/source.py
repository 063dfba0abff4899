"""Reads a file whole, batch by batch. It is complete only if the file did not change meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from dataclasses import replace

import polars as pl

from ponte.connectors.files.client import Folder, Snapshot
from ponte.connectors.files.csv_text import Table, read_csv
from ponte.engine.ports import Batch, Read, SchemaField, SourceCapabilities, Unreadable
from ponte.errors import ConfigurationError
from ponte_api.sync_source import Csv, ObjectSpec


class FileSource:
    """One file, for reading."""

    capabilities = SourceCapabilities(reads=frozenset({"all"}))

    def __init__(self, spec: ObjectSpec, folder: Folder) -> None:
        self._spec = spec
        self._folder = folder

    async def upper_bound(self) -> str | None:
        """A file has no clock."""
        return None

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches of one state of the file."""
        batches = self._batches(read)
        try:
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                yield batch
        finally:
            batches.close()

    async def schema(self) -> list[SchemaField]:
        """The fields of the first batch."""
        async for batch in self.read(Read("all", 100)):
            return [SchemaField(name, "string") for name in batch.frame.columns]
        return []

    def _batches(self, read: Read) -> Generator[Batch, None, None]:
        with self._folder.open(self._spec.path or "") as snapshot:
            held: Batch | None = None
            for table in _resize(_tables(snapshot, self._spec, read.batch_size), read.batch_size):
                if held is not None:
                    yield held
                held = Batch(_project(table.frame, read.columns, snapshot.label), unreadable=table.unreadable)
            snapshot.check_unchanged()
            if held is not None:
                yield replace(held, is_last=True)


def _tables(snapshot: Snapshot, spec: ObjectSpec, batch_size: int) -> Iterator[Table]:
    names = [field.name for field in spec.fields]
    return read_csv(snapshot, spec.csv or Csv(), names, batch_size)


def _project(frame: pl.DataFrame, columns: Sequence[str] | None, label: str) -> pl.DataFrame:
    if columns is None:
        return frame
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ConfigurationError(f"{label} has no field {missing[0]!r}.", reason="FieldMissing")
    return frame.select(columns)


def _resize(tables: Iterator[Table], size: int) -> Iterator[Table]:
    """Tables of `size` records; what is unreadable goes along with the records before it."""
    frames: list[pl.DataFrame] = []
    unreadable: tuple[Unreadable, ...] = ()
    is_started = False
    for table in tables:
        frames.append(table.frame)
        unreadable += table.unreadable
        height = sum(frame.height for frame in frames)
        while height >= size:
            whole = pl.concat(frames)
            yield Table(whole.head(size), unreadable)
            frames, unreadable, height, is_started = [whole.slice(size)], (), height - size, True
    if unreadable or not is_started or any(frame.height for frame in frames):
        yield Table(pl.concat(frames), unreadable)
