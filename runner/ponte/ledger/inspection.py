"""What a ledger holds, for people and dashboards: `ponte ledger info`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ponte.ledger import claims
from ponte.ledger.database import Database
from ponte.ledger.sqlite import SqliteDatabase
from ponte.ledger.stored import count, moment

_META = pl.Schema({"ledger_id": pl.String, "schema_version": pl.Int64, "min_reader": pl.Int64, "created_at": pl.Int64})
_SCOPE = pl.Schema(
    {
        "id": pl.Int64,
        "state_id": pl.String,
        "job": pl.String,
        "source_system": pl.String,
        "source_object": pl.String,
        "target_system": pl.String,
        "target_object": pl.String,
        "watermark": pl.String,
        "lease_holder": pl.String,
        "lease_until": pl.Int64,
        "last_success_at": pl.Int64,
    }
)
_RECORDS = pl.Schema({"scope": pl.Int64, "live": pl.Int64, "tombstones": pl.Int64, "unknown": pl.Int64})
_REJECTS = pl.Schema({"scope": pl.Int64, "state": pl.String, "n": pl.Int64})
_CLAIMS = pl.Schema({"scope": pl.Int64, "live_until": pl.Int64, "keys": pl.Binary})


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """Who holds a job's lease, until when (aware); one that ran out is taken by the next run."""

    holder: str
    until: datetime
    has_run_out: bool


@dataclass(frozen=True, slots=True)
class ScopeInfo:
    """One job's place in the ledger.

    Attributes:
        source, target: as system/object.
        records: that the target is known to have.
        unknown: those of them of which it is not known what the target holds; the next run delivers them again.
        tombstones: records that were removed.
        claimed, in_doubt: keys under way, and keys whose outcome is not known.
        rejects: by state: open, deferred, ambiguous, skipped, closed.
    """

    state_id: str
    job: str
    source: str
    target: str
    records: int
    unknown: int
    tombstones: int
    claimed: int
    in_doubt: int
    rejects: dict[str, int]
    watermark: str | None
    lease: LeaseInfo | None
    last_success_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerInfo:
    """A ledger at a glance. `size_bytes` is what it takes on disk, its write-ahead log included."""

    kind: str
    ledger_id: str
    schema_version: int
    min_reader: int
    created_at: datetime | None
    size_bytes: int
    runs: int
    ids: int
    erased: int
    scopes: tuple[ScopeInfo, ...]


def info(db: Database) -> LedgerInfo:
    """What the ledger holds."""
    with db.reading():
        meta = db.query(f"SELECT {', '.join(_META)} FROM ponte_meta", (), _META).row(0, named=True)
        return LedgerInfo(
            kind=db.kind,
            ledger_id=meta["ledger_id"],
            schema_version=meta["schema_version"],
            min_reader=meta["min_reader"],
            created_at=moment(meta["created_at"]),
            size_bytes=_size(db),
            runs=count(db, "SELECT COUNT(*) AS n FROM ponte_runs"),
            ids=count(db, "SELECT COUNT(*) AS n FROM ponte_ids"),
            erased=count(db, "SELECT COUNT(*) AS n FROM ponte_erased"),
            scopes=_scopes(db),
        )


def _size(db: Database) -> int:
    if isinstance(db, SqliteDatabase):
        files = (db.path, db.path.with_name(f"{db.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    return count(
        db,
        "SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0)::bigint AS n FROM pg_class c"
        " WHERE c.relkind = 'r' AND c.relname LIKE 'ponte\\_%' AND pg_table_is_visible(c.oid)",
    )


def _scopes(db: Database) -> tuple[ScopeInfo, ...]:
    now = db.now_us()
    scopes = db.query(f"SELECT {', '.join(_SCOPE)} FROM ponte_scopes ORDER BY state_id", (), _SCOPE)
    records = db.query(
        "SELECT scope, SUM(CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END) AS live,"
        " SUM(CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END) AS tombstones,"
        " SUM(CASE WHEN deleted_at IS NULL AND print_hi IS NULL THEN 1 ELSE 0 END) AS unknown"
        " FROM ponte_records GROUP BY scope",
        (),
        _RECORDS,
    )
    counted = {row["scope"]: row for row in records.iter_rows(named=True)}
    rejects: dict[int, dict[str, int]] = {}
    states = db.query("SELECT scope, state, COUNT(*) AS n FROM ponte_rejects GROUP BY scope, state", (), _REJECTS)
    for scope, state, number in states.iter_rows():
        rejects.setdefault(scope, {})[state] = number
    claimed = _claimed(db, now)
    return tuple(
        ScopeInfo(
            state_id=row["state_id"],
            job=row["job"],
            source=f"{row['source_system']}/{row['source_object']}",
            target=f"{row['target_system']}/{row['target_object']}",
            records=counted.get(row["id"], {}).get("live", 0),
            unknown=counted.get(row["id"], {}).get("unknown", 0),
            tombstones=counted.get(row["id"], {}).get("tombstones", 0),
            claimed=claimed.get(row["id"], (0, 0))[0],
            in_doubt=claimed.get(row["id"], (0, 0))[1],
            rejects=rejects.get(row["id"], {}),
            watermark=row["watermark"],
            lease=_lease(row["lease_holder"], row["lease_until"], now),
            last_success_at=moment(row["last_success_at"]),
        )
        for row in scopes.iter_rows(named=True)
    )


def _claimed(db: Database, now: int) -> dict[int, tuple[int, int]]:
    """Keys under way and keys in doubt, by scope."""
    found: dict[int, tuple[int, int]] = {}
    for scope, live_until, keys in db.query(
        "SELECT scope, live_until, keys FROM ponte_claims", (), _CLAIMS
    ).iter_rows():
        live, doubtful = found.get(scope, (0, 0))
        number = claims.unpack(keys).height
        found[scope] = (live + number, doubtful) if live_until > now else (live, doubtful + number)
    return found


def _lease(holder: str | None, until: int | None, now: int) -> LeaseInfo | None:
    end = moment(until)
    return None if holder is None or end is None or until is None else LeaseInfo(holder, end, until <= now)
