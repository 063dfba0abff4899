"""A MariaDB that takes 64 KiB at once: what is looked up or written goes in pieces, and what is too long is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import polars as pl
import pytest

from mariadb import MariadbServer
from ponte.engine.ports import Delivery, Read, System
from ponte.errors import ConfigurationError

Make = Callable[..., System]

pytestmark = pytest.mark.needs("mariadb")

PACKET = 65_536
COUNT = 3_000
KEYS = [f"{number:05d}" + "ż" * 30 for number in range(COUNT)]  # 65 bytes each, so all are three packets
LINES = {
    "name": "lines",
    "table": "lines",
    "on": [{"record": "code", "part": "code"}],
    "key": ["pos"],
    "order": ["pos"],
}


@pytest.fixture(params=[1, 0], ids=["files", "no files"])
def database(request: pytest.FixtureRequest, mariadb_server: MariadbServer, mariadb_url: str) -> Iterator[str]:
    """The name of a database whose tables have values that went in before the server was told to take less.

    The server takes files of clients (LOAD DATA LOCAL), or does not.
    """
    name = urlsplit(mariadb_url).path.removeprefix("/")
    mariadb_server.run(
        "CREATE TABLE articles (code varchar(40) PRIMARY KEY, txt longtext, raw longblob)",
        "CREATE TABLE `lines` (code varchar(40), pos int, qty int, PRIMARY KEY (code, pos))",
        "CREATE TABLE wide (code varchar(40) PRIMARY KEY, txt longtext, raw longblob)",
        "INSERT INTO wide VALUES ('a', REPEAT('ż', 100000), REPEAT('\\0', 100000)), ('b', 'short', 'x')",
        database=name,
    )
    ((before,),) = mariadb_server.run("SELECT @@GLOBAL.max_allowed_packet")
    mariadb_server.run(f"SET GLOBAL max_allowed_packet = {PACKET}", f"SET GLOBAL local_infile = {request.param}")
    yield name
    mariadb_server.run(f"SET GLOBAL max_allowed_packet = {before}", "SET GLOBAL local_infile = 1")


@pytest.fixture
def system(database: str, mariadb_url: str, make_mariadb_system: Make) -> System:
    """Of the tables."""
    articles = {"name": "articles", "table": "articles", "key": ["code"]}
    orders = {"name": "orders", "table": "articles", "key": ["code"], "parts": [LINES]}
    return make_mariadb_system(mariadb_url, articles, orders, {"name": "wide", "table": "wide", "key": ["code"]})


def creation(frame: pl.DataFrame) -> Delivery:
    """All records of a frame by their code."""
    unset = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery("create", frame, ("code",), unset, unset)


async def read(system: System, name: str, read: Read) -> pl.DataFrame:
    """All records, none of which has a fault."""
    batches = [batch async for batch in system.source(name).read(read)]
    assert all(batch.faults is None for batch in batches)
    return pl.concat([batch.frame for batch in batches])


async def test_records_are_found_by_more_keys_than_the_server_takes_at_once(system: System) -> None:
    lines = [[{"pos": 2, "qty": number}, {"pos": 1, "qty": 7}] for number in range(COUNT)]
    target = system.target("orders")
    answers = await target.deliver(creation(pl.DataFrame({"code": KEYS, "txt": KEYS, "lines": lines})))
    assert answers["outcome"].unique().to_list() == ["done"]
    asked = pl.DataFrame({"code": ["absent", *reversed(KEYS)]})
    nowhere = pl.Series([None] * asked.height, dtype=pl.String)

    found = await target.find(asked)
    fetched = await target.fetch(asked, nowhere)
    by_key = await read(system, "orders", Read("keys", 25_000, keys=asked))

    assert sorted(found["row"]) == list(range(1, COUNT + 1))
    assert fetched.sort("row")["code"].to_list() == list(reversed(KEYS))
    assert fetched.sort("row")["lines"][0].to_list() == [
        {"code": KEYS[-1], "pos": 1, "qty": 7},
        {"code": KEYS[-1], "pos": 2, "qty": COUNT - 1},
    ]
    assert by_key.sort("code").select("code", pl.col("lines").list.len()).rows() == [(key, 2) for key in KEYS]


async def test_a_record_that_is_too_long_is_rejected_or_written_whole_and_its_neighbours_are_written(
    system: System,
) -> None:
    texts = ["x" * 15_000, "y" * 40_000, "ż" * 70_000, "short"]
    raw = [b"\0" * 5_000, b"\xff" * 5_000, b"'", b"\\" * 100_000]
    frame = pl.DataFrame({"code": ["a", "b", "c", "d"], "txt": texts, "raw": raw})

    answers = await system.target("articles").deliver(creation(frame))

    assert answers["outcome"][0] == "done"
    rejected = answers.filter(pl.col("outcome") == "rejected")
    assert set(rejected["reason"]) <= {"TooLong"}
    assert (await read(system, "articles", Read("all", 10))).select("code", "txt", "raw").sort("code").rows() == [
        row for row, outcome in zip(frame.rows(), answers["outcome"], strict=True) if outcome == "done"
    ]


async def test_values_that_are_longer_than_a_packet_are_read_whole(system: System) -> None:
    rows = await read(system, "wide", Read("all", 10))

    assert rows.select("code", "txt", "raw").sort("code").rows() == [
        ("a", "ż" * 100_000, b"\0" * 100_000),
        ("b", "short", b"x"),
    ]


async def test_a_key_that_is_longer_than_a_packet_is_told_and_never_taken_for_one_that_is_not_there(
    system: System,
) -> None:
    keys = pl.DataFrame({"code": ["a", "x" * PACKET]})

    with pytest.raises(ConfigurationError, match="a key is longer than the"):
        await system.target("wide").find(keys)
