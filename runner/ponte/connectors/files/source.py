"""Reads files whole, batch by batch. A reading is complete only if no file changed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from dataclasses import replace

import polars as pl

from ponte.connectors.declared import check_declared
from ponte.connectors.files.arrivals import Arrival, Arrivals, Choice
from ponte.connectors.files.client import Folder, Snapshot
from ponte.connectors.files.formats import format_of
from ponte.connectors.files.formulas import restore_column
from ponte.connectors.files.putting_away import put_away
from ponte.connectors.files.selection import comparable, pick
from ponte.connectors.files.tables import Table, resize
from ponte.engine.ports import Batch, Clock, Read, ReadMode, SchemaField, SourceCapabilities
from ponte.errors import ConfigurationError
from ponte.threads import in_thread
from ponte_api.sync_source import ObjectSpec

_BATCH = 25_000
_LOOKED_AT = 1000
"""Lines or records from which the fields are learnt."""


class FileSource:
    """One file, or those that others drop, for reading. Changes and single records are picked out of the whole."""

    def __init__(self, spec: ObjectSpec, folder: Folder, clock: Clock) -> None:
        self._spec = spec
        self._folder = folder
        self._arrivals = Arrivals(spec, spec.incoming, folder, clock) if spec.incoming else None
        self._done = Choice()
        modes: list[ReadMode] = ["all"]
        modes += ["keys"] if spec.key else []
        modes += ["changes", "range"] if spec.cursor else []
        self.capabilities = SourceCapabilities(reads=frozenset(modes))

    async def upper_bound(self) -> str | None:
        """The greatest cursor."""
        names = [arrival.name for arrival in (await self._choose()).read]
        return await asyncio.to_thread(self._greatest, names)

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches of one state of the file or files.

        Raises:
            ConfigurationError: the file or a field is not there, or is no text of the declared encoding.
            TransientError: the file changed while it was read, is not complete, or is still empty.
        """
        choice = await self._choose()
        batches = self._batches(read, choice)
        try:
            while (batch := await in_thread(lambda: next(batches, None))) is not None:
                yield batch
        finally:
            batches.close()

    async def acknowledge(self) -> str | None:
        """Puts the files of the last whole reading of all away, where that is declared; says which could not be."""
        incoming, done = self._spec.incoming, self._done
        if incoming is None or incoming.when_done is None:
            return None
        left = await asyncio.to_thread(put_away, self._folder, incoming, (*done.superseded, *done.read))
        return f"FileChanged: {', '.join(left[:5])} changed since and stays" if left else None

    async def retain(self, unsafe: int) -> str | None:
        """Leaves the files where they are: moved, their records could not be read again."""
        incoming, done = self._spec.incoming, self._done
        if incoming is None or incoming.when_done is None or not done.read:
            return None
        names = ", ".join(arrival.name for arrival in done.read[:5])
        return f"FilesStay: {unsafe:,} records did not get through, so that {names} is kept until they do"

    async def schema(self) -> list[SchemaField]:
        """The fields of the first records; text files know no types."""
        names = [arrival.name for arrival in (await self._choose()).read]
        first = await asyncio.to_thread(self._first, names)
        return [SchemaField(name, _type(dtype)) for name, dtype in first.schema.items()]

    def _first(self, names: Sequence[str]) -> pl.DataFrame:
        """The first records, whether they have the declared fields or not.

        Where each record names its own fields, a table without records knows none: the first with records is taken.
        """
        format_, first = format_of(self._spec), pl.DataFrame()
        for name in names:
            with self._folder.open(name) as snapshot:
                for table in resize(format_.read(snapshot, self._spec, _LOOKED_AT), _LOOKED_AT):
                    first = table.frame
                    if format_.has_fixed_fields or first.height:
                        return first
        return first

    async def _choose(self) -> Choice:
        if self._arrivals is not None:
            return await self._arrivals.choose()
        return Choice((Arrival(self._spec.path or "", (), 0),))

    def _greatest(self, names: Sequence[str]) -> str | None:
        field = self._spec.cursor.field if self._spec.cursor else None
        if field is None:
            return None
        greatest: tuple[str, str] | None = None
        for table in self._tables(names, _BATCH):
            cursor = _project(table.frame, [field], self._label).get_column(field)
            ordered = pl.DataFrame({"text": cursor.cast(pl.String)}).with_columns(rank=comparable(pl.col("text")))
            row = ordered.drop_nulls("rank").sort("rank").tail(1)
            if row.height and (greatest is None or row["rank"][0] > greatest[0]):
                greatest = (row["rank"][0], row["text"][0])
        return greatest[1] if greatest else None

    def _batches(self, read: Read, choice: Choice) -> Generator[Batch, None, None]:
        chosen = pick(self._spec, read)
        held: Batch | None = None
        for table in resize(self._tables([arrival.name for arrival in choice.read], read.batch_size), read.batch_size):
            if held is not None:
                yield held
            held = _batch(table, read, chosen, self._label)
        if read.mode == "all":
            self._done = choice
        yield replace(held or _nothing(self._spec, read), is_last=True)

    def _tables(self, names: Sequence[str], batch_size: int) -> Iterator[Table]:
        """The tables of the files, one file after the other; each must be the same at its end as at its beginning."""
        columns: tuple[str, ...] | None = None
        for name in names:
            with self._folder.open(name) as snapshot:
                for table in _checked(snapshot, self._spec, batch_size):
                    columns = columns or tuple(table.frame.columns)
                    yield self._placed(table, columns, snapshot)
                snapshot.check_unchanged()

    def _placed(self, table: Table, columns: tuple[str, ...], snapshot: Snapshot) -> Table:
        """A table among those of other files."""
        if self._spec.incoming is None:
            return table
        name = snapshot.path.name
        unreadable = tuple(
            replace(item, position=f"{name} {item.position}", message=f"{name}, {item.message}")
            for item in table.unreadable
        )
        frame = table.frame
        if format_of(self._spec).has_fixed_fields and tuple(frame.columns) != columns:
            if set(frame.columns) != set(columns):
                odd = sorted(set(frame.columns) ^ set(columns))
                raise ConfigurationError(
                    f"{snapshot.label} has other fields than the files before it: {', '.join(odd[:20])}. Files that are"
                    " read as one have the same fields. Next: move those that differ, or make another object of them.",
                    reason="SchemaDrift",
                )
            frame = frame.select(columns)
        return Table(frame, unreadable, table.faults)

    @property
    def _label(self) -> str:
        return f"{self._folder.label}: {self._spec.path}"


class WrittenFileSource(FileSource):
    """A file that Ponte wrote, as it was given."""

    def _placed(self, table: Table, columns: tuple[str, ...], snapshot: Snapshot) -> Table:
        placed = super()._placed(table, columns, snapshot)
        options = self._spec.csv or self._spec.excel
        if options is None or not options.neutralises:
            return placed
        return replace(
            placed, frame=placed.frame.select(restore_column(cells) for cells in placed.frame.iter_columns())
        )


def _nothing(spec: ObjectSpec, read: Read) -> Batch:
    """What is read where no file is there and none need be."""
    names = read.columns or [*dict.fromkeys([*(field.name for field in spec.fields), *spec.key])]
    return Batch(pl.DataFrame(schema=dict.fromkeys(names, pl.String)))


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
        raise ConfigurationError(
            f"{label} has no field {missing[0]!r} (has: {names}). Next: correct the key, the cursor or the Mapping, or "
            "the file.",
            reason="FieldMissing",
        )
    return frame.select(columns)


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if dtype.is_integer():
        return "integer"
    if dtype == pl.Boolean:
        return "boolean"
    return "json" if dtype.is_nested() else "string"
