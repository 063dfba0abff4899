"""`sql`, `where` and `check` agree with a plain one-record reference, whatever the expression."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.mapping import Mapped, compile_mapping
from ponte_api.mapping import MappingSpec
from unit.mapping import reference_expressions as reference

_SCHEMA = pl.Schema({"M": pl.Decimal(6, 2), "N": pl.Decimal(6, 2), "T": pl.String, "U": pl.String})
_NUMBER = st.one_of(
    st.none(), st.sampled_from(["0", "0.00", "1", "-1", "2.5", "0.01"]), st.decimals(-9, 9, places=2), st.just("7")
)
_TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "A", "b", "à", "it's", "10"]), st.text("abß", max_size=3))
_RECORDS = st.lists(st.fixed_dictionaries({"M": _NUMBER, "N": _NUMBER, "T": _TEXT, "U": _TEXT}), min_size=1, max_size=8)
_RECORDS = _RECORDS.map(lambda rows: [{**row, "M": _decimal(row["M"]), "N": _decimal(row["N"])} for row in rows])


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _operations(*heads: str, of: list[st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(heads), *of)


def _numbers(depth: int) -> st.SearchStrategy[Any]:
    leaf = st.one_of(
        st.tuples(st.just("column"), st.sampled_from(["M", "N"])),
        st.tuples(st.just("number"), st.sampled_from(["0", "1", "3", "2.50", "0.1", "100"])),
    )
    if not depth:
        return leaf
    smaller = _numbers(depth - 1)
    return st.one_of(
        leaf,
        _operations("+", "-", "*", "/", of=[smaller, smaller]),
        _operations("coalesce", "nullif", of=[smaller, smaller]),
        _operations("abs", of=[smaller]),
        _operations("length", of=[_texts(depth - 1)]),
        _operations("case", of=[_conditions(depth - 1), smaller, smaller]),
    )


def _texts(depth: int) -> st.SearchStrategy[Any]:
    leaf = st.one_of(
        st.tuples(st.just("column"), st.sampled_from(["T", "U"])),
        st.tuples(st.just("text"), st.sampled_from(["", "a", "it's"])),
    )
    if not depth:
        return leaf
    smaller = _texts(depth - 1)
    return st.one_of(
        leaf,
        _operations("||", "coalesce", "nullif", of=[smaller, smaller]),
        _operations("upper", of=[smaller]),
        _operations("case", of=[_conditions(depth - 1), smaller, smaller]),
    )


def _conditions(depth: int) -> st.SearchStrategy[Any]:
    numbers, texts = _numbers(max(depth - 1, 0)), _texts(max(depth - 1, 0))
    leaf = st.one_of(
        _operations("=", "<>", "<", "<=", ">", ">=", of=[numbers, numbers]),
        _operations("=", "<>", of=[texts, texts]),
        _operations("null", of=[st.one_of(numbers, texts)]),
        _operations("between", of=[numbers, numbers, numbers]),
    )
    if not depth:
        return leaf
    smaller = _conditions(depth - 1)
    return st.one_of(leaf, _operations("and", "or", of=[smaller, smaller]), _operations("not", of=[smaller]))


def _map(records: list[Any], fields: list[dict[str, Any]], **spec: Any) -> Mapped:
    made = MappingSpec.model_validate({"key": ["key"], "fields": [{"to": "key", "value": "k"}, *fields], **spec})
    return compile_mapping(made, _SCHEMA).apply(pl.DataFrame(records, schema=_SCHEMA))


def _places(mapped: Mapped) -> dict[int, str]:
    """Where each record ended: mapped, left, or the reason of its fault."""
    places = dict.fromkeys(mapped.rows, "mapped") | dict.fromkeys(mapped.left, "left")
    return places | dict(mapped.faults.select("row", "reason").iter_rows())


def _place(judged: Any, otherwise: str, *, passes: tuple[Any, ...]) -> str:
    if isinstance(judged, reference.Fault):
        return str(judged.reason)
    return "mapped" if judged in passes else otherwise


SLOWLY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SLOWLY
@given(st.one_of(_numbers(3), _operations("/", "*", of=[_numbers(1), _numbers(1)]), _texts(3)), _RECORDS)
def test_sql_gives_each_record_the_value_of_the_reference(expression: Any, records: list[Any]) -> None:
    mapped = _map(records, [{"to": "x", "sql": reference.text(expression)}])

    expected = [reference.value(expression, record) for record in records]
    assert _places(mapped) == {row: _place(one, "", passes=(one,)) for row, one in enumerate(expected)}
    assert mapped.frame["x"].to_list() == [one for one in expected if not isinstance(one, reference.Fault)]


@SLOWLY
@given(_conditions(3), _RECORDS)
def test_where_lets_through_what_is_true_for_the_reference(condition: Any, records: list[Any]) -> None:
    mapped = _map(records, [], where=reference.text(condition))

    judged = [reference.value(condition, record) for record in records]
    assert _places(mapped) == {row: _place(one, "left", passes=(True,)) for row, one in enumerate(judged)}


@SLOWLY
@given(_conditions(3), _RECORDS)
def test_check_refuses_what_is_false_for_the_reference(condition: Any, records: list[Any]) -> None:
    fields = [{"to": name, "from": name} for name in _SCHEMA]
    fields[-1]["check"] = reference.text(condition)

    mapped = _map(records, fields)

    judged = [reference.value(condition, record) for record in records]
    assert _places(mapped) == {row: _place(one, "CheckFailed", passes=(True, None)) for row, one in enumerate(judged)}
