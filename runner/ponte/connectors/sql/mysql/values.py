"""Values on their way from the text protocol to frames, and from frames to a stage."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import polars as pl
import polars.selectors as cs

from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.client import Rows
from ponte.connectors.relational.mysql.stage import plain_texts
from ponte.connectors.relational.values import beyond_calendar, faults, join_faults, plain_decimals, plain_moments

_ESCAPED = ["\\", "\t", "\n"]
_ESCAPES = ["\\\\", "\\t", "\\n"]
_TIMES = frozenset({"datetime", "datetimetz"})


def decode(rows: Sequence[tuple[Any, ...]], columns: Sequence[Column]) -> Rows:
    """Rows of text as a frame of the columns' types."""
    series, found = [], []
    for values, column in zip(zip(*rows, strict=True), columns, strict=True):
        decoded, bad = _series(values, column)
        series.append(decoded.alias(column.name))
        if bad is not None and bad.any():
            found.append(faults(bad, column.name, "NotConvertible", _says(column)))
    return Rows(pl.DataFrame(series), join_faults(found))


def to_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame whose values are texts that the server reads: bytes in hexadecimal, times in UTC."""
    return plain_texts(frame).with_columns(cs.binary().bin.encode("hex"))


def to_lines(frame: pl.DataFrame) -> bytes:
    """Texts as LOAD DATA takes them: tabs between values, backslashes before what is none."""
    escaped = frame.with_columns(cs.string().str.replace_many(_ESCAPED, _ESCAPES))
    buffer = io.BytesIO()
    escaped.write_csv(buffer, separator="\t", quote_style="never", null_value="\\N", include_header=False)
    return buffer.getvalue()


def _series(values: tuple[Any, ...], column: Column) -> tuple[pl.Series, pl.Series | None]:
    if column.kind == "binary":
        return pl.Series(values, dtype=pl.Binary), None
    text = pl.Series(values, dtype=pl.String)
    if column.kind == "decimal":
        return plain_decimals(text, column.precision, column.scale)
    if column.kind == "boolean":
        decoded = text.replace_strict(["0", "1"], [False, True], default=None, return_dtype=pl.Boolean)
    elif column.kind == "date":
        decoded = text.str.to_date("%Y-%m-%d", strict=False)
    elif column.kind in _TIMES:
        zone = "UTC" if column.kind == "datetimetz" else None
        decoded = plain_moments(text).dt.replace_time_zone(zone)
    elif column.kind in {"integer", "float"}:
        decoded = text.cast(column.dtype or pl.Int64(), strict=False)
    else:
        return text, None
    bad = text.is_not_null() & decoded.is_null()
    if column.kind in {"date", *_TIMES}:
        beyond = beyond_calendar(decoded)
        decoded, bad = decoded.set(beyond, None), bad | beyond
    return decoded, bad


def _says(column: Column) -> str:
    if column.kind == "boolean":
        return f"the value is neither 0 nor 1 ({column.declared}): where it is a number, read it by a query: COLUMN + 0"
    if column.kind in {"date", *_TIMES}:
        return f"the value is no {column.kind} of the years 1 to 9999 (0000-00-00 is none)"
    return f"the value is no {column.kind} that can be read exactly ({column.declared})"
