"""The vectorised mapping agrees with a plain one-record reference, whatever the rules and however hostile the text."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.mapping import CompiledMapping, LookupRef, compile_mapping
from ponte_api.mapping import MappingSpec
from unit.mapping import reference

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
def _looked_up_rules(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = draw(
        st.sampled_from(
            [{}, {"type": "string"}, {"type": "integer", "min": "1"}, {"type": "decimal(5,1)"}, {"pattern": "[0-9]+"}]
        )
    )
    by = draw(st.sampled_from([{}, {"by": "sourceKey"}, {"by": "naturalKey"}]))
    case = draw(st.sampled_from([{}, {"case": "upper"}, {"replace": [{"pattern": "[^0-9]", "by": ""}]}]))
    return {**rule, **case, "lookup": {"system": "shop", "object": "products", **by}}


_ONE_RULE = st.one_of(_number_rules(), _text_rules(), _listed_rules(), _DATE_RULES, _looked_up_rules())


@st.composite
def _rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    rules = []
    for number in range(draw(st.integers(1, 4))):
        rule = dict(draw(_ONE_RULE))
        rule |= {"to": f"t{number}", "from": draw(st.sampled_from(["A", "B"]))}
        rule |= draw(st.sampled_from([{}, {"trim": True}, {"required": True}, {"trim": True, "required": True}]))
        rules.append(rule)
    return rules


_RECORDS = st.lists(st.fixed_dictionaries({"A": TEXTS, "B": TEXTS}), min_size=1, max_size=12)
_SCHEMA = pl.Schema({"A": pl.String, "B": pl.String})


def _compile(rules: list[dict[str, Any]]) -> CompiledMapping:
    key = {"to": "key", "value": "k"}
    return compile_mapping(MappingSpec.model_validate({"key": ["key"], "fields": [key, *rules]}), _SCHEMA)


_IDS = st.one_of(st.none(), st.sampled_from(["7", "071", "-3", "12.5", "gid://shop/1", ""]))


def _wanted(rules: list[dict[str, Any]], records: list[Any]) -> dict[str, set[str]]:
    """The keys that the rules look up, by the kind of key."""
    kinds = {rule["to"]: rule["lookup"].get("by", "sourceKey") for rule in rules if "lookup" in rule}
    wanted: dict[str, set[str]] = {kind: set() for kind in kinds.values()}
    for record in records:
        for field, key in reference.map_record(rules, record, {}).waiting.items():
            wanted[kinds[field]].add(key)
    return wanted


@st.composite
def _known(draw: st.DrawFn, wanted: dict[str, set[str]]) -> dict[str, dict[str, str]]:
    """Ids of some of the keys that are looked up."""
    drawn = {kind: {key: draw(_IDS) for key in sorted(keys)} for kind, keys in wanted.items()}
    return {kind: {key: own for key, own in ids.items() if own is not None} for kind, ids in drawn.items()}


def _found(known: dict[str, dict[str, str]]) -> dict[LookupRef, pl.DataFrame]:
    text = {"value": pl.String, "target_id": pl.String}
    return {
        LookupRef("shop", "products", kind): pl.DataFrame(list(ids.items()), schema=text, orient="row")  # type: ignore[arg-type]  # a kind of key
        for kind, ids in known.items()
    }


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_rules(), _RECORDS, st.data())
def test_every_record_becomes_what_the_reference_makes_of_it(
    rules: list[dict[str, Any]], records: list[Any], data: st.DataObject
) -> None:
    compiled, frame = _compile(rules), pl.DataFrame(records, schema=_SCHEMA)
    wanted = _wanted(rules, records)
    known = data.draw(_known(wanted))

    asked = compiled.lookup_values(frame)
    mapped = compiled.apply(frame, _found(known))

    assert {ref.by: sorted(keys) for ref, keys in asked.items()} == {by: sorted(keys) for by, keys in wanted.items()}
    passed = dict(zip(mapped.rows.to_list(), mapped.frame.drop("key").rows(named=True), strict=True))
    faults = _by_field(mapped.faults, "reason")
    waiting = _by_field(mapped.deferred, "value")
    for row, record in enumerate(records):
        outcome = reference.map_record(rules, record, known)
        assert faults.get(row, {}) == outcome.faults, record
        assert waiting.get(row, {}) == ({} if outcome.faults else outcome.waiting), record
        assert (row in passed) == (not outcome.faults and not outcome.waiting)
        if row in passed:
            assert passed[row] == outcome.values, record


def _by_field(told: pl.DataFrame, column: str) -> dict[int, dict[str, str]]:
    """What was told of each row's fields."""
    rows: dict[int, dict[str, str]] = {}
    for one in told.iter_rows(named=True):
        rows.setdefault(one["row"], {})[one["field"]] = one[column]
    return rows


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
    for told in (*mapped.faults.iter_rows(), *mapped.deferred.iter_rows()):
        done.setdefault(rows[told[0]], []).append(told[1:])
    assert sorted(done) == sorted(rows)
    return done
