"""What is found before a record is read: rules that cannot work, tests that differ, another Mapping."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from ponte.errors import ConfigurationError
from ponte.mapping import check, compile_mapping, mapping_fingerprint, run_tests
from ponte_api.sync_source import DeclaredField
from unit.mapping.one_rule import spec_of


def test_a_frame_of_another_schema_is_refused_by_the_fields_name() -> None:
    compiled = compile_mapping(spec_of({"to": "x", "from": "A"}), pl.Schema({"A": pl.String}))

    with pytest.raises(ConfigurationError, match="field A was String and came as Int64"):
        compiled.apply(pl.DataFrame({"A": [1]}))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"from": "B"}, r"there is no field B"),
        ({"from": "Aa"}, r"Did you mean A\?"),
        ({"from": "A", "pattern": "(?=x)"}, "look-ahead"),
        ({"from": "A", "pattern": r"(a)\1"}, "back-references"),
        ({"from": "A", "replace": [{"pattern": "("}]}, "not a regular expression"),
        (
            {"from": "A", "replace": [{"pattern": "(a+)b", "by": "$1c"}]},
            r"no group 1c.* Write \$\{1\}c for the group 1",
        ),
        ({"from": "A", "replace": [{"pattern": "(a+)b", "by": "$5"}]}, r"no group 5,.*\$\{0\}, \$\{1\}\)"),
        ({"from": "A", "replace": [{"pattern": "a", "by": "${x}"}]}, r"no group x,.* Write \$\$\{x\} for that text"),
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
    spec = spec_of({"to": "x", **rule})

    with pytest.raises(ConfigurationError, match=rf"fields\[1\].*{message}"):
        compile_mapping(spec, pl.Schema({"A": pl.String, "N": pl.Int64}))


@pytest.mark.parametrize("targets", [("a", "a.b"), ("a.b", "a"), ("a.b.c", "a.b"), ("a..b", "c"), ("a[0]", "c")])
def test_targets_that_contradict_each_other_are_refused(targets: tuple[str, str]) -> None:
    spec = spec_of(*[{"to": one, "from": "A"} for one in targets])

    with pytest.raises(ConfigurationError):
        compile_mapping(spec, pl.Schema({"A": pl.String}))


def test_the_fingerprint_changes_with_the_rules_and_not_with_the_tests() -> None:
    one = spec_of({"to": "x", "from": "A"}, audiences=[{"name": "a", "fields": ["x"]}])
    tested = one.model_copy(update={"tests": spec_of(tests=[{"given": {}, "expect": {}}]).tests})
    other = spec_of({"to": "x", "from": "A", "trim": True}, audiences=one.audiences)

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
    spec = spec_of(
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
    spec = spec_of(
        {"to": "a", "sql": "X * 2"}, {"to": "b", "from": "Y", "type": "date", "format": "yy"}, where="F = 'S'"
    )

    assert [place for place, _ in check(spec, [])] == ["fields[2].format"]


def test_a_mapping_that_is_well_has_no_findings() -> None:
    assert check(spec_of({"to": "a", "sql": "PREZZO * 2", "type": "decimal(12,2)", "check": "a > 0"}), DECLARED) == []


def test_mapping_tests_tell_what_differs() -> None:
    spec = spec_of(
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
