"""Two that write to one MariaDB: who waits too long, or is in a deadlock, is tried again; nothing is left half done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pymysql
import pytest

from mariadb import MariadbServer
from ponte.connectors.sql.mysql import session as mysql_session
from ponte.engine.ports import Delivery, Read, System
from ponte.errors import TransientError

pytestmark = pytest.mark.needs("mariadb")

Make = Callable[..., System]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...]) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing)


@pytest.fixture
def other(mariadb_server: MariadbServer, mariadb_url: str) -> Iterator[Any]:
    """Another program's connection, in a transaction of its own."""
    database = urlsplit(mariadb_url).path.removeprefix("/")
    with pymysql.connect(unix_socket=str(mariadb_server.socket), user="root", database=database) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id int PRIMARY KEY, n int) ENGINE=InnoDB")
            cursor.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
            connection.commit()
            yield cursor
        connection.rollback()


def _rows(cursor: Any) -> list[tuple[Any, ...]]:
    cursor.connection.commit()
    cursor.execute("SELECT id, n FROM t ORDER BY id")
    return list(cursor.fetchall())


async def test_a_lock_that_is_not_given_in_time_is_tried_again_later(
    mariadb_url: str, make_system: Make, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, soon = "innodb_lock_wait_timeout = 50", "innodb_lock_wait_timeout = 1"
    assert long in mysql_session.SETTINGS
    monkeypatch.setattr(mysql_session, "SETTINGS", mysql_session.SETTINGS.replace(long, soon))
    target = make_system(mariadb_url, {"name": "t", "table": "t"}).target("t")
    delivery = deliver("create", pl.DataFrame({"id": [3, 1], "n": [7, 7]}), ("id",))
    other.execute("SELECT * FROM t WHERE id = 1 FOR UPDATE")

    with pytest.raises(TransientError, match="error 1205"):
        await target.deliver(delivery)
    left = _rows(other)
    answers = await target.deliver(delivery)

    assert left == [(1, 0), (2, 0)]
    assert answers["outcome"].to_list() == ["done", "done"]
    assert _rows(other) == [(1, 7), (2, 0), (3, 7)]


async def test_the_victim_of_a_deadlock_is_tried_again(mariadb_url: str, make_system: Make, other: Any) -> None:
    other.execute("ALTER TABLE t ADD COLUMN pad char(1)")
    other.execute(f"INSERT INTO t (id, n) VALUES {', '.join(f'({n}, 0)' for n in range(10, 2000))}")
    other.connection.commit()
    target = make_system(mariadb_url, {"name": "t", "table": "t"}).target("t")
    delivery = deliver("update", pl.DataFrame({"id": [1, 2], "n": [7, 7]}), ("id",))
    other.execute("UPDATE t SET n = n + 1 WHERE id >= 2")  # heavier: the server ends the lighter one

    delivering = asyncio.create_task(target.deliver(delivery))
    await _until_somebody_waits(other)
    await asyncio.to_thread(other.execute, "UPDATE t SET n = n + 1 WHERE id = 1")
    with pytest.raises(TransientError, match="error 1213"):
        await delivering
    other.connection.commit()
    answers = await target.deliver(delivery)

    assert answers["outcome"].to_list() == ["done", "done"]
    assert _rows(other)[:2] == [(1, 7), (2, 7)]


async def _until_somebody_waits(cursor: Any) -> None:
    for _ in range(2000):
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
        if int(cursor.fetchone()[1]):
            return
        await asyncio.sleep(0.005)
    pytest.fail("nobody waits for the lock")


async def test_bytes_can_be_a_key(mariadb_url: str, make_system: Make, other: Any) -> None:
    other.execute("CREATE TABLE b (id binary(16) PRIMARY KEY, n int)")
    keys = [bytes(range(16)), b"\x00" * 15 + b"\xff", b"a\\b\t\n'\"\x00\x1a" + b"\x80" * 7]
    system = make_system(mariadb_url, {"name": "b", "table": "b", "key": ["id"]})
    target = system.target("b")
    frame = pl.DataFrame({"id": keys, "n": [1, 2, 3]})

    created = await target.deliver(deliver("create", frame, ("id",)))
    updated = await target.deliver(deliver("update", frame[1:2].with_columns(n=pl.lit(9)), ("id",)))
    deleted = await target.deliver(deliver("delete", frame[:1].select("id"), ("id",)))

    assert [set(answers["outcome"]) for answers in (created, updated, deleted)] == [{"done"}] * 3
    other.execute("SELECT id, n FROM b ORDER BY n")
    assert list(other.fetchall()) == [(keys[2], 3), (keys[1], 9)]
    found = await target.find(frame.select("id"))
    wanted = Read("keys", 9, keys=frame.select("id"))
    by_key = [batch async for batch in system.source("b").read(wanted)]
    assert sorted(found["row"].to_list()) == [1, 2]
    assert sorted(row for batch in by_key for row in batch.frame.rows()) == sorted([(keys[1], 9), (keys[2], 3)])
    read = [batch async for batch in system.source("b").read(Read("all", 1))]
    rest = [batch async for batch in system.source("b").read(Read("all", 9, resume=read[0].position))]
    assert [row for batch in rest for row in batch.frame.rows()] == read[1].frame.rows()
    assert sorted(row for batch in read for row in batch.frame.rows()) == sorted([(keys[1], 9), (keys[2], 3)])
