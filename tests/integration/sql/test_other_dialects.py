"""Databases that Ponte knows only by SQLAlchemy: Firebird as a server, DuckDB as a file. Values, parts, faults."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from firebird_server import PASSWORD, USER, FirebirdDatabase, FirebirdServer
from ponte.connectors.registry import connect
from ponte.connectors.sql.alchemy import session
from ponte.engine.ports import Batch, Read, System
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource

firebird_is_here = pytest.mark.needs("firebird")
duckdb_is_here = pytest.mark.needs("duckdb_sqlalchemy")


class _Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        return None


def _system(url: str, *objects: dict[str, Any], user: str = "", password: str = "") -> System:
    settings: dict[str, Any] = {"url": {"value": url}}
    if user:
        login = {"username": {"value": user}, "password": {"secretRef": {"name": "login", "key": "password"}}}
        settings |= login
    source = SyncSource.model_validate(
        {
            "apiVersion": "ponte.dev/v1alpha1",
            "kind": "SyncSource",
            "metadata": {"name": "erp"},
            "spec": {"sql": settings, "objects": list(objects)},
        }
    )
    return connect(source, References(environment={"PONTE_SECRET_LOGIN_PASSWORD": password}), _Clock())


def _firebird(database: FirebirdDatabase, *objects: dict[str, Any]) -> System:
    return _system(database.url, *objects, user=USER, password=PASSWORD)


def _duckdb(path: Path, *statements: str) -> str:
    import duckdb  # noqa: PLC0415 - only where it is there

    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return f"duckdb:///{path}"


async def _read(system: System, name: str, read: Read | None = None) -> list[Batch]:
    return [batch async for batch in system.source(name).read(read or Read("all", 10))]


def _rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.frame.iter_rows(named=True)]


@firebird_is_here
async def test_each_type_of_firebird_arrives_exactly(firebird: FirebirdDatabase) -> None:
    firebird.run(
        "CREATE TABLE kinds (id integer NOT NULL PRIMARY KEY, n18 numeric(18,4), d9 decimal(9,2), big bigint,"
        " flag boolean, code char(8), raw varchar(4) CHARACTER SET OCTETS, memo blob SUB_TYPE TEXT, pic blob,"
        ' f double precision, "Mixed" varchar(10), t time, moment timestamp)',
        "INSERT INTO kinds VALUES (1, 12345678901234.5678, -0.10, 9223372036854775807, true, 'ab', x'00FF', 'città',"
        " x'0102', 0.1, 'x', time '08:15:30.5', timestamp '2026-02-28 23:59:59.9999')",
        "INSERT INTO kinds (id) VALUES (2)",
    )
    system = _firebird(firebird, {"name": "kinds", "table": "kinds", "key": ["id"]})

    full, empty = _rows(await _read(system, "kinds"))

    assert full == {
        "id": 1,
        "n18": Decimal("12345678901234.5678"),
        "d9": Decimal("-0.10"),
        "big": 9223372036854775807,
        "flag": True,
        "code": "ab",
        "raw": b"\x00\xff",
        "memo": "città",
        "pic": b"\x01\x02",
        "f": 0.1,
        "Mixed": "x",
        "t": "08:15:30.500000",
        "moment": datetime(2026, 2, 28, 23, 59, 59, 999900),  # noqa: DTZ001 - the column has no zone
    }
    assert empty == {"id": 2, **dict.fromkeys(list(full)[1:])}
    types = {field.name: field.type for field in await system.schema("kinds")}
    assert (types["n18"], types["d9"], types["moment"]) == ("decimal(18,4)", "decimal(9,2)", "datetime")


@duckdb_is_here
async def test_each_type_of_duckdb_arrives_exactly(tmp_path: Path) -> None:
    url = _duckdb(
        tmp_path / "dwh.duckdb",
        "CREATE TABLE kinds (id integer PRIMARY KEY, price decimal(38,10), huge hugeint, u uuid, tz timestamptz,"
        " j json, l integer[], e enum('a', 'b'), b blob, d date)",
        "INSERT INTO kinds VALUES (1, 1234567890123456789012345678.0123456789, 123456789012345678901234567890,"
        " '00112233-4455-6677-8899-aabbccddeeff', '2026-03-29 02:30:00+01', '{\"price\": 1.10}', [1, 2], 'b',"
        " '\\x00'::blob, '9999-12-31')",
    )

    (row,) = _rows(await _read(_system(url, {"name": "kinds", "table": "kinds", "key": ["id"]}), "kinds"))

    assert row == {
        "id": 1,
        "price": Decimal("1234567890123456789012345678.0123456789"),
        "huge": Decimal(123456789012345678901234567890),
        "u": "00112233-4455-6677-8899-aabbccddeeff",
        "tz": datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        "j": '{"price": 1.10}',
        "l": "[1, 2]",
        "e": "b",
        "b": b"\x00",
        "d": date(9999, 12, 31),
    }


@duckdb_is_here
async def test_a_value_beyond_64_bits_costs_its_record_only(tmp_path: Path) -> None:
    url = _duckdb(tmp_path / "dwh.duckdb", "CREATE TABLE t AS SELECT 1 AS id, 1::double AS x UNION ALL SELECT 2, 'nan'")
    query = {"name": "t", "query": "SELECT id, CAST(x AS varchar) AS x, 10::hugeint ** id AS big FROM t", "key": ["id"]}

    batches = await _read(_system(url, query), "t")

    assert sorted(row["id"] for row in _rows(batches)) == [1, 2]
    assert not [batch.faults for batch in batches if batch.faults is not None]


@firebird_is_here
@pytest.mark.parametrize("has_key", [True, False])
async def test_lines_come_with_their_orders(firebird: FirebirdDatabase, *, has_key: bool) -> None:
    key = " NOT NULL PRIMARY KEY" if has_key else ""
    firebird.run(f"CREATE TABLE orders (id integer{key}, customer varchar(10))")
    firebird.run("CREATE TABLE lines (order_id bigint, pos integer, sku varchar(10), qty numeric(9,3))")
    firebird.insert("INSERT INTO orders VALUES (?, ?)", [(number, f"c{number}") for number in range(1, 8)])
    firebird.insert("INSERT INTO lines VALUES (?, ?, ?, ?)", [(3, 2, "b", 1.5), (3, 1, "a", 2), (7, 1, "c", 1)])
    part = {"name": "lines", "table": "lines", "join": [{"part": "order_id", "record": "id"}], "key": ["pos"]}
    system = _firebird(firebird, {"name": "orders", "table": "orders", "key": ["id"], "parts": [part]})

    rows = {row["id"]: row for row in _rows(await _read(system, "orders", Read("all", 3)))}

    assert sorted(rows) == list(range(1, 8))
    assert [(line["pos"], line["sku"], line["qty"]) for line in rows[3]["lines"]] == [
        (1, "a", Decimal("2.000")),
        (2, "b", Decimal("1.500")),
    ]
    assert [len(rows[number]["lines"]) for number in (1, 2, 7)] == [0, 0, 1]


@firebird_is_here
async def test_keys_are_the_same_only_to_the_letter(firebird: FirebirdDatabase) -> None:
    firebird.run("CREATE TABLE t (code varchar(10) COLLATE UNICODE_CI, n integer)")
    firebird.insert("INSERT INTO t VALUES (?, ?)", [("abc", 1), ("ABC", 2), ("abc ", 3)])
    system = _firebird(firebird, {"name": "t", "table": "t", "key": ["code"]})
    keys = pl.DataFrame({"code": ["ABC", "longer than any code of the table"]})

    batches = await _read(system, "t", Read("keys", 10, keys=keys))

    assert [(row["code"], row["n"]) for row in _rows(batches)] == [("ABC", 2)]


@firebird_is_here
async def test_pages_of_a_composite_key_miss_nothing(firebird: FirebirdDatabase) -> None:
    firebird.run("CREATE TABLE t (a char(3) NOT NULL, b integer NOT NULL, moment timestamp, PRIMARY KEY (a, b))")
    rows = [(f"{n % 3}", n, None if n % 5 == 0 else datetime(2026, 1, 1 + n % 4)) for n in range(50)]  # noqa: DTZ001 - as the column
    firebird.insert("INSERT INTO t VALUES (?, ?, ?)", rows)
    system = _firebird(firebird, {"name": "t", "table": "t", "key": ["a", "b"], "cursor": {"field": "moment"}})

    for read in (Read("all", 7), Read("changes", 7)):
        found = _rows(await _read(system, "t", read))

        assert sorted(row["b"] for row in found) == list(range(50)), read.mode
        assert len(found) == 50


@duckdb_is_here
async def test_a_key_that_is_declared_and_not_enforced_stops_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = _duckdb(
        tmp_path / "dwh.duckdb", "CREATE TABLE t (id integer NOT NULL)", "INSERT INTO t VALUES (1), (2), (2), (3)"
    )
    monkeypatch.setattr(session, "_unique_keys", lambda *_: (frozenset({"id"}),))  # as Snowflake declares them
    system = _system(url, {"name": "t", "table": "t", "key": ["id"]})

    with pytest.raises(ConfigurationError, match="holds it twice") as refused:
        await _read(system, "t", Read("all", 2))

    assert refused.value.reason == "DuplicateKey"


@duckdb_is_here
async def test_a_cursor_of_text_that_does_not_sort_is_refused(tmp_path: Path) -> None:
    url = _duckdb(tmp_path / "dwh.duckdb", "CREATE TABLE t AS SELECT 1 AS id, '31/12/2025' AS changed")

    with pytest.raises(ConfigurationError, match="cursor changed: it is text, and 31/12/2025") as refused:
        await _system(url, {"name": "t", "table": "t", "cursor": {"field": "changed"}}).source("t").upper_bound()

    assert refused.value.reason == "InvalidCursor"


@duckdb_is_here
async def test_a_query_may_hold_colons_and_per_cents(tmp_path: Path) -> None:
    url = _duckdb(tmp_path / "dwh.duckdb", "CREATE TABLE t AS SELECT 'a:b' AS k, DATE '2026-01-01' AS d")
    query = "SELECT k, d::varchar AS d, '100 %s' AS p FROM t WHERE k LIKE 'a:%' -- :why"

    rows = _rows(await _read(_system(url, {"name": "t", "query": query, "key": ["k"]}), "t"))

    assert rows == [{"k": "a:b", "d": "2026-01-01", "p": "100 %s"}]


@firebird_is_here
async def test_a_refused_login_says_so_and_shows_no_password(firebird: FirebirdDatabase) -> None:
    system = _system(firebird.url, {"name": "t", "table": "t"}, user=USER, password="a-wrong-password")

    probe = await system.probe()
    with pytest.raises(CredentialsRefused) as refused:
        await _read(system, "t")

    assert (probe.ok, probe.reason) == (False, "CredentialsRefused")
    assert "a-wrong-password" not in probe.message + str(refused.value)


@firebird_is_here
async def test_a_server_that_is_away_is_tried_again(firebird_server: FirebirdServer) -> None:
    system = _system("firebird://127.0.0.1:1//nowhere.fdb", {"name": "t", "table": "t"}, user=USER, password=PASSWORD)

    with pytest.raises(TransientError, match="cannot be reached"):
        await _read(system, "t")


@firebird_is_here
async def test_a_table_and_a_column_that_are_not_there_are_named(firebird: FirebirdDatabase) -> None:
    firebird.run("CREATE TABLE articles (sku varchar(10))")
    system = _firebird(
        firebird,
        {"name": "table", "table": "article"},
        {"name": "key", "table": "articles", "key": ["skv"]},
        {"name": "query", "query": "SELECT nope FROM articles"},
    )

    with pytest.raises(ConfigurationError, match=r"no table 'article'.*'articles'"):
        await _read(system, "table")
    with pytest.raises(ConfigurationError, match=r"no column 'skv'.*'sku'"):
        await _read(system, "key")
    with pytest.raises(ConfigurationError, match="Column unknown"):
        await _read(system, "query")


@firebird_is_here
async def test_a_value_that_cannot_be_computed_is_not_shown(firebird: FirebirdDatabase) -> None:
    firebird.run("CREATE TABLE t (id integer, code varchar(20))", "INSERT INTO t VALUES (1, 'private words')")
    system = _firebird(firebird, {"name": "t", "query": "SELECT id, CAST(code AS integer) AS n FROM t"})

    with pytest.raises(ConfigurationError, match="refused the statement as a whole") as refused:
        await _read(system, "t")

    assert "private" not in str(refused.value)


@duckdb_is_here
async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    system = _system(f"duckdb:///{tmp_path}/none.duckdb", {"name": "t", "table": "t"})

    with pytest.raises(ConfigurationError) as refused:
        await _read(system, "t")

    assert refused.value.reason == "DatabaseMissing"
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - of a test


@duckdb_is_here
async def test_nothing_is_written(tmp_path: Path) -> None:
    system = _system(_duckdb(tmp_path / "dwh.duckdb", "CREATE TABLE t (a int)"), {"name": "t", "table": "t"})

    with pytest.raises(ConfigurationError, match=r"does not write to it\. Next: ") as refused:
        system.target("t")

    assert refused.value.reason == "NotWritable"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("snowflake://account/db", "'snowflake' is not installed. Next: pip install snowflake-sqlalchemy"),
        ("oracle+oracledb://erp:1521/x", "'oracle' is not installed. Next: pip install oracledb"),
        ("nosuch://erp/x", "the SQLAlchemy dialect 'nosuch'"),
    ],
)
async def test_a_dialect_that_is_not_installed_names_its_package(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await _read(_system(url, {"name": "t", "table": "t"}), "t")

    assert refused.value.reason == "ExtraMissing"
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql+psycopg://erp/x", "starts with 'postgresql\\+psycopg'"),
        ("erp.example.com/x", "Next: write sqlite:///PATH"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dy", "the connector `odbc`"),
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_reached(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _system(url, {"name": "t", "table": "t"})
