"""A cursor of text is taken only where its order as text is the order in which its values came about."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.text_cursors import TextCursor, check_ends, check_lower, widened
from ponte.engine.ports import Read
from ponte.errors import ConfigurationError

TEXT = Column("changed", "string", "TEXT")
TIMES = Column("changed", "string", "DATETIME")
TABLE = Relation("t", "t", (TEXT,))
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y/%m/%d %H:%M", "%Y%m%d", "%Y%m%d%H%M%S"]
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2089, 12, 31))  # noqa: DTZ001 - they have no zone


@pytest.mark.parametrize(
    ("smallest", "greatest"),
    [
        ("8", "9"),
        ("10", "9"),
        ("100", "999"),
        ("01/01/2026", "31/12/2025"),
        ("01012026", "31122025"),
        ("010126", "311225"),
        ("00000000", "31122025"),
        ("1/2/2026", "9/2/2026"),
        ("2026-01-01T10:00:00+01:00", "2026-01-01T10:00:00+01:00"),
        ("2026-01-01 10:00 AM", "2026-01-01 11:00 PM"),
        ("2025/10", "2026/99"),
        ("ORD-100", "ORD-999"),
        ("INV-0100", "ORD-0100"),
        ("-3", "-5"),
        ("20260101", "n/a"),
    ],
)
def test_what_does_not_sort_is_refused(smallest: str, greatest: str) -> None:
    with pytest.raises(ConfigurationError, match="cursor changed: it is text") as failure:
        check_ends(TABLE, TEXT, smallest, greatest)

    assert failure.value.reason == "InvalidCursor"


@pytest.mark.parametrize(
    ("smallest", "greatest"),
    [
        ("20250101", "20261231"),
        ("00000000", "20261231"),
        ("1250101", "1261231"),
        ("2025001", "2026365"),
        ("000123", "000999"),
        ("000123", "100000"),
        ("ORD-0001", "ORD-9999"),
        ("2025/00001", "2026/00917"),
        ("1700000000000", "1800000000000"),
        ("2026-01-01", "2026-01-01 10:00:00"),
        ("2026-01-01 10:00:00", "2026-01-01T10:00:00.5Z"),
        ("2026-01-01T10:00:00+00:00", "2026-01-01T10:00:00Z"),
        ("2026-01-01-10.15.00.123456", "2026-11-01-10.15.00.000000"),
        (None, "20261231"),
        (None, " "),
    ],
)
def test_what_sorts_is_taken(smallest: str | None, greatest: str) -> None:
    check_ends(TABLE, TEXT, smallest, greatest)


@given(MOMENTS, MOMENTS, st.sampled_from(FORMATS))
def test_each_way_to_write_the_year_first_sorts_as_time_does(one: datetime, other: datetime, form: str) -> None:
    first, last = sorted([one, other])

    assert first.strftime(form) <= last.strftime(form)
    check_ends(TABLE, TEXT, first.strftime(form), last.strftime(form))


@given(MOMENTS, MOMENTS, st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d%m%Y", "%m%d%Y"]))
def test_no_way_to_write_it_last_is_taken(one: datetime, other: datetime, form: str) -> None:
    first, last = sorted([one.strftime(form), other.strftime(form)])

    with pytest.raises(ConfigurationError):
        check_ends(TABLE, TEXT, first, last)


def test_numbers_and_texts_of_a_time_column_are_not_mixed() -> None:
    check_ends(TABLE, TIMES, "8", "10")
    check_ends(TABLE, TIMES, "2026-01-01", "2026-01-01 10:00:00.5")
    for smallest, greatest in (("10", "2026-01-01"), ("31/12/2025", "31/12/2025")):
        with pytest.raises(ConfigurationError):
            check_ends(TABLE, TIMES, smallest, greatest)


def test_each_value_that_is_read_must_be_like_the_others() -> None:
    cursor = TextCursor(TEXT, "t", "2026-01-01 10:00:00")
    cursor.check(
        pl.DataFrame({"changed": ["2026-01-01", "2026-01-01T09:00:00.5Z", None, "", "2026-01-01 09:00:00+00:00"]})
    )

    for wrong in ("2026-01-01 09:00", "2026-01-01 09:00:00+02:00", "01/01/2026", "20260101"):
        with pytest.raises(ConfigurationError, match="t: it is text"):
            cursor.check(pl.DataFrame({"changed": ["2026-01-01 09:00:00", wrong]}))


def test_a_source_that_writes_its_cursor_in_another_way_now_is_refused() -> None:
    check_lower("t", "2026-01-01 10:00:00", "2026-01-02T10:00:00.5")
    check_lower("t", "000009", "000010")

    with pytest.raises(ConfigurationError, match="written differently"):
        check_lower("t", "9", "0010")
    with pytest.raises(ConfigurationError, match="written differently"):
        check_lower("t", "2026-01-01 10:00:00", "000010")


def test_a_lower_bound_is_before_both_ways_to_write_a_time() -> None:
    assert widened(Read("changes", 1, lower="2026-01-01T10:00:00")).lower == "2026-01-01 10:00:00"
    assert widened(Read("range", 1, lower="2026-01-01T10:00:00")).lower == "2026-01-01T10:00:00"
    assert widened(Read("changes", 1, lower="ORDT1")).lower == "ORDT1"
