"""Batches of a driver as frames, while Python goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager as adbc
import adbc_driver_postgresql
import polars as pl
import psycopg
import pytest

from ponte.arrow_stream import stream_frames

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
