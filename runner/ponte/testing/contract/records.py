"""The records that the contract suites move about: one plain shape with each kind of value, and odd ones of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

Record = dict[str, Any]

KEY = "code"
CURSOR = "changed"
SCHEMA = pl.Schema(
    {
        "code": pl.String(),
        "name": pl.String(),
        "price": pl.Decimal(12, 2),
        "stock": pl.Int64(),
        "active": pl.Boolean(),
        "day": pl.Date(),
        "changed": pl.Datetime("us"),
    }
)
DECLARED = (
    {"name": "code", "type": "string"},
    {"name": "name", "type": "string"},
    {"name": "price", "type": "decimal(12,2)"},
    {"name": "stock", "type": "integer"},
    {"name": "active", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "changed", "type": "datetime"},
)
ODD_TEXTS = {
    "unicode": "Zażółć gęślą jaźń 漢字 🚲",
    "not normal": "e\u0301 is not é",
    "right to left": "\u202egnirts",
    "quotes": "O'Brien said \"5'' pipe\"; -- DROP TABLE x",
    "percent": "%s %d {0} ${x} \\n \\",
    "lines": "one\ntwo",
    "returns": "one\rtwo\r\nthree\r",
    "tab and blanks": "\ta  b ",
    "delimiters": "a,b;c|d",
    "formula": "=1+1",
    "long": "x" * 4096,
}
EXACT_PRICES = ("0.10", "-0.01", "1234567890.12", "-9999999999.99", "0.00", "100.00", "12.50", "10000.00", "0.70")


@dataclass(frozen=True, slots=True)
class Traits:
    """What differs from system to system besides its capabilities.

    Attributes:
        is_typed: values come as numbers, dates and booleans; otherwise as text.
        allows_repeated_keys: the system can hold two records with one key.
        allows_missing_keys: the system can hold a record without a key.
        stores_nul: text may hold U+0000.
    """

    is_typed: bool = True
    allows_repeated_keys: bool = True
    allows_missing_keys: bool = True
    stores_nul: bool = False


def make_record(number: int = 1, **fields: Any) -> Record:
    """A record with every field filled; later numbers changed later."""
    return {
        "code": f"{number:07d}",
        "name": f"Article {number}",
        "price": Decimal(number) / 100,
        "stock": number % 50,
        "active": number % 2 == 0,
        "day": date(2026, 1, 1) + timedelta(days=number % 300),
        "changed": datetime(2026, 3, 1, 8) + timedelta(minutes=number),  # noqa: DTZ001 - a source without zone
        **fields,
    }


def make_records(count: int) -> list[Record]:
    """So many records, in (cursor, key) order."""
    return [make_record(number) for number in range(1, count + 1)]


def to_frame(records: list[Record], fields: tuple[str, ...] = tuple(SCHEMA)) -> pl.DataFrame:
    """Records as mapped frames hold them."""
    return pl.DataFrame(records, schema=SCHEMA).select(fields)


def to_comparable(record: Record) -> Record:
    """A record of any system in the form of `make_record`: text becomes the value that it stands for."""
    return {name: _value(name, value) for name, value in record.items() if name in SCHEMA}


def _value(name: str, value: Any) -> Any:
    return None if value is None else _CONVERSIONS.get(name, str)(value)


def _price(value: Any) -> Decimal:
    exact = Decimal(str(value))
    return exact.quantize(Decimal("0.01")) if exact == round(exact, 2) else exact


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in {"true", "t", "1"}


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=None)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "price": _price,
    "stock": int,
    "active": _truth,
    "day": _day,
    "changed": _moment,
}
