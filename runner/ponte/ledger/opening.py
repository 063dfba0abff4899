"""Opening a ledger: an address becomes a connection whose version is checked, or a new ledger is made.

A new ledger is made by the statements in `schema/`, generated from the tables. An older one is migrated first, which
alone imports SQLAlchemy and Alembic. A newer one is used as it is, unless it says that this code is too old for it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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
MIN_READER = 1
_COUNT = pl.Schema({"n": pl.Int64})
_META = pl.Schema({"schema_version": pl.Int64, "min_reader": pl.Int64})
_SQLITE = "sqlite:///"


def open_ledger(url: str) -> StoredLedger:
    """Opens a ledger, or makes it.

    Args:
        url: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE (from a Secret or the environment).

    Raises:
        ConfigurationError: the address makes no sense, a driver is missing, it is on a network file system, or it is
            another program's database.
        CredentialsRefused: the database refused the login.
        StateError: the ledger is damaged, or its tables need newer code.
        TransientError: it cannot be reached now.
    """
    return StoredLedger(open_database(url), process_identity(), process_is_gone)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The ledger's database for as long as an operation of a person takes. Raises as `open_ledger`."""
    db = open_database(url)
    try:
        yield db
    finally:
        db.close()


def open_database(url: str) -> Database:
    """A connection to a ledger whose tables are as this code needs them. Raises as `open_ledger`."""
    db = connect(url)
    try:
        is_older = _prepare(db, url)
    except BaseException:
        db.close()
        raise
    if not is_older:
        return db
    db.close()
    from ponte.ledger.migration import migrate  # noqa: PLC0415 - only an older ledger needs SQLAlchemy and Alembic

    migrate(url)
    return connect(url)


def connect(url: str) -> Database:
    """A connection to the database of that address, whatever is in it."""
    kind = dialect(url)
    if kind == "sqlite":
        return SqliteDatabase(sqlite_path(url))
    from ponte.ledger.postgres import PostgresDatabase  # noqa: PLC0415 - its driver is an extra

    return PostgresDatabase(url, shown=shown(url))


def dialect(url: str) -> str:
    """Which of the two databases an address names: sqlite or postgresql.

    Raises:
        ConfigurationError: neither.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return "sqlite"
    if scheme in ("postgresql", "postgres"):
        return "postgresql"
    raise _misunderstood(f"has the scheme {scheme!r}" if "://" in url else "has no scheme")


def sqlite_path(url: str) -> Path:
    """The file of a sqlite:/// address. Raises ConfigurationError where it names none."""
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.startswith(":memory:"):
        raise _misunderstood("names no file")
    return Path(path)


def shown(url: str) -> str:
    """An address without its user and password, for messages."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "postgresql://..."
    return "postgresql://..." if "@" in parts.path else f"{parts.scheme}://{host}{parts.path}"


def _misunderstood(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger's address {what}. Next: write sqlite:///PATH or postgresql://HOST/DATABASE.",
        reason="LedgerAddress",
    )


def _prepare(db: Database, url: str) -> bool:
    """Makes the tables of a new ledger and says whether those of an old one are older than this code needs."""
    found = version(db)
    if found is None:
        _refuse_foreign(db, url)
        _create(db)
        found = version(db)
    if found is None:
        raise StateError(
            f"The ledger {shown(url)} could not be made: its version is missing. Next: name another "
            "file or database by --ledger.",
            reason="LedgerUnusable",
        )
    refuse_newer(*found)
    return found[0] < SCHEMA_VERSION


def refuse_newer(schema_version: int, min_reader: int) -> None:
    """Newer tables may be used by this code until they say that it is too old for them. Raises StateError then."""
    if min_reader > SCHEMA_VERSION:
        raise StateError(
            f"The ledger's tables have version {schema_version} and need code that knows version {min_reader}; this "
            f"Ponte knows {SCHEMA_VERSION}. Nothing was touched. Next: install a newer ponte-sync.",
            reason="LedgerTooNew",
        )


def version(db: Database) -> tuple[int, int] | None:
    """Version of the tables, and the oldest code that may use them; None where there are none."""
    exists = (
        "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = 'ponte_meta'"
        if db.kind == "sqlite"
        else "SELECT COUNT(to_regclass('ponte_meta')) AS n"
    )
    if not db.query(exists, (), _COUNT).item():
        return None
    row = db.query("SELECT schema_version, min_reader FROM ponte_meta WHERE id = 1", (), _META)
    return (int(row["schema_version"][0]), int(row["min_reader"][0])) if row.height else None


def _refuse_foreign(db: Database, url: str) -> None:
    """A PostgreSQL database may hold other things; a SQLite file that does is somebody's, named by mistake."""
    if db.kind != "sqlite":
        return
    strangers = (
        "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 6) <> 'ponte_' AND "
        "substr(name, 1, 7) <> 'sqlite_'"
    )
    if db.query(strangers, (), _COUNT).item():
        raise ConfigurationError(
            f"{sqlite_path(url)} is another program's database, not a ledger. Next: name a file of its own by --ledger "
            "sqlite:///PATH",
            reason="LedgerForeign",
        )


def _create(db: Database) -> None:
    """Makes the tables; two processes that do so at once make them once."""
    script = resources.files("ponte.ledger").joinpath("schema", f"{db.kind}.sql").read_text(encoding="utf-8")
    db.script(f"{script}\n{stamp()};\n")


def stamp() -> str:
    """The statement that gives a new ledger its version, identity and erasing key."""
    return (
        "INSERT INTO ponte_meta (id, schema_version, min_reader, ledger_id, erase_key, created_at)"
        f" VALUES (1, {SCHEMA_VERSION}, {MIN_READER}, '{uuid.uuid4()}', '{uuid.uuid4()}',"
        f" {time.time_ns() // 1000}) ON CONFLICT (id) DO NOTHING"
    )
