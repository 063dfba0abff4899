"""Values on their way from and to a database: exact, or a fault. Nothing is rounded, cut or emptied in silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from ponte.engine.ports import FAULT_SCHEMA

MAX_PRECISION = 38
_NO_FAULTS = pl.DataFrame(schema=FAULT_SCHEMA)
_MICROSECONDS = {"0001": -62_135_596_800_000_000, "9999": 253_402_300_799_999_999}
_SECONDS, _TO_SECONDS = "%Y-%m-%d %H:%M:%S", 19
_DAYS = {"0001": -719_162, "9999": 2_932_896}


def faults(rows: pl.Series, field: str, reason: str, message: str) -> pl.DataFrame:
    """Faults of one field at the rows where a mask is true, by FAULT_SCHEMA."""
    if not rows.any():
        return _NO_FAULTS
    return pl.DataFrame({"row": rows.arg_true().cast(pl.UInt32)}).select(
        "row",
        pl.lit(field, dtype=pl.String).alias("field"),
        pl.lit(reason, dtype=pl.String).alias("reason"),
        pl.lit(message, dtype=pl.String).alias("message"),
    )


def join_faults(found: Sequence[pl.DataFrame]) -> pl.DataFrame | None:
    """All faults in one frame, by row; None for none."""
    present = [frame for frame in found if frame.height]
    return pl.concat(present).sort("row", maintain_order=True) if present else None


def decimals(text: pl.Series, precision: int | None, scale: int | None) -> tuple[pl.Series, pl.Series]:
    """Exact decimals out of plain decimal text, and a mask of the texts that are none.

    Without a scale, the greatest one that occurs is taken, so that nothing is rounded.
    """
    plain = text.str.contains(r"^-?[0-9]+(\.[0-9]+)?$")
    if scale is None:
        fraction = text.str.extract(r"\.([0-9]*[1-9])", 1).str.len_chars()
        scale = min(int(str(fraction.max() or 0)), MAX_PRECISION - 1)
    dtype = pl.Decimal(precision or MAX_PRECISION, scale)
    values = text.cast(dtype, strict=False)
    too_fine = text.str.extract(r"\.([0-9]*[1-9])", 1).str.len_chars().fill_null(0) > scale
    bad = text.is_not_null() & (values.is_null() | ~plain | too_fine)
    return (values if not bad.any() else values.zip_with(~bad, pl.Series([None], dtype=dtype))), bad


def plain_decimals(text: pl.Series, precision: int | None, scale: int | None) -> tuple[pl.Series, pl.Series]:
    """As `decimals`, quicker, for text that a database wrote: plain, and within the scale that it declares."""
    if scale is None:
        point = text.str.find(".", literal=True)
        scale = min(int(str((text.str.len_bytes() - point - 1).max() or 0)), MAX_PRECISION - 1)
    values = text.cast(pl.Decimal(precision or MAX_PRECISION, scale), strict=False)
    if values.null_count() == text.null_count():
        return values, pl.repeat(False, text.len(), eager=True)  # noqa: FBT003 - a value
    return decimals(text, precision, scale if precision is not None else None)


def plain_moments(text: pl.Series) -> pl.Series:
    """Moments of text that a database wrote, as `2026-11-25 10:00:00.123456`, perhaps with `+00`; null for others.

    Polars parses a text quickly only up to its seconds (half the time, measured): fractions are added as numbers.
    """
    rest = text.str.slice(_TO_SECONDS).str.strip_suffix("+00")
    if rest.str.contains(r"^(\.[0-9]{1,6})?$").all():
        seconds = text.str.head(_TO_SECONDS).str.to_datetime(_SECONDS, time_unit="us", strict=False, cache=False)
        if seconds.null_count() == text.null_count():
            fractions = ("0" + rest).cast(pl.Decimal(7, 6)).to_physical()
            return (seconds.to_physical() + fractions.cast(pl.Int64)).cast(pl.Datetime("us")).alias(text.name)
    return text.str.strip_suffix("+00").str.to_datetime(f"{_SECONDS}%.f", time_unit="us", strict=False)


def beyond_calendar(values: pl.Series) -> pl.Series:
    """Mask of dates and times that are outside the years 1 to 9999: infinities, years before Christ."""
    bounds = _DAYS if values.dtype == pl.Date else _MICROSECONDS
    return ~values.to_physical().is_between(bounds["0001"], bounds["9999"]).fill_null(value=True)


def resize(frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Frames of exactly this height, but for the last one."""
    held: list[pl.DataFrame] = []
    for frame in frames:
        held.append(frame)
        height = sum(part.height for part in held)
        if height < size:
            continue
        whole = pl.concat(held, rechunk=False)
        cut = height - height % size
        yield from (whole.slice(start, size) for start in range(0, cut, size))
        held = [whole.slice(cut)]
    rest = [part for part in held if part.height]
    if rest:
        yield pl.concat(rest, rechunk=False)


def texts(values: Sequence[object]) -> tuple[pl.Series, pl.Series]:
    """Texts, and a mask of those that are not UTF-8, which are null."""
    try:
        return pl.Series(values, dtype=pl.String), pl.repeat(False, len(values), eager=True)  # noqa: FBT003 - a value
    except UnicodeEncodeError:
        bad = [isinstance(value, str) and is_broken(value) for value in values]
        kept = [None if is_bad else value for value, is_bad in zip(values, bad, strict=True)]
        return pl.Series(kept, dtype=pl.String), pl.Series(bad, dtype=pl.Boolean)


def is_broken(text: str) -> bool:
    """Whether a text holds what no UTF-8 can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
