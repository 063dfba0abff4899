"""Temporary tables of MariaDB and MySQL that carry a chunk to the database, and the texts that fill them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import polars.selectors as cs

from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.dialect import Dialect, Stage
from ponte.connectors.relational.mysql.style import UNICODE, charset

_LONGEST_INDEXED = 768  # characters of four bytes in an index of 3,072 bytes
_STAGE_TYPES = {
    "integer": "BIGINT",
    "boolean": "TINYINT",
    "date": "DATE",
    "datetime": "DATETIME(6)",
    "datetimetz": "DATETIME(6)",
    "binary": "LONGBLOB",
}
_NO_PLAIN_TYPES = ("bit", "year", "enum", "set")
_MOMENT = "%Y-%m-%d %H:%M:%S%.6f"


def statements(dialect: Dialect, stage: Stage, key: Sequence[str]) -> tuple[str, ...]:
    """What makes an empty stage: one of the same name is dropped; an index on the key where one can be."""
    fields = "".join(f", {dialect.quote(c.name)} {_type(c)}" for c in stage.columns)
    keys = [column for column in stage.columns if column.name in key]
    names = ", ".join(dialect.quote(column.name) for column in keys)
    index = f", INDEX ({names})" if all(map(_is_indexable, keys)) and _fits_index(keys) else ""
    return (
        f"DROP TEMPORARY TABLE IF EXISTS {stage.sql}",
        f"CREATE TEMPORARY TABLE {stage.sql} (ponte_row INT{fields}{index}) ENGINE=InnoDB",
    )


def _type(column: Column) -> str:
    """The type of a staged column: as wide as the values that `encode` lets through, so that none fails on the way."""
    if column.kind == "decimal":
        return f"DECIMAL({column.precision or 65},{column.scale if column.precision else 30})"
    if _is_indexable(column) and column.collation:
        return f"VARCHAR({column.length}) CHARACTER SET {UNICODE} COLLATE {column.collation}"
    return _STAGE_TYPES.get(column.kind, f"LONGTEXT CHARACTER SET {UNICODE} COLLATE {UNICODE}_bin")


def _is_indexable(column: Column) -> bool:
    """Whether an index on the staged column can find what the table's column is compared with."""
    if column.kind == "string":
        return charset(column) == UNICODE and column.length is not None and column.length <= _LONGEST_INDEXED
    return column.kind in {"integer", "decimal", "date", "datetime", "datetimetz"}


def plain_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame whose values are texts that the server reads, times in UTC; bytes stay what they are."""
    zoned = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    plain = frame.with_columns(cs.boolean().cast(pl.Int8), pl.col(zoned).dt.replace_time_zone(None))
    others = ~cs.string() & ~cs.datetime() & ~cs.binary()
    return plain.with_columns(cs.datetime().dt.strftime(_MOMENT), others.cast(pl.String))


def takes_texts(column: Column) -> bool:
    """Whether the table's own column takes a text for what its staged column does: to YEAR, '0' is 2000, and 0 is 0."""
    return column.kind != "other" and not column.declared.startswith(_NO_PLAIN_TYPES)


def _fits_index(keys: Sequence[Column]) -> bool:
    return sum(column.length or 8 for column in keys) <= _LONGEST_INDEXED
