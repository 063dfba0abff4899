"""JSON records as Polars frames and back, exactly. For all connectors that speak JSON.

Numbers never pass through float64; a value of a wrong kind costs its record, never the page; hostile input (NaN, names
twice, lone surrogates, depth) becomes a fault of its record with a stable reason.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import Any

import polars as pl

from ponte.connectors.json_columns import MOST_DEPTH, MOST_NAMES, FlawError, build_column, build_texts
from ponte.engine.ports import FAULT_SCHEMA
from ponte_api.sync_source import DeclaredField

_LONGEST_INTEGER = 4000
_WARM = 1000
_DECLARED = {"integer": pl.Int64(), "float": pl.Float64(), "boolean": pl.Boolean()}


class JsonError(ValueError):
    """Text that is not JSON, or not JSON that can be taken. `reason` is stable PascalCase; the text is not quoted."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RepeatedNames(dict[str, Any]):
    """An object in which a name stands twice: which value is meant cannot be known (RFC 8259, section 4)."""


class NotANumber:
    """NaN or Infinity where JSON knows no such number."""


@dataclass(frozen=True, slots=True)
class Framed:
    """Records as a frame.

    Attributes:
        frame: one row per object; declared fields always stand in it.
        faults: by FAULT_SCHEMA, rows that could be taken only in part; the faulty fields are null.
        strays: indexes of elements that are no objects; they have no row.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame
    strays: tuple[int, ...] = ()


def _take_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    taken = dict(members)
    return taken if len(taken) == len(members) else RepeatedNames(taken)


def _take_constant(_: str) -> NotANumber:
    return NotANumber()


def _take_long_integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else Decimal(digits)


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_take_constant, object_pairs_hook=_take_members)
_LONG_DECODER = json.JSONDecoder(
    parse_float=Decimal,
    parse_int=_take_long_integer,
    parse_constant=_take_constant,
    object_pairs_hook=_take_members,
)


def decode(text: bytes | str) -> Any:
    """Decodes one JSON text (RFC 8259): integers as int, other numbers as Decimal. A byte order mark is skipped.

    Raises:
        JsonError: EmptyText, InvalidText (not UTF-8), InvalidJson, TooDeep.
    """
    try:
        plain = (text.decode() if isinstance(text, bytes) else text).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise JsonError("InvalidText", f"byte {error.start} is not UTF-8") from error
    if not plain or plain.isspace():
        raise JsonError("EmptyText", "there is nothing where JSON should stand")
    try:
        return _decode_plain(plain)
    except json.JSONDecodeError as error:
        raise JsonError("InvalidJson", f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise JsonError("TooDeep", "arrays and objects are nested too deep") from error


def decode_all(texts: Sequence[str]) -> list[Any]:
    """Decodes many JSON texts, each by itself: in place of a value that cannot be had stands its JsonError.

    A thousand together are decoded a third faster than one by one, and share the names of their fields.
    """
    return [
        value
        for start in range(0, len(texts), _WARM)
        for value in _decode_together(texts[start : start + _WARM]) or map(_decode_alone, texts[start : start + _WARM])
    ]


def _decode_together(texts: Sequence[str]) -> list[Any] | None:
    """Values of texts that are all sound; None where one of them is not.

    Between the texts stands a word that none of them can foresee. It is an element of the whole only where all that
    was opened before it is closed, so that no text can reach into its neighbour.
    """
    between = secrets.token_hex(8)
    try:
        decoded = decode("[" + f',"{between}",'.join(texts) + "]")
    except JsonError:
        return None
    values: list[Any] = decoded[::2]
    return values if decoded[1::2] == [between] * (len(texts) - 1) and len(values) == len(texts) else None


def _decode_alone(text: str) -> Any:
    try:
        return decode(text)
    except JsonError as error:
        return error


def _decode_plain(plain: str) -> Any:
    try:
        return _DECODER.decode(plain)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python's own limit on the digits of an integer
        return _LONG_DECODER.decode(plain)


def frame_records(
    elements: Sequence[Any], declared: Sequence[DeclaredField] = (), needed: Iterable[str] = ()
) -> Framed:
    """Frames decoded records, one row per object in their order.

    A column has the narrowest type that holds all its values exactly; where kinds are mixed it is text (see
    `json_columns`). A declared type is taken where it holds all values exactly.

    Args:
        elements: decoded elements of a list; may be changed.
        declared: the object's fields.
        needed: names that must stand in the frame (key, cursor, version).

    Raises:
        JsonError: TooManyNames: more fields than a record can have, which are data that stand as names.
    """
    strays, records = _part(elements)
    names = list(dict.fromkeys([field.name for field in declared] + list(needed)))
    try:
        return Framed(_frame(records, names, declared), FAULT_SCHEMA.to_frame(), strays)
    except (FlawError, UnicodeEncodeError, RecursionError):
        faults = _mend(records)
        return Framed(_frame(records, names, declared), faults, strays)


def _part(elements: Sequence[Any]) -> tuple[tuple[int, ...], list[dict[str, Any]]]:
    strays = tuple(index for index, element in enumerate(elements) if not isinstance(element, dict))
    return strays, [element for element in elements if isinstance(element, dict)] if strays else list(elements)


def _frame(records: list[dict[str, Any]], names: list[str], declared: Sequence[DeclaredField]) -> pl.DataFrame:
    if RepeatedNames in set(map(type, records)):
        raise FlawError("a name twice")
    types = {field.name: field.type for field in declared}
    columns = _columns(records, names)
    frame = pl.DataFrame({name: _declared_column(name, values, types.get(name)) for name, values in columns.items()})
    return frame.with_columns(pl.col(name).cast(pl.String) for name in names if frame.schema[name] == pl.Null)


def _columns(records: list[dict[str, Any]], names: list[str]) -> dict[str, list[Any]]:
    """The values of each name, in the order of the records."""
    first = dict.fromkeys(chain(names, records[0] if records else ()))
    if 1 < len(first) <= MOST_NAMES and set(map(len, records)) == {len(first)}:
        with suppress(KeyError):  # as many names, but others
            return dict(zip(first, _transposed(records, itemgetter(*first), len(first)), strict=True))
    found = dict.fromkeys(chain(names, chain.from_iterable(records)))
    if len(found) > MOST_NAMES:
        raise JsonError("TooManyNames", f"the records have more than {MOST_NAMES} different fields")
    return {name: [record.get(name) for record in records] for name in found}


def _transposed(records: list[dict[str, Any]], take: Callable[[Any], tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Columns of records that have all names. Some records at a time, so that each is fetched from memory only once."""
    columns: list[list[Any]] = [[] for _ in range(width)]
    for start in range(0, len(records), _WARM):
        for column, values in zip(columns, zip(*map(take, records[start : start + _WARM]), strict=True), strict=True):
            column.extend(values)
    return columns


def _declared_column(name: str, values: list[Any], type_: str | None) -> pl.Series:
    column = build_column(name, values)
    if type_ is None:
        return column
    if type_ == "string":
        return column if column.dtype == pl.String else build_texts(name, values)
    scale = int(type_[:-1].rpartition(",")[2]) if type_.startswith("decimal") else 0
    wanted = pl.Decimal(38, scale) if type_.startswith("decimal") else _DECLARED.get(type_)
    if wanted is None:
        return column
    if column.null_count() == len(column):
        return column.clear().cast(wanted).extend_constant(None, len(column))
    return _widen(column, wanted)


def _widen(column: pl.Series, wanted: pl.DataType) -> pl.Series:
    if not column.dtype.is_numeric() or column.dtype == wanted:
        return column
    if wanted == pl.Float64:
        return column.cast(wanted)
    if isinstance(wanted, pl.Decimal) and getattr(column.dtype, "scale", 0) <= wanted.scale:
        widened = column.cast(wanted, strict=False)
        return widened if widened.null_count() == column.null_count() else column
    return column


def _mend(records: list[dict[str, Any]]) -> pl.DataFrame:
    """Empties the fields that cannot be taken, and says which and why."""
    faults: list[tuple[int, str | None, str, str]] = []
    for row, record in enumerate(records):
        if type(record) is RepeatedNames:
            records[row] = dict(record)
            faults.append((row, None, "DuplicateField", "a field stands twice in the record"))
        for name, value in list(records[row].items()):
            if is_broken_text(name):
                del records[row][name]
                faults.append((row, None, "InvalidText", "a field's name holds half a character (a lone surrogate)"))
            elif flaw := _find_flaw(value):
                records[row][name] = None
                faults.append((row, name, *flaw))
    return pl.DataFrame(faults, schema=FAULT_SCHEMA, orient="row")


def _find_flaw(value: Any) -> tuple[str, str] | None:
    stack = [(value, 1)]
    while stack:
        inner, depth = stack.pop()
        if type(inner) is NotANumber:
            return "NotANumber", "NaN and Infinity are no JSON numbers"
        if type(inner) is RepeatedNames:
            return "DuplicateField", "a name stands twice in the object"
        if type(inner) is str and is_broken_text(inner):
            return "InvalidText", "the text holds half a character (a lone surrogate)"
        if depth > MOST_DEPTH and type(inner) in {dict, list}:
            return "TooDeep", f"arrays and objects are nested deeper than {MOST_DEPTH}"
        if type(inner) is dict:
            if any(map(is_broken_text, inner)):
                return "InvalidText", "a name holds half a character (a lone surrogate)"
            stack.extend((item, depth + 1) for item in inner.values())
        elif type(inner) is list:
            stack.extend((item, depth + 1) for item in inner)
    return None


def is_broken_text(text: str) -> bool:
    """Whether a text holds half a character (a lone surrogate), which no encoding can write."""
    return any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else False
