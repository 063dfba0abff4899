"""Rows of other tables that belong to a record: read with it as a list, written with it in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Rows, Session
from ponte.connectors.relational.dialect import Deletion, Dialect, Merge, Span, Stage, matches
from ponte.connectors.relational.encoding import encode
from ponte.connectors.relational.reading import key_rows
from ponte.connectors.relational.statements import SelectByKey
from ponte.connectors.relational.values import faults, join_faults
from ponte.errors import ConfigurationError
from ponte_api.sync_source import Part

_NUMBER = Column("ponte_row", "integer", "integer", bits=32)
_ALL_ROWS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PartTable:
    """A table of parts.

    Attributes:
        part: how it belongs to its record.
        relation: its table.
    """

    part: Part
    relation: Relation

    @property
    def ties(self) -> tuple[Column, ...]:
        """The part's columns that tie it to its record."""
        return tuple(self.relation.column(pair.part) for pair in self.part.on)

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies a part in its table."""
        return tuple(dict.fromkeys([*(pair.part for pair in self.part.on), *self.part.key]))

    def read(self, session: Session, records: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame | None]:
        """The lists of parts of these records, row by row, and faults of the records by FAULT_SCHEMA."""
        keys = records.select(pl.col(pair.record).alias(pair.part) for pair in self.part.on)
        fields = self.relation.columns
        order = [self.relation.column(name) for name in self.part.order or self.part.key]
        ordered = tuple(session.dialect.comparable(c, "t") for c in order)
        statement = SelectByKey(self.relation, self.ties, fields, ordered).text(session.dialect)
        found = [
            page
            for rows in key_rows(self.relation, keys, self.ties)
            for page in session.stream(statement, [rows], (_NUMBER, *fields), _ALL_ROWS)
        ]
        frame, faults = _joined(found) if found else (_empty((_NUMBER, *fields)), None)
        return lists(frame, records.height, self.part.name), of_records(faults, frame, self.part.name)

    def explode(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """The parts of records as rows with `ponte_row` of their record, and faults of the records.

        Raises:
            ConfigurationError: fields of the parts that the table does not have, or ties that are not delivered.
        """
        missing = [pair.record for pair in self.part.on if pair.record not in frame.columns]
        if missing:
            raise ConfigurationError(
                f"{self.relation.label}: the record's {missing[0]!r} ties its {self.part.name} to it. Next: map it."
            )
        ties = [pl.col(pair.record).alias(pair.part) for pair in self.part.on]
        numbered = frame.select(pl.col(self.part.name).alias(""), *ties).with_row_index("ponte_row")
        rows = numbered.explode("").filter(pl.col("").is_not_null())
        values = rows.get_column("").struct.unnest()
        values = values.drop([name for name in values.columns if name in rows.columns])
        whole = rows.drop("").hstack(values)
        if unmapped := [name for name in self.key if name not in whole.columns]:
            raise ConfigurationError(
                f"{self.relation.label}: the part's {unmapped[0]!r} is the key of its {self.part.name}. Next: map it."
            )
        columns = self.relation.select(whole.columns[1:])
        encoded, faulty = encode(whole, columns, self.relation.row_size)
        staged = whole.select(pl.col("ponte_row").cast(pl.Int32)).hstack(encoded)
        found = [frame for frame in (faulty, self._twice(staged)) if frame is not None]
        return staged, of_records(join_faults(found), staged, self.part.name)

    def _twice(self, staged: pl.DataFrame) -> pl.DataFrame:
        """Faults of parts with the same key: the database would keep one of them, in silence where it upserts.

        Compared are the values as the table keeps them, so that 1 and 01 are one number. A key that is not complete
        is none: its parts are always written anew.
        """
        key = staged.select(self.key)
        is_complete = ~pl.any_horizontal(pl.all().is_null())
        twice = key.select(pl.struct(pl.all()).is_duplicated() & is_complete).to_series()
        fields = ", ".join(self.part.key)
        message = f"two of its {self.part.name} have the same key ({fields}); the table keeps each key once"
        return faults(twice, self.part.key[0], "DuplicatePart", message)

    def write(self, dialect: Dialect, header: Merge, staged: Stage, span: Span) -> tuple[str, ...]:
        """Statements that bring the parts of staged records into line with those that are staged."""
        merge = Merge(self.relation, staged, self.key)
        kept = (staged, matches(dialect, merge, "t", "k"))
        return (dialect.delete(replace(self._deletion(dialect, header, span), kept=kept)), *dialect.upsert(merge, span))

    def delete(self, dialect: Dialect, header: Merge, span: Span) -> str:
        """Deletes the parts of the staged records."""
        return dialect.delete(self._deletion(dialect, header, span))

    def _deletion(self, dialect: Dialect, header: Merge, span: Span) -> Deletion:
        quote = dialect.quote
        pairs = zip(self.ties, self.part.on, strict=True)
        tied = " AND ".join(dialect.same(c, f"t.{quote(c.name)}", f"h.{quote(pair.record)}") for c, pair in pairs)
        found = f"{header.stage.sql} s JOIN {header.table.sql} h ON {matches(dialect, header, 'h')}"
        return Deletion(self.relation, found, tied, span)


def read_parts(
    session: Session, tables: list[PartTable], frame: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The frame with a list column per table of parts, and faults of its records."""
    lists, faults = [], []
    for table in tables:
        values, found = table.read(session, frame)
        lists.append(values)
        faults += [found] if found is not None else []
    return frame.with_columns(lists), join_faults(faults)


def lists(frame: pl.DataFrame, height: int, name: str) -> pl.Series:
    """Parts as one list per record.

    Args:
        frame: the parts in their order; its first column numbers their record.
        height: how many records there are.
        name: of the parts.
    """
    numbers = frame.get_column(frame.columns[0])
    values = frame.drop(frame.columns[0]).to_struct(name)
    grouped = (
        pl.DataFrame({"number": numbers, "value": values})
        .group_by("number", maintain_order=True)
        .agg(pl.col("value"))
        .with_columns(pl.col("number").cast(pl.Int64))
    )
    every = pl.DataFrame({"number": pl.Series(range(height), dtype=pl.Int64)})
    joined = every.join(grouped, on="number", how="left", maintain_order="left").get_column("value")
    empty = pl.Series([[]], dtype=joined.dtype)
    return joined.zip_with(joined.is_not_null(), empty).alias(name)


def of_records(faults: pl.DataFrame | None, parts: pl.DataFrame, name: str) -> pl.DataFrame | None:
    """Faults of parts as faults of their records, which the first column of the parts numbers."""
    if faults is None:
        return None
    numbers = parts.get_column(parts.columns[0]).gather(faults.get_column("row")).cast(pl.UInt32)
    return faults.with_columns(numbers.alias("row"), pl.concat_str(pl.lit(f"{name}."), "field").alias("field"))


def _joined(pages: list[Rows]) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """All rows and their faults, whose rows are numbered anew."""
    faults, first = [], 0
    for page in pages:
        if page.faults is not None:
            faults.append(page.faults.with_columns(pl.col("row") + pl.lit(first, pl.UInt32)))
        first += page.frame.height
    return pl.concat((page.frame for page in pages), how="vertical_relaxed"), join_faults(faults)


def _empty(columns: tuple[Column, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema={column.name: column.dtype or pl.Decimal(38, 0) for column in columns})
