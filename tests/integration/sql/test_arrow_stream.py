"""Batches of a driver as frames, while Python goes on; and frames for a driver, in pieces."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import adbc_driver_manager as adbc
import adbc_driver_postgresql
import polars as pl
import psycopg
import pytest

from ponte.arrow_stream import in_pieces, stream_frames

pytestmark = pytest.mark.needs("postgresql")


@contextmanager
def streamed(url: str, query: str) -> Iterator[Iterator[pl.DataFrame]]:
    """The frames of a query, in batches of few rows."""
    database = adbc.AdbcDatabase(driver=adbc_driver_postgresql._driver_path(), uri=url)
    connection = adbc.AdbcConnection(database)
    statement = adbc.AdbcStatement(connection)
    statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": "1000"})
    statement.set_sql_query(query)
    handle, _ = statement.execute_query()
    yield stream_frames(handle)
    for part in (statement, connection, database):
        part.close()


def test_every_row_comes_once_and_in_order(postgres_url: str) -> None:
    with streamed(postgres_url, "SELECT n FROM generate_series(1, 1000) AS n") as frames:
        parts = list(frames)

    assert len(parts) > 1
    assert pl.concat(parts)["n"].to_list() == list(range(1, 1001))


def test_no_rows_are_no_frames_or_empty_ones(postgres_url: str) -> None:
    with streamed(postgres_url, "SELECT n FROM generate_series(1, 0) AS n") as frames:
        assert sum(frame.height for frame in frames) == 0


def test_a_stream_that_breaks_says_why(postgres_url: str) -> None:
    query = "SELECT 1 / (900 - n) AS n FROM generate_series(1, 1000) AS n"
    with streamed(postgres_url, query) as frames, pytest.raises(RuntimeError, match="division by zero"):
        list(frames)


def test_other_threads_go_on_while_a_batch_is_awaited(postgres_url: str) -> None:
    """The server waits in the middle for a lock that only the other thread gives back: with the GIL held it hangs."""
    query = "SELECT n, CASE WHEN n = 9000 THEN pg_advisory_lock(1)::text END FROM generate_series(1, 10000) AS n"
    is_held = threading.Event()

    def give_back_when_wanted() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(1)")
            is_held.set()
            while connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:
                continue
            connection.execute("SELECT pg_advisory_unlock(1)")

    holder = threading.Thread(target=give_back_when_wanted)
    holder.start()
    is_held.wait()
    with streamed(postgres_url, query) as frames:
        assert sum(frame.height for frame in frames) == 10_000
    holder.join()


def every_kind(rows: int) -> pl.DataFrame:
    """Values of each kind that Ponte writes, with nulls at places that do not fall together with those of bytes."""
    moment = datetime(2026, 3, 29, tzinfo=UTC)
    return pl.DataFrame(
        [
            pl.Series("number", [None if n % 7 == 3 else n for n in range(rows)], dtype=pl.Int64),
            pl.Series(
                "text", [None if n % 5 == 1 else f"Article è {n} " + "of some length" * (n % 4) for n in range(rows)]
            ),
            pl.Series(
                "price", [None if n % 11 == 2 else Decimal(n) / 100 for n in range(rows)], dtype=pl.Decimal(12, 2)
            ),
            pl.Series("is_active", [None if n % 13 == 0 else n % 3 == 0 for n in range(rows)]),
            pl.Series("day", [date(2026, 1, 1) + timedelta(n % 400) for n in range(rows)]),
            pl.Series("moment", [moment + timedelta(seconds=n) for n in range(rows)], dtype=pl.Datetime("us", "UTC")),
            pl.Series("bytes", [None if n % 17 == 4 else bytes([n % 256]) * (n % 20) for n in range(rows)]),
        ]
    )


def test_a_frame_in_pieces_is_the_same_frame() -> None:
    frame = every_kind(3001)

    pieces = pl.DataFrame(in_pieces(frame))

    assert pieces.n_chunks() > 3
    assert pieces.equals(frame)


def test_few_rows_stay_in_one_piece() -> None:
    frame = every_kind(20)

    assert in_pieces(frame) is frame
    assert in_pieces(frame.clear()).height == 0


def test_a_database_stores_each_value_of_each_piece(postgres_url: str) -> None:
    frame = every_kind(3001)
    database = adbc.AdbcDatabase(driver=adbc_driver_postgresql._driver_path(), uri=postgres_url)
    connection = adbc.AdbcConnection(database)
    statement = adbc.AdbcStatement(connection)
    statement.set_options(
        **{
            "adbc.ingest.target_table": "pieces",
            "adbc.ingest.mode": "adbc.ingest.mode.create",
            "adbc.ingest.temporary": "true",
        }
    )
    statement.bind_stream(in_pieces(frame))
    statement.execute_update()
    statement.set_sql_query(
        "SELECT number, text, price::text, is_active, day, moment, bytes FROM pieces ORDER BY moment"
    )
    stored = pl.concat(list(stream_frames(statement.execute_query()[0])))
    for part in (statement, connection, database):
        part.close()

    assert stored.with_columns(pl.col("price").cast(pl.Decimal(12, 2))).rows() == frame.rows()
