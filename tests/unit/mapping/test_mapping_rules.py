"""Rules that decide about a record: where, check, audience, look-up, and what is read at all."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from ponte.mapping import Mapped, compile_mapping
from ponte_api.mapping import MappingSpec
from ponte_api.sync_source import DeclaredField
from unit.mapping.one_rule import LOOKUP, faults_of, spec_of


def test_the_natural_key_is_always_required() -> None:
    spec = MappingSpec.model_validate({"key": ["sku"], "fields": [{"to": "sku", "from": "A"}]})
    frame = pl.DataFrame({"A": ["a", None, ""]})

    assert faults_of(compile_mapping(spec, frame.schema).apply(frame)) == [
        (1, "sku", "RequiredFieldMissing"),
        (2, "sku", "RequiredFieldMissing"),
    ]


def test_where_leaves_out_what_is_false_or_unknown_before_any_rule_is_asked() -> None:
    spec = spec_of({"to": "x", "from": "A", "type": "integer"}, where="F = 'S'")
    frame = pl.DataFrame({"A": ["1", "bad", "bad"], "F": ["S", "N", None]})

    mapped = compile_mapping(spec, frame.schema).apply(frame)

    assert mapped.rows.to_list() == [0]
    assert mapped.left.to_list() == [1, 2]
    assert mapped.faults.is_empty()


def test_a_check_that_is_unknown_passes_and_one_that_fails_shows_the_values() -> None:
    frame = pl.DataFrame({"A": ["5", "0", None]})
    spec = spec_of({"to": "x", "from": "A", "type": "integer", "check": "x > 0"})

    mapped = compile_mapping(spec, frame.schema).apply(frame)

    assert mapped.rows.to_list() == [0, 2]
    assert mapped.faults.rows() == [(1, "x", "CheckFailed", 'x > 0 does not hold (x "0")')]


def test_a_check_is_not_asked_about_a_field_that_is_already_at_fault() -> None:
    frame = pl.DataFrame({"A": ["z"], "B": ["1"]})
    spec = spec_of(
        {"to": "a", "from": "A", "type": "integer"},
        {"to": "b", "from": "B", "type": "integer", "check": "COALESCE(a, 0) > b"},
    )

    assert faults_of(compile_mapping(spec, frame.schema).apply(frame)) == [(0, "a", "NotConvertible")]


AUDIENCES = spec_of(
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

    assert faults_of(compile_mapping(AUDIENCES, frame.schema).apply(frame)) == [
        (0, "price.netCurrency", "RequiredFieldMissing"),
        (2, "price.netCurrency", "PatternMismatch"),
    ]


def test_a_look_up_gives_the_targets_id_and_defers_what_only_waits() -> None:
    spec = spec_of(
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
    assert faults_of(mapped) == [(2, "x", "NotConvertible"), (4, "product", "NotConvertible")]
    assert mapped.deferred.rows() == [(1, "product", "shop", "products", "p2")]


def test_an_audience_that_reads_a_waiting_field_does_not_leave_the_record_out() -> None:
    spec = spec_of(
        {"to": "product", "from": "A", "lookup": {"system": "shop", "object": "products"}},
        audiences=[{"name": "one", "fields": ["product"], "where": "product = '71'"}],
    )
    frame = pl.DataFrame({"A": ["p1", "p2"]})

    mapped = compile_mapping(spec, frame.schema, audience="one").apply(
        frame, {LOOKUP: pl.DataFrame({"value": ["p1"], "target_id": ["72"]})}
    )

    assert mapped.left.to_list() == [0]
    assert mapped.deferred["row"].to_list() == [1]


def test_nothing_but_what_is_asked_for_is_read() -> None:
    schema = pl.Schema({"A": pl.String, "B": pl.Struct({"c": pl.String}), "D": pl.String, "E": pl.Int64})
    spec = spec_of({"to": "x", "from": "A", "onNull": "omit"}, {"to": "y", "from": "B.c"}, where="E > 1")

    compiled = compile_mapping(spec, schema)

    assert sorted(compiled.columns or ()) == ["A", "B", "E"]
    assert compiled.omit_null == {"x"}


def test_a_declared_field_that_no_record_has_holds_nothing() -> None:
    declared = [DeclaredField(name="A", type="string"), DeclaredField(name="B", type="json")]
    spec = spec_of({"to": "x", "from": "A", "default": "d"}, {"to": "y", "from": "B.c[0].d"})
    frame = pl.DataFrame({"Z": [1]})

    assert compile_mapping(spec, frame.schema, declared=declared).apply(frame).frame.to_dicts() == [
        {"key": "k", "x": "d", "y": None}
    ]


def test_a_batch_that_cannot_be_computed_is_taken_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_mapping(spec_of({"to": "x", "from": "A"}), pl.Schema({"A": pl.String}))
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
