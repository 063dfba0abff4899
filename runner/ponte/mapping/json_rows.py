"""Rows of a frame and nested values as JSON texts, exactly and by columns.

Why by hand: Polars' own writers print decimals as strings, and one `json.dumps` per record costs ten times as much.
Decimals and integers go out as JSON numbers by their own digits, dates and times by ISO 8601 (UTC as `Z`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.members import member
from ponte.mapping.number_text import number_text

_NULL = pl.lit("null")
_ESCAPED = ['"', "\\", *map(chr, range(0x20))]
_ESCAPES = [json.dumps(character)[1:-1] for character in _ESCAPED]


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of fields besides their types, by paths (`email`, `address.city`, `lines.note`).

    Attributes:
        omit_null: fields that are left out where they hold no value.
        json_fields: fields whose text is JSON, which goes out as what it says.
    """

    omit_null: frozenset[str] = frozenset()
    json_fields: frozenset[str] = frozenset()


_NOTHING = Said()


def render_rows(frame: pl.DataFrame, said: Said = _NOTHING) -> pl.Series:
    """One JSON object per row.

    Args:
        frame: records, nested fields as structs and lists. Text of JSON fields is JSON already: Mappings check it.
        said: of its fields.

    Returns:
        Texts, null for a row that JSON cannot express (NaN, infinity).

    Raises:
        ConfigurationError: a column of a type that JSON has no form for.
    """
    if not frame.width:
        return pl.Series("json", ["{}"] * frame.height, dtype=pl.String)
    numbered = pl.DataFrame([column.alias(str(place)) for place, column in enumerate(frame.iter_columns())])
    return numbered.select(_row(tuple(frame.schema.items()), said)).to_series()


def render_value(value: pl.Expr, dtype: pl.DataType, path: str) -> pl.Expr:
    """JSON text of a value; null where there is none, or where JSON cannot express it (NaN, infinity).

    Raises:
        ConfigurationError: a type that JSON has no form for.
    """
    return pl.when(value.is_not_null()).then(_value(value, dtype, path, _NOTHING))


def render_fields(frame: pl.DataFrame, paths: Sequence[str], said: Said = _NOTHING) -> dict[str, list[str | None]]:
    """JSON texts of single fields, row by row, by path; paths that the frame does not have are left out.

    A text is None where the field holds no value and is not to be sent. What JSON cannot express is None too: then
    `render_rows` has no text for the row either.
    """
    texts = {}
    for path in paths:
        top, *steps = path.split(".") if path not in frame.columns else (path,)
        if top not in frame.columns:
            continue
        column = frame.get_column(top)
        for step in steps:
            if not isinstance(column.dtype, pl.Struct) or step not in {field.name for field in column.dtype.fields}:
                break
            column = column.to_frame("record").select(member(pl.col("record"), column.dtype, step)).to_series()
        else:
            value = _value(pl.col("value"), column.dtype, path, said)
            sent = pl.when(pl.col("value").is_null()).then(None).otherwise(value) if path in said.omit_null else value
            texts[path] = column.alias("value").to_frame().select(sent).to_series().to_list()
    return texts


@functools.lru_cache(maxsize=16)
def _row(fields: tuple[tuple[str, pl.DataType], ...], said: Said) -> pl.Expr:
    """A row of numbered columns as an object; kept, because it takes longer to make than to apply to 500 rows."""
    members = [
        _member(pl.col(str(place)), name, dtype, name, said)  # `*` and `^...$` would be patterns to pl.col
        for place, (name, dtype) in enumerate(fields)
    ]
    return _braced(members).alias("json")


def _braced(members: list[pl.Expr]) -> pl.Expr:
    inner = pl.concat_str(members).str.strip_prefix(",")
    return pl.concat_str(pl.lit("{"), inner, pl.lit("}"))


def _member(value: pl.Expr, name: str, dtype: pl.DataType, path: str, said: Said) -> pl.Expr:
    """`,"name":value`, or nothing where it is empty and not to be sent."""
    text = pl.concat_str(pl.lit(f",{json.dumps(name, ensure_ascii=False)}:"), _value(value, dtype, path, said))
    return pl.when(value.is_null()).then(pl.lit("")).otherwise(text) if path in said.omit_null else text


def _value(value: pl.Expr, dtype: pl.DataType, path: str, said: Said) -> pl.Expr:
    if dtype == pl.Null:
        return _NULL
    if isinstance(dtype, pl.Struct):
        members = [
            _member(member(value, dtype, field.name), field.name, field.dtype, f"{path}.{field.name}", said)  # type: ignore[arg-type]  # a schema's dtypes are instances
            for field in dtype.fields
        ]
        return pl.when(value.is_null()).then(_NULL).otherwise(_braced(members))
    if isinstance(dtype, pl.List):
        items = value.list.eval(_value(pl.element(), dtype.inner, path, said)).list.join(",", ignore_nulls=False)  # type: ignore[arg-type]  # as above
        return pl.when(value.is_null()).then(_NULL).otherwise(pl.concat_str(pl.lit("["), items, pl.lit("]")))
    if dtype == pl.String and path in said.json_fields:
        return value.fill_null(_NULL)
    return _scalar(value, dtype, path)


def _scalar(value: pl.Expr, dtype: pl.DataType, path: str) -> pl.Expr:
    if dtype.is_float():
        finite = pl.when(value.is_finite()).then(value.cast(pl.String))
        return pl.when(value.is_null()).then(_NULL).otherwise(finite)
    if dtype.is_numeric() or dtype == pl.Boolean:
        return number_text(value, dtype).fill_null(_NULL)
    if dtype.is_temporal() and dtype != pl.Duration:
        return pl.concat_str(pl.lit('"'), _iso(value), pl.lit('"')).fill_null(_NULL)
    if dtype in {pl.String, pl.Categorical, pl.Enum}:
        text = value.cast(pl.String).str.replace_many(_ESCAPED, _ESCAPES)
        return pl.concat_str(pl.lit('"'), text, pl.lit('"')).fill_null(_NULL)
    raise ConfigurationError(f"field {path}: JSON has no form for {dtype}. Give the Mapping's field another type.")


def _iso(value: pl.Expr) -> pl.Expr:
    """ISO 8601: no fraction where it is zero, `Z` for UTC."""
    return value.dt.to_string("iso:strict").str.replace(r"\.0+($|[+-])", "$1").str.replace(r"\+00:00$", "Z")
