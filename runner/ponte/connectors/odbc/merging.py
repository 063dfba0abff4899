"""MERGE, as SQL Server, Oracle and Db2 have it, and stages whose columns have the types of what they carry. Pure.

The texts follow the vendors' manuals. None was run on a server yet: whoever offers a profile with them says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl
import polars.selectors as cs

from ponte.connectors.odbc.marks import mark
from ponte.connectors.odbc.staging import RowStaging
from ponte.connectors.odbc.standard import StandardOverOdbc
from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.dialect import Deletion, Dialect, Merge, Span, Stage, assign, matches

ISO_TIME = "%Y-%m-%d %H:%M:%S%.6f"


class MergeDialect(StandardOverOdbc):
    """What these databases share: MERGE on the key, which never touches a record that has another one.

    A subclass says of which type a value is, by the column's kind; `text_type` is that of a text of so many
    characters, up to `most_length`.
    """

    types: Mapping[str, str]
    text_type: str
    most_length = 4000
    lock = ""
    end = ""

    def type_of(self, column: Column) -> str:
        """The type in which a value of the column is staged and bound."""
        if column.kind == "string" and 0 < (column.length or 0) <= self.most_length:
            return self.text_type.format(characters=column.length, octets=4 * (column.length or 0))
        if column.kind == "decimal" and column.precision is not None:
            return f"DECIMAL({column.precision},{column.scale or 0})"
        return self.types.get(column.kind, self.types["text"])

    def parameter(self, number: int, column: Column) -> str:
        """The bound text, of the column's type."""
        return f"CAST({mark(number)} AS {self.type_of(column)})"

    def staged(self, column: Column, of: str) -> str:
        """The staged value, which has the column's type."""
        return f"{of}.{self.quote(column.name)}"

    def upsert(self: Dialect, merge: Merge, span: Span) -> tuple[str, ...]:
        """One statement."""
        names = ", ".join(self.quote(column.name) for column in merge.stage.columns)
        values = ", ".join(self.staged(column, "s") for column in merge.stage.columns)
        insert = f" WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        return (_merge(self, merge, span, _when_matched(self, merge) + insert),)

    def update(self, merge: Merge, span: Span) -> tuple[str, ...]:
        """The same without its insert."""
        matched = _when_matched(self, merge)
        return (_merge(self, merge, span, matched),) if matched else ()

    def delete(self, deletion: Deletion) -> str:
        """By subqueries; the table's alias without AS, which Oracle does not take."""
        return super().delete(deletion).replace(f"{deletion.table.sql} AS t", f"{deletion.table.sql} t", 1)


def _when_matched(dialect: Dialect, merge: Merge) -> str:
    sets = ", ".join(assign(dialect, merge, column, dialect.staged(column, "s")) for column in merge.content)
    return f" WHEN MATCHED THEN UPDATE SET {sets}" if sets else ""


def _merge(dialect: Dialect, merge: Merge, span: Span, what: str) -> str:
    lock, end = getattr(dialect, "lock", ""), getattr(dialect, "end", "")
    rows = f"(SELECT s.* FROM {merge.stage.sql} s WHERE {span.condition})"
    return f"MERGE INTO {merge.table.sql}{lock} t USING {rows} s ON ({matches(dialect, merge, 't')}){what}{end}"


def staging(dialect: MergeDialect, creates: Sequence[str]) -> Callable[[Stage, Sequence[str]], RowStaging]:
    """Makes stages by these statements: `{name}` is the stage's, `{fields}` are its columns with their types."""

    def stage_(stage: Stage, key: Sequence[str]) -> RowStaging:  # noqa: ARG001 - without an index on the key
        names = ("ponte_row", *(dialect.quote(column.name) for column in stage.columns))
        typed = (f"{dialect.quote(column.name)} {dialect.type_of(column)}" for column in stage.columns)
        fields = ", ".join(["ponte_row INTEGER", *typed])
        statements = tuple(text.replace("{name}", stage.sql).replace("{fields}", fields) for text in creates)
        return RowStaging(statements, stage.sql, names, _texts)

    return stage_


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts that the databases take for their types: times in UTC, booleans as 1 and 0; bytes stay what they are."""
    zoned = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    plain = frame.with_columns(
        cs.boolean().cast(pl.Int8),
        *(pl.col(name).dt.replace_time_zone(None).dt.strftime(f"{ISO_TIME}+00:00") for name in zoned),
    )
    others = ~cs.string() & ~cs.datetime() & ~cs.binary()
    return plain.with_columns(cs.datetime().dt.strftime(ISO_TIME), others.cast(pl.String))
