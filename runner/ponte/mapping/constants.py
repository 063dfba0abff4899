"""Values that the Mapping's author writes: read once, in canonical form (a point, ISO 8601), as the field's type."""

from __future__ import annotations

from typing import Any

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.convert import convert
from ponte.mapping.dates import EPOCHS
from ponte.mapping.forms import Form
from ponte.mapping.kinds import Kind, kind_of


def constants(texts: list[str | None], kind: Kind | None, form: Form, dtype: pl.DataType) -> pl.Series:
    """The values of the texts, None for no value.

    Args:
        texts: as written in the Mapping.
        kind: type of the field; None: the field keeps its source's type.
        form: of the field; only its rounding and zone count, for formats and locales are the source's.
        dtype: Polars type of the field.

    Raises:
        ConfigurationError: a text is no such value.
    """
    source = pl.Series("text", texts, dtype=pl.String)
    if kind is None and isinstance(dtype, pl.String | pl.Null):
        return source
    wanted = kind or kind_of(dtype)
    canonical = Form(round=form.round, time_zone=form.time_zone or ("UTC" if form.format in EPOCHS else None))
    done = convert(pl.col("text"), pl.String(), wanted, canonical)
    frame = source.to_frame().with_columns(value=done.value)
    fails = pl.lit(value=False) if done.fails is None else done.fails(pl.col("value")).fill_null(value=False)
    frame = frame.with_columns(bad=fails)
    if frame["bad"].any():
        wrong = frame.filter("bad")["text"][0]
        raise ConfigurationError(
            f'"{wrong}" is not a {wanted}; constants are written with a decimal point and dates as yyyy-MM-dd'
        )
    return frame["value"].cast(dtype)


def literal(series: pl.Series) -> pl.Expr:
    """The first of the constants as an expression."""
    value: Any = series[0]
    return pl.lit(value, dtype=series.dtype)
