"""Versions of values: the source's own where it has one, else the time they were read; microseconds or a counter."""

from __future__ import annotations

import polars as pl

from ponte.errors import ConfigurationError


def versions(frame: pl.DataFrame, field: str | None, read_at_us: int) -> pl.Series:
    """The version of each record, as Int64; null where the record gives none.

    Args:
        frame: records.
        field: the object's version field; None where the read time counts.
        read_at_us: ledger time taken before the request was sent.

    Raises:
        ConfigurationError: the field is not there or is no number and no time.
    """
    if field is None:
        return pl.Series("version", [read_at_us], dtype=pl.Int64).new_from_index(0, frame.height)
    if field not in frame.columns:
        raise ConfigurationError(
            f"The version field {field!r} is not among the fields read ({', '.join(frame.columns[:12])}). "
            "Next: correct objects[].version of the SyncSource.",
            reason="UnknownField",
        )
    column = frame[field]
    return frame.select(_as_integer(pl.col(field), column.dtype).alias("version"))["version"]


def _as_integer(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_temporal():
        return value.cast(pl.Datetime("us")).dt.epoch("us")
    if dtype == pl.String:
        time = value.str.replace("T", " ", literal=True).str.strip_suffix("Z")
        parsed = time.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
        day = time.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        return pl.coalesce(value.cast(pl.Int64, strict=False), parsed.dt.epoch("us"), day.dt.epoch("us"))
    return value.cast(pl.Int64, strict=False)
