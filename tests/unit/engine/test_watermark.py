"""Watermarks never start a reading behind a record that it should bring, and never go back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.engine.watermark import later, lower_bound

TIMES = st.datetimes()


@pytest.mark.parametrize(
    ("watermark", "overlap_s", "expected"),
    [
        (None, 300, None),
        ("17", 300, "17"),
        ("2026-01-02T00:01:00", 300, "2026-01-01T23:56:00"),
        ("2026-01-02 00:01:00", 300, "2026-01-01 23:56:00"),
        ("2026-01-02T00:01:00.123456", 60, "2026-01-02T00:00:00.123456"),
        ("2026-01-02T00:01:00Z", 60, "2026-01-02T00:00:00Z"),
        ("2026-01-02T00:01:00+00:00", 60, "2026-01-02T00:00:00+00:00"),
        ("2026-01-02", 300, "2026-01-01"),
    ],
)
def test_a_reading_starts_before_the_watermark_in_its_own_form(
    watermark: str | None, overlap_s: float, expected: str | None
) -> None:
    assert lower_bound(watermark, overlap_s) == expected


@given(TIMES, st.floats(0, 1e6))
def test_the_lower_bound_is_never_above_the_watermark(moment: datetime, overlap_s: float) -> None:
    bound = lower_bound(moment.isoformat(), overlap_s)

    if bound is None:
        assert moment.year == 1
        return
    assert datetime.fromisoformat(bound) <= moment
    assert moment - datetime.fromisoformat(bound) <= timedelta(seconds=overlap_s, microseconds=1)


@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_counters_are_compared_as_numbers(one: int, other: int) -> None:
    assert later(str(one), str(other)) == str(max(one, other))


@given(TIMES, TIMES)
def test_times_are_compared_as_times(one: datetime, other: datetime) -> None:
    assert later(one.isoformat(), other.isoformat()) == max(one, other).isoformat()


def test_nothing_is_earlier_than_anything() -> None:
    assert later(None, "5") == "5"
    assert later("5", None) == "5"
    assert later(None, None) is None


def test_times_of_different_zones_are_compared_as_moments() -> None:
    early = datetime(2026, 1, 1, 12, tzinfo=UTC).isoformat()

    assert later(early, "2026-01-01T12:30:00+02:00") == early
