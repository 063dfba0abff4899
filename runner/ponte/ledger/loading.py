"""All that is known of a scope as sorted hashes, brought together without ever lying in memory twice.

This is what a run's memory grows by. What comes from the database is dealt into shares by the first bits of the hashes,
in pieces whose memory is their own; then each share is sorted and written to its place in the whole, and its pieces are
let go of. So sorting needs room for one share beside what is kept.
"""

from __future__ import annotations

import polars as pl

from ponte.engine.ledger_port import KNOWN_SCHEMA

_SHARES = 16
_DEALT = 50_000
"""So many rows are dealt at once: pieces of fewer would cost more by their number than by what they hold."""
_SHARE = pl.lit(2**128 // _SHARES, dtype=pl.UInt128)


class Gathering:
    """Takes rows by KNOWN_SCHEMA as they come, and gives all of them, sorted by key."""

    def __init__(self) -> None:
        self._shares: list[list[pl.DataFrame]] = [[] for _ in range(_SHARES)]
        self._held: list[pl.DataFrame] = []
        self._has_naturals = False
        self._height = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Takes rows by KNOWN_SCHEMA; `natural` may be of type Null. Nothing of their memory is kept for long."""
        self._height += rows.height
        self._has_naturals = self._has_naturals or rows["natural"].null_count() < rows.height
        self._held.append(rows)
        if sum(part.height for part in self._held) >= _DEALT:
            self._deal()

    def _deal(self) -> None:
        held, self._held = self._held, []
        share = (pl.col("key") // _SHARE).cast(pl.UInt8).alias("share")
        rows = _together(held, self._schema).with_columns(share)
        for (place,), piece in rows.partition_by("share", maintain_order=False, as_dict=True).items():
            self._shares[place].append(piece.drop("share"))

    def sorted(self) -> pl.DataFrame:
        """All rows; afterwards nothing is here any more."""
        self._deal()
        whole = {name: _room(name, dtype, self._height) for name, dtype in self._schema.items()}
        start = 0
        while self._shares:
            share = _together(self._shares.pop(0), self._schema).sort("key")
            places = pl.int_range(start, start + share.height, dtype=pl.UInt32, eager=True)
            for name, column in whole.items():
                if column.dtype != pl.Null:
                    column.scatter(places, share[name])
            start += share.height
        return pl.DataFrame(list(whole.values()))

    @property
    def _schema(self) -> pl.Schema:
        return KNOWN_SCHEMA if self._has_naturals else pl.Schema({**KNOWN_SCHEMA, "natural": pl.Null()})


def _together(parts: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    alike = [part.with_columns(pl.col("natural").cast(schema["natural"])) for part in parts]
    return pl.concat([pl.DataFrame(schema=schema), *alike])


def _room(name: str, dtype: pl.DataType, height: int) -> pl.Series:
    """A column to be written to; until then its memory is only promised by the system, where it is large."""
    if dtype == pl.Null:
        return pl.Series(name, [None], dtype=dtype).new_from_index(0, height)
    if dtype == pl.Boolean:
        return pl.repeat(False, height, dtype=dtype, eager=True).alias(name)  # noqa: FBT003 - a value
    return pl.zeros(height, dtype=dtype, eager=True).alias(name)
