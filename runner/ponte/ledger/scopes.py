"""Scopes (a job's place in the ledger), their epochs and leases.

The scope's row is the fence: whoever claims, commits or takes over locks it first, so that writers of one scope come
one after the other on both databases, and a writer that was overtaken finds out before it has written anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl

from ponte.engine.ledger_port import Busy, Scope, ScopeIdentity, Writer
from ponte.errors import StateError, TransientError
from ponte.ledger import runs
from ponte.ledger.database import Database

_SCOPE = pl.Schema(
    {
        "id": pl.Int64,
        "source_system": pl.String,
        "source_object": pl.String,
        "target_system": pl.String,
        "target_object": pl.String,
        "mapping_fingerprint": pl.String,
        "watermark": pl.String,
        "last_success_at": pl.Int64,
    }
)
_LEASE = pl.Schema(
    {
        "epoch": pl.Int64,
        "outside_commits": pl.Int64,
        "lease_epoch": pl.Int64,
        "lease_holder": pl.String,
        "lease_until": pl.Int64,
        "last_success_at": pl.Int64,
    }
)


def open_scope(db: Database, identity: ScopeIdentity) -> Scope:
    """The scope of a state id, made if it is new.

    Raises:
        StateError: the state was delivered to another target; its fingerprints say nothing about this one.
    """
    with db.transaction():
        db.execute(
            "INSERT INTO ponte_scopes (state_id, job, source_system, source_object, target_system, target_object,"
            " outside_commits, epoch) VALUES ($1, $2, $3, $4, $5, $6, 0, 0) ON CONFLICT (state_id) DO NOTHING",
            (identity.state_id, identity.job, *identity.source, *identity.target),
        )
        found = find_scope(db, identity)
        if found is None:
            raise StateError(
                f"The ledger lost the state {identity.state_id!r} while it was opened. Next: ponte ledger check"
            )
        db.execute("UPDATE ponte_scopes SET job = $2 WHERE id = $1 AND job <> $2", (found.id, identity.job))
    return found


def find_scope(db: Database, identity: ScopeIdentity) -> Scope | None:
    """The scope of a state id, or None where nothing was ever delivered under it.

    Raises:
        StateError: as `open_scope`.
    """
    columns = ", ".join(_SCOPE)
    rows = db.query(f"SELECT {columns} FROM ponte_scopes WHERE state_id = $1", (identity.state_id,), _SCOPE)
    if not rows.height:
        return None
    row = rows.row(0, named=True)
    _refuse_other_ends(identity, row)
    return Scope(
        id=row["id"],
        identity=identity,
        mapping_fingerprint=row["mapping_fingerprint"],
        watermark=row["watermark"],
        has_succeeded=row["last_success_at"] is not None,
        succeeded_at_us=row["last_success_at"],
    )


def _refuse_other_ends(identity: ScopeIdentity, row: dict[str, Any]) -> None:
    for end, (system, name) in (("target", identity.target), ("source", identity.source)):
        before = (row[f"{end}_system"], row[f"{end}_object"])
        if before != (system, name):
            raise StateError(
                f"The ledger's state {identity.state_id!r} belongs to the {end} {before[0]}/{before[1]}, but SyncJob "
                f"{identity.job} now has {system}/{name}. Next: give the job another name or a new stateId, or move "
                "the object back.",
                reason="StateOfAnotherJob",
            )


def acquire(
    db: Database, scope: Scope, run: str, holder: str, lease_s: float | None, is_gone: Callable[[str], bool]
) -> Writer | Busy:
    """A new epoch, with the lease where `lease_s` is given.

    A lease that ran out, or whose holder is certainly gone, passes on: its claims are then in doubt and its run has
    ended.

    Raises:
        TransientError: ClockWentBack: this clock is behind what the ledger has seen; read times would pass for old
            versions, and what is new would be left alone. `retry_after` says how far.
    """
    with db.transaction():
        row = _locked(db, scope.id)
        now = db.now_us()
        _refuse_earlier_clock(scope, now, row["last_success_at"] or 0)
        if lease_s is not None and row["lease_epoch"] is not None:
            remaining = (row["lease_until"] - now) / 1e6
            if remaining > 0 and not is_gone(row["lease_holder"]):
                return Busy(row["lease_holder"], row["lease_epoch"], remaining)
            _take_over(db, scope, row["lease_epoch"], now)
        epoch = row["epoch"] + 1
        db.execute("UPDATE ponte_scopes SET epoch = $2 WHERE id = $1", (scope.id, epoch))
        if lease_s is not None:
            db.execute(
                "UPDATE ponte_scopes SET lease_epoch = $2, lease_holder = $3, lease_until = $4 WHERE id = $1",
                (scope.id, epoch, holder, now + int(lease_s * 1e6)),
            )
    is_beside = lease_s is None and row["lease_epoch"] is not None
    return Writer(scope, run, epoch, lease_s is not None, row["outside_commits"], is_beside)


def _take_over(db: Database, scope: Scope, epoch: int, now: int) -> None:
    db.execute(
        "UPDATE ponte_claims SET live_until = $3 WHERE scope = $1 AND epoch = $2 AND live_until > $3",
        (scope.id, epoch, now),
    )
    runs.end_dead(db, scope, epoch, now)


def _refuse_earlier_clock(scope: Scope, now: int, last_success_at: int) -> None:
    behind_s = (last_success_at - now) / 1e6
    if behind_s > 0:
        raise TransientError(
            f"SyncJob {scope.identity.job}: the clock is {_told(behind_s)} behind the job's last success in the "
            "ledger. What is read now would pass for older than what was delivered. Next: set the clock right; where"
            " it is right now and was ahead then, begin a new ledger: ponte ledger rebuild"
            f" {scope.identity.job} (docs/reasons/ClockWentBack.md).",
            reason="ClockWentBack",
            retry_after=behind_s,
        )


def _told(behind_s: float) -> str:
    return str(timedelta(seconds=max(1, round(behind_s))))


def hold(db: Database, writer: Writer, until_us: int = 0) -> bool:
    """Locks the scope inside a transaction and proves that the writer may still write.

    Args:
        db: the ledger, in a transaction.
        writer: a writer with a lease must still have it; one without has only its claims to be judged by.
        until_us: a lease that ends earlier is prolonged to it; it is never shortened.

    Returns:
        whether the writer is alone: it has the lease, and nobody without one wrote since it was opened.

    Raises:
        StateError: another run has taken over; nothing may be written.
    """
    row = _locked(db, writer.scope.id)
    if not writer.is_leased:
        return False
    if row["lease_epoch"] != writer.epoch:
        raise StateError(
            f"Run {writer.run} of SyncJob {writer.scope.identity.job} lost its lease: another run has taken over. "
            "Nothing more is written by this one; the other run settles what was under way. Next: run it again if "
            "that one did not finish.",
            reason="LeaseLost",
        )
    if until_us > row["lease_until"]:
        db.execute("UPDATE ponte_scopes SET lease_until = $2 WHERE id = $1", (writer.scope.id, until_us))
    return bool(row["outside_commits"] == writer.outside_commits)


def lock_beside(db: Database, scope: Scope) -> bool:
    """Locks all scopes that write to the same object of a target, inside a transaction, before `hold`.

    Returns:
        whether there are others: jobs that may create the same record.
    """
    sql = f"SELECT id FROM ponte_scopes WHERE target_system = $1 AND target_object = $2 ORDER BY id{db.for_update}"
    return db.query(sql, scope.identity.target, pl.Schema({"id": pl.Int64})).height > 1


def renew(db: Database, writer: Writer, lease_s: float) -> None:
    """Keeps the lease for at least `lease_s` from now."""
    with db.transaction():
        hold(db, writer, db.now_us() + int(lease_s * 1e6))


def release(db: Database, writer: Writer) -> None:
    """Gives the lease back, inside a transaction; nothing happens where it is lost."""
    db.execute(
        "UPDATE ponte_scopes SET lease_epoch = NULL, lease_holder = NULL, lease_until = NULL WHERE id = $1 AND "
        "lease_epoch = $2",
        (writer.scope.id, writer.epoch),
    )


def is_alone(db: Database, writer: Writer) -> bool:
    """See `Ledger.is_alone`."""
    sql = "SELECT epoch, lease_epoch FROM ponte_scopes WHERE id = $1"
    rows = db.query(sql, (writer.scope.id,), pl.Schema({"epoch": pl.Int64, "lease_epoch": pl.Int64}))
    return not writer.is_beside and rows.rows() == [(writer.epoch, None)]


def outside_commits(db: Database, scope: Scope) -> int:
    """How many commits were ever made without the lease."""
    sql = "SELECT outside_commits AS n FROM ponte_scopes WHERE id = $1"
    rows = db.query(sql, (scope.id,), pl.Schema({"n": pl.Int64}))
    return int(rows["n"][0]) if rows.height else 0


def count_outside_commit(db: Database, scope_id: int) -> None:
    """Tells a run that holds the lease that what it knows by heart is no longer all there is."""
    db.execute("UPDATE ponte_scopes SET outside_commits = outside_commits + 1 WHERE id = $1", (scope_id,))


def is_leased(db: Database, scope_id: int) -> bool:
    """Locks a scope inside a transaction and tells whether a run holds its lease."""
    row = _locked(db, scope_id)
    return row["lease_epoch"] is not None and bool(row["lease_until"] > db.now_us())


def lock(db: Database, scope_id: int) -> None:
    """Locks a scope inside a transaction: no writer claims or commits in it until it ends."""
    _locked(db, scope_id)


def _locked(db: Database, scope_id: int) -> dict[str, Any]:
    rows = db.query(f"SELECT {', '.join(_LEASE)} FROM ponte_scopes WHERE id = $1{db.for_update}", (scope_id,), _LEASE)
    if not rows.height:
        raise StateError(
            f"The ledger has no scope {scope_id} any more: it was replaced while this run went on. Next: run the "
            "job again.",
            reason="ScopeVanished",
        )
    return rows.row(0, named=True)
