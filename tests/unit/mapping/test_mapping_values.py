"""Values by example: what is converted to what, what is a fault, and what is told of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from ponte.mapping import compile_mapping
from unit.mapping.one_rule import faults_of, mapped_by, spec_of

NOON = dt.datetime(2026, 7, 1, 12)  # noqa: DTZ001 - a local time is the subject


ALMOST_MIDNIGHT = dt.datetime(2026, 12, 31, 23, 59, 58, 123000)  # noqa: DTZ001 - as above


def test_messages_name_the_field_and_the_value() -> None:
    mapped = mapped_by({"type": "decimal(12,2)", "locale": "it"}, ["12,5O", "", "x" * 80, "a\x1b[31m\u202eb\nc", 'q"'])

    assert mapped.faults["message"].to_list() == [
        'A "12,5O" is not a number',
        "A is empty and is not a number",
        f'A "{"x" * 59}…" is not a number',
        'A "a\\x1b[31m\\u202eb\\nc" is not a number',
        'A "q"" is not a number',
    ]


def test_a_required_text_that_is_empty_or_missing_is_a_fault() -> None:
    mapped = mapped_by({"required": True}, ["a", "", None])

    assert mapped.faults.rows() == [
        (1, "x", "RequiredFieldMissing", "A is empty"),
        (2, "x", "RequiredFieldMissing", "A is empty"),
    ]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ({"type": "decimal(12,2)", "locale": "it"}, "1.234,56", Decimal("1234.56")),
        ({"type": "decimal(12,2)", "locale": "ch"}, "1'234.56", Decimal("1234.56")),
        ({"type": "decimal(12,2)", "locale": "fr"}, "1\u00a0234,56", Decimal("1234.56")),
        ({"type": "decimal(12,2)", "locale": "fr"}, "1\u202f234,56", Decimal("1234.56")),
        ({"type": "decimal(12,2)", "format": "trailingMinus"}, "100-", Decimal(-100)),
        ({"type": "decimal(38,0)"}, "9" * 38, Decimal("9" * 38)),
        ({"type": "integer"}, "-9223372036854775808", -(2**63)),
        ({"type": "date", "format": "dd/MM/yyyy"}, "31/12/2026", dt.date(2026, 12, 31)),
        ({"type": "date", "format": "yyyyMMdd"}, "20261231", dt.date(2026, 12, 31)),
        (
            {"type": "datetime", "format": "dd/MM/yyyy HH:mm:ss,SSS"},
            "31/12/2026 23:59:58,123",
            ALMOST_MIDNIGHT,
        ),
        ({"type": "datetime", "format": "epochMillis"}, "1000", dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)),
        ({"type": "float"}, "1.5e3", 1500.0),
        ({"type": "boolean", "format": "S|N"}, "S", True),
        ({"type": "json"}, '{"a": [1]}', '{"a": [1]}'),
        ({"replace": [{"pattern": "[^0-9]", "by": ""}]}, "+39 02/1", "39021"),
        ({"replace": [{"pattern": "(a)(b)", "by": "$2$1"}]}, "ab", "ba"),
        ({"replace": [{"pattern": "(a+)b", "by": "${1}c"}]}, "xaab", "xaac"),
        ({"replace": [{"pattern": "(?P<run>a+)b", "by": "$run-$1-$0-${01}"}]}, "xaab", "xaa-aa-aab-aa"),
        ({"replace": [{"pattern": "a", "by": "$$5 $"}]}, "xa", "x$5 $"),
    ],
)
def test_text_becomes_a_value(rule: dict[str, Any], text: str, expected: Any) -> None:
    mapped = mapped_by(rule, [text])

    assert mapped.faults.is_empty(), mapped.faults.rows()
    assert mapped.frame["x"].to_list() == [expected]


@pytest.mark.parametrize(
    ("rule", "texts", "reason"),
    [
        (
            {"type": "decimal(12,2)"},
            ["NaN", "Infinity", "0x10", "1e5", "", " 1", "1 ", "1,5", "１", "+", "--1"],
            "NotConvertible",
        ),
        (
            {"type": "decimal(12,2)", "locale": "it"},
            ["1.23,4", "12345.678,9", "1..234", ".5", "1,", "1.2345"],
            "NotConvertible",
        ),
        ({"type": "decimal(12,2)"}, ["1.005", "0.001"], "TooManyDecimals"),
        ({"type": "decimal(4,2)"}, ["100", "-100.00"], "OutOfRange"),
        ({"type": "integer"}, ["9223372036854775808"], "OutOfRange"),
        ({"type": "float"}, ["1e999"], "OutOfRange"),
        ({"type": "date"}, ["0000-00-00", "2026-02-31", "26-01-01", "2026-1-1", "0000-01-01"], "NotConvertible"),
        ({"type": "datetime"}, ["2026-12-31T23:59:60", "2026-01-01T24:00", "2026-01-01T00:00:00Z"], "NotConvertible"),
        ({"type": "datetime", "timeZone": "Europe/Rome"}, ["2026-03-29T02:30:00"], "NotConvertible"),
        ({"type": "boolean"}, ["1", "yes", ""], "NotConvertible"),
        ({"type": "json"}, ["{", "NaN", "", "[" * 100_000], "NotConvertible"),
    ],
)
def test_what_cannot_be_converted_is_a_fault_and_never_a_null(
    rule: dict[str, Any], texts: list[str], reason: str
) -> None:
    mapped = mapped_by(rule, texts)

    assert faults_of(mapped) == [(row, "x", reason) for row in range(len(texts))]


def test_an_ambiguous_local_time_is_the_earlier_one() -> None:
    mapped = mapped_by({"type": "datetime", "timeZone": "Europe/Rome"}, ["2026-10-25T02:30:00"])

    assert mapped.frame["x"].to_list() == [dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)]


@pytest.mark.parametrize(
    ("dtype", "values", "rule", "expected"),
    [
        (pl.Int64, [5], {"type": "string"}, ["5"]),
        (pl.Int64, [5], {"type": "decimal(5,2)"}, [Decimal("5.00")]),
        (pl.Decimal(10, 4), [Decimal("1.2350")], {"type": "decimal(10,2)", "round": "halfEven"}, [Decimal("1.24")]),
        (pl.Float64, [2.675], {"type": "decimal(10,2)", "round": "halfUp"}, [Decimal("2.68")]),
        (pl.Float64, [1e-7], {"type": "decimal(10,2)", "round": "up"}, [Decimal("0.01")]),
        (pl.Int64, [1, 0], {"type": "boolean"}, [True, False]),
        (
            pl.Datetime("us"),
            [NOON],
            {"type": "datetime", "timeZone": "Europe/Rome"},
            [dt.datetime(2026, 7, 1, 10, tzinfo=dt.UTC)],
        ),
        (pl.Datetime("us"), [NOON], {"type": "string"}, ["2026-07-01T12:00:00"]),
        (pl.Int64, [20], {"type": "date", "format": "epochSeconds"}, [dt.date(1970, 1, 1)]),
        (pl.Null, [None], {"type": "integer", "default": "3"}, [3]),
        (pl.Binary, [b"abc"], {"type": "string"}, ["abc"]),
    ],
)
def test_typed_values_convert_too(dtype: Any, values: list[Any], rule: dict[str, Any], expected: list[Any]) -> None:
    mapped = mapped_by(rule, values, dtype)

    assert mapped.faults.is_empty(), mapped.faults.rows()
    assert mapped.frame["x"].to_list() == expected


@pytest.mark.parametrize(
    ("dtype", "values", "rule", "reason"),
    [
        (pl.Decimal(10, 4), [Decimal("1.2350")], {"type": "decimal(10,2)"}, "TooManyDecimals"),
        (pl.Float64, [0.1 + 0.2, 1.5e-20], {"type": "decimal(10,2)"}, "TooManyDecimals"),
        (pl.Float64, [float("nan"), float("inf")], {"type": "decimal(10,2)"}, "NotConvertible"),
        (pl.Float64, [1e300], {"type": "integer"}, "OutOfRange"),
        (pl.UInt64, [2**63], {"type": "integer"}, "OutOfRange"),
        (pl.Int64, [2], {"type": "boolean"}, "NotConvertible"),
        (pl.Int64, [2**62], {"type": "datetime", "format": "epochSeconds"}, "NotConvertible"),
        (pl.Binary, [b"\xff"], {"type": "string"}, "NotConvertible"),
    ],
)
def test_typed_values_that_do_not_fit_are_faults(
    dtype: Any, values: list[Any], rule: dict[str, Any], reason: str
) -> None:
    assert {fault[2] for fault in faults_of(mapped_by(rule, values, dtype))} <= {reason, "OutOfRange"}
    assert len(mapped_by(rule, values, dtype).faults) == len(values)


def test_sensitive_values_are_never_shown() -> None:
    frame = pl.DataFrame({"MAIL": ["secret@example.com"], "N": ["secret@example.com"]})
    spec = spec_of(
        {"to": "mail", "from": "MAIL", "maxLength": 3, "sensitive": "personal"},
        {"to": "again", "sql": "UPPER(MAIL)", "pattern": "x", "check": "mail = 'y'"},
        {"to": "third", "from": "MAIL", "type": "integer"},
        {"to": "fourth", "sql": "N || MAIL", "maxLength": 2, "sensitive": "secret"},
    )

    compiled = compile_mapping(spec, frame.schema)
    mapped = compiled.apply(frame)

    assert len(mapped.faults) == 4
    assert not mapped.faults["message"].str.to_lowercase().str.contains("secret@example").any()
    assert compiled.sensitive == {"mail", "again", "third", "fourth", "MAIL", "N"}


def test_a_pattern_with_choices_must_match_the_whole_text_by_each_of_them() -> None:
    mapped = mapped_by({"pattern": "[A-Z]|[a-z]+"}, ["A", "ab", "A1", "1a"])

    assert mapped.frame["x"].to_list() == ["A", "ab"]
    assert faults_of(mapped) == [(2, "x", "PatternMismatch"), (3, "x", "PatternMismatch")]


@pytest.mark.parametrize(
    ("dtype", "text"), [(pl.Decimal(38, 3), "2"), (pl.Decimal(10, 3), "2.000"), (pl.Decimal(38, 0), "2")]
)
def test_zeros_at_the_end_of_a_number_are_text_only_where_its_column_declares_them(
    dtype: pl.Decimal, text: str
) -> None:
    values = [Decimal(2), Decimal("1.125") if dtype.scale else Decimal(1)]

    assert mapped_by({"type": "string"}, values, dtype).frame["x"][0] == text
    joined = spec_of({"to": "x", "sql": "'X' || A"})
    frame = pl.DataFrame({"A": pl.Series(values, dtype=dtype)})
    assert compile_mapping(joined, frame.schema).apply(frame).frame["x"][0] == f"X{text}"
