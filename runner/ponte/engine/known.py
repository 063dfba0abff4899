"""What the ledger knows of a batch's keys, and which keys this reading has brought already.

From memory when all is read, from the ledger itself when little is.
"""

from __future__ import annotations

from typing import Protocol

import polars as pl

from ponte.engine.canonical import hash_text
from ponte.engine.hashes import HashSet, positions
from ponte.engine.ledger_port import Ledger, Scope
from ponte.engine.sorted_hashes import SortedHashes

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

    def delivered(self, rows: pl.DataFrame) -> None:
        """Remembers the natural keys of records that this run delivers: hash and natural, of the batch viewed last."""
        ...


class _Delivered:
    """Natural keys (hashes) of this run; made a set when they are first asked for, which most runs never do."""

    def __init__(self) -> None:
        self._set = HashSet()
        self._added: list[pl.Series] = []

    def add(self, naturals: pl.Series) -> None:
        if len(naturals):
            self._added.append(naturals)

    def contains(self, naturals: pl.Series) -> pl.Series:
        while self._added:
            self._set.add(self._added.pop())
        return self._set.contains(naturals)


class _New:
    """Keys (hashes) that the ledger had no row of, each kept once: those delivered under that very key, and others."""

    def __init__(self) -> None:
        self.delivered = HashSet()
        self._others = HashSet()
        self._last = pl.Series("hash", [], dtype=pl.UInt128)

    def see(self, hashes: pl.Series) -> None:
        """Takes the new keys of a batch."""
        self._others.add(self._last)
        self._last = hashes

    def deliver(self, hashes: pl.Series) -> None:
        """Some keys of the last batch are delivered, under natural keys that are the same text."""
        last, self._last = self._last, self._last.clear()
        self.delivered.add(hashes)
        self._others.add(last if hashes.is_empty() else last.filter(~last.is_in(hashes.implode())))

    def contains(self, hashes: pl.Series) -> pl.Series:
        self.see(self._last.clear())
        return self.delivered.contains(hashes) | self._others.contains(hashes)


class IndexedKnown:
    """All records of the scope in memory, as sorted hashes (KNOWN_SCHEMA)."""

    def __init__(self, known: pl.DataFrame) -> None:
        self._known = known
        self._keys = SortedHashes(known["key"])
        self._is_seen = pl.Series("seen", [False], dtype=pl.Boolean).new_from_index(0, known.height)
        self._new = _New()
        self._holders: _Holders | None = None
        self._has_naturals = known["natural"].null_count() < known.height
        self._delivered = _Delivered()

    @property
    def live_count(self) -> int:
        """How many records the target is known to have."""
        return int((~self._known["deleted"]).sum())

    async def view(self, keys: pl.Series, hashes: pl.Series) -> pl.DataFrame:  # noqa: ARG002 - hashes are enough
        """See `Known.view`."""
        found = self._keys.positions(hashes)
        seen = self._seen_at(found, hashes)
        self._is_seen = self._is_seen.scatter(found.drop_nulls(), values=True)
        self._new.see(hashes.filter(found.is_null()))
        return _view(self._known, found, hashes, seen)

    def has_seen(self, hashes: pl.Series) -> pl.Series:
        """See `Known.has_seen`."""
        return self._seen_at(self._keys.positions(hashes), hashes)

    def _seen_at(self, found: pl.Series, hashes: pl.Series) -> pl.Series:
        return self._is_seen.gather(found).fill_null(value=False) | self._new.contains(hashes)

    async def taken(self, rows: pl.DataFrame) -> pl.Series:
        """See `Known.taken`."""
        own, wanted = rows["hash"], rows["natural"]
        if not self._has_naturals and bool((own == wanted).all()):
            return pl.Series("taken", [False], dtype=pl.Boolean).new_from_index(0, rows.height)
        self._has_naturals = True
        in_run = self._delivered.contains(wanted) | self._new.delivered.contains(wanted)
        if self._holders is None:
            self._holders = _Holders(self._known)
        return (self._holders.keys(wanted) != own).fill_null(value=False) | in_run

    def delivered(self, rows: pl.DataFrame) -> None:
        """See `Known.delivered`: what the index says already is not kept once more."""
        if not rows.height:
            return
        found = self._keys.positions(rows["hash"])
        held = _view(self._known, found, rows["hash"], found.is_null())
        named = rows.select("natural", is_own=pl.col("hash") == pl.col("natural")).hstack(held)
        is_new = pl.col("is_own") & ~pl.col("exists")
        is_held = (pl.col("live") & (pl.col("holds") == pl.col("natural"))).fill_null(value=False)
        self._new.deliver(named.filter(is_new)["natural"])
        self._delivered.add(named.filter(~is_new & ~is_held)["natural"])

    def unseen_holders(self, naturals: pl.Series) -> pl.Series:
        """Hashes of live records that no batch brought and that hold one of these natural keys (hashes)."""
        unseen = self._known.filter(~self._is_seen & ~pl.col("deleted"))
        held = unseen.select(pl.coalesce("natural", "key")).to_series()
        return unseen["key"].filter(positions(naturals.unique().sort(), held).is_not_null())

    def let_go(self, hashes: pl.Series) -> None:
        """These records have not vanished: something else becomes of them."""
        self._is_seen = self._is_seen.scatter(self._keys.positions(hashes).drop_nulls(), values=True)

    def unseen(self) -> pl.Series:
        """Hashes of live records that no batch brought."""
        return self._known["key"].filter(~self._is_seen & ~self._known["deleted"])


class _Holders:
    """Which live record holds each natural key: natural keys in order, and the rows in which they are."""

    def __init__(self, known: pl.DataFrame) -> None:
        self._keys = known["key"]
        held = known.select(pl.when(~pl.col("deleted")).then(pl.coalesce("natural", "key"))).to_series()
        self._rows = held.arg_sort(nulls_last=True).head(len(held) - held.null_count())
        self._naturals = SortedHashes(held.gather(self._rows))

    def keys(self, naturals: pl.Series) -> pl.Series:
        """The key (hash) of the record that holds each of the natural keys (hashes); null for none."""
        return self._keys.gather(self._rows.gather(self._naturals.positions(naturals)))


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
        return _view(known, positions(known["key"], hashes), hashes, seen)

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

    def delivered(self, rows: pl.DataFrame) -> None:
        """See `Known.delivered`."""
        self._delivered.add(rows["natural"])


def _view(known: pl.DataFrame, found: pl.Series, hashes: pl.Series, seen: pl.Series) -> pl.DataFrame:
    """VIEW_SCHEMA of keys (hashes) that were found at these rows of what is known (KNOWN_SCHEMA)."""
    names = [name for name in ("natural", "fingerprint", "deleted") if known[name].dtype != pl.Null]
    at = pl.DataFrame([known[name].gather(found) for name in names])
    row = at.with_columns(seen.alias("seen"), hashes.alias("hash"), found.is_not_null().alias("exists"))
    named = pl.coalesce("natural", "hash") if "natural" in names else pl.col("hash")
    return row.select(
        "seen",
        "exists",
        (pl.col("exists") & ~pl.col("deleted").fill_null(value=False)).alias("live"),
        pl.col("fingerprint").alias("known"),
        pl.when("exists").then(named).alias("holds"),
    )
