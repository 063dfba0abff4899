"""Sorted 128-bit hashes in memory: what is known of each key, and what this run has seen.

A look-up is a binary search, some milliseconds for a batch whatever the number of keys; memory is 16 bytes a hash.
"""

from __future__ import annotations

import polars as pl


def positions(sorted_hashes: pl.Series, wanted: pl.Series) -> pl.Series:
    """Index of each wanted hash in a sorted series, null where it is not there."""
    if sorted_hashes.is_empty() or wanted.is_empty():
        return pl.Series("position", [None], dtype=pl.UInt32).new_from_index(0, len(wanted))
    found = sorted_hashes.search_sorted(wanted, side="left").clip(upper_bound=len(sorted_hashes) - 1)
    is_hit = sorted_hashes.gather(found) == wanted
    return pl.select(pl.when(is_hit).then(found)).to_series().cast(pl.UInt32).alias("position")


class HashSet:
    """A growing set of hashes, kept as a few sorted series that are merged as they grow alike."""

    def __init__(self) -> None:
        self._levels: list[pl.Series] = []

    def contains(self, hashes: pl.Series) -> pl.Series:
        """Which of the hashes are in the set."""
        is_in = pl.Series("seen", [False], dtype=pl.Boolean).new_from_index(0, len(hashes))
        for level in self._levels:
            is_in = is_in | positions(level, hashes).is_not_null()
        return is_in

    def add(self, hashes: pl.Series) -> None:
        """Adds hashes; nulls are none."""
        level = hashes.drop_nulls().sort()
        if level.is_empty():
            return
        while self._levels and len(self._levels[-1]) <= len(level):
            level = pl.concat([self._levels.pop(), level]).sort()
        self._levels.append(level)

    def __len__(self) -> int:
        return sum(len(level) for level in self._levels)
