"""Databases with 200,000 articles, and an empty table for copies of them, for the ODBC bench."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import psycopg

import mariadb
from mariadb import MariadbServer
from postgres import PostgresServer

ROWS = 200_000
NAME = "odbc"
_TYPES = {
    "id": pl.Int64(),
    "sku": pl.String(),
    "name": pl.String(),
    "price": pl.Decimal(12, 2),
    "stock": pl.Int32(),
    "changed": pl.Datetime("us"),
}
_COLUMNS = "id bigint PRIMARY KEY, sku varchar(20), name varchar(100), price numeric(12,2), stock integer"
_EQUAL = "SELECT count(*) FROM articles AS a JOIN copies AS c ON " + " AND ".join(f"a.{n} = c.{n}" for n in _TYPES)


class Database(Protocol):
    """One database.

    Attributes:
        title: in words.
        driver: its ODBC driver.
    """

    title: str
    driver: str

    def options(self) -> dict[str, str]:
        """Attributes of the connection string."""
        ...

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs a statement. Returns its rows."""
        ...


@dataclass(frozen=True)
class Postgresql:
    """On PostgreSQL."""

    server: PostgresServer
    title: str = "PostgreSQL, psqlodbc"
    driver: str = "PostgreSQL Unicode"

    def options(self) -> dict[str, str]:
        """By its Unix socket."""
        return {"Servername": str(self.server.socket), "Database": NAME}

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs a statement. Returns its rows."""
        with psycopg.connect(self.server.url(NAME), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class Mariadb:
    """On MariaDB."""

    server: MariadbServer
    title: str = "MariaDB, Connector/ODBC"
    driver: str = "MariaDB Unicode"

    def options(self) -> dict[str, str]:
        """By its Unix socket."""
        return {"SOCKET": str(self.server.socket), "DATABASE": NAME, "CHARSET": "utf8mb4"}

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs a statement. Returns its rows."""
        return self.server.run(statement, database=NAME)


@contextmanager
def on_postgresql(server: PostgresServer) -> Iterator[Database]:
    """On a server that keeps its promises."""
    server.run(f"CREATE DATABASE {NAME}")
    found = Postgresql(server)
    for table in ("articles", "copies"):
        found.run(f"CREATE TABLE {table} ({_COLUMNS}, changed timestamp(6))")
    found.run(
        "INSERT INTO articles SELECT n, 'SKU' || lpad(n::text, 9, '0'), 'Filtereinsatz für Größe ' || n, n / 100.0,"
        f" n % 1000, timestamp '2026-01-01' + n * interval '1.000001 second' FROM generate_series(1, {ROWS}) AS n"
    )
    found.run("VACUUM ANALYZE articles")
    yield found
    server.run(f"DROP DATABASE {NAME} WITH (FORCE)")


@contextmanager
def on_mariadb() -> Iterator[Database]:
    """On a server of its own, which keeps its promises too."""
    with mariadb.started(mariadb.DURABLE) as server:
        server.run(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
        found = Mariadb(server)
        for table in ("articles", "copies"):
            found.run(f"CREATE TABLE {table} ({_COLUMNS}, changed datetime(6))")
        found.run(
            "INSERT INTO articles SELECT seq, CONCAT('SKU', LPAD(seq, 9, '0')),"
            " CONCAT('Filtereinsatz für Größe ', seq), seq / 100, seq % 1000,"
            f" TIMESTAMPADD(MICROSECOND, seq * 1000001, '2026-01-01') FROM seq_1_to_{ROWS}"
        )
        found.run("ANALYZE TABLE articles")
        yield found


def place_of(database: Database, folder: Path) -> Path:
    """A file that tells entrants where the database is, beside one of its articles."""
    articles = pl.DataFrame(database.run("SELECT * FROM articles ORDER BY id"), schema=_TYPES, orient="row")
    articles.write_ipc(folder / "articles.arrow")
    place = {
        "driver": database.driver,
        "options": database.options(),
        "user": getpass.getuser(),
        "frame": str(folder / "articles.arrow"),
    }
    told = folder / "place.json"
    told.write_text(json.dumps(place))
    return told


def has_equal_copies(database: Database) -> bool:
    """Whether each article was copied as it is."""
    return database.run(_EQUAL) == [(ROWS,)]
