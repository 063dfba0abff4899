"""Open rejects of a job, read from the ledger for people; setting them aside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import polars as pl

from ponte.cli.render.rejects import Fault, Reject
from ponte.engine.canonical import join_key, split_key
from ponte.ledger.database import Database
from ponte.ledger.opening import connect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REJECT = pl.Schema(
    {
        "key": pl.String,
        "stage": pl.String,
        "reason": pl.String,
        "field": pl.String,
        "message": pl.String,
        "faults": pl.String,
        "state": pl.String,
        "first_seen": pl.Int64,
        "last_seen": pl.Int64,
        "attempts": pl.Int64,
    }
)
_OF_JOB = "scope IN (SELECT id FROM ponte_scopes WHERE job = $1) AND state IN ('open', 'deferred', 'ambiguous')"


def open_rejects(ledger_url: str, job: str) -> list[Reject]:
    """All open rejects of a job, those that are there longest first."""
    with _ledger(ledger_url) as db:
        rows = db.query(
            f"SELECT {', '.join(_REJECT)} FROM ponte_rejects WHERE {_OF_JOB} ORDER BY first_seen, key", (job,), _REJECT
        )
    return [_reject(row) for row in rows.iter_rows(named=True)]


def set_aside(ledger_url: str, job: str, keys: Sequence[str]) -> list[str]:
    """Marks open rejects as skipped and gives those of the keys that had one."""
    done = []
    with _ledger(ledger_url) as db, db.transaction():
        for key in keys:
            canonical = join_key(key.split("\t"))
            if db.execute(f"UPDATE ponte_rejects SET state = 'skipped' WHERE {_OF_JOB} AND key = $2", (job, canonical)):
                done.append(key)
    return done


@contextmanager
def _ledger(url: str) -> Iterator[Database]:
    db = connect(url)
    try:
        yield db
    finally:
        db.close()


def _reject(row: dict[str, str | int | None]) -> Reject:
    told = json.loads(str(row["faults"])) or [row]
    return Reject(
        key=_shown_key(str(row["key"])),
        stage=str(row["stage"]),
        faults=tuple(Fault(fault.get("field"), fault["reason"], fault["message"]) for fault in told),
        state=str(row["state"]),
        first_seen=_moment(row["first_seen"]),
        last_seen=_moment(row["last_seen"]),
        attempts=int(row["attempts"] or 0),
    )


def _moment(microseconds: str | int | None) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds or 0))


def _shown_key(canonical: str) -> str:
    """A key as people give it to --key; the place of a record that has none stays as it is."""
    try:
        return "\t".join(split_key(canonical))
    except ValueError:
        return canonical
