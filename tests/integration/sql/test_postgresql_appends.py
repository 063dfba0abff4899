"""New records go straight into a table of PostgreSQL where they can; nobody can tell from what is there afterwards."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg
import pytest

from ponte.connectors.sql.postgresql import PostgresqlSession
from ponte.engine.ports import Delivery, System, Target

pytestmark = pytest.mark.needs("postgresql")

Make = Callable[..., System]


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def creation(**columns: list[Any]) -> Delivery:
    frame = pl.DataFrame(columns)
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery("create", frame, ("id",), nothing, nothing)


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Heights of the frames that went through a stage."""
    seen: list[int] = []
    stage = PostgresqlSession.stage

    def watched(self: PostgresqlSession, name: str, columns: Any, frame: pl.DataFrame, key: Any) -> Any:
        seen.append(frame.height)
        return stage(self, name, columns, frame, key)

    monkeypatch.setattr(PostgresqlSession, "stage", watched)
    return seen


def items(url: str, make_system: Make) -> Target:
    return make_system(url, {"name": "t", "table": "t", "key": ["id"]}).target("t")


async def test_new_records_need_no_stage(postgres_url: str, make_system: Make, staged: list[int]) -> None:
    execute(postgres_url, 'CREATE SCHEMA "Odd one"', 'CREATE TABLE "Odd one"."T" (id int PRIMARY KEY, n numeric(9,2))')
    target = make_system(postgres_url, {"name": "t", "table": "Odd one.T", "key": ["id"]}).target("t")

    answers = await target.deliver(creation(id=[1, 2], n=["1.50", None]))

    assert answers["outcome"].to_list() == ["done", "done"]
    assert execute(postgres_url, 'SELECT * FROM "Odd one"."T" ORDER BY id') == [(1, Decimal("1.50")), (2, None)]
    assert staged == []


async def test_what_is_there_already_is_updated_and_the_rest_added(
    postgres_url: str, make_system: Make, staged: list[int]
) -> None:
    execute(postgres_url, "CREATE TABLE t (id int PRIMARY KEY, name text)", "INSERT INTO t VALUES (2, 'old')")
    target = items(postgres_url, make_system)

    first = await target.deliver(creation(id=[1, 2, 3], name=["a", "b", "c"]))
    second = await target.deliver(creation(id=[4, 5], name=["d", "e"]))

    assert [*first["outcome"], *second["outcome"]] == ["done"] * 5
    assert execute(postgres_url, "SELECT string_agg(id || name, ' ' ORDER BY id) FROM t") == [("1a 2b 3c 4d 5e",)]
    assert staged == [3, 2], "a table that had some records is not tried again"


async def test_a_record_that_the_database_refuses_is_rejected_alone(postgres_url: str, make_system: Make) -> None:
    execute(postgres_url, "CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n > 0), code text UNIQUE)")
    target = items(postgres_url, make_system)

    answers = await target.deliver(creation(id=[1, 2, 3, 4], n=[1, -1, 3, 4], code=["a", "b", "a", "d"]))

    assert answers["outcome"].to_list() == ["done", "rejected", "rejected", "done"]
    assert execute(postgres_url, "SELECT id FROM t ORDER BY id") == [(1,), (4,)]


async def test_a_record_that_cannot_be_stored_does_not_keep_the_others_from_going_straight_in(
    postgres_url: str, make_system: Make, staged: list[int]
) -> None:
    execute(postgres_url, "CREATE TABLE t (id int PRIMARY KEY, code varchar(2))")
    target = items(postgres_url, make_system)

    answers = await target.deliver(creation(id=[1, 2, 3], code=["ab", "abc", "c"]))

    assert answers["outcome"].to_list() == ["done", "rejected", "done"]
    assert execute(postgres_url, "SELECT * FROM t ORDER BY id") == [(1, "ab"), (3, "c")]
    assert staged == []


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        pytest.param("v float4", "1.5", id="a type that the driver does not send"),
        pytest.param("v interval", "00:00:01.5", id="a type that travels as text"),
    ],
)
async def test_a_type_that_must_be_cast_goes_through_a_stage(
    postgres_url: str, make_system: Make, staged: list[int], declared: str, stored: str
) -> None:
    execute(postgres_url, f"CREATE TABLE t (id int PRIMARY KEY, {declared})")

    answers = await items(postgres_url, make_system).deliver(creation(id=[1], v=["1.5"]))

    assert answers["outcome"].to_list() == ["done"]
    assert execute(postgres_url, "SELECT v::text FROM t") == [(stored,)]
    assert staged == [1]


async def test_a_table_with_row_security_goes_through_a_stage(
    postgres_url: str, make_system: Make, staged: list[int]
) -> None:
    """PostgreSQL's COPY refuses such a table to all but its owner."""
    execute(
        postgres_url,
        "CREATE TABLE t (id int PRIMARY KEY)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    )

    answers = await items(postgres_url, make_system).deliver(creation(id=[1]))

    assert answers["outcome"].to_list() == ["done"]
    assert staged == [1]


async def test_every_type_that_goes_straight_in_arrives_as_it_is(
    postgres_url: str, make_system: Make, staged: list[int]
) -> None:
    execute(
        postgres_url,
        """CREATE TABLE t (id int8 PRIMARY KEY, i2 int2, i4 int4, n numeric(20,5), free numeric, f float8, c char(5),
           v varchar(9), b bool, d date, ts timestamp, tz timestamptz, bytes bytea)""",
    )
    given = creation(
        id=["9223372036854775807"], i2=["-32768"], i4=["2147483647"], n=["123456789012345.67890"], free=["-0.25"],
        f=["0.1"], c=["ab"], v=["Mouse"], b=["true"], d=["2026-11-25"], ts=["2026-11-25T10:15:00.123456"],
        tz=["2026-11-25T10:15:00.123456+02:00"], bytes=[b"\x00x"],
    )  # fmt: skip

    answers = await items(postgres_url, make_system).deliver(given)

    assert answers["outcome"].to_list() == ["done"]
    (row,) = execute(postgres_url, "SET TimeZone TO UTC", "SELECT t::text FROM t")
    assert row[0] == (
        '(9223372036854775807,-32768,2147483647,123456789012345.67890,-0.25,0.1,"ab   ",Mouse,t,2026-11-25,'
        '"2026-11-25 10:15:00.123456","2026-11-25 08:15:00.123456+00","\\\\x0078")'
    )
    assert staged == []
