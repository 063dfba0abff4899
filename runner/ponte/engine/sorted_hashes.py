"""Many sorted 128-bit hashes, found by their first bits.

Hashes are uniform: a directory of where each run of first bits begins leads to a handful of them, among which a binary
search has a few steps to do. Searching all of them would take some twenty, most of which wait for memory: five to seven
times as long at a million or more (measured). The directory takes about one byte a hash.
"""

from __future__ import annotations

import polars as pl

_EACH = 4
"""How many hashes, in the middle, share an entry of the directory."""
_BITS = 128


class SortedHashes:
    """Sorted hashes, none of them twice, of which the index can be asked.

    Args:
        hashes: UInt128, ascending, without nulls.
    """

    def __init__(self, hashes: pl.Series) -> None:
        self.hashes = hashes
        bits = max(len(hashes) // _EACH, 1).bit_length() - 1
        self._width = pl.lit(1 << (_BITS - bits), dtype=pl.UInt128) if bits else None
        entries = pl.int_range((1 << bits) + 1, dtype=pl.UInt32, eager=True)
        self._starts = self._entries(hashes).search_sorted(entries, side="left")
        heights = self._starts.slice(1) - self._starts.slice(0, len(self._starts) - 1)
        self._steps = int(str(heights.max() or 0))

    def positions(self, wanted: pl.Series) -> pl.Series:
        """Index of each wanted hash, null where it is not there."""
        if self.hashes.is_empty() or wanted.is_empty():
            return pl.Series("position", [None], dtype=pl.UInt32).new_from_index(0, len(wanted))
        entries = self._entries(wanted)
        ends = self._starts.gather(entries + 1)
        found = self._searched(wanted, self._starts.gather(entries), ends)
        is_hit = (found < ends) & (self._at(found) == wanted)
        return pl.select(pl.when(is_hit).then(found)).to_series().alias("position")

    def _searched(self, wanted: pl.Series, found: pl.Series, ends: pl.Series) -> pl.Series:
        """The first place from `found` on, and before `ends`, that is not below what is wanted: all at once."""
        for power in reversed(range(self._steps.bit_length())):
            probed = found + ((1 << power) - 1)
            is_below = (probed < ends) & (self._at(probed) < wanted)
            found = found + is_below.cast(pl.UInt32) * (1 << power)
        return found

    def _at(self, places: pl.Series) -> pl.Series:
        return self.hashes.gather(places.clip(upper_bound=len(self.hashes) - 1))

    def _entries(self, hashes: pl.Series) -> pl.Series:
        """Where the directory has each hash: its first bits."""
        if self._width is None:
            return pl.zeros(len(hashes), dtype=pl.UInt32, eager=True)
        return hashes.to_frame("hash").select((pl.col("hash") // self._width).cast(pl.UInt32)).to_series()
