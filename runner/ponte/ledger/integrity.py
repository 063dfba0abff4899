"""Whether a ledger is sound: `ponte ledger check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl
from pydantic import ValidationError

from ponte.engine.wording import told
from ponte.errors import StateError
from ponte.ledger import claims
from ponte.ledger.database import Database
from ponte.ledger.stored import COUNT, count
from ponte_api.result import RunResult

_SHOWN_PROBLEMS = 20
_OF_A_SCOPE = ("ponte_records", "ponte_rejects", "ponte_claims", "ponte_runs", "ponte_erased")
_TABLES = ("ponte_meta", "ponte_scopes", "ponte_ids", *_OF_A_SCOPE)
_TEXT = pl.Schema({"text": pl.String})
_CLAIMS = pl.Schema({"id": pl.Int64, "live_until": pl.Int64, "keys": pl.Binary})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        severity: damage: what the ledger says cannot be trusted; notice: for a person to know.
        message: what, how many, and the next step.
    """

    severity: Literal["damage", "notice"]
    message: str


def check(db: Database) -> list[Finding]:
    """Reads the whole ledger and tells what is not as it should be; an empty list is a sound ledger."""
    try:
        with db.reading():
            pages = _pages(db)
            return pages or [*_orphans(db), *_halves(db), *_doubles(db), *_accounts(db), *_claims(db)]
    except StateError as error:
        return [Finding("damage", error.message)]


def _pages(db: Database) -> list[Finding]:
    """SQLite checks itself; PostgreSQL verifies its pages' checksums as it reads them all."""
    if db.kind == "sqlite":
        sql = f"SELECT integrity_check AS text FROM pragma_integrity_check({_SHOWN_PROBLEMS})"
        lines = db.query(sql, (), _TEXT)["text"].to_list()
        return [] if lines == ["ok"] else [Finding("damage", f"SQLite: {line}") for line in lines]
    for table in _TABLES:
        count(db, f"SELECT COUNT(*) AS n FROM {table} t WHERE t IS NOT NULL")
    return []


def _orphans(db: Database) -> list[Finding]:
    found = []
    for table in _OF_A_SCOPE:
        number = count(db, f"SELECT COUNT(*) AS n FROM {table} WHERE scope NOT IN (SELECT id FROM ponte_scopes)")
        if number:
            found.append(Finding("damage", f"{number:,} rows of {table} belong to no job. Restore a backup."))
    return found


def _halves(db: Database) -> list[Finding]:
    number = count(db, "SELECT COUNT(*) AS n FROM ponte_records WHERE (print_hi IS NULL) <> (print_lo IS NULL)")
    text = (
        f"{told(number, 'record', 'has', 'have')} half a fingerprint. Restore a backup, or run `ponte ledger rebuild`."
    )
    return [Finding("damage", text)] if number else []


def _doubles(db: Database) -> list[Finding]:
    doubles = db.query(
        "SELECT c.state_id AS text, COUNT(*) AS n FROM (SELECT scope, COALESCE(natural_key, key) AS natural"
        " FROM ponte_records WHERE deleted_at IS NULL GROUP BY scope, COALESCE(natural_key, key)"
        " HAVING COUNT(*) > 1) d JOIN ponte_scopes c ON c.id = d.scope GROUP BY c.state_id ORDER BY c.state_id",
        (),
        pl.Schema([*_TEXT.items(), *COUNT.items()]),
    )
    return [
        Finding(
            "damage",
            f"{state}: {number:,} natural keys are held by more than one record, so that two records of the source "
            "share one of the target. Run the job with `--write all`; it rejects them by name.",
        )
        for state, number in doubles.iter_rows()
    ]


def _accounts(db: Database) -> list[Finding]:
    found = []
    for part in db.stream("SELECT result AS text FROM ponte_runs", (), _TEXT):
        for text in part["text"]:
            try:
                result = RunResult.model_validate_json(text)
            except ValidationError:
                found.append(Finding("damage", "A run's report cannot be read. Restore a backup."))
                continue
            if not result.account.is_closed and result.ended_at is not None:
                found.append(Finding("damage", f"Run {result.run}: not every record that it read is accounted for."))
    return found


def _claims(db: Database) -> list[Finding]:
    found, in_doubt, now = [], 0, db.now_us()
    for claim, live_until, keys in db.query("SELECT id, live_until, keys FROM ponte_claims", (), _CLAIMS).iter_rows():
        try:
            number = claims.unpack(keys).height
        except (pl.exceptions.PolarsError, OSError):
            found.append(Finding("damage", f"Claim {claim} cannot be read. Restore a backup."))
            continue
        in_doubt += number if live_until <= now else 0
    if in_doubt:
        text = f"{told(in_doubt, 'key', 'is', 'are')} in doubt: an earlier run had no answer for them."
        found.append(Finding("notice", f"{text} The next run of the job settles them."))
    return found
