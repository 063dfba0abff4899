"""Reads a file whole, batch by batch. It is complete only if the file did not change meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from dataclasses import replace

import polars as pl

from ponte.connectors.declared import check_declared
from ponte.connectors.files.client import Folder, Snapshot
from ponte.connectors.files.formats import format_of
from ponte.connectors.files.selection import comparable, pick
from ponte.connectors.files.tables import Table, resize
from ponte.engine.ports import Batch, Read, ReadMode, SchemaField, SourceCapabilities
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

_BATCH = 25_000


class FileSource:
    """One file, for reading. Changes and single records are picked out of the whole file."""

    def __init__(self, spec: ObjectSpec, folder: Folder) -> None:
        self._spec = spec
        self._folder = folder
        modes: list[ReadMode] = ["all"]
        modes += ["keys"] if spec.key else []
        modes += ["changes", "range"] if spec.cursor else []
        self.capabilities = SourceCapabilities(reads=frozenset(modes))

    async def upper_bound(self) -> str | None:
        """The greatest cursor in the file."""
        return await asyncio.to_thread(self._greatest)

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches of one state of the file.

        Raises:
            ConfigurationError: the file or a field is not there, or is no text of the declared encoding.
            TransientError: the file changed while it was read, or is still empty.
        """
        batches = self._batches(read)
        try:
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                yield batch
        finally:
            batches.close()

    async def schema(self) -> list[SchemaField]:
        """The fields of the first batch; text files know no types."""
        first = await asyncio.to_thread(self._first)
        return [SchemaField(name, _type(dtype)) for name, dtype in first.schema.items()]

    def _first(self) -> pl.DataFrame:
        with self._folder.open(self._spec.path or "") as snapshot:
            tables = resize(format_of(self._spec).read(snapshot, self._spec, 1000), 1000)
            return next(tables, Table(pl.DataFrame())).frame

    def _greatest(self) -> str | None:
        field = self._spec.cursor.field if self._spec.cursor else None
        if field is None:
            return None
        greatest: tuple[str, str] | None = None
        with self._folder.open(self._spec.path or "") as snapshot:
            for table in _checked(snapshot, self._spec, _BATCH):
                cursor = _project(table.frame, [field], snapshot.label).get_column(field)
                ordered = pl.DataFrame({"text": cursor.cast(pl.String)}).with_columns(rank=comparable(pl.col("text")))
                row = ordered.drop_nulls("rank").sort("rank").tail(1)
                if row.height and (greatest is None or row["rank"][0] > greatest[0]):
                    greatest = (row["rank"][0], row["text"][0])
        return greatest[1] if greatest else None

    def _batches(self, read: Read) -> Generator[Batch, None, None]:
        chosen = pick(self._spec, read)
        with self._folder.open(self._spec.path or "") as snapshot:
            held: Batch | None = None
            for table in resize(_checked(snapshot, self._spec, read.batch_size), read.batch_size):
                if held is not None:
                    yield held
                held = _batch(table, read, chosen, snapshot.label)
            snapshot.check_unchanged()
            if held is not None:
                yield replace(held, is_last=True)


def _checked(snapshot: Snapshot, spec: ObjectSpec, batch_size: int) -> Iterator[Table]:
    """The tables of a file, which have each declared field where all records have the same fields."""
    format_ = format_of(spec)
    for table in format_.read(snapshot, spec, batch_size):
        if format_.has_fixed_fields:
            check_declared(spec, table.frame.columns, snapshot.label)
        yield table


def _batch(table: Table, read: Read, chosen: pl.Expr | None, label: str) -> Batch:
    frame, faults = table.frame, table.faults
    if chosen is not None and frame.height:
        kept = frame.select(chosen.alias("kept")).to_series()
        if faults is not None:
            rows = kept.arg_true()
            places = pl.DataFrame({"row": rows.cast(pl.UInt32), "new": pl.Series(range(rows.len()), dtype=pl.UInt32)})
            moved = faults.join(places, on="row", how="inner", maintain_order="left")
            faults = moved.with_columns(pl.col("new").alias("row")).drop("new")
        frame = frame.filter(kept)
    return Batch(_project(frame, read.columns, label), faults=faults, unreadable=table.unreadable)


def _project(frame: pl.DataFrame, columns: Sequence[str] | None, label: str) -> pl.DataFrame:
    if columns is None:
        return frame
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        names = ", ".join(frame.columns[:20])
        raise ConfigurationError(f"{label} has no field {missing[0]!r} (has: {names}).", reason="FieldMissing")
    return frame.select(columns)


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if dtype.is_integer():
        return "integer"
    if dtype == pl.Boolean:
        return "boolean"
    return "json" if dtype.is_nested() else "string"
