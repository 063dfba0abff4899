"""The port between the ledger's one set of SQL statements and its two databases.

Statements use `$1`, `$2` ... for values in both. Frames go in and come out as columns; 128-bit hashes are split into
two signed 64-bit integers on the way in and joined on the way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import polars as pl

Value = str | int | bytes | None

_HALF = 2**64


class Database(Protocol):
    """One connection. Not thread-safe; its owner calls it from one thread at a time.

    Attributes:
        kind: sqlite or postgresql.
        for_update: ends a SELECT whose rows are to stay as they are until the transaction ends; empty where a write
            transaction is alone anyway.
        by_natural_key: behind `ponte_records` and its alias: rows are found by the index of natural keys. SQLite, which
            has no statistics, would meet each wanted key with each record; so are joins written in the order in which
            they are to be done, by CROSS JOIN, which SQLite keeps.
    """

    kind: str
    for_update: str
    by_natural_key: str

    def transaction(self) -> AbstractContextManager[None]:
        """A write transaction: commits at the end, rolls back on an exception.

        Raises:
            TransientError: the database is locked, gone or refused to serialise. Nothing was written, or, where the
                reason is LedgerCommitUnknown, all of it or nothing.
        """
        ...

    def reading(self) -> AbstractContextManager[None]:
        """A transaction that only reads, and stages what it looks for; it does not wait for writers."""
        ...

    def query(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> pl.DataFrame:
        """Rows as a frame of exactly this schema."""
        ...

    def stream(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> Iterator[pl.DataFrame]:
        """The same rows in parts of bounded size."""
        ...

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Runs a statement and tells how many rows it touched."""
        ...

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Adds rows to a table in bulk. Raises StateError where a key exists."""
        ...

    def stage(self, name: str, frame: pl.DataFrame) -> None:
        """Puts rows into a temporary table that is gone with the connection; replaces one of the same name."""
        ...

    def script(self, sql: str) -> None:
        """Runs several statements without values, in one transaction that no other script runs beside."""
        ...

    def now_us(self) -> int:
        """The ledger's time, in microseconds since 1970, UTC."""
        ...

    def close(self) -> None:
        """Gives the connection back. Never raises."""
        ...


def split_hash(name: str, prefix: str) -> list[pl.Expr]:
    """A UInt128 column as two signed 64-bit columns, for storing."""
    value = pl.col(name)
    return [
        (value // _HALF).cast(pl.UInt64).reinterpret(signed=True).alias(f"{prefix}_hi"),
        (value % _HALF).cast(pl.UInt64).reinterpret(signed=True).alias(f"{prefix}_lo"),
    ]


def join_hash(prefix: str, name: str) -> pl.Expr:
    """Two signed 64-bit columns as one UInt128 column."""
    high = pl.col(f"{prefix}_hi").reinterpret(signed=False).cast(pl.UInt128)
    low = pl.col(f"{prefix}_lo").reinterpret(signed=False).cast(pl.UInt128)
    return (high * pl.lit(_HALF, dtype=pl.UInt128) + low).alias(name)
