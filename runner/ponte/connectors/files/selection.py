"""Changes and single records out of a file that is read whole: the file has no index, so they are picked here.

Times are compared in one form of text. A cursor that is empty or no time is always taken: better read twice than lost.
"""

from __future__ import annotations

import polars as pl

from ponte.connectors.bounds import TIME_EXAMPLE, check_bounds, is_integer, is_time
from ponte.engine.ports import Read
from ponte_api.sync_source import ObjectSpec

_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|\+00:?00)?)?$"
_INTEGER = r"^[+-]?[0-9]{1,18}$"


def pick(spec: ObjectSpec, read: Read) -> pl.Expr | None:
    """The condition on the records of a reading; None for all of them. Raises UsageError for bounds that are none."""
    if read.mode == "keys":
        return _is_among(read.keys if read.keys is not None else pl.DataFrame(), spec.key)
    if read.mode == "all" or spec.cursor is None:
        return None
    _check_range(spec, read, spec.cursor.field)
    cursor = comparable(pl.col(spec.cursor.field))
    within = pl.lit(value=True)
    if read.lower is not None:
        within &= cursor >= comparable(pl.lit(read.lower, pl.String))
    if read.upper is not None:
        within &= cursor <= comparable(pl.lit(read.upper, pl.String))
    return within.fill_null(value=read.mode == "changes")


def _check_range(spec: ObjectSpec, read: Read, cursor: str) -> None:
    label, types = f"object {spec.name}, cursor {cursor}", {field.name: field.type for field in spec.fields}
    check_bounds(read, _is_comparable, TIME_EXAMPLE, label)
    if types.get(cursor) == "integer":
        check_bounds(read, is_integer, "1000", label)
    elif types.get(cursor) in {"date", "datetime"}:
        check_bounds(read, is_time, TIME_EXAMPLE, label)


def _is_comparable(text: str) -> bool:
    return pl.select(comparable(pl.lit(text, pl.String))).item() is not None


def comparable(cursor: pl.Expr) -> pl.Expr:
    """A cursor as text that orders as what it stands for; null for what is neither a time nor an integer."""
    text = cursor.cast(pl.String)
    plain = (
        text.str.replace(",", ".", literal=True).str.replace("T", " ", literal=True).str.replace(r"(Z|\+00:?00)$", "")
    )
    time = plain.str.replace(r"(\.[0-9]*?)0+$", "${1}").str.replace(r"\.$", "")
    number = (text.str.strip_chars_start("+").cast(pl.Int64, strict=False).cast(pl.Int128) + 2**63).cast(pl.String)
    return (
        pl.when(text.str.contains(_ISO))
        .then(time)
        .when(text.str.contains(_INTEGER))
        .then(number.str.zfill(20))
        .otherwise(None)
    )


def _is_among(keys: pl.DataFrame, names: list[str]) -> pl.Expr:
    wanted = keys.select(pl.struct(pl.col(name).cast(pl.String) for name in names).alias("key")).to_series()
    return pl.struct(pl.col(name).cast(pl.String) for name in names).is_in(wanted.implode())
