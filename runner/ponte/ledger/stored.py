"""Small readings that the operations on a ledger share: counts, times, keys as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from ponte.engine.canonical import join_key, split_key
from ponte.errors import UsageError
from ponte.ledger.database import Database, Value

COUNT = pl.Schema({"n": pl.Int64})


def count(db: Database, sql: str, values: Sequence[Value] = ()) -> int:
    """The one number of a query that calls it n."""
    return int(db.query(sql, values, COUNT).item())


def moment(microseconds: int | None) -> datetime | None:
    """A time of the ledger, aware."""
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)


def written_key(canonical: str) -> str:
    """A key as people write it: its fields joined by a tab; a position, which is no key, as it is."""
    try:
        fields = split_key(canonical)
    except ValueError:
        return canonical
    return "\t".join(fields) if join_key(fields) == canonical else canonical


def stored_keys(written: Sequence[str]) -> list[str]:
    """The reverse of `written_key`: each key in the form of the ledger, and as it is in case it is a position."""
    return [form for key in written for form in (join_key(key.split("\t")), key)]


def scope_id(db: Database, job: str) -> int:
    """The number of a job's state, by the job's name or by the state's id.

    Raises:
        UsageError: the ledger has none of that name.
    """
    found = db.query(
        "SELECT id FROM ponte_scopes WHERE job = $1 OR state_id = $1"
        " ORDER BY CASE WHEN job = $1 THEN 0 ELSE 1 END, id DESC LIMIT 1",
        (job,),
        pl.Schema({"id": pl.Int64}),
    )
    if not found.height:
        raise UsageError(
            f'The ledger has nothing of "{job}": no job of that name has run with it. '
            f"Next: ponte run {job}, or ponte ledger info to see which have."
        )
    return int(found.item())
