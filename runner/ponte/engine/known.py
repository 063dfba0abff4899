"""What the ledger knows of a batch's keys: from memory when all is read, from the ledger when little is."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from ponte.engine.canonical import hash_text
from ponte.engine.hashes import HashSet, positions
from ponte.engine.ledger_port import KNOWN_SCHEMA, Ledger, Scope

VIEW_SCHEMA = pl.Schema(
    {
        "exists": pl.Boolean,  # the ledger has a row of the key, be it a tombstone
        "live": pl.Boolean,  # the target is known to have the record
        "known": pl.UInt128,  # fingerprint delivered last; null: not known
        "holds": pl.UInt128,  # hash of the natural key it was delivered under
    }
)


class Known(Protocol):
    """What the ledger knows."""

    async def view(self, keys: pl.Series, hashes: pl.Series) -> pl.DataFrame:
        """VIEW_SCHEMA, row by row beside the keys (canonical text) and their hashes."""
        ...

    async def taken(self, keys: pl.Series, naturals: pl.DataFrame) -> pl.Series:
        """Which natural keys (columns text, hash) are held by a live record other than that of the key beside it."""
        ...

    def delivered(self, naturals: pl.Series) -> None:
        """Remembers the natural keys (hashes) of records that this run wrote."""
        ...


class IndexedKnown:
    """All records of the scope in memory, as sorted hashes."""

    def __init__(self, known: pl.DataFrame) -> None:
        self._known = known
        self._holders: pl.DataFrame | None = None
        self._has_naturals = known["natural"].null_count() < known.height
        self._created = HashSet()
        self._seen: list[pl.Series] = []

    @property
    def live_count(self) -> int:
        """How many records the target is known to have."""
        return int((~self._known["deleted"]).sum())

    async def view(self, keys: pl.Series, hashes: pl.Series) -> pl.DataFrame:  # noqa: ARG002 - hashes are enough
        """See `Known.view`."""
        found = positions(self._known["key"], hashes)
        self._seen.append(found.drop_nulls())
        row = pl.DataFrame(found).with_columns(
            self._known[column].gather(found).alias(column) for column in ("key", "natural", "fingerprint", "deleted")
        )
        return _view(row)

    async def taken(self, keys: pl.Series, naturals: pl.DataFrame) -> pl.Series:
        """See `Known.taken`."""
        own = keys.to_frame("key").select(hash_text(pl.col("key")))["key"]
        wanted = naturals["hash"]
        in_run = self._created.contains(wanted)
        if not self._has_naturals and bool((own == wanted).all()):
            return in_run
        if self._holders is None:
            holders = self._known.filter(~pl.col("deleted")).select(
                "key", pl.coalesce("natural", "key").alias("natural")
            )
            self._holders = holders.sort("natural")
        found = positions(self._holders["natural"], wanted)
        holder = self._holders["key"].gather(found)
        return (found.is_not_null() & (holder != own).fill_null(value=False)) | in_run

    def delivered(self, naturals: pl.Series) -> None:
        """See `Known.delivered`."""
        self._created.add(naturals)

    def unseen(self) -> pl.Series:
        """Hashes of live records that no batch brought."""
        seen = pl.concat(self._seen).unique() if self._seen else pl.Series([], dtype=pl.UInt32)
        rows = self._known.with_row_index("position").filter(~pl.col("deleted"))
        return rows.join(seen.to_frame("position"), on="position", how="anti", maintain_order="left")["key"]


class QueriedKnown:
    """Records looked up in the ledger, batch by batch."""

    def __init__(self, ledger: Ledger, scope: Scope) -> None:
        self._ledger = ledger
        self._scope = scope

    async def view(self, keys: pl.Series, hashes: pl.Series) -> pl.DataFrame:
        """See `Known.view`."""
        details = await self._ledger.details(self._scope, keys.drop_nulls())
        rows = details.select(
            hash_text(pl.col("key")).alias("key"),
            hash_text(pl.col("natural_key")).alias("natural"),
            "fingerprint",
            "deleted",
        ).select(KNOWN_SCHEMA.names())
        known = rows.sort("key")
        found = positions(known["key"], hashes)
        columns = ("key", "natural", "fingerprint", "deleted")
        return _view(pl.DataFrame(found).with_columns(known[column].gather(found).alias(column) for column in columns))

    async def taken(self, keys: pl.Series, naturals: pl.DataFrame) -> pl.Series:
        """See `Known.taken`."""
        holders = await self._ledger.holders(self._scope, naturals["text"])
        beside = pl.DataFrame({"row": range(len(keys)), "key": keys, "natural_key": naturals["text"]})
        other = beside.join(holders, on="natural_key", suffix="_holder").filter(pl.col("key") != pl.col("key_holder"))
        return beside["row"].is_in(other["row"].implode())

    def delivered(self, naturals: pl.Series) -> None:
        """See `Known.delivered`: the ledger itself is asked, batch by batch."""


def _view(row: pl.DataFrame) -> pl.DataFrame:
    return row.select(
        pl.col("position").is_not_null().alias("exists"),
        (pl.col("position").is_not_null() & ~pl.col("deleted").fill_null(value=False)).alias("live"),
        pl.col("fingerprint").alias("known"),
        pl.coalesce("natural", "key").alias("holds"),
    )
