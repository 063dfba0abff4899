"""SQLite for one machine: WAL and full synchronisation, several processes at once."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path

import polars as pl

from ponte.errors import ConfigurationError, PonteError, StateError, TransientError
from ponte.ledger.database import Value
from ponte.ledger.sqlite_files import damaged, make_file, refuse_network_file_system, refuse_torn_file

BUSY_TIMEOUT_S = 60
_RETRY_S = 0.01
_FETCH_ROWS = 10_000
"""As many rows as are objects of Python at once, some 250 bytes each."""
_MOST_VALUES = 900
"""Of one statement (SQLite before 3.32: 999). Many rows by one are a third quicker, and ask seldom for the GIL."""
_PLACEHOLDER = re.compile(r"\$(\d+)")
_SQL_TYPES = {pl.Int64: "INTEGER", pl.UInt32: "INTEGER", pl.String: "TEXT", pl.Binary: "BLOB"}


class SqliteDatabase:
    """A connection to a ledger file.

    Raises:
        ConfigurationError: the file is on a network file system, where its locks cannot be trusted.
        StateError: the file is torn, emptied or no SQLite database.
    """

    kind = "sqlite"
    for_update = ""
    by_natural_key = " INDEXED BY ponte_records_natural"

    def __init__(self, path: Path) -> None:
        refuse_network_file_system(path)
        refuse_torn_file(path)
        self.path = path
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            make_file(path)
            self.connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self) -> None:
        mode = self._switch_to_wal()
        if mode != "wal":
            raise ConfigurationError(
                f"The ledger {self.path} is where SQLite cannot keep a write-ahead log (mode {mode}). Next: put it on "
                "a local disk, or use a PostgreSQL ledger: --ledger postgresql://...",
                reason="LedgerOnNetworkFileSystem",
            )
        for setting in ("synchronous=FULL", "temp_store=MEMORY", "cache_size=-8000"):
            self.connection.execute(f"PRAGMA {setting}")

    def _switch_to_wal(self) -> str:
        """SQLite does not wait for a lock when two processes switch a new file at once: so this does."""
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                return str(self.connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
            except sqlite3.OperationalError as error:
                if not _is_lock(error) or time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_S)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        with self._begun("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See `Database.reading`: staging writes to the connection's own temporary database only."""
        with self._begun("BEGIN"):
            yield

    @contextmanager
    def _begun(self, begin: str) -> Iterator[None]:
        with _translated(self.path):
            self.connection.execute(begin)
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def query(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> pl.DataFrame:
        """See `Database.query`."""
        return pl.concat([pl.DataFrame(schema=schema), *self.stream(sql, values, schema)])

    def stream(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> Iterator[pl.DataFrame]:
        """See `Database.stream`."""
        with _translated(self.path):
            cursor = self.connection.execute(_numbered(sql), values)
            while rows := cursor.fetchmany(_FETCH_ROWS):
                yield pl.DataFrame(rows, schema=schema, orient="row")

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """See `Database.execute`."""
        with _translated(self.path):
            return self.connection.execute(_numbered(sql), values).rowcount

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """See `Database.append`."""
        insert = f"INSERT INTO {table} ({', '.join(frame.columns)}) VALUES "
        row = f"({', '.join('?' * frame.width)})"
        most = _MOST_VALUES // frame.width
        values = chain.from_iterable(frame.iter_rows(buffer_size=_FETCH_ROWS))
        with _translated(self.path):
            for start in range(0, frame.height, most):
                count = min(most, frame.height - start)
                statement = insert + ", ".join([row] * count)
                self.connection.execute(statement, tuple(islice(values, count * frame.width)))

    def stage(self, name: str, frame: pl.DataFrame) -> None:
        """See `Database.stage`."""
        columns = ", ".join(f"{column} {_SQL_TYPES[type(dtype)]}" for column, dtype in frame.schema.items())
        with _translated(self.path):
            self.connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            self.connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
        self.append(name, frame)

    def script(self, sql: str) -> None:
        """See `Database.script`."""
        with self.transaction():
            for statement in sql.split(";\n"):
                if statement.strip():
                    self.connection.execute(statement)

    def now_us(self) -> int:
        """See `Database.now_us`: one machine has one clock."""
        return time.time_ns() // 1000

    def close(self) -> None:
        """See `Database.close`."""
        with suppress(sqlite3.Error):
            self.connection.close()


def _numbered(sql: str) -> str:
    return _PLACEHOLDER.sub(r"?\1", sql)


def _is_lock(error: sqlite3.Error) -> bool:
    return "locked" in str(error) or "busy" in str(error)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except PonteError:
        raise
    except sqlite3.IntegrityError as error:
        raise StateError(
            f"The ledger {path} contradicts the run: {error}. Nothing of this chunk is written. Next: ponte ledger "
            "check",
            reason="LedgerContradiction",
        ) from error
    except sqlite3.OperationalError as error:
        if _is_lock(error):
            raise TransientError(
                f"The ledger {path} was locked by another process for {BUSY_TIMEOUT_S} s. Next: run it again when "
                "that one is done.",
                reason="LedgerLocked",
            ) from error
        raise unusable(path, error) from error
    except sqlite3.DatabaseError as error:
        raise damaged(path, str(error)) from error
    except OSError as error:
        raise unusable(path, error) from error


def unusable(path: Path, error: Exception) -> StateError:
    """The error of a ledger file that cannot be used as it is."""
    return StateError(
        f"The ledger {path} cannot be used: {error}. Next: check the disk's space and rights, then `ponte ledger "
        "check`.",
        reason="LedgerUnusable",
    )
