"""Columns from JSON values, exactly: the half of `records` that builds Polars series out of Python values.

Why by hand: Polars reads JSON numbers through float64 and refuses a whole frame for one value of another kind. Here
each column takes the narrowest type that holds every value exactly, and text where the kinds are mixed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import NoneType
from typing import Any

import polars as pl

from ponte.mapping.json_text import unmistakable
from ponte.mapping.number_text import plain_number

MOST_DEPTH = 32
MOST_NAMES = 4096
_INT64 = range(-(2**63), 2**63)
_DIGITS = 38
_NUMBERS = {int, Decimal}
_KINDS = {str, bool, int, Decimal, dict, list}


class FlawError(ValueError):
    """Some value of a column cannot be taken as it is; which one is found record by record."""


def build_column(name: str, values: Sequence[Any], depth: int = 0) -> pl.Series:
    """A column of the narrowest type that holds all values exactly.

    Integers become Int64, or Decimal(38, 0) when larger; other numbers Decimal(38, greatest scale); objects structs;
    arrays lists. Numbers of more than 38 digits, mixed kinds and objects with thousands of names become text. Where
    there is nothing but nulls, the type is Null.

    Raises:
        FlawError, UnicodeEncodeError: some value cannot be taken (too deep, a name twice, a lone surrogate).
    """
    kinds = set(map(type, values)) - {NoneType}
    if not kinds <= _KINDS or depth > MOST_DEPTH:
        raise FlawError(name)
    if kinds <= {str}:
        return pl.Series(name, values, dtype=pl.String() if kinds else pl.Null())
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds <= _NUMBERS:
        return _build_numbers(name, values, kinds)
    if kinds == {dict}:
        return _build_structs(name, values, depth)
    if kinds == {list}:
        return _build_lists(name, values, depth)
    return build_texts(name, values)


def build_texts(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of text: strings as they are, numbers plain and unmistakable, every other value as its JSON text."""
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    return unmistakable(plain_number(value)) if type(value) is Decimal else json_text(value, plain_number)


def json_text(value: Any, number_text: Callable[[int | Decimal], str] = str, depth: int = 0) -> str:
    """JSON text of a decoded value; numbers by their own digits, unless they are to be written in another way.

    Raises:
        FlawError: too deep, or something that is no JSON value.
    """
    if type(value) in _NUMBERS:
        return number_text(value)
    if type(value) in {str, bool, NoneType}:
        return json.dumps(value, ensure_ascii=False)
    if depth <= MOST_DEPTH and type(value) is dict:
        members = (f"{json_text(name)}:{json_text(inner, number_text, depth + 1)}" for name, inner in value.items())
        return f"{{{','.join(members)}}}"
    if depth <= MOST_DEPTH and type(value) is list:
        return f"[{','.join(json_text(inner, number_text, depth + 1) for inner in value)}]"
    raise FlawError(type(value).__name__)


def _build_numbers(name: str, values: Sequence[Any], kinds: set[type]) -> pl.Series:
    if Decimal not in kinds:
        present = [value for value in values if value is not None]
        if min(present) in _INT64 and max(present) in _INT64:
            return pl.Series(name, values, dtype=pl.Int64)
    texts = pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
    if texts.str.contains("E", literal=True).any():
        if not all(value is None or _is_near(value) for value in values):
            return build_texts(name, values)
        plain = [None if value is None else format(Decimal(value), "f") for value in values]
        texts = pl.Series(name, plain, dtype=pl.String)
    digits = texts.str.strip_prefix("-").to_frame("all").with_columns(point=pl.col("all").str.find(".", literal=True))
    whole, scale = digits.select(
        pl.col("point").fill_null(pl.col("all").str.len_bytes()).max().alias("whole"),
        (pl.col("all").str.len_bytes() - pl.col("point") - 1).max().fill_null(0).alias("scale"),
    ).row(0)
    return texts.cast(pl.Decimal(_DIGITS, scale)) if whole + scale <= _DIGITS else build_texts(name, values)


def _is_near(value: int | Decimal) -> bool:
    """Whether its plain notation is short: 1E+1000000000 would fill the memory."""
    exponent = Decimal(value).as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and Decimal(value).adjusted() <= _DIGITS


def _build_structs(name: str, values: Sequence[dict[str, Any] | None], depth: int) -> pl.Series:
    names = dict.fromkeys(inner for value in values if value for inner in value)
    if not names or len(names) > MOST_NAMES:
        return build_texts(name, values)
    hollow = [value or {} for value in values]
    children = {inner: build_column(inner, [value.get(inner) for value in hollow], depth + 1) for inner in names}
    structs = pl.DataFrame(children).to_struct(name)
    if None not in values:
        return structs
    is_there = pl.Series([value is not None for value in values])
    return pl.select(pl.when(is_there).then(structs).alias(name)).to_series()


def _build_lists(name: str, values: Sequence[list[Any] | None], depth: int) -> pl.Series:
    items = build_column("item", [item for value in values if value for item in value], depth + 1)
    rows = pl.Series("row", [row for row, value in enumerate(values) if value for _ in value], dtype=pl.UInt32)
    filled = pl.DataFrame([rows, items]).group_by("row", maintain_order=True).agg("item")
    every = pl.DataFrame({"is_there": [value is not None for value in values]}).with_row_index("row")
    empty = pl.lit(pl.Series([[]], dtype=pl.List(items.dtype)))
    return (
        every.join(filled, on="row", how="left", maintain_order="left")
        .select(pl.when("is_there").then(pl.coalesce("item", empty)).alias(name))
        .to_series()
    )
