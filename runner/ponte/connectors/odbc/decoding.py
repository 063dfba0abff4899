"""What drivers give, as the types of a table's columns: exact, or a fault of the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.client import Rows
from ponte.connectors.relational.values import beyond_calendar, faults, join_faults, plain_decimals, plain_moments

_TRUE, _FALSE = ["1", "t", "true"], ["0", "f", "false"]
_ZONE = r"(\+00(:?00)?| UTC|Z)$"
Decoder = Callable[[pl.Series, Column], tuple[pl.Series, pl.Series]]


def decode(frame: pl.DataFrame, columns: Sequence[Column]) -> Rows:
    """Rows of these columns out of what a driver gave for them, by position."""
    series, found = [], []
    for given, column in zip(frame.iter_columns(), columns, strict=True):
        values, bad = _decoded(given, column)
        series.append(values.alias(column.name))
        if bad.any():
            found.append(faults(bad, column.name, *_fault(column)))
    return Rows(pl.DataFrame(series), join_faults(found))


def _decoded(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    if given.dtype == pl.String:
        return _DECODERS.get(column.kind, _text)(given, column)
    dtype = column.dtype or pl.String()
    if isinstance(dtype, pl.Datetime):  # microseconds since 1970
        return _checked(given, given.cast(dtype))
    values = given if given.dtype == dtype else given.cast(dtype, strict=False)
    return values, given.is_not_null() & values.is_null()


def _fault(column: Column) -> tuple[str, str]:
    if column.kind in {"date", "datetime", "datetimetz"}:
        return "OutOfRange", "the date is none of the years 1 to 9999"
    if column.kind == "decimal":
        return "NotConvertible", "the number has no exact value of 38 digits"
    return "NotConvertible", f"the value is no {column.kind} ({column.declared})"


def _text(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    """Blanks that fill up CHAR are no content."""
    values = given.str.strip_chars_end(" ") if column.declared.upper() in {"CHAR", "NCHAR", "CHARACTER"} else given
    return values, pl.repeat(False, given.len(), eager=True)  # noqa: FBT003 - a value


def _number(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    values = given.str.strip_chars().cast(column.dtype or pl.String(), strict=False)
    return values, given.is_not_null() & values.is_null()


def _decimal(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    return plain_decimals(given, column.precision if column.dtype is not None else None, column.scale)


def _boolean(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:  # noqa: ARG001 - as all decoders
    known = [True] * len(_TRUE) + [False] * len(_FALSE)
    values = given.str.to_lowercase().replace_strict(_TRUE + _FALSE, known, default=None, return_dtype=pl.Boolean)
    return values, given.is_not_null() & values.is_null()


def _date(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:  # noqa: ARG001 - as all decoders
    return _checked(given, given.str.strip_suffix(" 00:00:00").str.to_date("%Y-%m-%d", strict=False))


def _time(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    values = plain_moments(given)
    if values.null_count() > given.null_count():
        values = plain_moments(given.str.replace("T", " ", literal=True).str.replace(_ZONE, ""))
    return _checked(given, values.dt.replace_time_zone("UTC") if column.kind == "datetimetz" else values)


def _checked(given: pl.Series, values: pl.Series) -> tuple[pl.Series, pl.Series]:
    bad = given.is_not_null() & (values.is_null() | beyond_calendar(values))
    return (values.zip_with(~bad, pl.Series([None], dtype=values.dtype)) if bad.any() else values), bad


_DECODERS: dict[str, Decoder] = {
    "integer": _number,
    "float": _number,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "datetime": _time,
    "datetimetz": _time,
}
