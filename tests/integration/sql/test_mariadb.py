"""MariaDB as it is: its types, its collations, its ways to cut, to guess and to refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mariadb import MariadbServer
from ponte.engine.ports import Batch, Delivery, Read, System
from ponte.errors import ConfigurationError

pytestmark = pytest.mark.needs("mariadb")

Make = Callable[..., System]
Execute = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def execute(mariadb_server: MariadbServer, mariadb_url: str) -> Execute:
    """Runs statements in the test's database."""
    database = urlsplit(mariadb_url).path.removeprefix("/")
    return lambda *statements: mariadb_server.run(*statements, database=database)


@pytest.fixture
def make_system(make_mariadb_system: Make) -> Make:
    """By the connector of its own, and by the ODBC driver."""
    return make_mariadb_system


async def read(system: System, name: str, request: Read | None = None) -> list[Batch]:
    return [batch async for batch in system.source(name).read(request or Read("all", 100))]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...], **options: Any) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing, **options)


async def test_each_type_is_read_exactly(mariadb_url: str, execute: Execute, make_system: Make) -> None:
    execute(
        """CREATE TABLE t (i1 tinyint, i2 smallint unsigned, i3 mediumint, i8 bigint, u8 bigint unsigned, y year,
           n decimal(20,5), z int(6) zerofill, b bool, b1 bit(1), b12 bit(12), c char(5), e enum('red', 'green'),
           s set('x', 'y'), j json, d date, dt datetime(6), ts timestamp(3) NULL, tm time(3), bl blob, bi binary(3),
           f float, g double, l varchar(20) CHARACTER SET latin1, txt longtext, p point, id uuid)""",
        "SET time_zone = '+02:00'",
        """INSERT INTO t VALUES (-128, 65535, -8388608, 9223372036854775807, 18446744073709551615, 2026,
           123456789012345.67890, 42, true, b'1', b'101010101010', 'ab', 'green', 'x,y', '{"a": 1.10}',
           '2026-11-23', '2026-11-23 10:15:00.123456', '2026-11-23 10:15:00.125', '-838:59:59.5', x'00ff0a', 'ab',
           1234567.875, 0.1, 'café', 'tab\\t \\\\ 漢字 😀', POINT(1, 2), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')""",
    )
    system = make_system(mariadb_url, {"name": "t", "table": "t"})

    (batch,) = await read(system, "t")
    row = batch.frame.row(0, named=True)

    assert batch.faults is None
    assert [row[name] for name in ("i1", "i2", "i3", "i8", "y", "z")] == [-128, 65535, -8388608, 2**63 - 1, 2026, 42]
    assert row["u8"] == Decimal(2**64 - 1)
    assert row["n"] == Decimal("123456789012345.67890")
    assert (row["b"], row["b1"], row["b12"]) == (True, True, Decimal(0b101010101010))
    assert (row["c"], row["e"], row["s"], row["j"]) == ("ab", "green", "x,y", '{"a": 1.10}')
    assert (row["d"], row["dt"]) == (date(2026, 11, 23), datetime.fromisoformat("2026-11-23T10:15:00.123456"))
    assert row["ts"] == datetime(2026, 11, 23, 8, 15, 0, 125000, tzinfo=UTC)
    assert (row["tm"], row["bl"], row["bi"]) == ("-838:59:59.500", b"\x00\xff\n", b"ab\x00")
    assert (row["f"], row["g"], row["l"], row["txt"]) == (1234567.875, 0.1, "café", "tab\t \\ 漢字 😀")
    assert (row["p"], row["id"]) == ("POINT(1 2)", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    types = {field.name: field.type for field in await system.schema("t")}
    assert types["j"] == "json"
    assert types["u8"] == "decimal(20,0)"


async def test_what_has_no_value_is_a_fault_of_its_record_only(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute(
        "CREATE TABLE t (id int PRIMARY KEY, d date, at datetime, state tinyint(1))",
        "SET sql_mode = ''",
        """INSERT INTO t VALUES (1, '2026-01-01', '2026-01-01', 1), (2, '0000-00-00', '0000-00-00', 7),
           (3, '2026-00-10', NULL, NULL)""",
    )
    query = {"name": "q", "query": "SELECT id, state + 0 AS state FROM t", "key": ["id"]}
    system = make_system(mariadb_url, {"name": "t", "table": "t", "key": ["id"]}, query)

    (batch,) = await read(system, "t")
    (numbers,) = await read(system, "q")

    assert batch.frame.rows()[0] == (1, date(2026, 1, 1), datetime.fromisoformat("2026-01-01T00:00:00"), True)
    assert batch.faults is not None
    assert set(batch.faults.select("row", "field").iter_rows()) == {(1, "d"), (1, "at"), (1, "state"), (2, "d")}
    assert numbers.frame["state"].to_list() == [1, 7, None]


async def test_numbers_texts_and_times_of_a_query_are_exact_too(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute(
        "CREATE TABLE t (p decimal(38,2), c varchar(9), d datetime(3))", "INSERT INTO t VALUES (1.10, '50%', NOW(3))"
    )
    query = """SELECT SUM(p) AS total, MAX(c) AS c, CAST(12345678901234567.89 AS decimal(19,2)) AS n,
               MAX(d) > 0 AS is_new,
               CAST('2026-11-23' AS date) AS day, x'00ff' AS raw FROM t WHERE c LIKE '%\\%';"""
    system = make_system(mariadb_url, {"name": "q", "query": query, "key": ["c"]})

    (batch,) = await read(system, "q")
    (found,) = await read(system, "q", Read("keys", 10, keys=pl.DataFrame({"c": ["50%", "none"]})))

    assert batch.frame.row(0) == (
        Decimal("1.10"), "50%", Decimal("12345678901234567.89"), 1, date(2026, 11, 23), b"\x00\xff"
    )  # fmt: skip
    assert found.frame["c"].to_list() == ["50%"]


async def test_names_may_hold_anything(
    mariadb_server: MariadbServer, mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute("CREATE TABLE `ord``ers %s` (`k;ey` varchar(20) PRIMARY KEY, `va lue %` int, `ponte_row` text)")
    table = "ord`ers %s"
    system = make_system(mariadb_url, {"name": "o", "table": table, "key": ["k;ey"]})
    frame = pl.DataFrame({"k;ey": ["'; DROP"], "va lue %": [7]})

    answers = await system.target("o").deliver(deliver("create", frame, ("k;ey",)))

    assert answers["outcome"].to_list() == ["done"]
    assert [batch.frame.rows() for batch in await read(system, "o")] == [[("'; DROP", 7, None)]]


@pytest.fixture(params=["LOAD DATA", "INSERT"])
def url_by_staging(request: pytest.FixtureRequest, mariadb_server: MariadbServer, mariadb_url: str) -> Iterator[str]:
    """A database whose server takes files of clients, and one that forbids them."""
    mariadb_server.run(f"SET GLOBAL local_infile = {int(request.param == 'LOAD DATA')}")
    yield mariadb_url
    mariadb_server.run("SET GLOBAL local_infile = 1")


async def test_each_value_arrives_as_it_is_however_it_is_staged(
    url_by_staging: str, execute: Execute, make_system: Make
) -> None:
    execute(
        """CREATE TABLE t (id int PRIMARY KEY, txt longtext, n decimal(38,10), big bigint unsigned, ok bool,
           flag bit(1), d date, at datetime(6), ts timestamp(6) NULL, raw blob, doc json, f double, id2 uuid)"""
    )
    system = make_system(url_by_staging, {"name": "t", "table": "t", "key": ["id"]})
    moment = datetime.fromisoformat("2026-11-23T10:15:00.123456+02:00")
    odd = ["x" * 70_000, "\\N", "NULL", "a\tb\nc\rd\\e\\", "'\"`%s", "漢字 😀\x1a\x08", " x "]
    frame = pl.DataFrame(
        {
            "id": range(8),
            "txt": [*odd, None],
            "n": [Decimal("1234567890123456789012345678.0123456789"), *[Decimal("-0.1")] * 6, None],
            "big": [str(2**64 - 1), *["0"] * 6, None],
            "ok": [True, *[False] * 6, None],
            "flag": [True, *[False] * 6, None],
            "d": [date(1, 1, 1), *[date(9999, 12, 31)] * 6, None],
            "at": [moment.replace(tzinfo=None)] * 7 + [None],
            "ts": [moment] * 7 + [None],
            "raw": [bytes(range(256)), *[b""] * 6, None],
            "doc": [{"a": "é"}] * 7 + [None],
            "f": [0.1, *[1e300] * 6, None],
            "id2": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * 7 + [None],
        },
        schema_overrides={"n": pl.Decimal(38, 10), "ts": pl.Datetime("us", "Europe/Rome"), "at": pl.Datetime("us")},
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))
    (batch,) = await read(system, "t")

    assert set(answers["outcome"]) == {"done"}
    stored = batch.frame
    assert stored["txt"].to_list() == [*odd, None]
    for name in ("n", "ok", "flag", "d", "at", "raw", "f", "id2"):
        assert stored[name].to_list() == frame[name].to_list()
    assert stored["big"].to_list() == [Decimal(2**64 - 1), *[Decimal(0)] * 6, None]
    assert stored["ts"].to_list() == [*[moment.astimezone(UTC)] * 7, None]
    assert stored["doc"].to_list() == [*['{"a":"é"}'] * 7, None]
    assert execute("SELECT COUNT(*) FROM t WHERE txt IS NULL") == [(1,)]


@pytest.fixture
def small_server(mariadb_server: MariadbServer, mariadb_url: str) -> Iterator[str]:
    """A database whose server takes one MiB at once, and no files of clients."""
    ((before,),) = mariadb_server.run("SELECT @@GLOBAL.max_allowed_packet")
    mariadb_server.run("SET GLOBAL max_allowed_packet = 1048576", "SET GLOBAL local_infile = 0")
    yield mariadb_url
    mariadb_server.run(f"SET GLOBAL max_allowed_packet = {before}", "SET GLOBAL local_infile = 1")


async def test_rows_go_in_pieces_that_the_server_takes_and_a_record_that_is_larger_is_rejected(
    small_server: str, execute: Execute, make_system: Make
) -> None:
    execute("CREATE TABLE t (id int PRIMARY KEY, a longtext, raw longblob)")
    system = make_system(small_server, {"name": "t", "table": "t", "key": ["id"]})
    texts = ["'" * 3_000] * 400 + ["x" * 400_000, "x" * 520_000]
    blobs = [b"\xff"] * 400 + [b"\xff" * 100_000, b"\xff" * 520_000]
    frame = pl.DataFrame({"id": range(402), "a": texts, "raw": blobs})

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert answers["outcome"].to_list() == ["done"] * 401 + ["rejected"]
    assert answers.select("reason", "field").row(401) in {("TooLong", "a"), ("TooLong", "raw")}
    assert execute("SELECT SUM(LENGTH(a)), SUM(LENGTH(raw)) FROM t") == [(400 * 3_000 + 400_000, 400 + 100_000)]


async def test_values_that_do_not_fit_are_rejected_and_never_cut_or_rounded(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute(
        """CREATE TABLE t (id int PRIMARY KEY, c varchar(3), l varchar(3) CHARACTER SET latin1, n decimal(5,2),
           s tinyint,
           d date, at datetime, e enum('a'), f double, tx tinytext, lx tinytext CHARACTER SET latin1, raw tinyblob)""",
    )
    system = make_system(mariadb_url, {"name": "t", "table": "t"})
    good = {"c": "é", "l": "é", "n": "1.10", "s": 1, "d": "2026-01-31", "at": "2026-01-31 10:00:00", "e": "a"}
    good |= {"f": 1.0, "tx": "é" * 127, "lx": "é" * 255, "raw": b"x"}
    bad = [
        ("c", "abcd", "TooLong"),
        ("c", "ab\0", "InvalidText"),
        ("l", "漢", "NotConvertible"),
        ("n", "1.105", "NotConvertible"),
        ("n", "1000.00", "NotConvertible"),
        ("s", 128, "OutOfRange"),
        ("d", "31/01/2026", "NotConvertible"),
        ("at", "2026-01-31 10:00:00.5", "NotConvertible"),
        ("e", "b", "NotConvertible"),
        ("f", float("nan"), "NotConvertible"),
        ("tx", "é" * 128, "TooLong"),  # 256 bytes, of which MariaDB would store none and say nothing
        ("lx", "é" * 256, "TooLong"),
        ("raw", b"x" * 256, "TooLong"),
    ]
    frame = pl.DataFrame([{"id": 0, **good}, *({"id": i, **good, name: v} for i, (name, v, _) in enumerate(bad, 1))])

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    rejected = answers.filter(pl.col("outcome") == "rejected").select("row", "field", "reason").rows()
    assert rejected == [(row, name, reason) for row, (name, _, reason) in enumerate(bad, 1)]
    assert execute("SELECT id, c, l, n FROM t") == [(0, "é", "é", Decimal("1.10"))]


async def test_each_broken_constraint_names_its_reason(mariadb_url: str, execute: Execute, make_system: Make) -> None:
    execute(
        "CREATE TABLE category (id int PRIMARY KEY)",
        "INSERT INTO category VALUES (1)",
        """CREATE TABLE t (id int PRIMARY KEY, category int, code varchar(20) UNIQUE,
           n int, needed text NOT NULL, CONSTRAINT positive CHECK (n > 0),
           CONSTRAINT known FOREIGN KEY (category) REFERENCES category (id))""",
        "INSERT INTO t VALUES (100, 1, 'taken', 1, 'x')",
        """CREATE TRIGGER rule BEFORE INSERT ON t FOR EACH ROW
           IF NEW.code = 'never' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF""",
    )
    system = make_system(mariadb_url, {"name": "t", "table": "t"})
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3, 4, 5, 6],
            "category": [1, 9, 1, 1, 1, 1],
            "code": ["a", "b", "taken", "d", "e", "never"],
            "n": [1, 1, 1, 0, 1, 1],
            "needed": ["x", "x", "x", "x", None, "x"],
        }
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))

    assert answers.select("outcome", "reason").rows() == [
        ("done", None),
        ("rejected", "ReferenceMissing"),
        ("rejected", "DuplicateAtTarget"),
        ("rejected", "CheckFailed"),
        ("rejected", "RequiredFieldMissing"),
        ("rejected", "RefusedByTarget"),
    ]
    messages = answers["message"].drop_nulls().to_list()
    assert [word in message for word, message in zip(("known", "code", "positive"), messages, strict=False)] == [
        True
    ] * 3
    assert "taken" not in "".join(messages)
    assert execute("SELECT id FROM t ORDER BY id") == [(1,), (100,)]


@pytest.fixture
def odd_mode(mariadb_server: MariadbServer) -> Iterator[None]:
    """A server whose sessions begin with modes that change how statements and names are read."""
    ((before,),) = mariadb_server.run("SELECT @@GLOBAL.sql_mode")
    mariadb_server.run(
        "SET GLOBAL sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,ANSI_QUOTES'"
    )
    yield
    mariadb_server.run(f"SET GLOBAL sql_mode = '{before}'")


@pytest.mark.parametrize("url_by_staging", ["LOAD DATA", "INSERT"], indirect=True)
async def test_the_modes_of_a_server_change_nothing(
    odd_mode: None, url_by_staging: str, execute: Execute, make_system: Make
) -> None:
    execute(
        """CREATE TABLE t (sku char(9) PRIMARY KEY, txt varchar(9), doc json, n tinyint,
           CONSTRAINT positive CHECK (n > 0))"""
    )
    system = make_system(url_by_staging, {"name": "t", "table": "t", "key": ["sku"]})
    frame = pl.DataFrame(
        {"sku": ["a", "b'\\", "c", "d"], "txt": ["\\'\t\n", "", None, ""], "doc": [{"x": 1}] * 4, "n": [1, 1, 0, 1000]}
    )

    answers = await system.target("t").deliver(deliver("create", frame, ("sku",)))
    (batch,) = await read(system, "t")

    assert answers["reason"].to_list() == [None, None, "CheckFailed", "OutOfRange"]
    assert "positive" in answers["message"][2]
    assert answers["field"][3] == "n"
    assert batch.frame.rows() == [("a", "\\'\t\n", '{"x":1}', 1), ("b'\\", "", '{"x":1}', 1)]


@pytest.mark.parametrize("operation", ["create", "update"])
async def test_a_record_that_clashes_on_another_unique_index_never_overwrites_the_one_it_clashes_with(
    mariadb_url: str, execute: Execute, make_system: Make, operation: str
) -> None:
    execute(
        "CREATE TABLE t (sku varchar(20) PRIMARY KEY, email varchar(50) UNIQUE, name text)",
        "INSERT INTO t VALUES ('A1', 'a@example.com', 'first'), ('B2', 'b@example.com', 'second')",
    )
    system = make_system(mariadb_url, {"name": "t", "table": "t"})
    key = "C3" if operation == "create" else "B2"
    frame = pl.DataFrame({"sku": [key], "email": ["a@example.com"], "name": ["new"]})

    answers = await system.target("t").deliver(deliver(operation, frame, ("sku",)))

    assert answers.select("outcome", "reason").rows() == [("rejected", "DuplicateAtTarget")]
    assert execute("SELECT sku, name FROM t ORDER BY sku") == [("A1", "first"), ("B2", "second")]


@pytest.mark.parametrize("other", ["ABC", "abc ", "àbc"])
async def test_keys_that_the_collation_takes_for_one_do_not_overwrite_each_other(
    mariadb_url: str, execute: Execute, make_system: Make, other: str
) -> None:
    execute("CREATE TABLE t (sku varchar(20) PRIMARY KEY, name text)")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})
    target = system.target("t")
    both = pl.DataFrame({"sku": ["abc", other], "name": ["first", "second"]})

    together = await target.deliver(deliver("create", both, ("sku",)))
    later = await target.deliver(deliver("create", both[1:], ("sku",)))
    updated = await target.deliver(deliver("update", both[1:], ("sku",)))
    deleted = await target.deliver(deliver("delete", both[1:].select("sku"), ("sku",)))
    found = await target.find(pl.DataFrame({"sku": [other, "abc"]}))

    assert together.select("outcome", "reason").rows() == [("done", None), ("rejected", "DuplicateAtTarget")]
    assert later["reason"].to_list() == ["DuplicateAtTarget"]
    assert updated["reason"].to_list() == ["NotFound"]
    assert deleted.height == 1
    assert found["row"].to_list() == [1]
    assert execute("SELECT * FROM t") == [("abc", "first")]
    assert "collation" in together["message"][1]


async def test_keys_that_differ_by_case_are_two_records_where_the_collation_says_so(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute("CREATE TABLE t (sku varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, name text)")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})
    both = pl.DataFrame({"sku": ["abc", "ABC"], "name": ["first", "second"]})

    answers = await system.target("t").deliver(deliver("create", both, ("sku",)))

    assert set(answers["outcome"]) == {"done"}
    assert len(execute("SELECT * FROM t")) == 2


async def test_blanks_at_the_end_of_a_key_of_fixed_length_are_not_lost_in_silence(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute("CREATE TABLE t (sku char(20) PRIMARY KEY, name char(5))")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})

    answers = await system.target("t").deliver(
        deliver("create", pl.DataFrame({"sku": ["a ", "b"], "name": ["x ", "y "]}), ("sku",))
    )

    assert answers["reason"].to_list() == ["NotConvertible", None]
    assert "trim" in answers["message"][0]
    assert execute("SELECT * FROM t") == [("b", "y")]


async def test_keys_that_no_index_keeps_apart_are_all_read_when_a_reading_goes_on(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute(
        "CREATE TABLE t (sku varchar(20), at datetime)",
        "INSERT INTO t VALUES ('a', '2026-01-01'), ('A', '2026-01-01'), ('b', '2026-01-01'), ('B', '2026-01-01')",
    )
    system = make_system(mariadb_url, {"name": "t", "table": "t", "key": ["sku"], "cursor": {"field": "at"}})

    found: list[str] = []
    resume: str | None = None
    for _ in range(4):
        first = (await read(system, "t", Read("changes", 1, resume=resume)))[0]
        found += first.frame["sku"].to_list()
        resume = first.position

    assert sorted(found) == ["A", "B", "a", "b"]


async def test_a_table_without_transactions_is_read_but_not_written(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute("CREATE TABLE t (id int PRIMARY KEY) ENGINE=MyISAM", "INSERT INTO t VALUES (1)")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})

    (batch,) = await read(system, "t")
    with pytest.raises(ConfigurationError, match="InnoDB") as failure:
        await system.target("t").deliver(deliver("create", pl.DataFrame({"id": [2]}), ("id",)))

    assert batch.frame["id"].to_list() == [1]
    assert failure.value.reason == "NotTransactional"


async def test_what_is_missing_is_named_with_the_nearest_name(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute("CREATE TABLE articles (sku varchar(9) PRIMARY KEY, price decimal(10,2), owner text NOT NULL)")
    system = make_system(
        mariadb_url, {"name": "wrong", "table": "artikles"}, {"name": "articles", "table": "articles", "key": ["sku"]}
    )

    with pytest.raises(ConfigurationError, match="articles"):
        await read(system, "wrong")
    with pytest.raises(ConfigurationError, match="'price'"):
        await read(system, "articles", Read("all", 10, columns=("prise",)))
    with pytest.raises(ConfigurationError, match="owner must not be empty"):
        await system.target("articles").deliver(deliver("create", pl.DataFrame({"sku": ["a"]}), ("sku",)))


async def test_a_range_of_times_is_read_in_utc(mariadb_url: str, execute: Execute, make_system: Make) -> None:
    execute(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamp(6) NULL)",
        "SET time_zone = '+00:00'",
        "INSERT INTO t VALUES (1, '2026-11-23 08:00:00'), (2, '2026-11-23 09:00:00.5'), (3, '2026-11-23 10:00:00')",
    )
    system = make_system(mariadb_url, {"name": "t", "table": "t", "key": ["id"], "cursor": {"field": "at"}})

    upper = await system.source("t").upper_bound()
    batches = await read(
        system, "t", Read("range", 10, lower="2026-11-23T09:30:00+01:00", upper="2026-11-23T10:30:00+01:00")
    )

    assert upper == "2026-11-23T10:00:00.000000+00:00"
    assert [number for batch in batches for number in batch.frame["id"]] == [2]


@pytest.mark.parametrize("make_mariadb_system", ["sql"], indirect=True)  # a process for each would take long
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
async def test_every_text_survives_the_way_in_and_out(
    mariadb_url: str, execute: Execute, make_system: Make, texts: list[str]
) -> None:
    execute("DROP TABLE IF EXISTS t", "CREATE TABLE t (id int PRIMARY KEY, txt longtext)")
    system = make_system(mariadb_url, {"name": "t", "table": "t", "key": ["id"]})
    frame = pl.DataFrame({"id": range(len(texts)), "txt": texts}, schema={"id": pl.Int64, "txt": pl.String})

    answers = await system.target("t").deliver(deliver("create", frame, ("id",)))
    (batch,) = await read(system, "t", Read("all", 1000))
    await system.close()

    assert set(answers["outcome"]) == {"done"}
    assert batch.frame["txt"].to_list() == texts
