"""Keys that a database takes for the same, and that are not so to the letter, never overwrite each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from ponte.engine.ports import Delivery, Read, System
from ponte.errors import ConfigurationError

Make = Callable[..., System]
Rows = Callable[..., list[tuple[Any, ...]]]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...] = ("sku",)) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing)


async def _check_that_neither_overwrites_the_other(system: System, other: str, held: Rows) -> None:
    target = system.target("t")
    both = pl.DataFrame({"sku": ["abc", other], "name": ["first", "second"]})

    together = await target.deliver(deliver("create", both))
    later = await target.deliver(deliver("create", both[1:]))
    again = await target.deliver(deliver("create", both[:1].with_columns(name=pl.lit("newer"))))
    updated = await target.deliver(deliver("update", both[1:]))
    deleted = await target.deliver(deliver("delete", both[1:].select("sku")))
    found = await target.find(pl.DataFrame({"sku": [other, "abc"]}))

    assert together.select("outcome", "reason").rows() == [("done", None), ("rejected", "DuplicateAtTarget")]
    assert later["reason"].to_list() == ["DuplicateAtTarget"]
    assert again["outcome"].to_list() == ["done"]
    assert updated["reason"].to_list() == ["NotFound"]
    assert deleted.height == 1
    assert found["row"].to_list() == [1]
    assert held() == [("abc", "newer")]


@pytest.mark.needs("postgresql", "citext")
@pytest.mark.parametrize(
    ("before", "type_"),
    [
        ("CREATE EXTENSION citext", "citext"),
        (
            "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            "varchar(20) COLLATE loose",
        ),
    ],
    ids=["citext", "collation"],
)
async def test_keys_of_postgresql_that_differ_by_case(
    postgres_url: str, make_system: Make, before: str, type_: str
) -> None:
    def run(statement: str = "SELECT sku::text, name FROM t") -> list[tuple[Any, ...]]:
        with psycopg.connect(postgres_url) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    run(before)
    run(f"CREATE TABLE t (sku {type_} PRIMARY KEY, name text)")

    await _check_that_neither_overwrites_the_other(make_system(postgres_url, {"name": "t", "table": "t"}), "ABC", run)


@pytest.mark.needs("postgresql")
async def test_blanks_at_the_end_of_a_key_of_fixed_length_are_not_lost_in_silence(
    postgres_url: str, make_system: Make
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE t (sku char(5) PRIMARY KEY, name char(5))")
    system = make_system(postgres_url, {"name": "t", "table": "t", "key": ["sku"]})
    frame = pl.DataFrame({"sku": ["a", "a ", "b"], "name": ["first", "x", "y "]})

    answers = await system.target("t").deliver(deliver("create", frame))
    found = await system.target("t").find(pl.DataFrame({"sku": ["a ", "a"]}))
    read = [b async for b in system.source("t").read(Read("keys", 9, keys=pl.DataFrame({"sku": ["b ", "a"]})))]

    assert answers["reason"].to_list() == [None, "NotConvertible", None]
    assert "trim" in answers["message"][1]
    assert found["row"].to_list() == [1]
    assert [batch.frame.rows() for batch in read] == [[("a", "first")]]


@pytest.mark.parametrize(
    ("table", "other"),
    [
        ("CREATE TABLE t (sku TEXT COLLATE NOCASE PRIMARY KEY, name TEXT)", "ABC"),
        ("CREATE TABLE t (sku TEXT COLLATE RTRIM UNIQUE, name TEXT) STRICT", "abc "),
        ("CREATE TABLE t (sku TEXT, name TEXT); CREATE UNIQUE INDEX i ON t (sku COLLATE NOCASE)", "Abc"),
    ],
    ids=["case", "blanks", "index"],
)
async def test_keys_of_sqlite_that_its_collation_takes_for_one(
    tmp_path: Path, make_system: Make, table: str, other: str
) -> None:
    path = tmp_path / "shop.db"

    def held() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT sku, name FROM t").fetchall()

    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(table)

    await _check_that_neither_overwrites_the_other(
        make_system(f"sqlite:///{path}", {"name": "t", "table": "t"}), other, held
    )


async def test_keys_of_sqlite_that_an_index_keeps_apart_are_not_one_for_the_columns_collation(
    tmp_path: Path, make_system: Make
) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE t (sku TEXT COLLATE NOCASE, name TEXT); CREATE UNIQUE INDEX i ON t (sku COLLATE BINARY);"
            "INSERT INTO t VALUES ('abc', 'first'), ('ABC', 'second')"
        )
    system = make_system(f"sqlite:///{path}", {"name": "t", "table": "t"})

    answers = await system.target("t").deliver(deliver("update", pl.DataFrame({"sku": ["ABC"], "name": ["newer"]})))

    assert answers["outcome"].to_list() == ["done"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM t ORDER BY rowid").fetchall() == [("abc", "first"), ("ABC", "newer")]


@pytest.mark.needs("postgresql")
async def test_bytes_can_be_a_key_of_postgresql(postgres_url: str, make_system: Make) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE t (sku bytea PRIMARY KEY, name text)")
    system = make_system(postgres_url, {"name": "t", "table": "t", "key": ["sku"]})
    frame = pl.DataFrame({"sku": [b"\x00\xff", b"\\x41"], "name": ["first", "second"]})

    answers = await system.target("t").deliver(deliver("create", frame))
    found = await system.target("t").find(frame.select("sku"))
    read = [batch async for batch in system.source("t").read(Read("all", 1))]
    rest = [batch async for batch in system.source("t").read(Read("all", 9, resume=read[0].position))]

    assert set(answers["outcome"]) == {"done"}
    assert sorted(found["row"].to_list()) == [0, 1]
    assert [batch.frame.rows() for batch in rest] == [[(b"\\x41", "second")]]


async def test_bytes_are_no_key_that_is_looked_up_in_sqlite(tmp_path: Path, make_system: Make) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE t (sku BLOB PRIMARY KEY, name TEXT)")
    system = make_system(f"sqlite:///{tmp_path}/shop.db", {"name": "t", "table": "t", "key": ["sku"]})

    with pytest.raises(ConfigurationError, match=r"keys of bytes in SQLite \(sku\)"):
        await system.target("t").find(pl.DataFrame({"sku": [b"\xff"]}))
