"""Times as databases write them: the quick way to read them gives what the plain way gives."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.connectors.relational.values import plain_moments

_TEXTS = st.datetimes().map(lambda moment: moment.isoformat(" "))
_ODD = st.sampled_from(
    ["", "infinity", "0000-00-00 00:00:00", "2026-01-01", "0044-03-15 00:00:00 BC", "10000-01-01 00:00:00"]
)


@given(st.lists(st.none() | st.datetimes()))
def test_each_moment_of_the_calendar_comes_back(moments: list[datetime | None]) -> None:
    texts = pl.Series([None if moment is None else moment.isoformat(" ") for moment in moments], dtype=pl.String)
    assert plain_moments(texts).to_list() == moments


@given(st.lists(_TEXTS | _ODD))
def test_a_text_that_is_no_moment_is_null_and_harms_no_other(texts: list[str]) -> None:
    plain = pl.Series(texts, dtype=pl.String).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    assert plain_moments(pl.Series(texts, dtype=pl.String)).to_list() == plain.to_list()


@pytest.mark.parametrize("zone", ["", "+00"])
def test_fractions_of_any_length_are_exact(zone: str) -> None:
    texts = [f"2026-11-25 10:00:00{fraction}{zone}" for fraction in ("", ".1", ".12", ".000001", ".999999")]
    micros = plain_moments(pl.Series(texts)).dt.microsecond().to_list()
    assert micros == [0, 100_000, 120_000, 1, 999_999]


@pytest.mark.parametrize("fraction", [".+5", ".5e1", ". 5", ".-5", "5", "+01", ".5Z"])
def test_a_fraction_that_is_none_is_not_guessed(fraction: str) -> None:
    texts = pl.Series(["2026-11-25 10:00:00.5", f"2026-11-25 10:00:00{fraction}"])
    assert plain_moments(texts).cast(pl.String).to_list() == ["2026-11-25 10:00:00.500000", None]
