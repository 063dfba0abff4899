"""Watermarks never start a reading behind a record that it should bring, and never go back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.engine.digit_dates import evidence_of
from ponte.engine.watermark import capped, later, lower_bound

TIMES = st.datetimes()


@pytest.mark.parametrize(
    ("watermark", "overlap_s", "expected"),
    [
        (None, 300, None),
        ("17", 300, "17"),
        ("2026-01-02T00:01:00", 299, "2026-01-01T23:56:00"),
        ("2026-01-02 00:01:00", 299, "2026-01-01 23:56:00"),
        ("2026-01-02T00:01:00.123456", 59, "2026-01-02T00:00:00"),
        ("2026-01-02T00:01:00Z", 59, "2026-01-02T00:00:00Z"),
        ("2026-01-02T00:01:00+00:00", 59, "2026-01-02T00:00:00+00:00"),
        ("2026-01-02", 300, "2026-01-01"),
        ("2026/01/02 00:01:00", 59, "2026/01/02 00:00:00"),
        ("2026-01-02 00:01:00.500", 0, "2026-01-02 00:01:00.500"),
    ],
)
def test_a_reading_starts_before_the_watermark_in_its_own_form(
    watermark: str | None, overlap_s: float, expected: str | None
) -> None:
    assert lower_bound(watermark, overlap_s) == expected


@given(
    TIMES,
    st.integers(0, 10**6),
    st.sampled_from(["", "Z"]),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_the_lower_bound_is_before_each_text_that_may_be_needed(
    moment: datetime, overlap_s: int, zone: str, precision: str
) -> None:
    watermark = moment.isoformat(" ", precision) + zone

    bound = lower_bound(watermark, overlap_s)

    if bound is None:
        assert moment.year == 1
        return
    assert bound <= watermark
    needed = datetime.fromisoformat(watermark) - timedelta(seconds=overlap_s)
    for shown in ("milliseconds", "microseconds"):
        if overlap_s:
            assert bound <= needed.replace(tzinfo=None).isoformat(" ", shown) + zone


@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_counters_are_compared_as_numbers(one: int, other: int) -> None:
    assert later(str(one), str(other)) == str(max(one, other))


@given(TIMES, TIMES)
def test_times_are_compared_as_times(one: datetime, other: datetime) -> None:
    assert later(one.isoformat(), other.isoformat()) == max(one, other).isoformat()


@pytest.mark.parametrize(("one", "other", "greater"), [("9.5", "10.5", "10.5"), ("²", "1", "²"), ("-2", "-10", "-2")])
def test_what_looks_like_a_number_is_compared_as_one(one: str, other: str, greater: str) -> None:
    assert later(one, other) == greater
    assert lower_bound(one, 300) == one


@pytest.mark.parametrize(("before", "now"), [("2026-01-02", "17"), ("17", "2026-01-02")])
def test_a_cursor_of_another_kind_begins_anew(before: str, now: str) -> None:
    assert later(before, now) == now


NOW = datetime(2026, 11, 26, 12, 30, 15, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cursor", "watermark"),
    [
        ("2999-01-01 00:00:00", "2026-11-25 12:30:15"),
        ("2999-01-01T00:00:00.5", "2026-11-25T12:30:15"),
        ("2999-01-01T00:00:00Z", "2026-11-25T12:30:15Z"),
        ("2999-01-01T00:00:00+02:00", "2026-11-25T14:30:15+02:00"),
        ("2999-01-01", "2026-11-25"),
        ("infinity", "2026-11-25T12:30:15"),
        ("2026-11-27 12:30:15", "2026-11-27 12:30:15"),
        ("2026-11-27 12:30:16", "2026-11-25 12:30:15"),
        ("2026-11-26", "2026-11-26"),
        ("2999/01/01", "2026/11/25"),
        ("2999/01/01 00:00:00", "2026/11/25 12:30:15"),
        ("2026/11/27 12:30:15", "2026/11/27 12:30:15"),
        ("29990101", "29990101"),
        ("ORD-0001", "ORD-0001"),
    ],
)
def test_a_watermark_is_never_a_time_in_the_future(cursor: str, watermark: str) -> None:
    assert capped(cursor, NOW) == watermark


@pytest.mark.parametrize(
    ("cursor", "form", "watermark"),
    [
        ("99991231", "yyyyMMdd", "20261125"),
        ("99999999", "yyyyMMdd", "20261125"),
        ("20261127", "yyyyMMdd", "20261127"),
        ("20261128", "yyyyMMdd", "20261125"),
        ("4102444800", "epochSeconds", "1795609815"),
        ("1795696215", "epochSeconds", "1795696215"),
        ("4102444800000", "epochMillis", "1795609815000"),
        ("1795696215123", "epochMillis", "1795696215123"),
    ],
)
def test_digits_that_stand_for_times_are_no_watermark_in_the_future(cursor: str, form: Any, watermark: str) -> None:
    assert capped(cursor, NOW, form) == watermark


@pytest.mark.parametrize(
    ("watermark", "values", "are_days"),
    [
        (None, [20260101, 99991231], True),
        (None, ["20260101", "        ", "0", "99999999"], True),
        ("20261126", [20991231], True),
        (None, [99991231], False),
        (None, [19990101, 19990132, 99991231], False),
        ("20261126", [20261131, 20261210], False),
        ("30000000", [30000001], False),
        (None, [1, 2, 30000101], False),
        (None, ["20260101", "ORD-0001"], False),
    ],
)
def test_digits_are_days_only_where_all_of_them_plainly_are(
    watermark: str | None, values: list[Any], are_days: bool
) -> None:
    evidence = evidence_of(watermark, NOW)
    evidence.note(pl.Series(values))

    assert evidence.are_days == are_days


def test_nothing_is_earlier_than_anything() -> None:
    assert later(None, "5") == "5"
    assert later("5", None) == "5"
    assert later(None, None) is None


def test_times_of_different_zones_are_compared_as_moments() -> None:
    early = datetime(2026, 1, 1, 12, tzinfo=UTC).isoformat()

    assert later(early, "2026-01-01T12:30:00+02:00") == early
