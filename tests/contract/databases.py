"""Tables of the contract's records, in the databases that hold them, and what a person does in these by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from contract.conftest import Make
from mariadb import MariadbServer
from ponte.testing.contract.records import SCHEMA, Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract

FIELDS = tuple(SCHEMA)
SQLITE_TABLE = (
    "CREATE TABLE records (code VARCHAR(4096), name TEXT, price DECIMAL(12,2), stock INTEGER, active BOOLEAN,"
    " day DATE, changed DATETIME{0})"
)
POSTGRESQL_TABLE = (
    "CREATE TABLE records (code text, name text, price numeric(12,2), stock bigint, active boolean,"
    " day date, changed timestamp{0})"
)
MARIADB_TABLE = (
    "CREATE TABLE records (code varchar(1000) CHARACTER SET utf8mb3, name text, price decimal(12,2), stock bigint,"
    " active boolean, day date, changed datetime(6){0})"
)
UNIQUE = ", UNIQUE (code)"


@dataclass(frozen=True)
class Database:
    """One database, and how a person comes to it without Ponte.

    Attributes:
        kind: of SyncSource by which Ponte comes to it, with its settings.
        make: makes the table anew, with these records and this constraint.
        hands: what the table holds, and what makes it refuse some of it.
    """

    kind: str
    settings: dict[str, Any]
    make: Callable[[list[Record], str], None]
    hands: tuple[Any, Any]


class TableSource(SourceContract):
    """A table of a database, which the fixture `database` of a subclass gives."""

    constraint = ""

    @pytest.fixture
    def open_source(self, database: Database, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            database.make(records, self.constraint)
            fields = {"table": "records", "cursor": {"field": "changed"}}
            return make_system(database.kind, database.settings, **fields).source("records")

        return open_


class UniqueTableSource(TableSource):
    """The same with a unique key."""

    traits = Traits(allows_repeated_keys=False)
    constraint = UNIQUE


class TableTarget(TargetContract):
    """A table of a database to be written, which the fixture `database` of a subclass gives."""

    @pytest.fixture
    def open_target(self, database: Database, make_system: Make) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            database.make(records, UNIQUE)
            system = make_system(database.kind, database.settings, table="records")
            return Opened(system.target("records"), *database.hands)

        return open_


def on_sqlite(kind: str, settings: dict[str, Any], path: Path) -> Database:
    """A file of SQLite, by this kind of SyncSource."""
    hands = sqlite_hands(path)
    return Database(kind, settings, lambda records, constraint: make_sqlite(path, records, constraint), hands)


def on_postgresql(kind: str, settings: dict[str, Any], url: str) -> Database:
    """A database of PostgreSQL, by this kind of SyncSource."""
    hands = postgresql_hands(url)
    return Database(kind, settings, lambda records, constraint: make_postgresql(url, records, constraint), hands)


def on_mariadb(kind: str, settings: dict[str, Any], server: MariadbServer, url: str) -> Database:
    """A database of MariaDB, by this kind of SyncSource."""
    hands = mariadb_hands(server, url)
    return Database(kind, settings, lambda records, constraint: make_mariadb(server, url, records, constraint), hands)


def values_of(record: Record) -> list[Any]:
    return [record[name] for name in FIELDS]


def sqlite_values(record: Record) -> list[Any]:
    stored = {"price": str, "active": int, "day": str, "changed": str}
    return [v if v is None or n not in stored else stored[n](v) for n, v in record.items()]


def make_sqlite(path: Path, records: list[Record], constraint: str) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(SQLITE_TABLE.format(constraint))
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", map(sqlite_values, records))


def sqlite_hands(path: Path) -> tuple[Any, Any]:
    """What the table holds, and a trigger that refuses some of it."""

    async def held() -> list[Record]:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT * FROM records").fetchall()
        return [dict(zip(FIELDS, row, strict=True)) for row in rows]

    async def refuse() -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "CREATE TRIGGER t BEFORE INSERT ON records WHEN new.stock = -1 BEGIN SELECT RAISE(ABORT, 'no'); END"
            )

    return held, refuse


def make_postgresql(url: str, records: list[Record], constraint: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS records")
        connection.execute(POSTGRESQL_TABLE.format(constraint).encode())
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO records VALUES (%s, %s, %s, %s, %s, %s, %s)", list(map(values_of, records)))


def postgresql_hands(url: str) -> tuple[Any, Any]:
    """What the table holds, and a check that refuses some of it."""

    async def held() -> list[Record]:
        with psycopg.connect(url) as connection:
            rows = connection.execute("SELECT * FROM records").fetchall()
        return [dict(zip(FIELDS, row, strict=True)) for row in rows]

    async def refuse() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE records ADD CONSTRAINT positive CHECK (stock >= 0)")

    return held, refuse


def make_mariadb(server: MariadbServer, url: str, records: list[Record], constraint: str) -> None:
    database = _database(url)
    marks = ", ".join(["%s"] * len(FIELDS))
    server.run("DROP TABLE IF EXISTS records", MARIADB_TABLE.format(constraint), database=database)
    server.insert(f"INSERT INTO records VALUES ({marks})", map(values_of, records), database)


def mariadb_hands(server: MariadbServer, url: str) -> tuple[Any, Any]:
    """What the table holds, and a check that refuses some of it."""
    database = _database(url)

    async def held() -> list[Record]:
        rows = server.run("SELECT * FROM records", database=database)
        return [dict(zip(FIELDS, row, strict=True)) for row in rows]

    async def refuse() -> None:
        server.run("ALTER TABLE records ADD CONSTRAINT positive CHECK (stock >= 0)", database=database)

    return held, refuse


def _database(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
