"""SQLite for one machine: WAL and full synchronisation, several processes at once."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from ponte.errors import ConfigurationError, PonteError, StateError, TransientError
from ponte.ledger.database import Value

BUSY_TIMEOUT_S = 60
_FETCH_ROWS = 50_000
_PLACEHOLDER = re.compile(r"\$(\d+)")
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs"})
_SQL_TYPES = {pl.Int64: "INTEGER", pl.UInt32: "INTEGER", pl.String: "TEXT", pl.Binary: "BLOB"}


class SqliteDatabase:
    """A connection to a ledger file.

    Raises:
        ConfigurationError: the file is on a network file system, where its locks cannot be trusted.
        StateError: the file is torn or is no SQLite database.
    """

    def __init__(self, path: Path) -> None:
        refuse_network_file_system(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with _translated(path):
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32000;"
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Database.transaction`."""
        with _translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def query(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> pl.DataFrame:
        """See `Database.query`."""
        return pl.concat([pl.DataFrame(schema=schema), *self.stream(sql, values, schema)])

    def stream(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> Iterator[pl.DataFrame]:
        """See `Database.stream`."""
        with _translated(self._path):
            cursor = self._connection.execute(_numbered(sql), values)
            while rows := cursor.fetchmany(_FETCH_ROWS):
                yield pl.DataFrame(rows, schema=schema, orient="row")

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """See `Database.execute`."""
        with _translated(self._path):
            return self._connection.execute(_numbered(sql), values).rowcount

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """See `Database.append`."""
        columns = ", ".join(frame.columns)
        places = ", ".join("?" * frame.width)
        with _translated(self._path):
            self._connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", frame.iter_rows())

    def stage(self, name: str, frame: pl.DataFrame) -> None:
        """See `Database.stage`."""
        columns = ", ".join(f"{column} {_SQL_TYPES[type(dtype)]}" for column, dtype in frame.schema.items())
        with _translated(self._path):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            self._connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
        self.append(name, frame)

    def script(self, sql: str) -> None:
        """See `Database.script`."""
        with _translated(self._path):
            self._connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nCOMMIT;")

    def now_us(self) -> int:
        """See `Database.now_us`: one machine has one clock."""
        return time.time_ns() // 1000

    def close(self) -> None:
        """See `Database.close`."""
        self._connection.close()


def refuse_network_file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """SQLite's locks do not hold over a network: two machines would both believe that they own the file."""
    if not mounts.exists():
        return
    folder = path.resolve().parent
    best = ("", "")
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if (folder == Path(place) or Path(place) in folder.parents) and len(place) >= len(best[0]):
            best = (place, kind)
    if best[1] in _NETWORK_FILE_SYSTEMS:
        raise ConfigurationError(
            f"The ledger {path} is on a network file system ({best[1]} at {best[0]}), where SQLite's locks do not hold. "
            "Put it on a local disk, or use a PostgreSQL ledger: --ledger postgresql://...",
            reason="LedgerOnNetworkFileSystem",
        )


def _numbered(sql: str) -> str:
    return _PLACEHOLDER.sub(r"?\1", sql)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except PonteError:
        raise
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise TransientError(
                f"The ledger {path} was locked by another process for {BUSY_TIMEOUT_S} s. It is tried again.",
                reason="LedgerLocked",
            ) from error
        if "no such table" in str(error):
            raise
        raise StateError(
            f"The ledger {path} cannot be used: {error}. Check the disk's space and rights, then `ponte ledger check`.",
            reason="LedgerUnusable",
        ) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise StateError(
            f"The ledger {path} is damaged: {error}. Restore it with `ponte ledger import` from a backup or an export, "
            "or make a new one with `ponte ledger rebuild`.",
            reason="LedgerDamaged",
        ) from error
