"""Scopes (a job's place in the ledger), their epochs and leases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from ponte.engine.ledger_port import Busy, Scope, ScopeIdentity, Writer
from ponte.errors import StateError
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
    }
)


def open_scope(db: Database, identity: ScopeIdentity) -> Scope:
    """The scope of a state id, made if it is new.

    Raises:
        StateError: the state was delivered to another target; its fingerprints say nothing about this one.
    """
    with db.transaction():
        row = _read(db, identity.state_id)
        if row is None:
            db.execute(
                "INSERT INTO ponte_scopes (state_id, job, source_system, source_object, target_system, target_object,"
                " outside_commits, epoch) VALUES ($1, $2, $3, $4, $5, $6, 0, 0)",
                (identity.state_id, identity.job, *identity.source, *identity.target),
            )
            row = _read(db, identity.state_id)
        else:
            db.execute("UPDATE ponte_scopes SET job = $2 WHERE id = $1", (row["id"], identity.job))
    assert row is not None  # noqa: S101 - just inserted
    return _scope(identity, row)


def find_scope(db: Database, identity: ScopeIdentity) -> Scope | None:
    """The scope of a state id if there is one; raises as `open_scope`."""
    row = _read(db, identity.state_id)
    return None if row is None else _scope(identity, row)


def _scope(identity: ScopeIdentity, row: dict[str, Any]) -> Scope:
    _refuse_other_ends(identity, row)
    return Scope(
        id=row["id"],
        identity=identity,
        mapping_fingerprint=row["mapping_fingerprint"],
        watermark=row["watermark"],
        has_succeeded=row["last_success_at"] is not None,
    )


def _read(db: Database, state_id: str) -> dict[str, Any] | None:
    frame = db.query(f"SELECT {', '.join(_SCOPE)} FROM ponte_scopes WHERE state_id = $1", (state_id,), _SCOPE)
    return frame.row(0, named=True) if frame.height else None


def _refuse_other_ends(identity: ScopeIdentity, row: dict[str, Any]) -> None:
    for end, (system, name) in (("target", identity.target), ("source", identity.source)):
        before = (row[f"{end}_system"], row[f"{end}_object"])
        if before != (system, name):
            raise StateError(
                f"The ledger's state {identity.state_id!r} belongs to the {end} {before[0]}/{before[1]}, but SyncJob "
                f"{identity.job} now has {system}/{name}. Give the job a new stateId, or move the object back.",
                reason="StateOfAnotherJob",
            )


def acquire(
    db: Database, scope: Scope, run: str, holder: str, lease_s: float | None, is_gone: Callable[[str], bool]
) -> Writer | Busy:
    """A new epoch, with the lease where `lease_s` is given.

    A lease that ran out, or whose holder is certainly gone, passes on; its claims are then in doubt.
    """
    with db.transaction():
        now = db.now_us()
        row = _lease(db, scope.id)
        if lease_s is not None and row["lease_epoch"] is not None:
            remaining = (row["lease_until"] - now) / 1e6
            if remaining > 0 and not is_gone(row["lease_holder"]):
                return Busy(row["lease_holder"], row["lease_epoch"], remaining)
            db.execute(
                "UPDATE ponte_claims SET live_until = $3 WHERE scope = $1 AND epoch = $2",
                (scope.id, row["lease_epoch"], now),
            )
        epoch = row["epoch"] + 1
        db.execute("UPDATE ponte_scopes SET epoch = $2 WHERE id = $1", (scope.id, epoch))
        if lease_s is not None:
            db.execute(
                "UPDATE ponte_scopes SET lease_epoch = $2, lease_holder = $3, lease_until = $4 WHERE id = $1",
                (scope.id, epoch, holder, now + int(lease_s * 1e6)),
            )
    return Writer(scope, run, epoch, lease_s is not None, row["outside_commits"])


def hold(db: Database, writer: Writer, until_us: int | None = None) -> None:
    """Proves inside a transaction that the writer still holds its lease, and locks it; renews it where `until_us` is given."""
    if not writer.is_leased:
        return
    touched = db.execute(
        "UPDATE ponte_scopes SET lease_until = COALESCE(CAST($3 AS BIGINT), lease_until)"
        " WHERE id = $1 AND lease_epoch = $2",
        (writer.scope.id, writer.epoch, None if until_us is None else str(until_us)),
    )
    if touched != 1:
        raise StateError(
            f"Run {writer.run} of SyncJob {writer.scope.identity.job} lost its lease: another run has taken over. "
            "Nothing more is written by this one; the other run settles what was under way.",
            reason="LeaseLost",
        )


def renew(db: Database, writer: Writer, lease_s: float) -> None:
    """Keeps the lease for `lease_s` from now."""
    with db.transaction():
        hold(db, writer, db.now_us() + int(lease_s * 1e6))


def release(db: Database, writer: Writer) -> None:
    """Gives the lease back, inside a transaction; nothing happens where it is lost."""
    db.execute(
        "UPDATE ponte_scopes SET lease_epoch = NULL, lease_holder = NULL, lease_until = NULL"
        " WHERE id = $1 AND lease_epoch = $2",
        (writer.scope.id, writer.epoch),
    )


def outside_commits(db: Database, scope: Scope) -> int:
    """How many commits were made without the lease."""
    return int(_lease(db, scope.id)["outside_commits"])


def _lease(db: Database, scope_id: int) -> dict[str, Any]:
    return db.query(f"SELECT {', '.join(_LEASE)} FROM ponte_scopes WHERE id = $1", (scope_id,), _LEASE).row(
        0, named=True
    )
