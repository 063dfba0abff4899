"""What a ledger need not keep for ever: `ponte ledger prune`. In small transactions, beside runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from ponte.ledger import scopes
from ponte.ledger.database import Database
from ponte.ledger.stored import count
from ponte_api.sync_job import DEFAULT_KEPT_REJECTS_S, DEFAULT_KEPT_RUNS_S, DEFAULT_KEPT_TOMBSTONES_S

BATCH = 5_000
KEPT_RUNS = 10
"""The last runs of a job are kept however old they are."""

_SCOPES = pl.Schema({"id": pl.Int64, "state_id": pl.String})


@dataclass(frozen=True, slots=True)
class Retention:
    """How long is kept what is over; None: for ever.

    Attributes:
        runs: reports of runs that ended. Those that wait for approval, and the last ten of each job, stay.
        rejects: closed rejects.
        tombstones: marks of removed records. Longer than any event may be late: an older one would revive the record.
    """

    runs: timedelta | None = timedelta(seconds=DEFAULT_KEPT_RUNS_S)
    rejects: timedelta | None = timedelta(seconds=DEFAULT_KEPT_REJECTS_S)
    tombstones: timedelta | None = timedelta(seconds=DEFAULT_KEPT_TOMBSTONES_S)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed. `busy` are states that a run holds: their tombstones are left for the next time."""

    runs: int
    rejects: int
    tombstones: int
    busy: tuple[str, ...]


def prune(db: Database, of_state: Mapping[str, Retention] | None = None, default: Retention | None = None) -> Pruned:
    """Removes what is older than it is kept, `BATCH` rows at a time.

    Args:
        db: the ledger.
        of_state: how long each job keeps it, by state id.
        default: how long all other jobs keep it.
    """
    now, others = db.now_us(), default or Retention()
    runs = rejects = tombstones = 0
    busy = []
    for scope, state_id in db.query("SELECT id, state_id FROM ponte_scopes", (), _SCOPES).iter_rows():
        kept = (of_state or {}).get(state_id, others)
        runs += _in_batches(db, _RUNS, (_before(now, kept.runs), scope))
        rejects += _in_batches(db, _REJECTS, (_before(now, kept.rejects), scope))
        removed = _prune_tombstones(db, (_before(now, kept.tombstones), scope))
        tombstones += removed or 0
        busy += [state_id] if removed is None else []
    _prune_ids(db)
    return Pruned(runs, rejects, tombstones, tuple(busy))


_RUNS = (
    "DELETE FROM ponte_runs WHERE run IN (SELECT r.run FROM ponte_runs r WHERE r.scope = $2 AND r.ended_at < $1"
    " AND r.pending IS NULL"
    " AND (SELECT COUNT(*) FROM ponte_runs n WHERE n.scope = r.scope AND n.started_at > r.started_at)"
    f" >= {KEPT_RUNS} LIMIT {BATCH})"
)
_REJECTS = (
    "DELETE FROM ponte_rejects WHERE scope = $2 AND key IN (SELECT key FROM ponte_rejects"
    f" WHERE scope = $2 AND state = 'closed' AND last_seen < $1 LIMIT {BATCH})"
)
_TOMBSTONES = (
    "DELETE FROM ponte_records WHERE scope = $2 AND key IN (SELECT key FROM ponte_records"
    f" WHERE scope = $2 AND deleted_at < $1 LIMIT {BATCH})"
)


def _before(now: int, kept: timedelta | None) -> int:
    return -1 if kept is None else now - int(kept.total_seconds() * 1e6)


def _in_batches(db: Database, sql: str, values: tuple[int, int]) -> int:
    removed = 0
    while True:
        with db.transaction():
            number = db.execute(sql, values)
        removed += number
        if number < BATCH:
            return removed


def _prune_tombstones(db: Database, values: tuple[int, int]) -> int | None:
    """How many were removed; None where a run holds the state, which must find them as it loaded them."""
    removed, number, (_, scope) = 0, BATCH, values
    while number == BATCH:
        with db.transaction():
            if scopes.is_leased(db, scope):
                return None
            number = db.execute(_TOMBSTONES, values)
            scopes.count_outside_commit(db, scope)
        removed += number
    return removed


def _prune_ids(db: Database) -> int:
    """Ids of natural keys that no record of any job to that target has any more."""
    orphaned = (
        "SELECT i.system, i.object, i.natural_key FROM ponte_ids i WHERE NOT EXISTS (SELECT 1 FROM ponte_scopes c"
        " JOIN ponte_records r ON r.scope = c.id AND (r.natural_key = i.natural_key OR (r.key = i.natural_key AND"
        " r.natural_key IS NULL)) WHERE c.target_system = i.system AND c.target_object = i.object)"
    )
    number = count(db, f"SELECT COUNT(*) AS n FROM ({orphaned}) o")
    if number:
        with db.transaction():
            db.execute(f"DELETE FROM ponte_ids WHERE (system, object, natural_key) IN ({orphaned})")
    return number
