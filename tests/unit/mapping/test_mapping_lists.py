"""Lists within records: each element is mapped, and a record ends in exactly one place."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ponte.mapping import compile_mapping
from unit.mapping.one_rule import LOOKUP, faults_of, spec_of

LINES = spec_of(
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
    assert sorted(faults_of(mapped)) == [
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


def test_an_empty_frame_maps_to_an_empty_frame() -> None:
    frame = pl.DataFrame(schema={"R": pl.List(pl.Struct({"S": pl.String, "Q": pl.String, "L": pl.List(pl.String)}))})
    compiled = compile_mapping(LINES, frame.schema)

    mapped = compiled.apply(frame)

    assert mapped.frame.is_empty()
    assert mapped.frame.schema == compiled.target_schema


def test_a_secret_beside_a_broken_element_is_not_shown() -> None:
    each = [{"to": "s", "from": "S", "sensitive": "secret"}, {"to": "q", "from": "Q.x"}]
    frame = pl.DataFrame({"R": ['[{"S":"hidden","Q":1}]']})

    mapped = compile_mapping(spec_of({"to": "lines", "from": "R", "each": each}), frame.schema).apply(frame)

    assert mapped.faults["message"].to_list() == ["value does not hold Q.x"]


def test_the_check_of_a_list_is_not_asked_where_an_element_is_at_fault() -> None:
    rule = {"to": "l", "from": "L", "check": "n > 5", "each": [{"to": "v", "from": "value", "required": True}]}
    frame = pl.DataFrame({"L": [["a"], [""]], "N": [1, 1]})

    mapped = compile_mapping(spec_of(rule, {"to": "n", "from": "N"}), frame.schema).apply(frame)

    assert faults_of(mapped) == [(0, "l", "CheckFailed"), (1, "l[0].v", "RequiredFieldMissing")]


def test_empty_lists_are_lists_without_elements() -> None:
    frame = pl.DataFrame({"L": pl.Series([[], None], dtype=pl.List(pl.Null))})

    mapped = compile_mapping(spec_of({"to": "l", "from": "L", "each": [{"to": "s", "from": "S"}]}), frame.schema)

    assert mapped.apply(frame).frame["l"].to_list() == [[], None]
