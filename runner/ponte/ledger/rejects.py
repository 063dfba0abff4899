"""Rejects: records that did not get through, until they do, are skipped by a person, or are forgotten."""

from __future__ import annotations

import polars as pl

from ponte.engine.ledger_port import OPEN_REJECT_SCHEMA, Scope
from ponte.ledger.database import Database

_RENEWED = ("stage", "reason", "field", "message", "faults", "last_seen", "last_run")
_OPEN_STATES = "('open', 'deferred', 'ambiguous', 'skipped')"
TOP_REASONS = 8


def open_rejects(db: Database, scope: Scope) -> pl.DataFrame:
    """Rejects that are not closed, by OPEN_REJECT_SCHEMA."""
    return db.query(
        f"SELECT key, state, first_seen FROM ponte_rejects WHERE scope = $1 AND state IN {_OPEN_STATES}",
        (scope.id,),
        OPEN_REJECT_SCHEMA,
    )


def record(db: Database, scope: Scope, run: str, rows: pl.DataFrame) -> None:
    """Writes rejects (REJECT_SCHEMA): new ones open, known ones count one attempt more; skipped ones stay skipped."""
    if not rows.height:
        return
    db.stage("ponte_staged", rows.unique("key", keep="first", maintain_order=True).with_columns(_storable("message")))
    unless_closed = ", ".join(
        f"{column} = CASE r.state WHEN 'closed' THEN excluded.{column} ELSE r.{column} END"
        for column in ("first_seen", "first_run")
    )
    renewed = ", ".join(f"{column} = excluded.{column}" for column in _RENEWED)
    db.execute(
        "INSERT INTO ponte_rejects AS r (scope, key, stage, reason, field, message, faults, state,"
        " first_seen, last_seen, first_run, last_run, attempts)"
        " SELECT $1, key, stage, reason, field, message, faults, state, $2, $2, $3, $3, 1"
        f" FROM ponte_staged WHERE true ON CONFLICT (scope, key) DO UPDATE SET {renewed}, {unless_closed},"
        " attempts = CASE r.state WHEN 'closed' THEN 1 ELSE r.attempts + 1 END,"
        " state = CASE r.state WHEN 'skipped' THEN 'skipped' ELSE excluded.state END",
        (scope.id, db.now_us(), run),
    )


def _storable(column: str) -> pl.Expr:
    """PostgreSQL stores no NUL: a message that quotes one shows its symbol."""
    return pl.col(column).str.replace_all("\0", "\u2400", literal=True)


def close(db: Database, scope: Scope, run: str, keys: pl.Series) -> None:
    """Closes the rejects of these keys: the records got through, or are no longer there."""
    if keys.is_empty():
        return
    db.stage("ponte_wanted", keys.to_frame("key"))
    db.execute(
        "UPDATE ponte_rejects AS r SET state = 'closed', last_seen = $2, last_run = $3 FROM ponte_wanted s"
        " WHERE r.scope = $1 AND r.key = s.key AND r.state <> 'closed'",
        (scope.id, db.now_us(), run),
    )


def levels(db: Database, scope: Scope, run: str) -> tuple[int, int, list[tuple[str, str | None, int]]]:
    """Rejects opened by this run, open now, and the most frequent open reasons."""
    counts = db.query(
        "SELECT COALESCE(SUM(CASE WHEN first_run = $2 THEN 1 ELSE 0 END), 0) AS new, COUNT(*) AS open"
        " FROM ponte_rejects WHERE scope = $1 AND state IN ('open', 'ambiguous')",
        (scope.id, run),
        pl.Schema({"new": pl.Int64, "open": pl.Int64}),
    )
    reasons = db.query(
        "SELECT reason, field, COUNT(*) AS records FROM ponte_rejects"
        " WHERE scope = $1 AND state IN ('open', 'ambiguous')"
        f" GROUP BY reason, field ORDER BY records DESC, reason, field LIMIT {TOP_REASONS}",
        (scope.id,),
        pl.Schema({"reason": pl.String, "field": pl.String, "records": pl.Int64}),
    )
    return int(counts["new"][0]), int(counts["open"][0]), list(reasons.iter_rows())
