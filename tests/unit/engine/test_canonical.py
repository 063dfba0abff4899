"""The canonical form: equal values look equal whatever their column's type, different ones never do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.engine.canonical import fingerprints, join_key, key_text, split_key

TEXTS = st.one_of(
    st.none(), st.text(alphabet=st.sampled_from(["a", "~", ",", ":", "1", "\x1f", "è", "\n"]), max_size=4)
)
RECORDS = st.lists(
    st.fixed_dictionaries({"a": TEXTS, "b": TEXTS, "n": st.one_of(st.none(), st.integers(-9, 9))}), min_size=1
)
SCHEMA = {"a": pl.String, "b": pl.String, "n": pl.Int64}


def _one(**values: Any) -> int:
    return int(fingerprints(pl.DataFrame([values], infer_schema_length=None))[0])


@given(RECORDS)
def test_records_have_the_same_fingerprint_exactly_when_they_are_equal(records: list[dict[str, Any]]) -> None:
    prints = fingerprints(pl.DataFrame(records, schema=SCHEMA)).to_list()

    for one, print_of_one in zip(records, prints, strict=True):
        for other, print_of_other in zip(records, prints, strict=True):
            assert (print_of_one == print_of_other) == (one == other)


@given(RECORDS, st.integers(0, 9))
def test_a_fingerprint_does_not_depend_on_the_batch(records: list[dict[str, Any]], cut: int) -> None:
    whole = pl.DataFrame(records, schema=SCHEMA)

    parts = [part for part in (whole.head(cut), whole.slice(cut)) if part.height]

    assert fingerprints(whole).to_list() == [value for part in parts for value in fingerprints(part)]


def test_no_value_looks_the_same_in_a_column_of_any_type() -> None:
    types = (pl.Null, pl.String, pl.Int64, pl.Decimal(12, 2), pl.Boolean, pl.Date, pl.Datetime("us"))
    frames = [pl.DataFrame({"k": ["x"], "v": pl.Series([None], dtype=kind)}) for kind in types]

    assert len({fingerprints(frame)[0] for frame in frames}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("12.5"), Decimal("12.500")),
        (Decimal("100.00"), Decimal(100)),
        (Decimal("0.00"), Decimal(0)),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 1, 2, 3, tzinfo=UTC)),
    ],
)
def test_one_value_has_one_form(one: Any, other: Any) -> None:
    assert _one(v=one) == _one(v=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("12.5"), Decimal("12.05")),
        (Decimal(100), Decimal(1)),
        (Decimal(-1), Decimal(1)),
        (None, ""),
        (None, "~"),
        (date(2026, 1, 2), date(2026, 1, 3)),
        ({"x": None}, None),
        ({"x": "a", "y": None}, {"x": None, "y": "a"}),
        ([], None),
        (["a", "b"], ["ab"]),
        (["a", None], ["a"]),
        ([{"x": "a"}, {"x": "b"}], [{"x": "b"}, {"x": "a"}]),
    ],
)
def test_different_values_have_different_forms(one: Any, other: Any) -> None:
    frame = pl.DataFrame({"v": [one, other]}, strict=False)

    first, second = fingerprints(frame)

    assert first != second


def test_the_order_of_the_columns_does_not_matter() -> None:
    frame = pl.DataFrame({"a": ["x"], "b": ["y"]})

    assert fingerprints(frame)[0] == fingerprints(frame.select("b", "a"))[0]
    assert fingerprints(frame)[0] != fingerprints(frame.rename({"a": "b", "b": "a"}))[0]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_key_gives_its_fields_back(fields: list[str]) -> None:
    frame = pl.DataFrame([fields], schema=[f"k{place}" for place in range(len(fields))], orient="row")

    key = key_text(frame, frame.columns)[0]

    assert key == join_key(fields)
    assert split_key(key) == fields


@pytest.mark.parametrize("value", [42, "42", Decimal("42.00"), 42.0])
def test_a_key_is_the_same_as_text_and_as_a_number(value: Any) -> None:
    assert key_text(pl.DataFrame({"k": [value]}), ["k"])[0] == "2:42"


def test_a_moment_as_key_is_told_in_utc_and_says_so() -> None:
    rome = datetime(2026, 1, 2, 3, tzinfo=ZoneInfo("Europe/Rome"))
    frame = pl.DataFrame({"k": [rome]}, schema={"k": pl.Datetime("us", "Europe/Rome")})

    assert split_key(key_text(frame, ["k"])[0]) == ["2026-01-02T02:00:00.000000Z"]


@pytest.mark.parametrize("record", [{"a": "x", "b": None}, {"a": "x", "b": ""}, {"a": None, "b": "y"}])
def test_a_key_with_a_missing_field_is_none(record: dict[str, Any]) -> None:
    assert key_text(pl.DataFrame([record], schema={"a": pl.String, "b": pl.String}), ["a", "b"]).to_list() == [None]
