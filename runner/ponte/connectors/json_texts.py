"""Rows of a frame as JSON texts, exactly and by columns: the way back from `records`.

Why by hand: `write_ndjson` prints decimals as strings, and one `json.dumps` per record costs ten times as much.
Decimals and integers go out as JSON numbers by their own digits, dates and times by ISO 8601 (UTC as `Z`).
"""

from __future__ import annotations

import json

import polars as pl

from ponte.errors import ConfigurationError

_NULL = pl.lit("null")
_ESCAPED = ['"', "\\", *map(chr, range(0x20))]
_ESCAPES = [json.dumps(character)[1:-1] for character in _ESCAPED]


def render_rows(frame: pl.DataFrame, omit_null: frozenset[str] = frozenset()) -> pl.Series:
    """One JSON object per row.

    Args:
        frame: records, nested fields as structs and lists.
        omit_null: paths (`email`, `address.city`) of fields that are left out where they hold no value.

    Returns:
        Texts, null for a row that JSON cannot express (NaN, infinity).

    Raises:
        ConfigurationError: a column of a type that JSON has no form for.
    """
    if not frame.width:
        return pl.Series("json", ["{}"] * frame.height, dtype=pl.String)
    members = [_member(pl.col(name), name, dtype, name, omit_null) for name, dtype in frame.schema.items()]
    return frame.select(_braced(members).alias("json")).to_series()


def _braced(members: list[pl.Expr]) -> pl.Expr:
    inner = pl.concat_str(members).str.strip_prefix(",")
    return pl.concat_str(pl.lit("{"), inner, pl.lit("}"))


def _member(value: pl.Expr, name: str, dtype: pl.DataType, path: str, omit_null: frozenset[str]) -> pl.Expr:
    """`,"name":value`, or nothing where it is empty and not to be sent."""
    text = pl.concat_str(pl.lit(f",{json.dumps(name, ensure_ascii=False)}:"), _value(value, dtype, path, omit_null))
    return pl.when(value.is_null()).then(pl.lit("")).otherwise(text) if path in omit_null else text


def _value(value: pl.Expr, dtype: pl.DataType, path: str, omit_null: frozenset[str]) -> pl.Expr:
    if dtype == pl.Null:
        return _NULL
    if isinstance(dtype, pl.Struct):
        members = [
            _member(value.struct.field(field.name), field.name, field.dtype, f"{path}.{field.name}", omit_null)  # type: ignore[arg-type]  # a schema's dtypes are instances
            for field in dtype.fields
        ]
        return pl.when(value.is_null()).then(_NULL).otherwise(_braced(members))
    if isinstance(dtype, pl.List):
        items = value.list.eval(_value(pl.element(), dtype.inner, path, omit_null)).list.join(",", ignore_nulls=False)  # type: ignore[arg-type]  # as above
        return pl.when(value.is_null()).then(_NULL).otherwise(pl.concat_str(pl.lit("["), items, pl.lit("]")))
    return _scalar(value, dtype, path)


def _scalar(value: pl.Expr, dtype: pl.DataType, path: str) -> pl.Expr:
    if dtype.is_float():
        finite = pl.when(value.is_finite()).then(value.cast(pl.String))
        return pl.when(value.is_null()).then(_NULL).otherwise(finite)
    if dtype.is_numeric() or dtype == pl.Boolean:
        return value.cast(pl.String).fill_null(_NULL)
    if dtype.is_temporal() and dtype != pl.Duration:
        return pl.concat_str(pl.lit('"'), _iso(value), pl.lit('"')).fill_null(_NULL)
    if dtype in {pl.String, pl.Categorical, pl.Enum}:
        text = value.cast(pl.String).str.replace_many(_ESCAPED, _ESCAPES)
        return pl.concat_str(pl.lit('"'), text, pl.lit('"')).fill_null(_NULL)
    raise ConfigurationError(f"field {path}: JSON has no form for {dtype}. Give the Mapping's field another type.")


def _iso(value: pl.Expr) -> pl.Expr:
    """ISO 8601: no fraction where it is zero, `Z` for UTC."""
    return value.dt.to_string("iso:strict").str.replace(r"\.0+($|[+-])", "$1").str.replace(r"\+00:00$", "Z")
