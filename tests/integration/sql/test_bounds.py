"""Bounds and keys that a person gives: what no value of the column can be is said, and is never a fault of Ponte."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from ponte.engine.ports import Batch, Delivery, Read, System
from ponte.errors import ConfigurationError, UsageError

Make = Callable[..., System]

COLUMNS = "id integer PRIMARY KEY, n bigint, price numeric(10,2), day date, at timestamp, note varchar(30)"
ROWS = ("1, 5, 1.50, '2026-01-01', '2026-01-01 10:00:00.5', '2026-01-01T10:00'", "2, 9, 2.50, NULL, NULL, NULL")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with one table."""
    statements = [f"CREATE TABLE t ({COLUMNS})", *(f"INSERT INTO t VALUES ({row})" for row in ROWS)]
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "erp.db")) as lite, lite:
            for statement in statements:
                lite.execute(statement)
        return f"sqlite:///{tmp_path}/erp.db"
    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    return url


def table(cursor: str) -> dict[str, Any]:
    return {"name": "t", "table": "t", "key": ["id"], "cursor": {"field": cursor}}


async def read(system: System, request: Read) -> list[Batch]:
    return [batch async for batch in system.source("t").read(request)]


@pytest.mark.parametrize(
    ("cursor", "wrong", "example"),
    [
        ("n", "x", "1000"),
        ("n", "1.5", "1000"),
        ("n", "99999999999999999999", "1000"),
        ("price", "cheap", "12.50"),
        ("day", "yesterday", "2026-"),
        ("at", "23/11/2026", "2026-"),
        ("note", "x", "2026-"),
    ],
)
async def test_a_bound_that_is_no_value_of_the_cursor_is_a_wrong_command_line(
    url: str, make_system: Make, cursor: str, wrong: str, example: str
) -> None:
    system = make_system(url, table(cursor))

    with pytest.raises(UsageError, match=f"--from {wrong} .*such as --from {example}"):
        await read(system, Read("range", 10, lower=wrong))
    with pytest.raises(UsageError, match=f"--to {wrong} .*such as --to {example}"):
        await read(system, Read("range", 10, upper=wrong))


@pytest.mark.parametrize(
    ("cursor", "lower"),
    [("n", "5"), ("price", "1.5"), ("day", "2026-01-01"), ("at", "2026-01-01T10:00:00.5"), ("note", "2026-01-01")],
)
async def test_good_bounds_and_the_greatest_value_select_what_lies_between(
    url: str, make_system: Make, cursor: str, lower: str
) -> None:
    system = make_system(url, table(cursor))

    batches = await read(system, Read("range", 10, lower=lower, upper=await system.source("t").upper_bound()))

    assert batches[0].frame["id"][0] == 1


async def test_text_that_holds_no_times_may_have_any_bound(url: str, make_system: Make) -> None:
    query = {"query": "SELECT id, CAST('b' AS varchar(9)) AS note FROM t", "table": None}

    batches = await read(make_system(url, {**table("note"), **query}), Read("range", 10, lower="a", upper="c"))

    assert batches[0].frame["note"].to_list() == ["b", "b"]


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(
    ("type_", "good", "key"),
    [("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC999C0B4EF8BB6D6BB9BD380A11"), ("colour", "red", "red")],
)
async def test_a_key_that_its_type_does_not_know_is_not_there(
    postgres_url: str, make_system: Make, type_: str, good: str, key: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TYPE colour AS ENUM ('red', 'green')")
        connection.execute(f"CREATE TABLE k (id {type_} PRIMARY KEY)".encode())
        connection.execute(f"INSERT INTO k VALUES ('{good}')".encode())
    system = make_system(postgres_url, {"name": "t", "table": "k", "key": ["id"]})
    keys = pl.DataFrame({"id": ["garbage", key]})

    (batch,) = await read(system, Read("keys", 10, keys=keys))

    assert batch.frame["id"].to_list() == [good]
    assert (await system.target("t").find(keys))["row"].to_list() == [1]


@pytest.mark.needs("postgresql")
async def test_what_the_database_refuses_as_a_whole_is_a_wrong_configuration(
    postgres_url: str, make_system: Make
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE k (id inet PRIMARY KEY)")
        connection.execute("INSERT INTO k VALUES ('10.0.0.1')")
    objects = ({"name": "t", "table": "k", "key": ["id"]}, {"name": "q", "query": "SELECT 1 / 0 AS id"})
    system = make_system(postgres_url, *objects)
    keys, target = pl.DataFrame({"id": ["garbage"]}), system.target("t")

    with pytest.raises(ConfigurationError, match="object t: the database refused") as failure:
        await read(system, Read("keys", 10, keys=keys))
    assert "garbage" not in failure.value.message
    with pytest.raises(ConfigurationError, match="object t: the database refused"):
        await target.find(keys)
    with pytest.raises(ConfigurationError, match=r"object q: the database refused.*22012"):
        _ = [batch async for batch in system.source("q").read(Read("all", 10))]

    assert (await target.find(pl.DataFrame({"id": ["10.0.0.1"]})))["row"].to_list() == [0]


async def test_a_constraint_that_sqlite_checks_at_commit_is_told_and_nothing_is_written(
    tmp_path: Path, make_system: Make
) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as lite, lite:
        lite.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
        lite.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED)")
    target = make_system(f"sqlite:///{tmp_path}/a.db", {"name": "t", "table": "t"}).target("t")
    nothing = pl.Series([None, None], dtype=pl.String)

    for parents, is_refused in (([None, 9], True), ([None, None], False)):
        delivery = Delivery("create", pl.DataFrame({"id": [1, 2], "p": parents}), ("id",), nothing, nothing)
        if is_refused:
            with pytest.raises(ConfigurationError, match=r"FOREIGN KEY.*DEFERRABLE"):
                await target.deliver(delivery)
            assert (await target.find(pl.DataFrame({"id": [1, 2]}))).is_empty()
        else:
            assert (await target.deliver(delivery))["outcome"].to_list() == ["done", "done"]
