"""What the ledger knows of a batch's keys, and which keys this reading has brought already.

From memory when all is read, from the ledger itself when little is.
"""

from __future__ import annotations

from typing import Protocol

import polars as pl

from ponte.engine.canonical import hash_text
from ponte.engine.hashes import HashSet, positions
from ponte.engine.ledger_port import Ledger, Scope

VIEW_SCHEMA = pl.Schema(
    {
        "seen": pl.Boolean,  # an earlier batch of this reading brought the key
        "exists": pl.Boolean,  # the ledger has a row of the key, be it a tombstone
        "live": pl.Boolean,  # the target is known to have the record
        "known": pl.UInt128,  # fingerprint delivered last; null: not known
        "holds": pl.UInt128,  # hash of the natural key it was delivered under
    }
)


class Known(Protocol):
    """What the ledger knows, and what this reading has seen."""

    async def view(self, keys: pl.Series, hashes: pl.Series) -> pl.DataFrame:
        """VIEW_SCHEMA, row by row beside a batch's keys (canonical text) and hashes; from now on they are seen."""
        ...

    def has_seen(self, hashes: pl.Series) -> pl.Series:
        """Which of the keys this reading has brought."""
        ...

    async def taken(self, rows: pl.DataFrame) -> pl.Series:
        """Which natural keys are held by a live record of another key.

        Args:
            rows: key and natural_key as text, hash and natural as their hashes; live and holds as in VIEW_SCHEMA.
        """
        ...

    def delivered(self, naturals: pl.Series) -> None:
        """Remembers the natural keys (hashes) of records that this run delivers."""
        ...


class _Delivered:
    """Natural keys (hashes) of this run; made a set when they are first asked for, which most runs never do."""

    def __init__(self) -> None:
        self._set = HashSet()
        self._added: list[pl.Series] = []

    def add(self, naturals: pl.Series) -> None:
        self._added.append(naturals)

    def contains(self, naturals: pl.Series) -> pl.Series:
        while self._added:
            self._set.add(self._added.pop())
        return self._set.contains(naturals)


class IndexedKnown:
    """All records of the scope in memory, as sorted hashes (KNOWN_SCHEMA)."""

    def __init__(self, known: pl.DataFrame) -> None:
        self._known = known
        self._is_seen = pl.Series("seen", [False], dtype=pl.Boolean).new_from_index(0, known.height)
        self._new = HashSet()
        self._holders: pl.DataFrame | None = None
        self._has_naturals = known["natural"].null_count() < known.height
        self._delivered = _Delivered()

    @property
    def live_count(self) -> int:
        """How many records the target is known to have."""
        return int((~self._known["deleted"]).sum())

    async def view(self, keys: pl.Series, hashes: pl.Series) -> pl.DataFrame:  # noqa: ARG002 - hashes are enough
        """See `Known.view`."""
        found = positions(self._known["key"], hashes)
        seen = self._seen_at(found, hashes)
        self._is_seen = self._is_seen.scatter(found.drop_nulls(), values=True)
        self._new.add(hashes.filter(found.is_null()))
        return _view(self._known, found, seen)

    def has_seen(self, hashes: pl.Series) -> pl.Series:
        """See `Known.has_seen`."""
        return self._seen_at(positions(self._known["key"], hashes), hashes)

    def _seen_at(self, found: pl.Series, hashes: pl.Series) -> pl.Series:
        of_known = self._is_seen.gather(found).fill_null(value=False)
        return of_known if not len(self._new) else of_known | self._new.contains(hashes)

    async def taken(self, rows: pl.DataFrame) -> pl.Series:
        """See `Known.taken`."""
        own, wanted = rows["hash"], rows["natural"]
        if not self._has_naturals and bool((own == wanted).all()):
            return pl.Series("taken", [False], dtype=pl.Boolean).new_from_index(0, rows.height)
        self._has_naturals = True
        in_run = self._delivered.contains(wanted)
        if self._holders is None:
            live = self._known.filter(~pl.col("deleted"))
            self._holders = live.select("key", pl.coalesce("natural", "key").alias("natural")).sort("natural")
        found = positions(self._holders["natural"], wanted)
        holder = self._holders["key"].gather(found)
        return (found.is_not_null() & (holder != own).fill_null(value=False)) | in_run

    def delivered(self, naturals: pl.Series) -> None:
        """See `Known.delivered`."""
        self._delivered.add(naturals)

    def unseen_holders(self, naturals: pl.Series) -> pl.Series:
        """Hashes of live records that no batch brought and that hold one of these natural keys (hashes)."""
        unseen = self._known.filter(~self._is_seen & ~pl.col("deleted"))
        held = unseen.select(pl.coalesce("natural", "key")).to_series()
        return unseen["key"].filter(positions(naturals.unique().sort(), held).is_not_null())

    def let_go(self, hashes: pl.Series) -> None:
        """These records have not vanished: something else becomes of them."""
        self._is_seen = self._is_seen.scatter(positions(self._known["key"], hashes).drop_nulls(), values=True)

    def unseen(self) -> pl.Series:
        """Hashes of live records that no batch brought."""
        return self._known["key"].filter(~self._is_seen & ~self._known["deleted"])


class QueriedKnown:
    """Records looked up in the ledger, batch by batch."""

    def __init__(self, ledger: Ledger, scope: Scope) -> None:
        self._ledger = ledger
        self._scope = scope
        self._seen = HashSet()
        self._delivered = _Delivered()

    async def view(self, keys: pl.Series, hashes: pl.Series) -> pl.DataFrame:
        """See `Known.view`."""
        details = await self._ledger.details(self._scope, keys.drop_nulls())
        known = details.select(
            hash_text(pl.col("key")).alias("key"),
            hash_text(pl.col("natural_key")).alias("natural"),
            "fingerprint",
            "deleted",
        ).sort("key")
        seen = self._seen.contains(hashes)
        self._seen.add(hashes)
        return _view(known, positions(known["key"], hashes), seen)

    def has_seen(self, hashes: pl.Series) -> pl.Series:
        """See `Known.has_seen`."""
        return self._seen.contains(hashes)

    async def taken(self, rows: pl.DataFrame) -> pl.Series:
        """See `Known.taken`."""
        in_run = self._delivered.contains(rows["natural"])
        holds_it = (pl.col("live") & (pl.col("holds") == pl.col("natural"))).fill_null(value=False)
        asked = rows.with_row_index("place").filter(~holds_it).select("place", "key", "natural_key")
        if not asked.height:
            return in_run
        holders = await self._ledger.holders(self._scope, asked["natural_key"])
        other = asked.join(holders, on="natural_key", suffix="_holder").filter(pl.col("key") != pl.col("key_holder"))
        places = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)
        return places.is_in(other["place"].implode()) | in_run

    def delivered(self, naturals: pl.Series) -> None:
        """See `Known.delivered`."""
        self._delivered.add(naturals)


def _view(known: pl.DataFrame, found: pl.Series, seen: pl.Series) -> pl.DataFrame:
    row = pl.DataFrame({"position": found, "seen": seen}).with_columns(
        known[column].gather(found).alias(column) for column in ("key", "natural", "fingerprint", "deleted")
    )
    exists = pl.col("position").is_not_null()
    return row.select(
        "seen",
        exists.alias("exists"),
        (exists & ~pl.col("deleted").fill_null(value=False)).alias("live"),
        pl.col("fingerprint").alias("known"),
        pl.coalesce("natural", "key").alias("holds"),
    )
