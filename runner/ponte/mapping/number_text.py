"""Numbers as text, in one form whatever numbers come along with them.

Where a column declares its scale (NUMERIC(10,2), `decimal(12,2)`) its numbers have so many digits: 12.50. Where nobody
does (JSON, NUMERIC), Ponte gives a batch the greatest scale that occurs in it, and full precision. Zeros at the end
then say nothing about a number, only about its neighbours: they are left out, and 2 is `2` beside 1.125 too.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from ponte.mapping.kinds import MAX_PRECISION


def has_own_scale(dtype: pl.Decimal) -> bool:
    """Whether a column's numbers have as many digits behind the point as they are said to have."""
    return dtype.scale == 0 or dtype.precision < MAX_PRECISION


def number_text(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """The text of a number; of another value what Polars makes of it."""
    text = value.cast(pl.String)
    return text if not isinstance(dtype, pl.Decimal) or has_own_scale(dtype) else without_zeros(text)


def text_of_numbers(values: pl.Series) -> pl.Series:
    """As `number_text`, for a column."""
    return values.to_frame().select(number_text(pl.first(), values.dtype)).to_series()


def without_zeros(text: pl.Expr) -> pl.Expr:
    """The text of a number that has a decimal point, without the zeros at its end that say nothing."""
    return text.str.strip_chars_end("0").str.strip_chars_end(".")


def plain_number(number: int | Decimal) -> str:
    """The same for one number. One of very many digits stays as it is written: 1E+1000000000 would fill the memory."""
    if isinstance(number, int):
        return str(number)
    exponent = number.as_tuple().exponent  # a word for NaN and infinity
    if not isinstance(exponent, int) or exponent < -MAX_PRECISION or number.adjusted() > MAX_PRECISION:
        return str(number)
    text = format(number or Decimal(0), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
