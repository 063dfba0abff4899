"""Target databases: one for each entrant, made anew for each round, and asked afterwards what it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from postgres import PostgresServer

Columns = Sequence[tuple[str, str]]
_PATIENCE_S = 10
_TYPES = {"timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp without zone"}


@dataclass(frozen=True)
class Written:
    """What a run wrote into a database.

    Attributes:
        target: rows of the target table that are new or were rewritten.
        all: rows inserted, updated and deleted in all tables, staging included.
    """

    target: int
    all: int


class Database:
    """One database of the bench's server.

    Args:
        server: where it is.
        name: its name.
    """

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._server = server
        self.name = name
        self.url = server.url(name)
        self.host = str(server.socket)

    def make_anew(self) -> None:
        """Empty."""
        self.drop()
        self._server.run(f"CREATE DATABASE {self.name}")

    def drop(self) -> None:
        """Gone."""
        self._server.run(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def run(self, statement: str) -> None:
        """Runs a statement."""
        self._server.run(statement, self.name)

    def make_table(self, name: str, columns: Columns) -> None:
        """A table whose first column is its key."""
        typed = ", ".join(f"{column} {kind}" for column, kind in columns)
        self.run(f"CREATE TABLE {name} ({typed}, PRIMARY KEY ({columns[0][0]}))")

    def fill(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Copies rows into a table."""
        statement = f"COPY {table} FROM STDIN".encode()
        with psycopg.connect(self.url) as connection, connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def one(self, query: str) -> tuple[Any, ...]:
        """The one row of a query, times in UTC."""
        with psycopg.connect(self.url, options="-c TimeZone=UTC") as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row

    def watch(self, table: str) -> Callable[[], Written]:
        """Begins to watch writes; what is given back tells them. The server's checkpoint is done before."""
        self._server.run("CHECKPOINT")
        begun_at = self.one("SELECT txid_current()")[0]
        before = self._all_writes()

        def written() -> Written:
            where = f"WHERE xmin::text::bigint > {begun_at}"
            there = self.one(f"SELECT to_regclass('{table}') IS NOT NULL")[0]
            rows = self.one(f"SELECT count(*) FROM {table} {where}")[0] if there else 0
            return Written(int(rows), self._all_writes() - before)

        return written

    def _all_writes(self) -> int:
        """Counters of the database, as soon as all whose writes they count have left it."""
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        until = time.monotonic() + _PATIENCE_S
        while self.one(f"{others} AND backend_type = 'client backend'")[0] and time.monotonic() < until:
            time.sleep(0.02)
        counters = "tup_inserted + tup_updated + tup_deleted"
        return int(self.one(f"SELECT {counters} FROM pg_stat_database WHERE datname = current_database()")[0])


def fingerprint(database: Database, table: str, columns: Columns) -> tuple[int, str]:
    """Rows, and a checksum of their values that does not depend on their order; values as those types have them."""
    row = ", ".join(f'"{name}"::{kind}' for name, kind in columns)
    count, checksum = database.one(
        f"SELECT count(*), coalesce(sum(hashtextextended(ROW({row})::text, 0)::numeric), 0)::text FROM {table}"
    )
    return int(count), str(checksum)


def difference(expected: Database, source: str, actual: Database, table: str, columns: Columns) -> str | None:
    """In words what the target's content lacks to be the source's; None where they are equal."""
    wanted = fingerprint(expected, source, columns)
    try:
        found = fingerprint(actual, table, columns)
    except psycopg.Error as error:
        return f"cannot be compared: {str(error).splitlines()[0]}"
    if found == wanted:
        return None
    if found[0] != wanted[0]:
        return f"{found[0]:,} rows instead of {wanted[0]:,}"
    key = columns[0]
    other = [
        column[0]
        for column in columns
        if fingerprint(expected, source, [key, column]) != fingerprint(actual, table, [key, column])
    ]
    return f"other values in {', '.join(other)}"


def shape(actual: Database, table: str, columns: Columns) -> list[str]:
    """What is weaker at the target than in the source: types that were guessed, a key that is missing."""
    plain = dict(columns)
    with psycopg.connect(actual.url) as connection:
        kinds = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
            " AND table_name = %s",
            [table],
        ).fetchall()
        keyed = connection.execute(
            "SELECT count(*) FROM pg_index WHERE indrelid = to_regclass(%s) AND indisprimary", [table]
        ).fetchone()
    told = [
        f"{name} as {_TYPES.get(kind, kind)}"
        for name, kind in kinds
        if name in plain and not _is_same_kind(plain[name], kind)
    ]
    return [*told, *([] if keyed and keyed[0] else ["no primary key"])]


def _is_same_kind(wanted: str, found: str) -> bool:
    """Whether a type holds the wanted one's values as well; the width of an integer does not matter."""
    bare, found = wanted.partition("(")[0], _TYPES.get(found, found)
    if bare in {"bigint", "int", "integer"}:
        return found in {"bigint", "integer"}
    return found == bare or (bare == "text" and found == "character varying")
