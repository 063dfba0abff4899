"""Fields that came as JSON text, or become it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from ponte.errors import ConfigurationError
from ponte.mapping import compile_mapping
from ponte.mapping.paths import united
from ponte_api.sync_source import DeclaredField
from unit.mapping.one_rule import faults_of, mapped_by, spec_of


def test_paths_reach_into_columns_that_came_as_json_text() -> None:
    frame = pl.DataFrame(
        {
            "A": [
                '{"b":{"c":12345678901234567.89}}',
                '{"b":null}',
                "{}",
                "none",
                '{"b":[1]}',
                None,
                '{"b":{"c":{"d":1.50}}}',
            ]
        }
    )
    spec = spec_of({"to": "x", "from": "A.b.c"}, {"to": "y", "sql": "A.b.c || '!'"})

    mapped = compile_mapping(spec, frame.schema).apply(frame)

    assert mapped.frame["x"].to_list() == ["12345678901234567.89", None, None, None, '{"d":1.50}']
    assert mapped.frame["y"].to_list() == ["12345678901234567.89!", None, None, None, '{"d":1.50}!']
    assert mapped.faults.filter(field="x").rows() == [
        (3, "x", "NotConvertible", 'A "none" does not hold A.b.c'),
        (4, "x", "NotConvertible", 'A "{"b":[1]}" does not hold A.b.c'),
    ]
    assert mapped.faults.filter(field="y")["row"].to_list() == [3, 4]


def test_lists_that_came_as_json_text_are_mapped_and_what_is_no_list_is_a_fault() -> None:
    each = [{"to": "s", "from": "S"}, {"to": "q", "from": "Q", "type": "integer"}]
    frame = pl.DataFrame(
        {"R": ['[{"S":"a","Q":1},{"S":"b","Q":"2"}]', "none", None, "[]", '[{"S":"a","Q":[]}]', "[7]"]}
    )

    mapped = compile_mapping(spec_of({"to": "lines", "from": "R", "each": each}), frame.schema).apply(frame)

    assert mapped.frame["lines"].to_list() == [[{"s": "a", "q": 1}, {"s": "b", "q": 2}], None, []]
    assert mapped.rows.to_list() == [0, 2, 3]
    assert faults_of(mapped) == [
        (1, "lines", "NotConvertible"),
        (4, "lines[0].q", "NotConvertible"),
        (5, "lines[0].s", "NotConvertible"),
        (5, "lines[0].q", "NotConvertible"),
    ]


def test_a_path_into_a_field_that_is_declared_as_text_is_refused() -> None:
    declared = [DeclaredField(name="A", type="string")]

    with pytest.raises(ConfigurationError, match=r"there is no field A\.b: A is a string"):
        compile_mapping(spec_of({"to": "x", "from": "A.b"}), pl.Schema({"A": pl.String}), declared=declared)


def test_columns_that_hold_nothing_in_a_batch_give_nothing_at_any_path() -> None:
    spec = spec_of(
        {"to": "city", "from": "A.b.city"},
        {"to": "first", "from": "I[0].sku"},
        {"to": "total", "sql": "Q * 2 + Q", "type": "decimal(12,2)"},
        {"to": "lines", "from": "L", "each": [{"to": "s", "from": "S"}]},
    )
    for dtype in (pl.Null, pl.String):
        frame = pl.DataFrame({name: pl.Series([None, None], dtype=dtype) for name in ("A", "I", "L")})
        frame = frame.with_columns(Q=pl.lit(None))

        mapped = compile_mapping(spec, frame.schema).apply(frame)

        assert mapped.frame.drop("key").rows() == [(None, None, None, None)] * 2


def test_what_earlier_records_had_and_these_lack_is_empty_and_what_none_had_is_refused() -> None:
    spec = spec_of(
        {"to": "mail", "from": "mail"},
        {"to": "city", "from": "at.city"},
        {"to": "lines", "from": "lines", "each": [{"to": "note", "from": "text.note"}]},
    )
    first = pl.DataFrame(
        {"mail": ["m"], "at": [{"city": "x", "zip": 1}], "lines": [[{"sku": "a", "text": {"note": "n"}}]]}
    )
    second = pl.DataFrame(
        {"at": [{"zip": 2}], "lines": [[{"sku": "b", "text": {"by": "z"}}, {"sku": "c", "text": None}]]}
    )
    third = pl.DataFrame({"lines": [[{"sku": "b"}]]})
    earlier = united(first.schema, second.schema)

    mapped = [
        compile_mapping(spec, frame.schema, earlier=earlier).apply(frame).frame.drop("key").row(0)
        for frame in (second, third)
    ]

    assert mapped == [(None, None, [{"note": None}, {"note": None}]), (None, None, [{"note": None}])]
    with pytest.raises(ConfigurationError, match=r"there is no field mail"):
        compile_mapping(spec, second.schema)
    with pytest.raises(ConfigurationError, match=r"there is no field text\.note"):
        compile_mapping(spec_of(spec.fields[3].model_dump(by_alias=True, exclude_unset=True)), second.schema)


def test_a_member_that_records_of_a_json_field_lack_is_empty() -> None:
    frame = pl.DataFrame({"at": [{"zip": 2}]})

    mapped = compile_mapping(
        spec_of({"to": "city", "from": "at.city"}), frame.schema, declared=[DeclaredField(name="at", type="json")]
    ).apply(frame)

    assert mapped.frame["city"].to_list() == [None]


def test_nested_values_become_json_with_the_digits_that_are_theirs() -> None:
    value = {"p": Decimal("1.50"), "n": 12345678901234567890, "d": dt.date(2026, 1, 2), "l": [Decimal("0.10"), None]}
    dtype = pl.Struct({"p": pl.Decimal(9, 2), "n": pl.Decimal(38, 0), "d": pl.Date, "l": pl.List(pl.Decimal(38, 2))})

    mapped = mapped_by({"type": "json"}, [value, None], dtype)

    assert mapped.frame["x"].to_list() == ['{"p":1.50,"n":12345678901234567890,"d":"2026-01-02","l":[0.1,null]}', None]


def test_what_json_cannot_express_is_a_fault_and_not_an_empty_field() -> None:
    mapped = mapped_by({"type": "json"}, [{"v": 1.5}, {"v": float("nan")}])

    assert faults_of(mapped) == [(1, "x", "NotConvertible")]


def test_a_number_of_json_inside_text_is_never_read_as_thousands() -> None:
    frame = pl.DataFrame({"A": ['{"p":1.234}', '{"p":"1.234"}', '{"p":1234.5}', '{"p":12}', '{"p":"1,5"}']})
    rule = {"to": "x", "from": "A.p", "type": "decimal(12,3)"}

    italian = compile_mapping(spec_of({**rule, "locale": "it"}), frame.schema).apply(frame)
    plain = compile_mapping(spec_of(rule), frame.schema).apply(frame)

    assert italian.frame["x"].to_list() == [Decimal("1234.000"), Decimal("12.000"), Decimal("1.500")]
    assert faults_of(italian) == [(0, "x", "NotConvertible"), (2, "x", "NotConvertible")]
    assert plain.frame["x"].to_list() == [Decimal("1.234"), Decimal("1.234"), Decimal("1234.500"), Decimal("12.000")]
