"""Sorted hashes answer as a set of Python's would."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ponte.engine.hashes import HashSet, positions
from ponte.engine.sorted_hashes import SortedHashes

HASHES = st.lists(st.integers(0, 2**128 - 1) | st.integers(0, 20), max_size=40)


def _series(values: list[int]) -> pl.Series:
    return pl.Series("hash", values, dtype=pl.UInt128)


@given(HASHES, HASHES)
def test_positions_are_those_of_the_sorted_list(known: list[int], wanted: list[int]) -> None:
    ordered = sorted(set(known))

    found = positions(_series(ordered), _series(wanted)).to_list()

    assert found == [ordered.index(value) if value in ordered else None for value in wanted]


@given(HASHES, HASHES)
def test_a_directory_leads_to_the_same_positions(known: list[int], wanted: list[int]) -> None:
    ordered = sorted(set(known))

    found = SortedHashes(_series(ordered)).positions(_series(wanted)).to_list()

    assert found == [ordered.index(value) if value in ordered else None for value in wanted]


def test_hashes_that_begin_alike_and_many_that_do_not_are_found_and_nothing_beside_them() -> None:
    alike = [(7 << 120) + place for place in range(3000)]
    spread = [(place * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128 for place in range(20_000)]
    ordered = sorted({*alike, *spread})
    wanted = [*ordered, *(value + 1 for value in ordered if value + 1 < 2**128), 0, 2**128 - 1]

    found = SortedHashes(_series(ordered)).positions(_series(wanted)).to_list()

    places = {value: place for place, value in enumerate(ordered)}
    assert found == [places.get(value) for value in wanted]


def test_no_hash_is_nowhere() -> None:
    hashes = pl.Series("hash", [None, 5, None], dtype=pl.UInt128)

    assert SortedHashes(_series([5, 9])).positions(hashes).to_list() == [None, 0, None]
    assert SortedHashes(_series([])).positions(hashes).to_list() == [None, None, None]


@given(st.lists(HASHES, max_size=6), HASHES)
def test_a_set_contains_what_was_added(batches: list[list[int]], wanted: list[int]) -> None:
    hashes = HashSet()
    for batch in batches:
        hashes.add(_series(batch))

    known = {value for batch in batches for value in batch}

    assert hashes.contains(_series(wanted)).to_list() == [value in known for value in wanted]
