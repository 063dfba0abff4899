"""Migrating a ledger: its tables become those that this code needs, in one transaction that no other runs beside.

Migrations expand and contract. A revision that expands leaves `min_reader`, so that runs of the version before go on
beside it; one that contracts comes at least one release later and raises `min_reader`, which refuses older code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ponte.errors import ConfigurationError, StateError, TransientError
from ponte.ledger.opening import MIN_READER, SCHEMA_VERSION, dialect, refuse_newer, shown, sqlite_path, stamp
from ponte.ledger.sqlite import BUSY_TIMEOUT_S, SqliteDatabase

VERSION_TABLE = "ponte_migrations"


def migrate(url: str) -> tuple[int, int]:
    """Migrates a ledger, or makes a new one.

    Returns:
        the versions of its tables before (0: there were none) and after.

    Raises:
        StateError: the ledger is damaged, or its tables are newer than this code may touch.
        TransientError: it cannot be reached, or another migration goes on for too long.
    """
    with _translated(url), _engine(url).begin() as connection:
        if connection.dialect.name == "postgresql":
            _lock(connection)
        before, min_reader = _version(connection)
        refuse_newer(before, min_reader)
        if before > SCHEMA_VERSION:
            return before, before
        config = _config(connection)
        if before and not inspect(connection).has_table(VERSION_TABLE):
            command.stamp(config, f"{before:04d}")
        command.upgrade(config, f"{SCHEMA_VERSION:04d}")
        connection.execute(text(stamp()))
        connection.execute(
            text("UPDATE ponte_meta SET schema_version = :version, min_reader = :min_reader WHERE id = 1"),
            {"version": SCHEMA_VERSION, "min_reader": max(min_reader, MIN_READER)},
        )
    return before, SCHEMA_VERSION


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "ponte.ledger:migrations")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config


def _version(connection: Connection) -> tuple[int, int]:
    if not inspect(connection).has_table("ponte_meta"):
        return 0, 0
    row = connection.execute(text("SELECT schema_version, min_reader FROM ponte_meta WHERE id = 1")).one_or_none()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _engine(url: str) -> Engine:
    if dialect(url) == "postgresql":
        return _postgresql_engine(url)
    path = sqlite_path(url)
    SqliteDatabase(path).close()  # refuses torn files and network file systems, and switches to WAL
    engine = create_engine(
        URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S}
    )

    @event.listens_for(engine, "connect")
    def _manual(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # sqlite3's; else DDL runs outside transactions

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")

    return engine


def _postgresql_engine(url: str) -> Engine:
    try:
        return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    except ImportError as error:
        raise ConfigurationError(
            "Migrating a PostgreSQL ledger needs a driver that is not installed. Next: pip install "
            "'ponte-sync[postgresql]'",
            reason="ExtraMissing",
        ) from error


def _lock(connection: Connection) -> None:
    from ponte.ledger.postgres import LOCK_TIMEOUT_S, SCRIPT_LOCK  # noqa: PLC0415 - its driver is an extra

    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SCRIPT_LOCK})


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise TransientError(
            f"The ledger {shown(url)} could not be migrated now; it is as it was. Next: try again when nobody else "
            "works on it.",
            reason="LedgerUnavailable",
        ) from error
    except SQLAlchemyError as error:
        raise StateError(
            f"The ledger {shown(url)} could not be migrated ({type(error).__name__}); it is as it was. Next: ponte "
            "ledger check",
            reason="MigrationFailed",
        ) from error
