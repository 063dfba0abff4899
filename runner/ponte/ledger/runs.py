"""Runs: their accounts, as they go on and as they ended."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from ponte.engine.ledger_port import Ending, Scope, Writer
from ponte.errors import UsageError
from ponte.ledger import claims
from ponte.ledger.database import Database
from ponte_api.result import RunError, RunResult

_RUN = pl.Schema({"result": pl.String})


def save(db: Database, writer: Writer, result: RunResult, pending: pl.DataFrame | None = None) -> None:
    """Writes a run as it now stands, inside a transaction."""
    ended = None if result.ended_at is None else str(int(result.ended_at.timestamp() * 1e6))
    db.execute(
        "INSERT INTO ponte_runs (run, scope, job, epoch, phase, started_at, ended_at, result) VALUES ($1, $2, $3, $4, "
        "$5, $6, CAST($7 AS BIGINT), $8) ON CONFLICT (run) DO UPDATE SET phase = excluded.phase, ended_at = "
        "excluded.ended_at, result = excluded.result",
        (
            result.run,
            writer.scope.id,
            result.job,
            writer.epoch,
            result.phase,
            int(result.started_at.timestamp() * 1e6),
            ended,
            result.model_dump_json(by_alias=True, exclude_defaults=True),
        ),
    )
    if pending is not None:
        db.execute("UPDATE ponte_runs SET pending = $2 WHERE run = $1", (result.run, claims.pack(pending)))


def finish(db: Database, writer: Writer, ending: Ending) -> None:
    """Writes how a run ended, inside a transaction."""
    save(db, writer, ending.result, ending.pending)
    if ending.mapping_fingerprint is not None:
        note_mapping(db, writer.scope.id, ending.mapping_fingerprint)
    if ending.has_succeeded:
        db.execute(
            "UPDATE ponte_scopes SET last_success_at = $2 WHERE id = $1 AND COALESCE(last_success_at, 0) < $2",
            (writer.scope.id, db.now_us()),
        )


def note_mapping(db: Database, scope_id: int, fingerprint: str) -> None:
    """Writes by which Mapping a scope's records are delivered."""
    db.execute("UPDATE ponte_scopes SET mapping_fingerprint = $2 WHERE id = $1", (scope_id, fingerprint))


def end_dead(db: Database, scope: Scope, epoch: int, now: int) -> None:
    """Writes of a run whose lease has passed on that it died, inside a transaction."""
    rows = db.query(
        "SELECT result FROM ponte_runs WHERE scope = $1 AND epoch = $2 AND ended_at IS NULL", (scope.id, epoch), _RUN
    )
    for (text,) in rows.iter_rows():
        last = RunResult.model_validate_json(text)
        message = "It stopped without a word: killed, or its machine was lost. The next run settles what was under way."
        died = last.model_copy(
            update={
                "phase": "Failed",
                "reason": "RunDied",
                "ended_at": datetime.fromtimestamp(now / 1e6, UTC),
                "error": RunError(reason="RunDied", message=message, exit_code=70),
            }
        )
        db.execute(
            "UPDATE ponte_runs SET phase = 'Failed', ended_at = $2, result = $3 WHERE run = $1",
            (last.run, now, died.model_dump_json(by_alias=True, exclude_defaults=True)),
        )


def recent(db: Database, job: str | None, limit: int) -> list[RunResult]:
    """The last runs, newest first."""
    if job is None:
        rows = db.query("SELECT result FROM ponte_runs ORDER BY started_at DESC, run DESC LIMIT $1", (limit,), _RUN)
    else:
        rows = db.query(
            "SELECT result FROM ponte_runs WHERE job = $1 ORDER BY started_at DESC, run DESC LIMIT $2",
            (job, limit),
            _RUN,
        )
    return [RunResult.model_validate_json(text) for (text,) in rows.iter_rows()]


def pending(db: Database, run: str) -> pl.DataFrame | None:
    """The operations of a run that wait for approval; None where there are none."""
    rows = db.query(
        "SELECT pending FROM ponte_runs WHERE run = $1 AND phase = 'AwaitingApproval' AND pending IS NOT NULL",
        (run,),
        pl.Schema({"pending": pl.Binary}),
    )
    return claims.unpack(rows.item()) if rows.height else None


def approve(db: Database, run: str, by: str) -> pl.DataFrame:
    """Gives the operations that wait for approval, once: the run is over with it, inside a transaction.

    What is given is delivered by a run of its own, which checks that each operation is still true. If that run dies,
    the next complete reading asks again.

    Raises:
        UsageError: no such run waits, or somebody approved it already.
    """
    rows = db.query(
        "SELECT result, pending FROM ponte_runs WHERE run = $1 AND phase = 'AwaitingApproval' AND pending IS NOT "
        f"NULL{db.for_update}",
        (run,),
        pl.Schema({"result": pl.String, "pending": pl.Binary}),
    )
    if not rows.height:
        raise UsageError(f'No run "{run}" waits for approval. Next: ponte runs')
    waiting = RunResult.model_validate_json(rows["result"][0])
    approved = waiting.model_copy(
        update={"phase": "PartiallySucceeded", "reason": "Approved", "notes": [*waiting.notes, f"Approved by {by}"]}
    )
    db.execute(
        "UPDATE ponte_runs SET phase = $2, result = $3, pending = NULL WHERE run = $1",
        (run, approved.phase, approved.model_dump_json(by_alias=True, exclude_defaults=True)),
    )
    return claims.unpack(rows["pending"][0])


def waiting(db: Database) -> list[tuple[RunResult, pl.DataFrame]]:
    """Runs that wait for approval, oldest first, with their operations (key, natural_key, version, why)."""
    rows = db.query(
        "SELECT result, pending FROM ponte_runs WHERE phase = 'AwaitingApproval' AND pending IS NOT NULL"
        " ORDER BY started_at, run",
        (),
        pl.Schema({"result": pl.String, "pending": pl.Binary}),
    )
    return [(RunResult.model_validate_json(text), claims.unpack(packed)) for text, packed in rows.iter_rows()]


def succeeded(db: Database, job: str) -> bool:
    """Whether a job of that name has ever succeeded."""
    rows = db.query(
        "SELECT id FROM ponte_scopes WHERE job = $1 AND last_success_at IS NOT NULL",
        (job,),
        pl.Schema({"id": pl.Int64}),
    )
    return rows.height > 0
