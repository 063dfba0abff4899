"""Python values of a driver as frames: exact, or a fault of the record. Drivers of this kind know no columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.client import Rows
from ponte.connectors.relational.values import decimals, faults, join_faults, plain_decimals, texts

_LEAST, _GREATEST = -(2**63), 2**63 - 1


class _NotOfThisKindError(ValueError):
    """A value is none that its column declares."""


def decode(rows: Sequence[Sequence[Any]], columns: Sequence[Column]) -> Rows:
    """Rows as a frame of the columns' types."""
    series, found = [], []
    for values, column in zip(zip(*rows, strict=True), columns, strict=True):
        decoded, bad = _series(values, column)
        series.append(decoded.alias(column.name))
        if bad is not None and bad.any():
            reason, told = _fault(column)
            found.append(faults(bad, column.name, reason, told))
    return Rows(pl.DataFrame(series), join_faults(found))


def _series(values: Sequence[Any], column: Column) -> tuple[pl.Series, pl.Series | None]:
    convert, plain = _CONVERTERS[column.kind]
    kinds = set(map(type, values)) - {type(None)}
    is_plain = kinds <= plain and not (kinds == {int} and _is_beyond(values))
    converted, bad = (values, None) if is_plain else _converted(values, convert)
    if column.kind == "decimal":
        text = pl.Series([None if v is None else format(v, "f") for v in converted], dtype=pl.String)
        is_declared = column.precision is not None
        exact, wrong = (plain_decimals if is_declared else decimals)(text, column.precision, column.scale)
        return exact, wrong if bad is None else bad | wrong
    if column.dtype == pl.String:
        text, broken = texts(converted)
        text = text.str.strip_chars_end(" ") if column.is_padded else text
        return text, broken if bad is None else bad | broken
    return pl.Series(converted, dtype=column.dtype, strict=True), bad


def _is_beyond(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(min(present) < _LEAST or max(present) > _GREATEST)


def _converted(values: Sequence[Any], convert: Callable[[Any], Any]) -> tuple[list[Any], pl.Series]:
    kept, bad = [], []
    for value in values:
        try:
            kept.append(None if value is None else convert(value))
            bad.append(False)
        except (ValueError, TypeError, ArithmeticError):
            kept.append(None)
            bad.append(True)
    return kept, pl.Series(bad, dtype=pl.Boolean)


def _integer(value: Any) -> int:
    whole = int(value)
    if isinstance(value, bool | str | bytes) or whole != value or not _LEAST <= whole <= _GREATEST:
        raise _NotOfThisKindError
    return whole


def _decimal(value: Any) -> Decimal:
    """A binary fraction as the shortest decimal that stands for it, as everywhere."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        raise _NotOfThisKindError
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        raise _NotOfThisKindError
    return exact


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, float | int | Decimal):
        raise _NotOfThisKindError
    return float(value)


def _boolean(value: Any) -> bool:
    if value not in (0, 1) or isinstance(value, str | bytes):
        raise _NotOfThisKindError
    return bool(value)


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        if value.time() != time() or value.tzinfo is not None:
            raise _NotOfThisKindError
        return value.date()
    if not isinstance(value, date):
        raise _NotOfThisKindError
    return value


def _moment(value: Any) -> datetime:
    """A time without a zone; one with a zone would lose it here."""
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise _NotOfThisKindError
    return value


def _zoned(value: Any) -> datetime:
    """A moment, in UTC. A driver that drops the zone leaves a time that nobody can place."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _NotOfThisKindError
    return value.astimezone(UTC)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _NotOfThisKindError
    return bytes(value)


def _text(value: Any) -> str:
    """Text of what has no type of ours: lists and structures as JSON, times by ISO 8601."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_text)
    if isinstance(value, date | time):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


_CONVERTERS: dict[str, tuple[Callable[[Any], Any], frozenset[type]]] = {
    "integer": (_integer, frozenset({int})),
    "decimal": (_decimal, frozenset({int})),
    "float": (_float, frozenset({float})),
    "boolean": (_boolean, frozenset({bool})),
    "date": (_date, frozenset({date})),
    "datetime": (_moment, frozenset()),
    "datetimetz": (_zoned, frozenset()),
    "binary": (_bytes, frozenset({bytes})),
    "string": (_text, frozenset({str})),
    "json": (_text, frozenset({str})),
    "other": (_text, frozenset({str})),
}


def _fault(column: Column) -> tuple[str, str]:
    if column.dtype == pl.String:
        return "InvalidText", "the text is not UTF-8"
    if column.kind == "datetimetz":
        return "NotConvertible", "the driver gives a time without its zone: read it in UTC by a query"
    if column.kind == "datetime":
        return "NotConvertible", "the driver gives a time with a zone, which the column does not declare"
    return "NotConvertible", f"the value is no {column.kind} that can be kept exactly ({column.declared})"
