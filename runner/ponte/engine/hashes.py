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


_FAN = 4
"""How many sorted series of like size there are before they become one: each hash is sorted again for each factor."""
_LARGEST = 1 << 20
"""Series of so many hashes are left as they are: merging takes as much memory again as what it merges."""
_SPARSE = 16
"""Places for each hash: so few of the hashes that are not in the set find their place taken."""
_FEWEST_PLACES = 1 << 16


class HashSet:
    """A growing set of hashes: a few sorted series, merged as they grow alike, behind a filter of single bits.

    Most of what a run asks for is not there, and then the filter (Bloom, 1970, with one place for each hash, since
    hashes are uniform already) spares the search. It takes 2 to 4 bytes a hash, and never fewer than 8 KiB.
    """

    def __init__(self) -> None:
        self._levels: list[pl.Series] = []
        self._size = 0
        self._is_taken = _bits(_FEWEST_PLACES)

    def contains(self, hashes: pl.Series) -> pl.Series:
        """Which of the hashes are in the set."""
        if not self._size:
            return _bits(len(hashes))
        found = self._is_taken.gather(self._places(hashes))
        rows = found.arg_true()
        wanted = hashes.gather(rows)
        is_in = _bits(len(wanted))
        for level in self._levels if len(wanted) else ():
            is_in |= level.search_sorted(wanted, side="left") != level.search_sorted(wanted, side="right")
        return _bits(len(hashes)).scatter(rows, is_in)

    def add(self, hashes: pl.Series) -> None:
        """Adds hashes; nulls are none."""
        level = hashes.drop_nulls().sort()
        if level.is_empty():
            return
        self._levels.append(level)
        while len(self._levels) >= _FAN and len(self._levels[-_FAN]) < min(_FAN * len(self._levels[-1]), _LARGEST):
            merged = pl.concat(self._levels[-_FAN:]).sort()
            self._levels[-_FAN:] = [merged]
        self._size += len(level)
        self._mark(level)

    def __len__(self) -> int:
        return self._size

    def _mark(self, added: pl.Series) -> None:
        """Marks the places of what was added; of all that is there, if places become too few."""
        marked = [added]
        if self._size * _SPARSE > len(self._is_taken):
            self._is_taken = _bits(1 << (self._size * _SPARSE).bit_length())
            marked = self._levels
        for hashes in marked:
            self._is_taken = self._is_taken.scatter(self._places(hashes), values=True)

    def _places(self, hashes: pl.Series) -> pl.Series:
        return (hashes & (len(self._is_taken) - 1)).cast(pl.UInt32)


def _bits(count: int) -> pl.Series:
    return pl.Series("seen", [False], dtype=pl.Boolean).new_from_index(0, count)
