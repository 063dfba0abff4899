"""Opening a ledger: an address becomes a connection whose version is checked, or a new ledger is made.

A new ledger is made by the statements in `schema/`, generated from the tables; an older one must be migrated first
(`ponte ledger migrate`, which imports SQLAlchemy and Alembic; this module imports neither).
"""

from __future__ import annotations

import time
import uuid
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from ponte.errors import ConfigurationError, StateError
from ponte.ledger.database import Database
from ponte.ledger.identity import process_identity, process_is_gone
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.sqlite import SqliteDatabase

SCHEMA_VERSION = 1
_META = pl.Schema({"schema_version": pl.Int64, "min_reader": pl.Int64})


def open_ledger(url: str) -> StoredLedger:
    """Opens a ledger, or makes it.

    Args:
        url: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE (from a Secret or the environment).

    Raises:
        ConfigurationError: the address makes no sense, a driver is missing, or it is on a network file system.
        CredentialsRefused: the database refused the login.
        StateError: the ledger is damaged, or its tables need newer code.
        TransientError: it cannot be reached now.
    """
    db = connect(url)
    try:
        _check_version(db, url)
    except BaseException:
        db.close()
        raise
    return StoredLedger(db, process_identity(), process_is_gone)


def connect(url: str) -> Database:
    """A connection to the database of that address, whatever is in it."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")))
    if parts.scheme in ("postgresql", "postgres"):
        from ponte.ledger.postgres import PostgresDatabase  # noqa: PLC0415 - its driver is an extra

        return PostgresDatabase(url, shown=f"{parts.scheme}://{parts.hostname or ''}{parts.path}")
    raise ConfigurationError(
        f"The ledger's address has the scheme {parts.scheme!r}. Use sqlite:///PATH or postgresql://HOST/DATABASE.",
        reason="LedgerAddress",
    )


def dialect(url: str) -> str:
    """Which of the two databases an address names: sqlite or postgresql."""
    return "sqlite" if url.startswith("sqlite:") else "postgresql"


def _check_version(db: Database, url: str) -> None:
    found = _version(db, dialect(url))
    if found is None:
        _create(db, dialect(url))
        found = _version(db, dialect(url))
    assert found is not None  # noqa: S101 - just made
    version, min_reader = found
    if min_reader > SCHEMA_VERSION:
        raise StateError(
            f"The ledger's tables have version {version} and need code that knows version {min_reader}; this Ponte "
            f"knows {SCHEMA_VERSION}. Next: install a newer ponte-sync.",
            reason="LedgerTooNew",
        )
    if version < SCHEMA_VERSION:
        raise StateError(
            f"The ledger's tables have version {version}, this Ponte needs {SCHEMA_VERSION}. Next: ponte ledger migrate",
            reason="LedgerTooOld",
        )


def _version(db: Database, kind: str) -> tuple[int, int] | None:
    exists = (
        "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = 'ponte_meta'"
        if kind == "sqlite"
        else "SELECT COUNT(to_regclass('ponte_meta')) AS n"
    )
    if not db.query(exists, (), pl.Schema({"n": pl.Int64})).item():
        return None
    row = db.query("SELECT schema_version, min_reader FROM ponte_meta WHERE id = 1", (), _META)
    return row.row(0) if row.height else None


def _create(db: Database, kind: str) -> None:
    script = resources.files("ponte.ledger").joinpath("schema", f"{kind}.sql").read_text(encoding="utf-8")
    stamp = (
        "INSERT INTO ponte_meta (id, schema_version, min_reader, ledger_id, created_at)"
        f" VALUES (1, {SCHEMA_VERSION}, 1, '{uuid.uuid4()}', {time.time_ns() // 1000}) ON CONFLICT (id) DO NOTHING"
    )
    db.script(f"{script}\n{stamp};\n")
