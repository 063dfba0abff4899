"""The canonical form of values: under source keys, natural keys and fingerprints.

Each value becomes text in one form whatever system it came from (12.50 is "12.5", a time is its microseconds in UTC),
each text is prefixed by its length in bytes, and no value has a mark of its own, so that no two different records can
look alike. Hashes are xxh3-128 of that text. The form has a version (`ponte_api.versions.FINGERPRINT_VERSION`): a
change of it makes every job read all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
import polars_hash as plh
from polars.datatypes import DataTypeClass

from ponte.mapping.members import member
from ponte.mapping.number_text import without_zeros

NO_VALUE = "~"
_MOST_LEAVES = 65_536
_SEPARATOR = "\x1f"


def hash_text(text: pl.Expr) -> pl.Expr:
    """xxh3-128 of text, as UInt128."""
    hashed: pl.Expr = plh.concat_str(text).nchash.xxh3_128()
    return hashed


def hashes_of(keys: pl.Series) -> pl.Series:
    """The hashes of canonical keys."""
    return keys.alias("key").to_frame().select(hash_text(pl.col("key")))["key"]


def key_text(frame: pl.DataFrame, fields: Sequence[str]) -> pl.Series:
    """Canonical keys: the length-prefixed fields of each row; null where a field is missing, null or empty text.

    Args:
        frame: records.
        fields: paths of the key's fields; dots reach into structs.
    """
    parts = []
    missing = pl.lit(value=False)
    for path in fields:
        expression, dtype = _at(frame.schema, path)
        text = plain_text(expression, dtype)
        missing = missing | text.is_null() | (text == "")
        parts.append(_prefixed(text))
    return frame.select(pl.when(~missing).then(pl.concat_str(parts)).alias("key_text"))["key_text"]


def fingerprints(frame: pl.DataFrame, form: str = "") -> pl.Series:
    """xxh3-128 over the canonical form of all fields of each row, in the order of their names.

    The form is the names of the fields, the place and length of each text, then all values: what is no text cannot
    contain the separator, so that its length need not be told. No value looks the same whatever type its column has.

    Args:
        frame: records.
        form: what is said of the values elsewhere: equal values that are written in another way are no longer equal.
    """
    if not frame.width:
        return pl.Series("fingerprint", [0] * frame.height, dtype=pl.UInt128)
    leaves = [leaf for name in sorted(frame.columns) for leaf in _leaves(name, pl.col(name), frame.schema[name])]
    texts = frame.select(leaf.text.alias(f"{place}") for place, leaf in enumerate(leaves))
    lengths = [_length(place) for place, leaf in enumerate(leaves) if leaf.is_free]
    values = [pl.col(name).fill_null(NO_VALUE) for name in texts.columns]
    named = pl.lit(_digest([form, *(leaf.path for leaf in leaves)]))
    head = pl.concat_str([named, *lengths], separator=",", ignore_nulls=True)
    whole = pl.concat_str([head, *values], separator=_SEPARATOR)
    return texts.select(hash_text(whole).alias("fingerprint"))["fingerprint"]


def _digest(names: Sequence[str]) -> str:
    """The names as a text of one short length, the same for all records of a frame."""
    return hashlib.blake2b(json.dumps(names).encode(), digest_size=8).hexdigest()


def _length(place: int) -> pl.Expr:
    """Length and place of a text as one number, which is quicker made than two; null for no value."""
    length = pl.col(f"{place}").str.len_bytes().cast(pl.UInt64)
    return (length * _MOST_LEAVES + place).cast(pl.String)


def split_key(key_text: str) -> list[str]:
    """The fields of a canonical key, as text. Raises ValueError for any other text."""
    fields = []
    rest = key_text.encode()
    while rest:
        length, _, rest = rest.partition(b":")
        if not length.isdigit():
            raise ValueError("not a canonical key")
        fields.append(rest[: int(length)].decode())
        rest = rest[int(length) :]
    return fields


def join_key(fields: Sequence[str]) -> str:
    """A canonical key of its fields' text."""
    return "".join(f"{len(field.encode())}:{field}" for field in fields)


def plain_text(value: pl.Expr, dtype: pl.DataType | DataTypeClass) -> pl.Expr:
    """A scalar as text in its one form; null stays null.

    Numbers without trailing zeros, times in microseconds UTC or naive ISO 8601, booleans as true and false.
    """
    if dtype == pl.String:
        return value
    if isinstance(dtype, pl.Decimal) and dtype.scale:
        return without_zeros(value.cast(pl.String))
    if dtype.is_float():
        text = value.cast(pl.Float64).cast(pl.String)
        has_zeros = text.str.contains(".", literal=True) & ~text.str.contains("e", literal=True)
        return pl.when(has_zeros).then(without_zeros(text)).otherwise(text).replace("-0", "0")
    if isinstance(dtype, pl.Datetime):
        return _moment_text(value, dtype)
    if dtype == pl.Binary:
        return value.bin.encode("base64")
    return value.cast(pl.String)


def _moment_text(value: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    moment = value.dt.cast_time_unit("us")
    if dtype.time_zone is None:
        return moment.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    return moment.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")


class _Leaf(NamedTuple):
    """A value that has no parts, as text; `is_free` where the text may hold anything at all."""

    path: str
    text: pl.Expr
    is_free: bool


def _leaves(path: str, value: pl.Expr, dtype: pl.DataType | DataTypeClass) -> list[_Leaf]:
    """The values of a field; a struct is one that says whether it is there, and its members."""
    if isinstance(dtype, pl.Struct):
        members = (
            _leaves(f"{path}.{field.name}", member(value, dtype, field.name), field.dtype) for field in _sorted(dtype)
        )
        own = _Leaf(path, value.is_not_null().cast(pl.String), is_free=False)
        return [own, *(leaf for leaves in members for leaf in leaves)]
    if isinstance(dtype, pl.List):
        return [_Leaf(path, _list_text(value, dtype), is_free=True)]
    if isinstance(dtype, pl.Datetime):
        return [_Leaf(path, value.dt.epoch("us").cast(pl.String), is_free=False)]
    if dtype == pl.Date:
        return [_Leaf(path, value.to_physical().cast(pl.String), is_free=False)]
    return [_Leaf(path, plain_text(value, dtype), is_free=dtype in (pl.String, pl.Binary))]


def _list_text(value: pl.Expr, dtype: pl.List) -> pl.Expr:
    elements = value.list.eval(_element_text(pl.element(), dtype.inner)).list.join("")
    return pl.concat_str(value.list.len().cast(pl.String), pl.lit(":"), elements)


def _element_text(value: pl.Expr, dtype: pl.DataType | DataTypeClass) -> pl.Expr:
    leaves = _leaves("", value, dtype)
    parts = [_prefixed(leaf.text).fill_null(NO_VALUE) for leaf in leaves]
    named = [pl.lit(_digest([leaf.path for leaf in leaves]))] if isinstance(dtype, pl.Struct) else []
    return pl.concat_str([*named, *parts])


def _prefixed(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(text.str.len_bytes().cast(pl.String), pl.lit(":"), text)


def _sorted(dtype: pl.Struct) -> list[pl.Field]:
    return sorted(dtype.fields, key=lambda field: field.name)


def _at(schema: pl.Schema, path: str) -> tuple[pl.Expr, pl.DataType | DataTypeClass]:
    name, *rest = path.split(".") if path not in schema else (path,)
    expression = pl.col(name)
    dtype: pl.DataType | DataTypeClass = schema[name]
    for step in rest:
        assert isinstance(dtype, pl.Struct)  # noqa: S101 - paths are checked when the job is compiled
        expression = member(expression, dtype, step)
        dtype = next(candidate.dtype for candidate in dtype.fields if candidate.name == step)
    return expression, dtype
