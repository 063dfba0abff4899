"""Rejects, for the people who mend them: `ponte rejects list|show|retry|skip`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import polars as pl

from ponte.engine.ledger_port import Scope, ScopeIdentity
from ponte.ledger import claims, scopes
from ponte.ledger.database import Database, Value
from ponte.ledger.stored import count, moment, scope_id, stored_keys, written_key

RejectState = Literal["open", "deferred", "ambiguous", "skipped", "closed"]
_ROW = pl.Schema(
    {
        "key": pl.String,
        "stage": pl.String,
        "faults": pl.String,
        "state": pl.String,
        "first_seen": pl.Int64,
        "last_seen": pl.Int64,
        "first_run": pl.String,
        "last_run": pl.String,
        "attempts": pl.Int64,
    }
)
_KEYED = pl.Schema({"key": pl.String, "state": pl.String})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a record; `field` is None where the whole record is to blame."""

    field: str | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StoredReject:
    """A record that did not get through.

    Attributes:
        key: source key as people write it, its fields joined by a tab; a position for what has no key.
        stage: where it failed: extract, map, lookup or deliver.
        faults: all of them, the first is the one that lists show.
        first_seen, last_seen: aware.
        first_run, last_run: the runs that opened and last met it.
        attempts: how often it was tried.
    """

    key: str
    stage: str
    faults: tuple[Fault, ...]
    state: RejectState
    first_seen: datetime
    last_seen: datetime
    first_run: str
    last_run: str
    attempts: int


@dataclass(frozen=True, slots=True)
class RejectFilter:
    """Which rejects of a job; None: whatever it is.

    Attributes:
        states: those that a person may want to do something about, unless said otherwise.
        reason: of the first fault.
        field: of the first fault.
        limit, offset: a page of them, by key.
    """

    states: Sequence[RejectState] = ("open", "deferred", "ambiguous")
    reason: str | None = None
    field: str | None = None
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class RejectPage:
    """Some rejects, and how many there are in all."""

    rejects: tuple[StoredReject, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a person decided, as it was done: keys as people write them.

    Attributes:
        done: keys that are tried again, or set aside.
        arrived: ambiguous ones that were skipped: the person says that they are at the target.
        unknown: keys that have no such reject.
    """

    done: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()
    unknown: tuple[str, ...] = field(default=())


def list_rejects(db: Database, job: str, wanted: RejectFilter | None = None) -> RejectPage:
    """Rejects of a job (its name or its state id), by key. Raises UsageError where the ledger has nothing of it."""
    wanted = wanted or RejectFilter()
    where, values = _where(scope_id(db, job), wanted)
    rows = db.query(
        f"SELECT {', '.join(_ROW)} FROM ponte_rejects WHERE {where}"
        f" ORDER BY key LIMIT {int(wanted.limit)} OFFSET {int(wanted.offset)}",
        values,
        _ROW,
    )
    total = count(db, f"SELECT COUNT(*) AS n FROM ponte_rejects WHERE {where}", values)
    return RejectPage(tuple(_reject(row) for row in rows.iter_rows(named=True)), total)


def _where(scope: int, wanted: RejectFilter) -> tuple[str, list[Value]]:
    conditions = ["scope = $1"]
    values: list[Value] = [scope, *wanted.states]
    places = ", ".join(f"${number + 2}" for number in range(len(wanted.states)))
    conditions.append(f"state IN ({places or 'NULL'})")
    for column, value in (("reason", wanted.reason), ("field", wanted.field)):
        if value is not None:
            values.append(value)
            conditions.append(f"{column} = ${len(values)}")
    return " AND ".join(conditions), values


def show_reject(db: Database, job: str, key: str) -> StoredReject | None:
    """One reject with all its faults, whatever its state; None where the key never had one."""
    scope = scope_id(db, job)
    for form in stored_keys([key]):
        rows = db.query(
            f"SELECT {', '.join(_ROW)} FROM ponte_rejects WHERE scope = $1 AND key = $2", (scope, form), _ROW
        )
        if rows.height:
            return _reject(rows.row(0, named=True))
    return None


def _reject(row: dict[str, Any]) -> StoredReject:
    faults = [Fault(fault["field"], fault["reason"], fault["message"]) for fault in json.loads(row["faults"])]
    first, last = moment(row["first_seen"]), moment(row["last_seen"])
    assert first is not None  # noqa: S101 - the column is never null
    assert last is not None  # noqa: S101 - the column is never null
    return StoredReject(
        key=written_key(row["key"]),
        stage=row["stage"],
        faults=tuple(faults),
        state=row["state"],
        first_seen=first,
        last_seen=last,
        first_run=row["first_run"],
        last_run=row["last_run"],
        attempts=row["attempts"],
    )


def retry(db: Database, job: str, keys: Sequence[str] | None = None) -> Reviewed:
    """Lets rejects be tried again; the caller then runs the job for the keys in `done`.

    Args:
        db: the ledger.
        job: its name, or its state id.
        keys: as people write them; None: all that are open or deferred. An ambiguous or skipped one must be named: by
            naming it, the person says that the record is not at the target, and its doubt ends. Of one whose natural
            key changed or whose id nobody knows, that it was removed there: it is then created anew.
    """
    with db.transaction():
        scope, found = _found(db, job, keys, ("open", "deferred", "ambiguous", "skipped"))
        chosen = found if keys is not None else found.filter(pl.col("state").is_in(["open", "deferred"]))
        ambiguous = chosen.filter(pl.col("state") == "ambiguous")["key"]
        claims.settle_others(db, scope, ambiguous, db.now_us())
        _set_state(db, scope.id, chosen.filter(pl.col("state").is_in(["ambiguous", "skipped"]))["key"], "open")
        if keys is not None:
            _forget_removed(db, scope, chosen["key"])
    return _reviewed(keys, chosen, done=chosen["key"], arrived=pl.Series([], dtype=pl.String))


def skip(db: Database, job: str, keys: Sequence[str]) -> Reviewed:
    """Sets rejects aside that nobody will mend: they are counted, and never new again.

    An ambiguous one is at the target, says the person: the record becomes known, without a fingerprint, so that the
    next run brings it up to date.
    """
    with db.transaction():
        scope, found = _found(db, job, keys, ("open", "deferred", "ambiguous"))
        ambiguous = found.filter(pl.col("state") == "ambiguous")["key"]
        arrived = claims.settle_others(db, scope, ambiguous, db.now_us())
        _remember(db, scope, arrived)
        _set_state(db, scope.id, arrived["key"], "closed")
        others = found.filter(~pl.col("key").is_in(arrived["key"].implode()))["key"]
        _set_state(db, scope.id, others, "skipped")
    return _reviewed(keys, found, done=others, arrived=arrived["key"])


def _found(
    db: Database, job: str, keys: Sequence[str] | None, states: Sequence[RejectState]
) -> tuple[Scope, pl.DataFrame]:
    """The scope, locked, and columns key, state of its rejects in these states."""
    identity = ScopeIdentity(job, job, ("", ""), ("", ""))
    scope = Scope(scope_id(db, job), identity, None, None, has_succeeded=False)
    scopes.lock(db, scope.id)
    places = ", ".join(f"${number + 2}" for number in range(len(states)))
    rows = db.query(
        f"SELECT key, state FROM ponte_rejects WHERE scope = $1 AND state IN ({places}) ORDER BY key",
        (scope.id, *states),
        _KEYED,
    )
    return scope, rows if keys is None else rows.filter(pl.col("key").is_in(stored_keys(keys)))


def _remember(db: Database, scope: Scope, arrived: pl.DataFrame) -> None:
    db.stage("ponte_staged", arrived.select("key", "natural_key", "version"))
    db.execute(
        "INSERT INTO ponte_records (scope, key, natural_key, version)"
        " SELECT $1, key, natural_key, version FROM ponte_staged WHERE true ON CONFLICT (scope, key) DO UPDATE"
        " SET natural_key = excluded.natural_key, print_hi = NULL, print_lo = NULL, deleted_at = NULL",
        (scope.id,),
    )
    scopes.count_outside_commit(db, scope.id)


def _forget_removed(db: Database, scope: Scope, keys: pl.Series) -> None:
    db.stage("ponte_wanted", keys.to_frame("key"))
    db.execute(
        "UPDATE ponte_records AS r SET print_hi = NULL, print_lo = NULL, deleted_at = $2 FROM ponte_wanted s"
        " WHERE r.scope = $1 AND r.key = s.key AND EXISTS (SELECT 1 FROM ponte_rejects j WHERE j.scope = $1"
        " AND j.key = r.key AND j.reason IN ('NaturalKeyChanged', 'TargetIdUnknown') AND j.state = 'open')",
        (scope.id, db.now_us()),
    )
    scopes.count_outside_commit(db, scope.id)


def _set_state(db: Database, scope: int, keys: pl.Series, state: RejectState) -> None:
    db.stage("ponte_wanted", keys.to_frame("key"))
    db.execute(
        "UPDATE ponte_rejects AS r SET state = $2 FROM ponte_wanted s WHERE r.scope = $1 AND r.key = s.key",
        (scope, state),
    )


def _reviewed(keys: Sequence[str] | None, found: pl.DataFrame, *, done: pl.Series, arrived: pl.Series) -> Reviewed:
    had = {written_key(key) for key in found["key"]}
    return Reviewed(
        done=tuple(written_key(key) for key in done),
        arrived=tuple(written_key(key) for key in arrived),
        unknown=tuple(key for key in keys or () if key not in had),
    )
