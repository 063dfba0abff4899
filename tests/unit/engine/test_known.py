"""What is known of keys in memory is what dictionaries would say: what is live, what came before, who holds what."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ponte.engine.known import IndexedKnown
from ponte.engine.ledger_port import KNOWN_SCHEMA

KEYS = st.integers(0, 8)


@dataclass(frozen=True)
class Row:
    """A record of the ledger: its key, the natural key that it holds, whether it is a tombstone."""

    key: int
    natural: int
    deleted: bool


@dataclass
class Model:
    """The same in dictionaries."""

    rows: dict[int, Row]
    seen: set[int] = field(default_factory=set)
    delivered: set[int] = field(default_factory=set)

    def holds(self, key: int, natural: int) -> bool:
        """Whether a live record of another key, or this run, has the natural key."""
        others = any(row.natural == natural and row.key != key for row in self.rows.values() if not row.deleted)
        return others or natural in self.delivered


def _ledgers() -> st.SearchStrategy[list[Row]]:
    rows = st.builds(Row, KEYS, KEYS | st.none(), st.booleans())
    named = st.lists(rows, max_size=6, unique_by=lambda row: row.key).map(
        lambda found: [Row(row.key, row.key if row.natural is None else row.natural, row.deleted) for row in found]
    )
    return named.filter(lambda found: len({row.natural for row in found if not row.deleted}) == _live(found))


def _live(rows: list[Row]) -> int:
    return sum(not row.deleted for row in rows)


def _index(rows: list[Row]) -> IndexedKnown:
    ordered = sorted(rows, key=lambda row: row.key)
    naturals = [None if row.natural == row.key else row.natural for row in ordered]
    prints = [None if row.deleted else row.key for row in ordered]
    columns = [[row.key for row in ordered], naturals, prints, [row.deleted for row in ordered]]
    return IndexedKnown(pl.DataFrame(columns, schema=KNOWN_SCHEMA))


# of each record of a batch: key, natural key, whether it gets as far as the target
BATCHES = st.lists(st.lists(st.tuples(KEYS, KEYS | st.none(), st.booleans()), max_size=5), max_size=5)


@given(_ledgers(), BATCHES)
def test_what_is_known_is_what_dictionaries_say(
    rows: list[Row], batches: list[list[tuple[int, int | None, bool]]]
) -> None:
    known, model = _index(rows), Model({row.key: row for row in rows})
    for batch in batches:
        records = [(key, key if natural is None else natural, is_sent) for key, natural, is_sent in batch]
        _check_batch(known, model, records)

    unseen = {row.key for row in rows if not row.deleted and row.key not in model.seen}
    assert set(known.unseen().to_list()) == unseen


def _check_batch(known: IndexedKnown, model: Model, records: list[tuple[int, int, bool]]) -> None:
    keys = _series([key for key, _, _ in records])
    view = asyncio.run(known.view(keys.cast(pl.String), keys))
    found = [model.rows.get(key) for key, _, _ in records]
    assert view["seen"].to_list() == [key in model.seen for key, _, _ in records]
    assert view["exists"].to_list() == [row is not None for row in found]
    assert view["live"].to_list() == [row is not None and not row.deleted for row in found]
    assert view["holds"].to_list() == [None if row is None else row.natural for row in found]

    firsts = {key: (key, natural, is_sent) for key, natural, is_sent in reversed(records) if key not in model.seen}
    first = [firsts.pop(key) for key, _, _ in records if key in firsts]
    wanted = pl.DataFrame({"hash": _series([r[0] for r in first]), "natural": _series([r[1] for r in first])})
    taken = asyncio.run(known.taken(wanted)).to_list()
    assert taken == [model.holds(key, natural) for key, natural, _ in first]

    sent = [is_sent and not is_taken for (_, _, is_sent), is_taken in zip(first, taken, strict=True)]
    known.delivered(wanted.filter(pl.Series(sent, dtype=pl.Boolean)))
    model.delivered |= {natural for (_, natural, _), is_sent in zip(first, sent, strict=True) if is_sent}
    model.seen |= {key for key, _, _ in records}
    assert bool(known.has_seen(keys).all())


def _series(values: list[int]) -> pl.Series:
    return pl.Series("hash", values, dtype=pl.UInt128)
