"""SQLite as it is: values that are not what their column declares, times as text, locks, odd names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.engine.ports import Batch, Delivery, Read, System
from ponte.errors import ConfigurationError

Make = Callable[..., System]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A new database file."""
    path = tmp_path / "er'p %20 é.db"
    sqlite3.connect(path).close()
    return path


def execute(path: Path, *statements: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


async def read(system: System, request: Read | None = None) -> list[Batch]:
    return [batch async for batch in system.source("t").read(request or Read("all", 100))]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...], **options: Any) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing, **options)


async def test_money_in_binary_fractions_is_read_as_the_decimal_that_was_meant(
    database: Path, make_system: Make
) -> None:
    execute(
        database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, price NUMERIC, exact DECIMAL(12,2), oracles NUMBER(12,2))",
        "INSERT INTO t VALUES (1, 12.5, 9.8, 9.8), (2, 0.1, 100, 100), (3, 1e-7, 1234567890.12, 0.25),"
        " (4, NULL, -0.01, NULL)",
    )
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "key": ["id"]})

    (batch,) = await read(system)

    assert batch.frame["price"].to_list() == [Decimal("12.5"), Decimal("0.1"), Decimal("0.0000001"), None]
    assert batch.frame["exact"].to_list() == [
        Decimal("9.8"),
        Decimal(100),
        Decimal("1234567890.12"),
        Decimal("-0.01"),
    ]
    assert batch.frame["oracles"].to_list() == [Decimal("9.8"), Decimal(100), Decimal("0.25"), None]


async def test_a_value_that_is_not_what_its_column_declares_is_a_fault_and_not_silently_empty(
    database: Path, make_system: Make
) -> None:
    execute(
        database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, price NUMERIC, ok BOOLEAN, r REAL)",
        "INSERT INTO t VALUES (1, 5, 1.5, 1, 0.5), (2, 'five', '12,5O', 7, 'x'), (3, 2.5, 'NaN', 0, 1)",
    )
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t"})

    (batch,) = await read(system)

    assert batch.faults is not None
    assert batch.faults.select("row", "field").rows() == [
        (1, "n"),
        (1, "price"),
        (1, "ok"),
        (1, "r"),
        (2, "n"),
        (2, "price"),
    ]
    assert batch.frame.row(0) == (1, 5, Decimal("1.5"), True, 0.5)


@pytest.mark.parametrize("stored", ["x'436166e9'", "CAST(x'436166e9' AS TEXT)", "CAST(x'eda080' AS TEXT)"])
async def test_a_text_that_is_not_utf_8_is_a_fault_of_its_record_and_all_others_go_through(
    database: Path, make_system: Make, stored: str
) -> None:
    execute(
        database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, price NUMERIC)",
        f"INSERT INTO t VALUES (1, 'Café', 1.5), (2, {stored}, 2.5), (3, x'436166c3a9', 3.5), (4, 'd', {stored})",
    )
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t"})

    (batch,) = await read(system)

    assert batch.faults is not None
    assert batch.faults.select("row", "field", "reason", "message").rows() == [
        (1, "name", "InvalidText", "the text is not UTF-8"),
        (3, "price", "NotConvertible", "the value is no decimal (NUMERIC)"),
    ]
    assert batch.frame["name"].to_list() == ["Café", None, "Café", "d"]
    assert batch.frame["price"].to_list() == [Decimal("1.5"), Decimal("2.5"), Decimal("3.5"), None]


@pytest.mark.parametrize("stored", ["x'ffe9'", "CAST(x'ffe9' AS TEXT)"])
async def test_a_greatest_cursor_that_is_not_utf_8_is_no_cursor(database: Path, make_system: Make, stored: str) -> None:
    execute(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT)", f"INSERT INTO t VALUES (1, {stored})")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "key": ["id"], "cursor": {"field": "at"}})

    with pytest.raises(ConfigurationError, match="not UTF-8") as failure:
        await system.source("t").upper_bound()

    assert failure.value.reason == "InvalidCursor"


@given(text=st.from_regex(r"[ +-]?[0-9]{0,17}[.]?[0-9]{0,3}([eE][+-]?[0-9]{1,2})?", fullmatch=True))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_text_in_a_column_of_a_type_that_sqlite_does_not_know_keeps_its_digits_or_is_refused(
    database: Path, make_system: Make, text: str
) -> None:
    execute(database, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id INTEGER PRIMARY KEY, code STRING)")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "key": ["id"]})

    answers = await system.target("t").deliver(
        deliver(
            "create", pl.DataFrame({"id": [1], "code": [text]}, schema={"id": pl.Int64, "code": pl.String}), ("id",)
        )
    )

    if answers["outcome"].item() == "done":
        assert execute(database, "SELECT CAST(code AS TEXT) FROM t") == [(text,)]
    else:
        assert (answers["reason"].item(), answers["field"].item()) == ("NotConvertible", "code")
    await system.close()


@pytest.mark.parametrize(
    ("text", "is_taken"), [("A7", True), ("12", True), ("-1.5", True), ("007", False), ("1.50", False), ("1e3", False)]
)
async def test_of_texts_in_such_a_column_those_are_refused_that_sqlite_would_change(
    database: Path, make_system: Make, text: str, is_taken: bool
) -> None:
    execute(database, "CREATE TABLE t (code STRING PRIMARY KEY)")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "key": ["code"]})

    answers = await system.target("t").deliver(deliver("create", pl.DataFrame({"code": [text]}), ("code",)))

    assert (answers["outcome"].item() == "done") is is_taken


async def test_a_column_that_is_declared_json_takes_nested_fields(database: Path, make_system: Make) -> None:
    execute(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, tags JSON, at jsonb)")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "key": ["id"]})
    rows = pl.DataFrame({"id": [1, 2], "tags": [["a", "ü"], []], "at": [{"geo": {"lat": 1}}, None]})

    answers = await system.target("t").deliver(deliver("create", rows, ("id",)))

    assert answers["outcome"].to_list() == ["done", "done"]
    assert execute(database, "SELECT tags ->> 1, at ->> '$.geo.lat' FROM t WHERE id = 1") == [("ü", 1)]
    assert execute(database, "SELECT tags, at FROM t WHERE id = 2") == [("[]", None)]


async def test_a_decimal_with_more_digits_than_sqlite_keeps_is_refused(database: Path, make_system: Make) -> None:
    execute(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, price NUMERIC)")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t"})
    frame = pl.DataFrame({"id": [1, 2], "price": ["12345678901234567.89", "1234567890123.45"]}).with_columns(
        pl.col("price").cast(pl.Decimal(38, 2))
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert answers["outcome"].to_list() == ["rejected", "done"]
    assert execute(database, "SELECT printf('%.2f', price) FROM t") == [("1234567890123.45",)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**11), max_value=10**11), min_size=1
    )
)
async def test_every_amount_survives_the_way_in_and_out(
    database: Path, make_system: Make, numbers: list[Decimal]
) -> None:
    execute(database, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC)")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "key": ["id"]})
    frame = pl.DataFrame({"id": range(len(numbers)), "n": numbers}, schema={"id": pl.Int64, "n": pl.Decimal(38, 3)})

    await system.target("t").deliver(deliver("create", frame, ("id",)))
    (batch,) = await read(system, Read("all", 1000))
    await system.close()

    assert batch.faults is None
    assert batch.frame["n"].to_list() == numbers


@pytest.mark.parametrize(
    "lower", ["2026-11-23 10:15:00", "2026-11-23T10:15:00", "2026-11-23T10:15:00Z", "2026-11-23 10:15:00.000+00:00"]
)
async def test_times_are_compared_whatever_form_their_text_has(database: Path, make_system: Make, lower: str) -> None:
    forms = [
        "2026-11-23 10:14:59.999",
        "2026-11-23 10:15:00",
        "2026-11-23T10:15:00",
        "2026-11-23T10:15:00.000Z",
        "2026-11-23 10:15:00.5",
    ]
    execute(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, changed DATETIME)")
    for number, form in enumerate(forms):
        execute(database, f"INSERT INTO t VALUES ({number}, '{form}')")
    spec = {"name": "t", "table": "t", "key": ["id"], "cursor": {"field": "changed"}}
    system = make_system(f"sqlite:///{database}", spec)
    upper = await system.source("t").upper_bound()

    batches = await read(system, Read("changes", 100, lower=lower, upper=upper))

    assert [number for batch in batches for number in batch.frame["id"]] == [1, 2, 3, 4]


async def test_a_cursor_of_seconds_in_a_time_column_is_a_number(database: Path, make_system: Make) -> None:
    execute(
        database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, changed DATETIME)",
        "INSERT INTO t VALUES (1, 999999999), (2, 1000000000), (3, 1000000001)",
    )
    spec = {"name": "t", "table": "t", "key": ["id"], "cursor": {"field": "changed"}}
    source = make_system(f"sqlite:///{database}", spec).source("t")

    upper = await source.upper_bound()
    batches = [batch async for batch in source.read(Read("changes", 10, lower="1000000000", upper=upper))]

    assert upper == "1000000001"
    assert [number for batch in batches for number in batch.frame["id"]] == [2, 3]


async def test_times_of_several_zones_are_refused_as_a_cursor(database: Path, make_system: Make) -> None:
    execute(database, "CREATE TABLE t (id INT, changed TEXT)", "INSERT INTO t VALUES (1, '2026-11-23T10:15:00+02:00')")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "cursor": {"field": "changed"}})

    with pytest.raises(ConfigurationError, match="UTC"):
        await system.source("t").upper_bound()


@pytest.mark.parametrize(
    ("type_", "values"), [("TEXT", ("8", "9")), ("", (8, 9)), ("DATE", ("30/11/2025", "31/12/2025"))]
)
async def test_a_cursor_that_is_compared_as_text_and_does_not_sort_is_refused(
    database: Path, make_system: Make, type_: str, values: tuple[object, ...]
) -> None:
    execute(
        database,
        f"CREATE TABLE t (id INT, changed {type_})",
        f"INSERT INTO t VALUES (1, {values[0]!r}), (2, {values[1]!r})",
    )
    source = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "cursor": {"field": "changed"}}).source(
        "t"
    )

    with pytest.raises(ConfigurationError, match="cursor changed: it is text") as failure:
        await source.upper_bound()

    assert failure.value.reason == "InvalidCursor"


async def test_a_range_of_days_that_are_not_written_year_first_is_refused(database: Path, make_system: Make) -> None:
    execute(database, "CREATE TABLE t (id INT, changed TEXT)", "INSERT INTO t VALUES (1, '31/12/2025')")
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t", "cursor": {"field": "changed"}})

    with pytest.raises(ConfigurationError, match="31/12/2025 is not written year first"):
        await read(system, Read("range", 9, lower="01/01/2026", upper="02/01/2026"))


async def test_a_query_has_the_types_of_the_columns_it_names(database: Path, make_system: Make) -> None:
    execute(database, "CREATE TABLE a (id INTEGER, price DECIMAL(9,2))", "INSERT INTO a VALUES (1, 1.10)")
    query = "SELECT id, price, id || '-x' AS label FROM a -- the last word"
    system = make_system(f"sqlite:///{database}", {"name": "t", "query": query, "key": ["id"]})

    (batch,) = await read(system)

    assert batch.frame.row(0) == (1, Decimal("1.1"), "1-x")


async def test_names_may_hold_anything(database: Path, make_system: Make) -> None:
    execute(database, 'CREATE TABLE "t; --""x %s" ("k\'ey" TEXT PRIMARY KEY, "se lect?" INTEGER)')
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": 't; --"x %s', "key": ["k'ey"]})
    frame = pl.DataFrame({"k'ey": ["'; DROP"], "se lect?": [7]})

    await system.target("t").deliver(deliver("create", frame, ("k'ey",)))

    assert [batch.frame.rows() for batch in await read(system)] == [[("'; DROP", 7)]]


async def test_each_broken_constraint_names_its_reason(database: Path, make_system: Make) -> None:
    execute(
        database,
        "CREATE TABLE c (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, c INTEGER REFERENCES c, code TEXT UNIQUE, n INTEGER CHECK (n > 0))",
        "INSERT INTO t VALUES (100, NULL, 'taken', 1)",
    )
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "t"})
    frame = pl.DataFrame(
        {"id": [1, 2, 3, 4], "c": [None, 9, None, None], "code": ["a", "b", "taken", "d"], "n": [1, 1, 1, 0]}
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert answers["reason"].to_list() == [None, "ReferenceMissing", "DuplicateAtTarget", "CheckFailed"]


async def test_without_a_unique_index_the_statement_that_helps_is_given(database: Path, make_system: Make) -> None:
    execute(database, 'CREATE TABLE "ord ers" (sku TEXT, "the day" TEXT)')
    objects = {"name": "t", "table": "ord ers"}
    frame = pl.DataFrame({"sku": ["a"], "the day": ["1"]})
    delivery = deliver("create", frame, ("sku", "the day"))

    with pytest.raises(ConfigurationError, match="CREATE UNIQUE INDEX") as failure:
        await make_system(f"sqlite:///{database}", objects).target("t").deliver(delivery)
    execute(database, failure.value.message.partition("Next: ")[2])
    answers = await make_system(f"sqlite:///{database}", objects).target("t").deliver(delivery)

    assert answers["outcome"].to_list() == ["done"]


async def test_header_and_lines_are_read_and_written_as_one_record(database: Path, make_system: Make) -> None:
    execute(
        database,
        "CREATE TABLE o (id INTEGER PRIMARY KEY, customer TEXT)",
        "CREATE TABLE l (o INTEGER, pos INTEGER, price NUMERIC, PRIMARY KEY (o, pos))",
        "INSERT INTO o VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "INSERT INTO l VALUES (1, 2, 2.5), (1, 1, 1.5), (3, 1, 3.5)",
    )
    parts = [{"name": "lines", "table": "l", "join": [{"part": "o", "record": "id"}], "key": ["pos"]}]
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "o", "key": ["id"], "parts": parts})

    batches = await read(system, Read("all", 2))
    lists = {row["id"]: row["lines"] for batch in batches for row in batch.frame.iter_rows(named=True)}
    (whole,) = await read(system)
    changed = whole.frame.filter(pl.col("id") == 1).with_columns(pl.col("lines").list.head(1))
    await system.target("t").deliver(deliver("update", changed, ("id",)))

    assert [(line["pos"], line["price"]) for line in lists[1]] == [(1, Decimal("1.5")), (2, Decimal("2.5"))]
    assert lists[2] == []
    assert execute(database, "SELECT o, pos FROM l ORDER BY 1, 2") == [(1, 1), (3, 1)]


async def test_of_two_lines_with_one_key_none_is_dropped_in_silence(database: Path, make_system: Make) -> None:
    execute(
        database,
        "CREATE TABLE o (id INTEGER PRIMARY KEY)",
        "CREATE TABLE l (o INTEGER, kind TEXT, pos INTEGER, sku TEXT, PRIMARY KEY (o, kind, pos))",
    )
    parts = [{"name": "lines", "table": "l", "join": [{"part": "o", "record": "id"}], "key": ["kind", "pos"]}]
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "o", "key": ["id"], "parts": parts})

    def line(kind: str, pos: str | None, sku: str) -> dict[str, str | None]:
        return {"kind": kind, "pos": pos, "sku": sku}

    frame = pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "lines": [
                [line("a", "1", "x"), line("b", "1", "y")],
                [line("a", "1", "x"), line("a", "01", "y"), line("a", "2", "z")],
                [line("a", None, "x"), line("a", None, "y")],
                [],
            ],
        }
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert answers.select("row", "field", "reason").rows()[1] == (1, "lines.kind", "DuplicatePart")
    assert "two of its lines have the same key (kind, pos)" in answers["message"][1]
    assert answers["outcome"].to_list() == ["done", "rejected", "done", "done"]
    assert execute(database, "SELECT o, sku FROM l ORDER BY 1, 2") == [(1, "x"), (1, "y"), (3, "x"), (3, "y")]
    assert execute(database, "SELECT id FROM o ORDER BY 1") == [(1,), (3,), (4,)]


async def test_lines_without_their_key_are_not_written(database: Path, make_system: Make) -> None:
    execute(
        database,
        "CREATE TABLE o (id INTEGER PRIMARY KEY)",
        "CREATE TABLE l (o INTEGER, pos INTEGER, sku TEXT, PRIMARY KEY (o, pos))",
    )
    parts = [{"name": "lines", "table": "l", "join": [{"part": "o", "record": "id"}], "key": ["pos"]}]
    system = make_system(f"sqlite:///{database}", {"name": "t", "table": "o", "key": ["id"], "parts": parts})
    frame = pl.DataFrame({"id": [1], "lines": [[{"sku": "a"}, {"sku": "b"}]]})

    with pytest.raises(ConfigurationError, match=r"the part's 'pos' is the key of its lines\. Next: map it"):
        await system.target("t").deliver(deliver("create", frame, ("id",)))


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path, make_system: Make) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all, but long enough to be looked at" * 50)

    for name, words in (("x.db", "no sound SQLite database"), ("missing.db", "no file")):
        system = make_system(f"sqlite:///{tmp_path}/{name}", {"name": "t", "table": "t"})
        with pytest.raises(ConfigurationError, match=words):
            await read(system)
    assert not (tmp_path / "missing.db").exists()


async def test_the_nearest_table_is_named(database: Path, make_system: Make) -> None:
    execute(database, "CREATE TABLE articoli (id INTEGER)")

    with pytest.raises(ConfigurationError, match="Did you mean 'articoli'"):
        await read(make_system(f"sqlite:///{database}", {"name": "t", "table": "ARTICOL"}))


async def test_parts_with_the_very_columns_of_their_record_are_kept_apart(tmp_path: Path, make_system: Make) -> None:
    path = tmp_path / "erp.db"
    execute(
        path,
        "CREATE TABLE groups (id INTEGER, name TEXT, UNIQUE (id))",
        "CREATE TABLE members (id INTEGER, name TEXT, UNIQUE (id, name))",
    )
    parts = [{"name": "members", "table": "members", "join": [{"part": "id", "record": "id"}], "key": ["name"]}]
    system = make_system(f"sqlite:///{path}", {"name": "g", "table": "groups", "key": ["id"], "parts": parts})
    frame = pl.DataFrame({"id": [1], "name": ["all"], "members": [[{"name": "a"}, {"name": "b"}]]})

    await system.target("g").deliver(deliver("create", frame, ("id",)))

    assert execute(path, "SELECT * FROM groups") == [(1, "all")]
    assert execute(path, "SELECT * FROM members ORDER BY name") == [(1, "a"), (1, "b")]
