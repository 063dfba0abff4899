"""The vectorised mapping agrees with a plain one-record reference, whatever the rules and however hostile the text."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.mapping import CompiledMapping, compile_mapping
from ponte_api.mapping import MappingSpec

_SPEC = importlib.util.spec_from_file_location("mapping_reference", Path(__file__).with_name("reference.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)

NUMBERS = st.from_regex(r"[+-]?[0-9]{1,5}([.,' \u00a0][0-9]{1,4}){0,3}[+-]?", fullmatch=True)
LONG_NUMBERS = st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,12})?", fullmatch=True)
DATES = st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]|[0-3][0-9]/[01][0-9]/[0-9]{2,4}|[0-9]{8}", fullmatch=True)
TIMES = st.from_regex(
    r"(2026-(03-29|10-25|01-01)|0001-01-01|9999-12-31)[T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,8})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?",
    fullmatch=True,
)
HOSTILE = st.sampled_from(
    [
        *(
            "",
            " ",
            "0",
            "-0",
            "+",
            "-",
            ".",
            ",",
            "NaN",
            "inf",
            "-Infinity",
            "1e5",
            "0x10",
            "1_000",
            "１２",
            "٣",
            "1\n",
        ),
        *(
            "\n1",
            "1\x00",
            "12,5O",
            "true",
            "TRUE",
            "yes",
            "no",
            "Yes",
            "A",
            "B",
            "ß",
            "é",
            "e\u0301",
            "\u202e1",
            "\ufeff1",
        ),
        *("0000-00-00", "31/02/2026", "29/02/2024", "29/02/2023", "253402300799", "253402300800", "-62135596800"),
        *("-62135596801", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1" * 38, "9" * 38),
        *("9" * 39, "1." + "0" * 50, "2026-01-01T24:00", "2026-12-31T23:59:60", "2026-02-30T10:00", "1.234.567,89"),
        *("1.23.456", "1'234.5", "1\u00a0234,5"),
    ]
)
TEXTS = st.one_of(st.none(), HOSTILE, NUMBERS, LONG_NUMBERS, DATES, TIMES, st.text(max_size=12))


@st.composite
def _number_rules(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["integer", "decimal(12,2)", "decimal(5,0)", "decimal(38,0)", "decimal(36,6)"]))
    rule: dict[str, Any] = {"type": kind}
    if kind.startswith("decimal") and kind != "decimal(38,0)" and draw(st.booleans()):
        rule["round"] = draw(st.sampled_from(sorted(reference.ROUNDING)))
    if draw(st.booleans()):
        rule["locale"] = draw(st.sampled_from([one for one in reference.MARKS if one]))
    if draw(st.booleans()):
        rule["format"] = "trailingMinus"
    if draw(st.booleans()):
        rule["min"] = draw(st.sampled_from(["0", "-5.5", "0.01"]))
    if draw(st.booleans()):
        rule["max"] = draw(st.sampled_from(["100", "99.99"]))
    if draw(st.booleans()):
        rule["default"] = draw(st.sampled_from(["0", "7"]))
    return rule


@st.composite
def _text_rules(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = draw(st.sampled_from([{}, {"type": "string"}]))
    rule = dict(rule)
    if draw(st.booleans()):
        patterns = st.sampled_from(["[^0-9+]", "a|b", "[a-z]+", "é", r"\\."])
        pairs = st.builds(lambda pattern, by: {"pattern": pattern, "by": by}, patterns, st.sampled_from(["", "x", "-"]))
        rule["replace"] = draw(st.lists(pairs, min_size=1, max_size=2))
    if draw(st.booleans()):
        rule["case"] = draw(st.sampled_from(["upper", "lower"]))
    if draw(st.booleans()):
        rule |= {"maxLength": draw(st.integers(1, 6)), "onTooLong": draw(st.sampled_from(["reject", "truncate"]))}
    if draw(st.booleans()):
        rule["pattern"] = draw(st.sampled_from(["[0-9]+", "[A-Z]|[a-z]+", "(?s).*"]))
    if draw(st.booleans()):
        rule["default"] = "none"
    return rule


@st.composite
def _listed_rules(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from([None, "integer"]))
    targets = st.sampled_from(["1", "2", None])
    froms = draw(st.lists(st.sampled_from(["A", "B", "", "0", "ß"]), min_size=1, max_size=4, unique=True))
    rule: dict[str, Any] = {"values": [{"from": one, "to": draw(targets)} for one in froms]}
    otherwise = draw(st.sampled_from([None, {"reject": {}}, {"keep": {}}, {"value": "9"}, {"null": {}}]))
    return rule | ({"otherwise": otherwise} if otherwise else {}) | ({"type": kind} if kind else {})


_DATE_RULES = st.sampled_from(
    [
        {"type": "date"},
        {"type": "date", "format": "dd/MM/yyyy"},
        {"type": "date", "format": "yyyyMMdd"},
        {"type": "datetime"},
        {"type": "datetime", "timeZone": "Europe/Rome"},
        {"type": "datetime", "timeZone": "UTC"},
        {"type": "datetime", "format": "epochSeconds"},
        {"type": "datetime", "format": "epochMillis"},
        {"type": "boolean"},
        {"type": "boolean", "format": "yes|no"},
    ]
)


@st.composite
def _rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    rules = []
    for number in range(draw(st.integers(1, 4))):
        rule = dict(draw(st.one_of(_number_rules(), _text_rules(), _listed_rules(), _DATE_RULES)))
        rule |= {"to": f"t{number}", "from": draw(st.sampled_from(["A", "B"]))}
        rule |= draw(st.sampled_from([{}, {"trim": True}, {"required": True}, {"trim": True, "required": True}]))
        rules.append(rule)
    return rules


_RECORDS = st.lists(st.fixed_dictionaries({"A": TEXTS, "B": TEXTS}), min_size=1, max_size=12)
_SCHEMA = pl.Schema({"A": pl.String, "B": pl.String})


def _compile(rules: list[dict[str, Any]]) -> CompiledMapping:
    key = {"to": "key", "value": "k"}
    return compile_mapping(MappingSpec.model_validate({"key": ["key"], "fields": [key, *rules]}), _SCHEMA)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_rules(), _RECORDS)
def test_every_record_becomes_what_the_reference_makes_of_it(rules: list[dict[str, Any]], records: list[Any]) -> None:
    mapped = _compile(rules).apply(pl.DataFrame(records, schema=_SCHEMA))

    passed = dict(zip(mapped.rows.to_list(), mapped.frame.drop("key").rows(named=True), strict=True))
    told: dict[int, dict[str, str]] = {}
    for fault in mapped.faults.iter_rows(named=True):
        told.setdefault(fault["row"], {})[fault["field"]] = fault["reason"]
    for row, record in enumerate(records):
        values, faults = reference.map_record(rules, record)
        assert told.get(row, {}) == faults, record
        assert (row in passed) == (not faults)
        if not faults:
            assert passed[row] == values, record


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_rules(), _RECORDS, st.randoms(use_true_random=False))
def test_the_order_and_the_batches_of_records_change_nothing(
    rules: list[dict[str, Any]], records: list[Any], random: Any
) -> None:
    compiled = _compile(rules)
    whole = _by_row(compiled, pl.DataFrame(records, schema=_SCHEMA), list(range(len(records))))
    order = list(range(len(records)))
    random.shuffle(order)
    cut = random.randint(0, len(order))

    parts: dict[int, Any] = {}
    for rows in (order[:cut], order[cut:]):
        frame = pl.DataFrame([records[row] for row in rows], schema=_SCHEMA)
        parts |= _by_row(compiled, frame, rows)

    assert parts == whole


def _by_row(compiled: CompiledMapping, frame: pl.DataFrame, rows: list[int]) -> dict[int, Any]:
    mapped = compiled.apply(frame)
    done: dict[int, Any] = {}
    for at, record in zip(mapped.rows, mapped.frame.rows(), strict=True):
        assert rows[at] not in done
        done[rows[at]] = record
    for fault in mapped.faults.iter_rows():
        done.setdefault(rows[fault[0]], []).append(fault[1:])
    assert sorted(done) == sorted(rows)
    return done
