"""PostgreSQL as it is: its types, its constraints, its odd names, its ways to fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.engine.ports import Batch, Delivery, Read, System
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError
from ponte.manifests.references import References

pytestmark = pytest.mark.needs("postgresql")

Make = Callable[..., System]

END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def execute(url: str, *statements: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def read(system: System, name: str, request: Read | None = None) -> list[Batch]:
    return [batch async for batch in system.source(name).read(request or Read("all", 100))]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...], **options: Any) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing, **options)


async def test_each_type_is_read_exactly(postgres_url: str, make_system: Make) -> None:
    execute(
        postgres_url,
        "CREATE DOMAIN money_amount AS numeric(14,4)",
        "CREATE TYPE colour AS ENUM ('red', 'green')",
        """CREATE TABLE t (i2 int2, i4 int4, i8 int8, n numeric(20,5), free numeric, dom money_amount, c char(5),
           e colour, u uuid, j jsonb, ts timestamptz, iv interval, arr int[], b bytea, tm time, f float8)""",
        """INSERT INTO t VALUES (-32768, 2147483647, 9223372036854775807, 123456789012345.67890, 0.10, 12.5, 'ab',
           'red', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1.10}', '2026-11-23 10:15:00.123456+02', '1 day',
           '{1,2}', 'x', '10:00', 0.1)""",
    )
    system = make_system(postgres_url, {"name": "t", "table": "t"})

    (batch,) = await read(system, "t")
    row = batch.frame.row(0, named=True)

    assert (row["i2"], row["i4"], row["i8"]) == (-32768, 2147483647, 9223372036854775807)
    assert row["n"] == Decimal("123456789012345.67890")
    assert row["free"] == Decimal("0.10")
    assert row["dom"] == Decimal("12.5000")
    assert (row["c"], row["e"], row["u"]) == ("ab", "red", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    assert row["j"] == '{"a": 1.10}'
    assert row["ts"].isoformat() == "2026-11-23T08:15:00.123456+00:00"
    assert (row["iv"], row["arr"], row["b"], row["tm"]) == ("1 day", "{1,2}", b"x", "10:00:00")
    assert batch.faults is None


async def test_what_has_no_exact_value_is_a_fault_of_its_record_only(postgres_url: str, make_system: Make) -> None:
    execute(
        postgres_url,
        "CREATE TABLE t (id int PRIMARY KEY, n numeric, d date, ts timestamp)",
        """INSERT INTO t VALUES (1, 1.5, '2026-01-01', '2026-01-01'), (2, 'NaN', 'infinity', '-infinity'),
           (3, 2.5, '0044-03-15 BC', '20000-01-01')""",
    )
    system = make_system(postgres_url, {"name": "t", "table": "t", "key": ["id"]})

    (batch,) = await read(system, "t")

    assert batch.frame["n"].to_list() == [Decimal("1.5"), None, Decimal("2.5")]
    assert batch.frame["d"].to_list() == [date(2026, 1, 1), None, None]
    assert batch.faults is not None
    assert set(batch.faults.select("row", "field").iter_rows()) == {
        (1, "n"),
        (1, "d"),
        (1, "ts"),
        (2, "d"),
        (2, "ts"),
    }


async def test_numbers_of_a_query_are_exact_too(postgres_url: str, make_system: Make) -> None:
    query = "SELECT 1 AS id, 12345678901234567.89::numeric(19,2) AS price, 'x'::char(3) AS c, now() - now() AS never;"
    system = make_system(postgres_url, {"name": "q", "query": query, "key": ["id"]})

    (batch,) = await read(system, "q")

    assert batch.frame.row(0) == (1, Decimal("12345678901234567.89"), "x", "00:00:00")


async def test_names_may_hold_anything(postgres_url: str, make_system: Make) -> None:
    execute(
        postgres_url,
        'CREATE SCHEMA "Gestión; --"',
        'CREATE TABLE "Gestión; --"."ord""ers %s" ("k;ey" text PRIMARY KEY, "va lue %" int, "select" text)',
    )
    table = 'Gestión; --.ord"ers %s'
    system = make_system(postgres_url, {"name": "o", "table": table, "key": ["k;ey"]})
    frame = pl.DataFrame({"k;ey": ["'; DROP"], "va lue %": [7], "select": ["é"]})

    answers = await system.target("o").deliver(deliver("create", frame, ("k;ey",)))

    assert answers["outcome"].to_list() == ["done"]
    assert [batch.frame.rows() for batch in await read(system, "o")] == [[("'; DROP", 7, "é")]]


async def test_values_that_do_not_fit_are_rejected_and_never_cut_or_rounded(
    postgres_url: str, make_system: Make
) -> None:
    execute(
        postgres_url,
        "CREATE TABLE t (id int PRIMARY KEY, c varchar(3), n numeric(5,2), s smallint, d date, ts timestamp)",
    )
    system = make_system(postgres_url, {"name": "t", "table": "t"})
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3, 4, 5, 6, 7],
            "c": ["abc", "abcd", "ab\0", "a", "a", "a", "a"],
            "n": [Decimal("1.10"), Decimal("1.10"), Decimal("1.10"), Decimal("1.105"), Decimal("1000.00"), None, None],
            "s": [1, 1, 1, 1, 1, 40000, 1],
            "d": ["2026-01-31"] * 6 + ["31/01/2026"],
        },
        schema_overrides={"n": pl.Decimal(10, 3)},
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    rejected = answers.filter(pl.col("outcome") == "rejected").select("row", "field", "reason").rows()
    assert rejected == [
        (1, "c", "TooLong"),
        (2, "c", "InvalidText"),
        (3, "n", "NotConvertible"),
        (4, "n", "NotConvertible"),
        (5, "s", "NotConvertible"),
        (6, "d", "NotConvertible"),
    ]
    assert execute(postgres_url, "SELECT id, c, n, s, d FROM t") == [(1, "abc", Decimal("1.10"), 1, date(2026, 1, 31))]


async def test_each_broken_constraint_names_its_reason(postgres_url: str, make_system: Make) -> None:
    execute(
        postgres_url,
        "CREATE TABLE category (id int PRIMARY KEY)",
        "INSERT INTO category VALUES (1)",
        """CREATE TABLE t (id int PRIMARY KEY, category int REFERENCES category, code text UNIQUE,
           n int CONSTRAINT positive CHECK (n > 0), needed text NOT NULL)""",
        "INSERT INTO t VALUES (100, 1, 'taken', 1, 'x')",
    )
    system = make_system(postgres_url, {"name": "t", "table": "t"})
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3, 4, 5],
            "category": [1, 9, 1, 1, 1],
            "code": ["a", "b", "taken", "d", "e"],
            "n": [1, 1, 1, 0, 1],
            "needed": ["x", "x", "x", "x", None],
        }
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert answers.select("outcome", "reason").rows() == [
        ("done", None),
        ("rejected", "ReferenceMissing"),
        ("rejected", "DuplicateAtTarget"),
        ("rejected", "CheckFailed"),
        ("rejected", "RequiredFieldMissing"),
    ]
    assert "positive" in answers["message"][3]
    assert "taken" not in "".join(answers["message"].drop_nulls())
    assert execute(postgres_url, "SELECT count(*) FROM t") == [(2,)]


async def test_a_constraint_that_is_checked_at_commit_blames_its_record(postgres_url: str, make_system: Make) -> None:
    execute(
        postgres_url,
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    )
    system = make_system(postgres_url, {"name": "t", "table": "t"})
    frame = pl.DataFrame({"id": [1, 2], "parent": [None, 5]})

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert answers["outcome"].to_list() == ["done", "rejected"]
    assert execute(postgres_url, "SELECT id FROM t") == [(1,)]


async def test_what_is_missing_is_named_with_the_nearest_name(postgres_url: str, make_system: Make) -> None:
    execute(postgres_url, "CREATE TABLE articles (sku text PRIMARY KEY, price numeric(10,2), owner text NOT NULL)")
    system = make_system(
        postgres_url, {"name": "wrong", "table": "artikles"}, {"name": "articles", "table": "articles", "key": ["sku"]}
    )

    with pytest.raises(ConfigurationError, match="articles"):
        await read(system, "wrong")
    with pytest.raises(ConfigurationError, match="'price'"):
        await read(system, "articles", Read("all", 10, columns=("prise",)))
    with pytest.raises(ConfigurationError, match="'price'"):
        await system.target("articles").deliver(deliver("create", pl.DataFrame({"sku": ["a"], "prize": [1]}), ("sku",)))
    with pytest.raises(ConfigurationError, match="owner must not be empty"):
        await system.target("articles").deliver(deliver("create", pl.DataFrame({"sku": ["a"]}), ("sku",)))


async def test_a_reading_sees_one_state_whatever_is_written_meanwhile(postgres_url: str, make_system: Make) -> None:
    execute(postgres_url, "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 60000) AS i")
    system = make_system(postgres_url, {"name": "t", "table": "t"})

    count = 0
    async for batch in system.source("t").read(Read("all", 1000)):
        if count == 0:
            execute(postgres_url, "DELETE FROM t", "INSERT INTO t VALUES (0)")
        count += batch.frame.height

    assert count == 60000


async def test_a_reading_may_be_left_in_the_middle(postgres_url: str, make_system: Make) -> None:
    execute(postgres_url, "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100000) AS i")
    system = make_system(postgres_url, {"name": "t", "table": "t"})

    reading = system.source("t").read(Read("all", 10))
    await anext(aiter(reading))
    await reading.aclose()  # type: ignore[attr-defined]

    assert (await system.probe()).ok


async def test_a_wrong_password_is_refused_without_showing_it(postgres_server: Any, make_system: Make) -> None:
    hba = postgres_server.data / "pg_hba.conf"
    before = hba.read_text()
    postgres_server.run("CREATE ROLE locked LOGIN PASSWORD 'right'")
    try:
        hba.write_text("local all locked scram-sha-256\n" + before)
        postgres_server.run("SELECT pg_reload_conf()")
        references = References(environment={"PONTE_SECRET_LOGIN_PASSWORD": "canary/wrong@:%"})
        system = make_system(
            postgres_server.url("postgres"),
            {"name": "t", "table": "t"},
            references=references,
            username={"value": "locked"},
            password={"secretRef": {"name": "login", "key": "password"}},
        )
        probe = await system.probe()
        with pytest.raises(CredentialsRefused) as refused:
            await read(system, "t")
        bare = make_system(postgres_server.url("postgres"), {"name": "t", "table": "t"}, username={"value": "locked"})
        without = await bare.probe()
    finally:
        hba.write_text(before)
        postgres_server.run("SELECT pg_reload_conf()")
        postgres_server.run("DROP ROLE locked")

    assert (probe.reason, without.reason) == ("CredentialsRefused", "CredentialsRefused")
    assert "canary" not in str(refused.value) + repr(refused.value.__cause__) + probe.message


async def test_a_server_that_is_not_there_is_a_passing_trouble(make_system: Make) -> None:
    system = make_system("postgresql://127.0.0.1:1/erp", {"name": "t", "table": "t"})

    with pytest.raises(TransientError, match="erp"):
        await read(system, "t")


async def test_a_database_that_is_not_there_is_a_wrong_configuration(postgres_server: Any, make_system: Make) -> None:
    system = make_system(postgres_server.url("nothing"), {"name": "t", "table": "t"})

    with pytest.raises(ConfigurationError, match="nothing"):
        await read(system, "t")


async def test_a_lost_connection_is_an_error_before_the_commit_and_the_next_call_heals(
    postgres_url: str, make_system: Make
) -> None:
    execute(postgres_url, "CREATE TABLE t (id int PRIMARY KEY)")
    system = make_system(postgres_url, {"name": "t", "table": "t"})
    target = system.target("t")
    await target.deliver(deliver("create", pl.DataFrame({"id": [1]}), ("id",)))
    execute(postgres_url, END_OTHERS)

    with pytest.raises(TransientError):
        await target.deliver(deliver("create", pl.DataFrame({"id": [2]}), ("id",)))
    answers = await target.deliver(deliver("create", pl.DataFrame({"id": [3]}), ("id",)))

    assert answers["outcome"].to_list() == ["done"]
    assert execute(postgres_url, "SELECT id FROM t ORDER BY id") == [(1,), (3,)]


async def test_a_connection_that_breaks_in_the_commit_leaves_the_outcome_unknown(
    postgres_url: str, make_system: Make
) -> None:
    execute(postgres_url, "CREATE TABLE t (id int PRIMARY KEY)")
    system = make_system(postgres_url, {"name": "t", "table": "t"})
    target = system.target("t")
    await target.deliver(deliver("create", pl.DataFrame({"id": [1]}), ("id",)))
    session = target._held[0]
    execute_ = session.execute

    def break_at_commit(statement: str, parameters: Any = ()) -> None:
        if statement == "COMMIT":
            execute(postgres_url, END_OTHERS)
        execute_(statement, parameters)

    session.execute = break_at_commit

    answers = await target.deliver(deliver("create", pl.DataFrame({"id": [2]}), ("id",)))

    assert answers.select("outcome", "reason").rows() == [("unknown", "CommitLost")]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20), min_size=1
    )
)
async def test_every_decimal_survives_the_way_in_and_out(
    postgres_url: str, make_system: Make, numbers: list[Decimal]
) -> None:
    execute(postgres_url, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id int PRIMARY KEY, n numeric, m numeric(30,6))")
    system = make_system(postgres_url, {"name": "t", "table": "t", "key": ["id"]})
    frame = pl.DataFrame(
        {"id": range(len(numbers)), "n": numbers, "m": numbers},
        schema={"id": pl.Int64, "n": pl.Decimal(38, 6), "m": pl.Decimal(38, 6)},
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))
    (batch,) = await read(system, "t", Read("all", 1000))
    await system.close()

    assert set(answers["outcome"]) == {"done"}
    stored = execute(postgres_url, "SELECT n, m FROM t ORDER BY id")
    assert stored == [(number, number) for number in numbers]
    assert batch.frame["n"].to_list() == batch.frame["m"].to_list() == numbers


async def test_nested_values_go_into_json_columns_exactly(postgres_url: str, make_system: Make) -> None:
    execute(postgres_url, "CREATE TABLE t (id int PRIMARY KEY, doc jsonb)")
    system = make_system(postgres_url, {"name": "t", "table": "t"})
    struct = pl.Struct({"price": pl.Decimal(19, 2), "day": pl.Date, "tags": pl.List(pl.String)})
    rows = [{"price": Decimal("12345678901234567.89"), "day": date(2026, 1, 1), "tags": ['a"b', "é"]}, None]
    frame = pl.DataFrame({"id": [1, 2], "doc": rows}, schema={"id": pl.Int64, "doc": struct})

    await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert execute(postgres_url, "SELECT doc->>'price', doc->'tags'->>0 FROM t ORDER BY id") == [
        ("12345678901234567.89", 'a"b'),
        (None, None),
    ]


async def test_times_are_stored_as_the_same_instant(postgres_url: str, make_system: Make) -> None:
    execute(postgres_url, "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, plain timestamp)")
    system = make_system(postgres_url, {"name": "t", "table": "t"})
    moment = datetime.fromisoformat("2026-11-23T10:15:00.123456+02:00")
    frame = pl.DataFrame(
        {"id": [1], "at": [moment], "plain": [moment.replace(tzinfo=None)]},
        schema={"id": pl.Int64, "at": pl.Datetime("us", "Europe/Rome"), "plain": pl.Datetime("us")},
    )

    await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert execute(postgres_url, "SELECT at = '2026-11-23 08:15:00.123456+00', plain::text FROM t") == [
        (True, "2026-11-23 10:15:00.123456")
    ]


async def test_a_server_that_is_away_is_told_with_the_reason_and_without_its_address(make_system: Make) -> None:
    probe = await make_system("postgresql://127.0.0.1:1/erp", {"name": "t", "table": "t"}).probe()

    assert (probe.ok, probe.reason) == (False, "ConnectionLost")
    assert probe.message.endswith("the database cannot be reached: Connection refused.")
    assert "127.0.0.1" not in probe.message
