"""Lists that move: what is edited while a list is read page by page takes another place in it, or shifts the others.

A record that slips from a page not yet read to one that was read is passed over, and the list looks whole. So what such
a reading did not bring is asked for again before it counts for nothing. A window of changes is read until two readings
of it agree: what slipped past the first stands on an earlier page now, and the second finds it. All is not read twice:
a reading of all leaves the watermark where it was instead, so that the next reading of changes brings what was changed
before and was passed over. Only where the Mapping has changed, all is read until it is still too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import polars as pl

from ponte.engine.canonical import hashes_of, key_text
from ponte.engine.hashes import HashSet
from ponte.engine.known import Known
from ponte.engine.ports import Batch, Read, Source

MOST_READINGS = 5
"""How often a window of changes is read that is never the same twice: then it is enough that the last brought nothing
new."""


def is_read_until_still(source: Source, read: Read, is_mapping_changed: bool) -> bool:  # noqa: FBT001 - a fact
    """Whether one reading of this is not enough to know that nothing was passed over.

    After a change of the Mapping all of it counts: what is passed over then, no reading of changes brings.
    """
    return source.capabilities.moves and (is_mapping_changed or read.mode in ("changes", "range"))


class Readings:
    """The second and further readings of a window, without what those before them brought.

    Args:
        source: the source.
        key: names of the fields of the source key.
        known: what the first reading brought.
        brought: how many keys that were.
    """

    def __init__(self, source: Source, key: tuple[str, ...], known: Known, brought: int) -> None:
        self._source = source
        self._key = key
        self._seen: Callable[[pl.Series], pl.Series] = known.has_seen
        self._is_in_last: Callable[[pl.Series], pl.Series] = known.has_seen
        self._size_of_last = brought
        self._added = HashSet()
        self.is_same = False
        self.is_new = False

    async def read(self, read: Read) -> AsyncGenerator[Batch, None]:
        """One more reading; at its end `is_same` says whether it had what the last one had, `is_new` if anything new.

        What has no key was counted by the first.
        """
        current, common, added = HashSet(), 0, len(self._added)
        batches = self._source.read(read)
        try:
            async for batch in batches:
                hashes = self._hashes(batch)
                fresh = hashes.drop_nulls().unique()
                fresh = fresh.filter(~current.contains(fresh))
                common += int(self._is_in_last(fresh).sum())
                current.add(fresh)
                yield self._without_known(batch, hashes)
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()
        self.is_same = common == len(current) == self._size_of_last
        self.is_new = len(self._added) > added
        self._is_in_last, self._size_of_last = current.contains, len(current)

    def _hashes(self, batch: Batch) -> pl.Series:
        keys = key_text(batch.frame, self._key) if batch.frame.height else pl.Series([], dtype=pl.String)
        return hashes_of(keys.alias("key"))

    def _without_known(self, batch: Batch, hashes: pl.Series) -> Batch:
        plain = replace(batch, unreadable=(), announced=None)
        if not batch.frame.height:
            return plain
        is_known = self._seen(hashes) | self._added.contains(hashes)
        is_new = (~is_known & hashes.is_first_distinct() & hashes.is_not_null()).fill_null(value=False)
        self._added.add(hashes.filter(is_new))
        return replace(plain, frame=batch.frame.filter(is_new), faults=_of_rows(batch.faults, is_new))


def _of_rows(faults: pl.DataFrame | None, is_kept: pl.Series) -> pl.DataFrame | None:
    """The faults of the rows that are kept, by their new places."""
    if faults is None:
        return None
    places = is_kept.cast(pl.UInt32).cum_sum() - 1
    kept = faults.filter(is_kept.gather(faults["row"]))
    return kept.with_columns(places.gather(kept["row"]).cast(pl.UInt32).alias("row"))
