"""Sorted hashes answer as a set of Python's would."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ponte.engine.hashes import HashSet, positions

HASHES = st.lists(st.integers(0, 2**128 - 1) | st.integers(0, 20), max_size=40)


def _series(values: list[int]) -> pl.Series:
    return pl.Series("hash", values, dtype=pl.UInt128)


@given(HASHES, HASHES)
def test_positions_are_those_of_the_sorted_list(known: list[int], wanted: list[int]) -> None:
    ordered = sorted(set(known))

    found = positions(_series(ordered), _series(wanted)).to_list()

    assert found == [ordered.index(value) if value in ordered else None for value in wanted]


@given(st.lists(HASHES, max_size=6), HASHES)
def test_a_set_contains_what_was_added(batches: list[list[int]], wanted: list[int]) -> None:
    hashes = HashSet()
    for batch in batches:
        hashes.add(_series(batch))

    known = {value for batch in batches for value in batch}

    assert hashes.contains(_series(wanted)).to_list() == [value in known for value in wanted]
