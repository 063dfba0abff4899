"""What a ledger need not keep for ever: `ponte ledger prune`. In small transactions, beside runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from ponte.ledger import scopes
from ponte.ledger.database import Database
from ponte.ledger.stored import count

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

    runs: timedelta | None = timedelta(days=90)
    rejects: timedelta | None = timedelta(days=90)
    tombstones: timedelta | None = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed. `busy` are states that a run holds: their tombstones are left for the next time."""

    runs: int
    rejects: int
    tombstones: int
    busy: tuple[str, ...]


def prune(db: Database, retention: Retention) -> Pruned:
    """Removes what is older than it is kept, `BATCH` rows at a time."""
    now = db.now_us()
    tombstones, busy = _prune_tombstones(db, _before(now, retention.tombstones))
    return Pruned(
        runs=_in_batches(db, _RUNS, _before(now, retention.runs)),
        rejects=_in_batches(db, _REJECTS, _before(now, retention.rejects)),
        tombstones=tombstones,
        busy=tuple(busy),
    )


_RUNS = (
    "DELETE FROM ponte_runs WHERE run IN (SELECT r.run FROM ponte_runs r WHERE r.ended_at < $1 AND r.pending IS NULL"
    " AND (SELECT COUNT(*) FROM ponte_runs n WHERE n.scope = r.scope AND n.started_at > r.started_at)"
    f" >= {KEPT_RUNS} LIMIT {BATCH})"
)
_REJECTS = (
    "DELETE FROM ponte_rejects WHERE (scope, key) IN (SELECT scope, key FROM ponte_rejects"
    f" WHERE state = 'closed' AND last_seen < $1 LIMIT {BATCH})"
)
_TOMBSTONES = (
    "DELETE FROM ponte_records WHERE scope = $2 AND key IN (SELECT key FROM ponte_records"
    f" WHERE scope = $2 AND deleted_at < $1 LIMIT {BATCH})"
)


def _before(now: int, kept: timedelta | None) -> int:
    return -1 if kept is None else now - int(kept.total_seconds() * 1e6)


def _in_batches(db: Database, sql: str, before: int) -> int:
    removed = 0
    while True:
        with db.transaction():
            number = db.execute(sql, (before,))
        removed += number
        if number < BATCH:
            return removed


def _prune_tombstones(db: Database, before: int) -> tuple[int, list[str]]:
    removed, busy = 0, []
    for scope, state_id in db.query("SELECT id, state_id FROM ponte_scopes", (), _SCOPES).iter_rows():
        number = BATCH
        while number == BATCH:
            with db.transaction():
                if scopes.is_leased(db, scope):
                    busy.append(state_id)
                    break
                number = db.execute(_TOMBSTONES, (before, scope))
                scopes.count_outside_commit(db, scope)
            removed += number
    _prune_ids(db)
    return removed, busy


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
