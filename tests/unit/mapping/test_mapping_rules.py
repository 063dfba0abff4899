"""The rules of a Mapping, each by example: what passes, what is a fault, and what is told."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponte.errors import ConfigurationError
from ponte.mapping import LookupRef, Mapped, check, compile_mapping, mapping_fingerprint, run_tests
from ponte.mapping.paths import united
from ponte_api.mapping import MappingSpec
from ponte_api.sync_source import DeclaredField

NOON = dt.datetime(2026, 7, 1, 12)  # noqa: DTZ001 - a local time is the subject
ALMOST_MIDNIGHT = dt.datetime(2026, 12, 31, 23, 59, 58, 123000)  # noqa: DTZ001 - as above
KEY = {"to": "key", "value": "k"}


def _spec(*fields: dict[str, Any], **more: Any) -> MappingSpec:
    return MappingSpec.model_validate({"key": ["key"], "fields": [KEY, *fields], **more})


def _map(rule: dict[str, Any], values: list[Any], dtype: Any = None) -> Mapped:
    frame = pl.DataFrame({"A": pl.Series(values, dtype=dtype, strict=True)})
    return compile_mapping(_spec({"to": "x", "from": "A", **rule}), frame.schema).apply(frame)


def _faults(mapped: Mapped) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in mapped.faults.select("row", "field", "reason").rows()]


def test_messages_name_the_field_and_the_value() -> None:
    mapped = _map({"type": "decimal(12,2)", "locale": "it"}, ["12,5O", "", "x" * 80, "a\x1b[31m\u202eb\nc", 'q"'])

    assert mapped.faults["message"].to_list() == [
        'A "12,5O" is not a number',
        "A is empty and is not a number",
        f'A "{"x" * 59}…" is not a number',
        'A "a\\x1b[31m\\u202eb\\nc" is not a number',
        'A "q"" is not a number',
    ]


def test_a_required_text_that_is_empty_or_missing_is_a_fault() -> None:
    mapped = _map({"required": True}, ["a", "", None])

    assert mapped.faults.rows() == [
        (1, "x", "RequiredFieldMissing", "A is empty"),
        (2, "x", "RequiredFieldMissing", "A is empty"),
    ]


def test_the_natural_key_is_always_required() -> None:
    spec = MappingSpec.model_validate({"key": ["sku"], "fields": [{"to": "sku", "from": "A"}]})
    frame = pl.DataFrame({"A": ["a", None, ""]})

    assert _faults(compile_mapping(spec, frame.schema).apply(frame)) == [
        (1, "sku", "RequiredFieldMissing"),
        (2, "sku", "RequiredFieldMissing"),
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
    ],
)
def test_text_becomes_a_value(rule: dict[str, Any], text: str, expected: Any) -> None:
    mapped = _map(rule, [text])

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
    mapped = _map(rule, texts)

    assert _faults(mapped) == [(row, "x", reason) for row in range(len(texts))]


def test_an_ambiguous_local_time_is_the_earlier_one() -> None:
    mapped = _map({"type": "datetime", "timeZone": "Europe/Rome"}, ["2026-10-25T02:30:00"])

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
    mapped = _map(rule, values, dtype)

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
    assert {fault[2] for fault in _faults(_map(rule, values, dtype))} <= {reason, "OutOfRange"}
    assert len(_map(rule, values, dtype).faults) == len(values)


def test_where_leaves_out_what_is_false_or_unknown_before_any_rule_is_asked() -> None:
    spec = _spec({"to": "x", "from": "A", "type": "integer"}, where="F = 'S'")
    frame = pl.DataFrame({"A": ["1", "bad", "bad"], "F": ["S", "N", None]})

    mapped = compile_mapping(spec, frame.schema).apply(frame)

    assert mapped.rows.to_list() == [0]
    assert mapped.left.to_list() == [1, 2]
    assert mapped.faults.is_empty()


def test_a_check_that_is_unknown_passes_and_one_that_fails_shows_the_values() -> None:
    frame = pl.DataFrame({"A": ["5", "0", None]})
    spec = _spec({"to": "x", "from": "A", "type": "integer", "check": "x > 0"})

    mapped = compile_mapping(spec, frame.schema).apply(frame)

    assert mapped.rows.to_list() == [0, 2]
    assert mapped.faults.rows() == [(1, "x", "CheckFailed", 'x > 0 does not hold (x "0")')]


def test_a_check_is_not_asked_about_a_field_that_is_already_at_fault() -> None:
    frame = pl.DataFrame({"A": ["z"], "B": ["1"]})
    spec = _spec(
        {"to": "a", "from": "A", "type": "integer"},
        {"to": "b", "from": "B", "type": "integer", "check": "COALESCE(a, 0) > b"},
    )

    assert _faults(compile_mapping(spec, frame.schema).apply(frame)) == [(0, "a", "NotConvertible")]


AUDIENCES = _spec(
    {"to": "name", "from": "N"},
    {"to": "price.net", "from": "P", "type": "integer", "currency": {"from": "C"}},
    {"to": "margin", "from": "M", "type": "integer"},
    {"to": "active", "from": "A", "type": "boolean"},
    audiences=[{"name": "customer", "fields": ["price"], "where": "active"}],
)


def test_an_audience_gets_its_fields_the_key_and_its_rows_only() -> None:
    frame = pl.DataFrame(
        {"N": ["a", "b"], "P": ["1", "2"], "C": ["EUR", "EUR"], "M": ["bad", "1"], "A": ["true", "false"]}
    )

    compiled = compile_mapping(AUDIENCES, frame.schema, audience="customer")
    mapped = compiled.apply(frame)

    assert mapped.frame.to_dicts() == [{"key": "k", "price": {"net": 1, "netCurrency": "EUR"}}]
    assert mapped.left.to_list() == [1]
    assert mapped.frame.schema == compiled.target_schema
    assert set(compiled.columns or ()) == {"P", "A", "C"}


def test_an_amount_without_its_currency_is_a_fault() -> None:
    frame = pl.DataFrame(
        {"N": ["a"] * 3, "P": ["1", None, "1"], "C": [None, None, "euro"], "M": ["1"] * 3, "A": ["true"] * 3}
    )

    assert _faults(compile_mapping(AUDIENCES, frame.schema).apply(frame)) == [
        (0, "price.netCurrency", "RequiredFieldMissing"),
        (2, "price.netCurrency", "PatternMismatch"),
    ]


LOOKUP = LookupRef("shop", "products")


def test_a_look_up_gives_the_targets_id_and_defers_what_only_waits() -> None:
    spec = _spec(
        {"to": "product", "from": "A", "lookup": {"system": "shop", "object": "products"}, "type": "integer"},
        {"to": "x", "from": "B", "type": "integer"},
    )
    frame = pl.DataFrame({"A": ["p1", "p2", "p2", None, "p3"], "B": ["1", "2", "bad", "4", "5"]})
    compiled = compile_mapping(spec, frame.schema)

    assert {ref: sorted(values) for ref, values in compiled.lookup_values(frame).items()} == {
        LOOKUP: ["p1", "p2", "p3"]
    }
    mapped = compiled.apply(frame, {LOOKUP: pl.DataFrame({"value": ["p1", "p3"], "target_id": ["71", "x"]})})

    assert mapped.frame["product"].to_list() == [71, None]
    assert mapped.rows.to_list() == [0, 3]
    assert _faults(mapped) == [(2, "x", "NotConvertible"), (4, "product", "NotConvertible")]
    assert mapped.deferred.rows() == [(1, "product", "shop", "products", "p2")]


def test_an_audience_that_reads_a_waiting_field_does_not_leave_the_record_out() -> None:
    spec = _spec(
        {"to": "product", "from": "A", "lookup": {"system": "shop", "object": "products"}},
        audiences=[{"name": "one", "fields": ["product"], "where": "product = '71'"}],
    )
    frame = pl.DataFrame({"A": ["p1", "p2"]})

    mapped = compile_mapping(spec, frame.schema, audience="one").apply(
        frame, {LOOKUP: pl.DataFrame({"value": ["p1"], "target_id": ["72"]})}
    )

    assert mapped.left.to_list() == [0]
    assert mapped.deferred["row"].to_list() == [1]


LINES = _spec(
    {
        "to": "lines",
        "from": "R",
        "each": [
            {"to": "sku", "from": "S", "lookup": {"system": "shop", "object": "products"}},
            {"to": "qty.value", "from": "Q", "type": "integer", "min": "1"},
            {"to": "lots", "from": "L", "each": [{"to": "code", "from": "value", "required": True}]},
        ],
    }
)


def test_lists_are_mapped_element_by_element_two_deep() -> None:
    frame = pl.DataFrame(
        {
            "R": [
                [{"S": "a", "Q": "1", "L": ["l1", "l2"]}, {"S": "b", "Q": "2", "L": []}],
                [],
                None,
                [{"S": "a", "Q": "0", "L": ["l1"]}, {"S": "a", "Q": "x", "L": ["l", None, ""]}],
                [{"S": "zz", "Q": "1", "L": None}],
            ]
        }
    )
    compiled = compile_mapping(LINES, frame.schema)

    assert sorted(compiled.lookup_values(frame)[LOOKUP]) == ["a", "b", "zz"]
    mapped = compiled.apply(frame, {LOOKUP: pl.DataFrame({"value": ["a", "b"], "target_id": ["1", "2"]})})

    assert mapped.frame["lines"].to_list() == [
        [
            {"sku": "1", "qty": {"value": 1}, "lots": [{"code": "l1"}, {"code": "l2"}]},
            {"sku": "2", "qty": {"value": 2}, "lots": []},
        ],
        [],
        None,
    ]
    assert sorted(_faults(mapped)) == [
        (3, "lines[0].qty.value", "OutOfRange"),
        (3, "lines[1].lots[1]", "RequiredFieldMissing"),
        (3, "lines[1].lots[2].code", "RequiredFieldMissing"),
        (3, "lines[1].qty.value", "NotConvertible"),
    ]
    assert mapped.deferred.rows() == [(4, "lines[0].sku", "shop", "products", "zz")]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.none()
        | st.lists(
            st.none()
            | st.fixed_dictionaries(
                {
                    "S": st.sampled_from(["a", "zz", None]),
                    "Q": st.sampled_from(["1", "0", "x", None]),
                    "L": st.none() | st.lists(st.sampled_from(["l", "", None]), max_size=3),
                }
            ),
            max_size=3,
        ),
        max_size=6,
    )
)
def test_every_record_ends_in_exactly_one_place(lists: list[Any]) -> None:
    inner = pl.Struct({"S": pl.String, "Q": pl.String, "L": pl.List(pl.String)})
    frame = pl.DataFrame({"R": lists}, schema={"R": pl.List(inner)})

    mapped = compile_mapping(LINES, frame.schema).apply(
        frame, {LOOKUP: pl.DataFrame({"value": ["a"], "target_id": ["1"]})}
    )

    places = [*mapped.rows, *mapped.left, *mapped.faults["row"].unique(), *mapped.deferred["row"].unique()]
    assert sorted(places) == list(range(len(lists)))
    for row, record in zip(mapped.rows, mapped.frame["lines"].to_list(), strict=True):
        assert (record is None) == (lists[row] is None)
        assert len(record or []) == len(lists[row] or [])


def test_sensitive_values_are_never_shown() -> None:
    frame = pl.DataFrame({"MAIL": ["secret@example.com"], "N": ["secret@example.com"]})
    spec = _spec(
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


def test_nothing_but_what_is_asked_for_is_read() -> None:
    schema = pl.Schema({"A": pl.String, "B": pl.Struct({"c": pl.String}), "D": pl.String, "E": pl.Int64})
    spec = _spec({"to": "x", "from": "A", "onNull": "omit"}, {"to": "y", "from": "B.c"}, where="E > 1")

    compiled = compile_mapping(spec, schema)

    assert sorted(compiled.columns or ()) == ["A", "B", "E"]
    assert compiled.omit_null == {"x"}


def test_a_frame_of_another_schema_is_refused_by_the_fields_name() -> None:
    compiled = compile_mapping(_spec({"to": "x", "from": "A"}), pl.Schema({"A": pl.String}))

    with pytest.raises(ConfigurationError, match="field A was String and came as Int64"):
        compiled.apply(pl.DataFrame({"A": [1]}))


def test_a_declared_field_that_no_record_has_holds_nothing() -> None:
    declared = [DeclaredField(name="A", type="string"), DeclaredField(name="B", type="json")]
    spec = _spec({"to": "x", "from": "A", "default": "d"}, {"to": "y", "from": "B.c[0].d"})
    frame = pl.DataFrame({"Z": [1]})

    assert compile_mapping(spec, frame.schema, declared=declared).apply(frame).frame.to_dicts() == [
        {"key": "k", "x": "d", "y": None}
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"from": "B"}, r"there is no field B"),
        ({"from": "Aa"}, r"Did you mean A\?"),
        ({"from": "A", "pattern": "(?=x)"}, "look-ahead"),
        ({"from": "A", "pattern": r"(a)\1"}, "back-references"),
        ({"from": "A", "replace": [{"pattern": "("}]}, "not a regular expression"),
        ({"from": "A", "type": "date", "format": "dd/MM/yy"}, "yy is not known"),
        ({"from": "A", "type": "datetime", "timeZone": "Europe/Rom"}, "Europe/Rom is not known"),
        ({"from": "A", "type": "decimal(12,2)", "locale": "xx"}, "locale xx is not known"),
        ({"from": "A", "type": "decimal(40,2)"}, "1 to 38 digits"),
        ({"from": "A", "type": "integer", "default": "x"}, '"x" is not a integer'),
        ({"from": "A", "values": [{"from": "a", "to": "1"}, {"from": "a", "to": "2"}]}, "listed twice"),
        ({"from": "A", "type": "integer", "maxLength": 3}, "maxLength is for text"),
        ({"from": "A", "check": "y > 0"}, "no target field y"),
        ({"from": "A", "check": "x"}, "not a condition"),
        ({"from": "A", "currency": {"value": "euro"}}, "ISO 4217"),
        ({"from": "N", "each": [{"to": "y", "from": "z"}]}, "each needs a list"),
    ],
)
def test_what_cannot_work_is_refused_before_a_record_is_read(rule: dict[str, Any], message: str) -> None:
    spec = _spec({"to": "x", **rule})

    with pytest.raises(ConfigurationError, match=rf"fields\[1\].*{message}"):
        compile_mapping(spec, pl.Schema({"A": pl.String, "N": pl.Int64}))


@pytest.mark.parametrize("targets", [("a", "a.b"), ("a.b", "a"), ("a.b.c", "a.b"), ("a..b", "c"), ("a[0]", "c")])
def test_targets_that_contradict_each_other_are_refused(targets: tuple[str, str]) -> None:
    spec = _spec(*[{"to": one, "from": "A"} for one in targets])

    with pytest.raises(ConfigurationError):
        compile_mapping(spec, pl.Schema({"A": pl.String}))


def test_a_batch_that_cannot_be_computed_is_taken_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_mapping(_spec({"to": "x", "from": "A"}), pl.Schema({"A": pl.String}))
    real = type(compiled)._apply

    def failing(self: Any, frame: pl.DataFrame, found: Any) -> Mapped:
        if (frame["A"] == "poison").any():
            raise pl.exceptions.ComputeError("boom")
        return real(self, frame, found)

    monkeypatch.setattr(type(compiled), "_apply", failing)
    mapped = compiled.apply(pl.DataFrame({"A": ["a", "b", "poison", "c", "d"]}))

    assert mapped.frame["x"].to_list() == ["a", "b", "c", "d"]
    assert mapped.rows.to_list() == [0, 1, 3, 4]
    assert mapped.faults.select("row", "field", "reason").rows() == [(2, None, "ExpressionFailed")]


def test_an_empty_frame_maps_to_an_empty_frame() -> None:
    frame = pl.DataFrame(schema={"R": pl.List(pl.Struct({"S": pl.String, "Q": pl.String, "L": pl.List(pl.String)}))})
    compiled = compile_mapping(LINES, frame.schema)

    mapped = compiled.apply(frame)

    assert mapped.frame.is_empty()
    assert mapped.frame.schema == compiled.target_schema


def test_the_fingerprint_changes_with_the_rules_and_not_with_the_tests() -> None:
    one = _spec({"to": "x", "from": "A"}, audiences=[{"name": "a", "fields": ["x"]}])
    tested = one.model_copy(update={"tests": _spec(tests=[{"given": {}, "expect": {}}]).tests})
    other = _spec({"to": "x", "from": "A", "trim": True}, audiences=one.audiences)

    assert mapping_fingerprint(one, None) == mapping_fingerprint(tested, None)
    assert len({mapping_fingerprint(one, None), mapping_fingerprint(one, "a"), mapping_fingerprint(other, None)}) == 3


DECLARED = [
    DeclaredField.model_validate(one)
    for one in (
        {"name": "PREZZO", "type": "decimal(12,2)"},
        {"name": "NOME", "type": "string"},
        {"name": "R", "type": "json"},
    )
]


def test_validation_finds_all_that_is_wrong_with_its_place() -> None:
    spec = _spec(
        {"to": "a", "sql": "PREZO * 2"},
        {"to": "b", "from": "NOME", "pattern": "(?!x)"},
        {"to": "c", "from": "PREZZO", "check": "aa > 0"},
        {"to": "d", "from": "R.x.y"},
        where="SUM(PREZZO) > 1",
        audiences=[{"name": "one", "fields": ["zz"]}],
    )

    assert check(spec, DECLARED) == [
        ("audiences[0].fields[0]", "no rule makes the field zz"),
        ("fields[1].sql", "there is no field PREZO. Did you mean PREZZO?"),
        ("fields[2].pattern", "(?!x): look-ahead and look-behind are refused; they can take for ever"),
        ("where", "SUM is not in the list of functions"),
        ("fields[3].check", "there is no target field aa. Did you mean a?"),
    ]


def test_validation_without_declared_fields_says_only_what_can_be_known() -> None:
    spec = _spec({"to": "a", "sql": "X * 2"}, {"to": "b", "from": "Y", "type": "date", "format": "yy"}, where="F = 'S'")

    assert [place for place, _ in check(spec, [])] == ["fields[2].format"]


def test_a_mapping_that_is_well_has_no_findings() -> None:
    assert check(_spec({"to": "a", "sql": "PREZZO * 2", "type": "decimal(12,2)", "check": "a > 0"}), DECLARED) == []


def test_mapping_tests_tell_what_differs() -> None:
    spec = _spec(
        {"to": "x.y", "from": "A", "type": "decimal(12,2)"},
        {"to": "d", "from": "D", "type": "date"},
        {"to": "l", "from": "L", "each": [{"to": "v", "from": "value"}]},
        where="F = 'S'",
        tests=[
            {
                "given": {"A": "1.5", "F": "S", "D": "2026-01-02", "L": ["a"]},
                "expect": {"x.y": 1.5, "d": "2026-01-02", "l": [{"v": "a"}]},
            },
            {"given": {"A": 1.50, "F": "S"}, "expect": {"x": {"y": "1.5"}, "d": None}},
            {"given": {"A": "1.5", "F": "S"}, "expect": {"x.y": 1.6}},
            {"given": {"F": "N"}, "left": True},
            {"given": {"A": "z", "F": "S"}, "reject": {"field": "x.y", "reason": "NotConvertible"}},
            {"name": "wrong", "given": {"A": "z", "F": "S"}, "left": True},
            {"given": {"F": "S"}, "expect": {"nope": 1}},
        ],
    )

    outcomes = run_tests(spec, [])

    assert [one.passed for one in outcomes] == [True, True, False, True, True, False, False]
    assert outcomes[2].message == "x.y: expected 1.6, found 1.50"
    assert outcomes[5].name == "wrong"
    assert "NotConvertible" in outcomes[5].message
    assert "no rule makes this field" in outcomes[6].message


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
    spec = _spec({"to": "x", "from": "A.b.c"}, {"to": "y", "sql": "A.b.c || '!'"})

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

    mapped = compile_mapping(_spec({"to": "lines", "from": "R", "each": each}), frame.schema).apply(frame)

    assert mapped.frame["lines"].to_list() == [[{"s": "a", "q": 1}, {"s": "b", "q": 2}], None, []]
    assert mapped.rows.to_list() == [0, 2, 3]
    assert _faults(mapped) == [
        (1, "lines", "NotConvertible"),
        (4, "lines[0].q", "NotConvertible"),
        (5, "lines[0].s", "NotConvertible"),
        (5, "lines[0].q", "NotConvertible"),
    ]


def test_a_path_into_a_field_that_is_declared_as_text_is_refused() -> None:
    declared = [DeclaredField(name="A", type="string")]

    with pytest.raises(ConfigurationError, match=r"there is no field A\.b: A is a string"):
        compile_mapping(_spec({"to": "x", "from": "A.b"}), pl.Schema({"A": pl.String}), declared=declared)


def test_a_secret_beside_a_broken_element_is_not_shown() -> None:
    each = [{"to": "s", "from": "S", "sensitive": "secret"}, {"to": "q", "from": "Q.x"}]
    frame = pl.DataFrame({"R": ['[{"S":"hidden","Q":1}]']})

    mapped = compile_mapping(_spec({"to": "lines", "from": "R", "each": each}), frame.schema).apply(frame)

    assert mapped.faults["message"].to_list() == ["value does not hold Q.x"]


def test_a_pattern_with_choices_must_match_the_whole_text_by_each_of_them() -> None:
    mapped = _map({"pattern": "[A-Z]|[a-z]+"}, ["A", "ab", "A1", "1a"])

    assert mapped.frame["x"].to_list() == ["A", "ab"]
    assert _faults(mapped) == [(2, "x", "PatternMismatch"), (3, "x", "PatternMismatch")]


def test_the_check_of_a_list_is_not_asked_where_an_element_is_at_fault() -> None:
    rule = {"to": "l", "from": "L", "check": "n > 5", "each": [{"to": "v", "from": "value", "required": True}]}
    frame = pl.DataFrame({"L": [["a"], [""]], "N": [1, 1]})

    mapped = compile_mapping(_spec(rule, {"to": "n", "from": "N"}), frame.schema).apply(frame)

    assert _faults(mapped) == [(0, "l", "CheckFailed"), (1, "l[0].v", "RequiredFieldMissing")]


def test_columns_that_hold_nothing_in_a_batch_give_nothing_at_any_path() -> None:
    spec = _spec(
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


def test_empty_lists_are_lists_without_elements() -> None:
    frame = pl.DataFrame({"L": pl.Series([[], None], dtype=pl.List(pl.Null))})

    mapped = compile_mapping(_spec({"to": "l", "from": "L", "each": [{"to": "s", "from": "S"}]}), frame.schema)

    assert mapped.apply(frame).frame["l"].to_list() == [[], None]


def test_what_earlier_records_had_and_these_lack_is_empty_and_what_none_had_is_refused() -> None:
    spec = _spec(
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
        compile_mapping(_spec(spec.fields[3].model_dump(by_alias=True, exclude_unset=True)), second.schema)


def test_a_member_that_records_of_a_json_field_lack_is_empty() -> None:
    frame = pl.DataFrame({"at": [{"zip": 2}]})

    mapped = compile_mapping(
        _spec({"to": "city", "from": "at.city"}), frame.schema, declared=[DeclaredField(name="at", type="json")]
    ).apply(frame)

    assert mapped.frame["city"].to_list() == [None]


def test_nested_values_become_json_with_their_own_digits() -> None:
    value = {"p": Decimal("1.50"), "n": 12345678901234567890, "d": dt.date(2026, 1, 2), "l": [Decimal("0.10"), None]}
    dtype = pl.Struct({"p": pl.Decimal(38, 2), "n": pl.Decimal(38, 0), "d": pl.Date, "l": pl.List(pl.Decimal(38, 2))})

    mapped = _map({"type": "json"}, [value, None], dtype)

    assert mapped.frame["x"].to_list() == ['{"p":1.50,"n":12345678901234567890,"d":"2026-01-02","l":[0.10,null]}', None]


def test_what_json_cannot_express_is_a_fault_and_not_an_empty_field() -> None:
    mapped = _map({"type": "json"}, [{"v": 1.5}, {"v": float("nan")}])

    assert _faults(mapped) == [(1, "x", "NotConvertible")]


def test_a_number_of_json_inside_text_is_never_read_as_thousands() -> None:
    frame = pl.DataFrame({"A": ['{"p":1.234}', '{"p":"1.234"}', '{"p":1234.5}', '{"p":12}', '{"p":"1,5"}']})
    rule = {"to": "x", "from": "A.p", "type": "decimal(12,3)"}

    italian = compile_mapping(_spec({**rule, "locale": "it"}), frame.schema).apply(frame)
    plain = compile_mapping(_spec(rule), frame.schema).apply(frame)

    assert italian.frame["x"].to_list() == [Decimal("1234.000"), Decimal("12.000"), Decimal("1.500")]
    assert _faults(italian) == [(0, "x", "NotConvertible"), (2, "x", "NotConvertible")]
    assert plain.frame["x"].to_list() == [Decimal("1.234"), Decimal("1.234"), Decimal("1234.500"), Decimal("12.000")]
