"""200,000 rows through the connector `odbc`, beside bare drivers, in turns; prints ratios, never fails for being slow.

The aim is 0.7 of the bare driver's rows per second. The bare drivers convert as they like and check nothing; Ponte's
values are exact, its writing is an upsert by a unique key, in transactions of 25,000, by a process of the driver's own.
The start of that process, which the bare drivers do not have, is shown apart too. `PONTE_BENCH_RUNS` sets the rounds
(default 3); the median is shown.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import psycopg
import pytest

from ponte.connectors.registry import connect
from ponte.engine.ports import Delivery, Read, System
from ponte.manifests.references import References
from ponte.runtime.clock import SystemClock
from ponte_api.sync_source import SyncSource
from postgres import PostgresServer

RUNS = int(os.environ.get("PONTE_BENCH_RUNS", "3"))
ROWS, BATCH, AIM = 200_000, 25_000, 0.7
TABLE = (
    "(id bigint PRIMARY KEY, sku varchar(20), name varchar(100), price numeric(12,2), stock integer,"
    " changed timestamp(6))"
)
FILL = f"""
INSERT INTO articles SELECT n, 'SKU' || lpad(n::text, 9, '0'), 'Filtereinsatz für Größe ' || n, n / 100.0, n % 1000,
  timestamp '2026-01-01' + n * interval '1.000001 second' FROM generate_series(1, {ROWS}) AS n
"""

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800), pytest.mark.needs("psqlodbc")]


@dataclass
class Entrant:
    """A way to do the work, and what each round took: seconds by the clock, and of the client's processors.

    `is_exact` says whether the target then held what was sent.
    """

    name: str
    work: Callable[[], int]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    is_exact: bool | None = None

    @property
    def seconds(self) -> float:
        """By the clock, the median."""
        return statistics.median(self.wall)

    @property
    def cpu_seconds(self) -> float:
        """Of the client's processors, the median."""
        return statistics.median(self.cpu)

    def run(self) -> None:
        """One round; what does not handle all rows fails."""
        cpu, wall = sum(os.times()[:4]), time.perf_counter()
        assert self.work() == ROWS
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(sum(os.times()[:4]) - cpu)


@dataclass(frozen=True)
class Database:
    """A database with 200,000 articles, and an empty table for copies of them."""

    server: PostgresServer

    @property
    def login(self) -> str:
        """The connection string."""
        place = f"Servername={self.server.socket};Database=odbc;UID={getpass.getuser()}"
        return f"DRIVER={{PostgreSQL Unicode}};{place}"

    def system(self, table: str) -> System:
        """It as Ponte sees it."""
        options = [{"name": "Servername", "value": str(self.server.socket)}, {"name": "Database", "value": "odbc"}]
        odbc = {"driver": "PostgreSQL Unicode", "options": options, "username": {"value": getpass.getuser()}}
        objects = [{"name": "articles", "table": table, "key": ["id"]}]
        source = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "erp"}}
        spec = {"odbc": odbc, "objects": objects}
        return connect(SyncSource.model_validate({**source, "spec": spec}), References(environment={}), SystemClock())

    def run(self, statement: str) -> tuple[Any, ...]:
        """Runs a statement. Returns its first row."""
        with psycopg.connect(self.server.url("odbc"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return (cursor.fetchone() or ()) if cursor.description else ()

    def articles(self) -> pl.DataFrame:
        """All of them."""
        names = ("id", "sku", "name", "price", "stock", "changed")
        types = (pl.Int64(), pl.String(), pl.String(), pl.Decimal(12, 2), pl.Int32(), pl.Datetime("us"))
        with psycopg.connect(self.server.url("odbc")) as connection:
            rows = connection.execute("SELECT * FROM articles ORDER BY id").fetchall()
        return pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")

    def has_equal_copies(self) -> bool:
        """Whether each row was copied as it is."""
        return self.run("SELECT count(*) FROM (SELECT * FROM articles INTERSECT SELECT * FROM copies) AS c") == (ROWS,)


@pytest.fixture
def database(durable_server: PostgresServer) -> Iterator[Database]:
    """Made for one test."""
    durable_server.run("CREATE DATABASE odbc")
    found = Database(durable_server)
    found.run(f"CREATE TABLE articles {TABLE}")
    found.run(f"CREATE TABLE copies {TABLE}")
    found.run(FILL)
    found.run("VACUUM ANALYZE articles")
    yield found
    durable_server.run("DROP DATABASE odbc WITH (FORCE)")


def read_by_ponte(database: Database) -> int:
    """All, in the order of the key, as exact frames."""

    async def read() -> int:
        system = database.system("articles")
        count = 0
        async for batch in system.source("articles").read(Read("all", BATCH)):
            assert batch.faults is None
            count += batch.frame.height
        await system.close()
        return count

    return asyncio.run(read())


def start_of_ponte(database: Database) -> int:
    """A connection, one value, and its end: what each session costs before the first row."""
    probe = asyncio.run(database.system("articles").probe())
    assert probe.ok
    return ROWS


def read_by_arrow_odbc(database: Database) -> int:
    """Bare: numbers as the driver has them."""
    import arrow_odbc  # noqa: PLC0415 - needs unixODBC

    connection = arrow_odbc.connect(database.login)
    reader = connection.read_arrow_batches("SELECT * FROM articles ORDER BY id", batch_size=BATCH, max_text_size=256)
    return sum(batch.num_rows for batch in reader)


def read_by_pyodbc(database: Database) -> int:
    """Bare, ten thousand rows at a time."""
    import pyodbc  # noqa: PLC0415 - needs unixODBC

    cursor = pyodbc.connect(database.login).execute("SELECT * FROM articles ORDER BY id")
    count = 0
    while rows := cursor.fetchmany(10_000):
        count += len(rows)
    return count


def write_by_ponte(database: Database, frame: pl.DataFrame) -> int:
    """Upserts, in transactions of 25,000."""

    async def write() -> int:
        system, count = database.system("copies"), 0
        target = system.target("articles")
        for piece in frame.iter_slices(BATCH):
            unset = pl.Series([None] * piece.height, dtype=pl.String)
            answers = await target.deliver(Delivery("create", piece, ("id",), unset, unset))
            count += answers.filter(pl.col("outcome") == "done").height
        await system.close()
        return count

    return asyncio.run(write())


def write_by_arrow_odbc(database: Database, frame: pl.DataFrame) -> int:
    """Bare inserts; a price has to be a float for it."""
    import arrow_odbc  # noqa: PLC0415 - needs unixODBC

    connection = arrow_odbc.connect(database.login, autocommit=False)
    for piece in frame.with_columns(pl.col("price").cast(pl.Float64)).iter_slices(BATCH):
        connection.from_table_to_db(piece.to_arrow(compat_level=pl.CompatLevel.oldest()), "copies")
        connection.commit()
    return frame.height


def write_by_pyodbc(database: Database, frame: pl.DataFrame) -> int:
    """Bare inserts, by fast_executemany."""
    import pyodbc  # noqa: PLC0415 - needs unixODBC

    connection = pyodbc.connect(database.login)
    for piece in frame.iter_slices(BATCH):
        cursor = connection.cursor()
        cursor.fast_executemany = True
        cursor.executemany("INSERT INTO copies VALUES (?, ?, ?, ?, ?, ?)", piece.rows())
        connection.commit()
    return frame.height


def test_reading_200_000_rows(database: Database) -> None:
    """By Ponte, by arrow-odbc, by pyodbc."""
    ways = (read_by_ponte, read_by_arrow_odbc, read_by_pyodbc)
    entrants = [Entrant(way.__name__.removeprefix("read_by_"), lambda way=way: way(database)) for way in ways]
    entrants.append(Entrant("start of ponte", lambda: start_of_ponte(database)))
    for _ in range(RUNS):
        for entrant in entrants:
            entrant.run()
    show("read", entrants)


def test_writing_200_000_rows(database: Database) -> None:
    """By Ponte, by arrow-odbc, by pyodbc, each into an empty table."""
    frame = database.articles()
    ways = (write_by_ponte, write_by_arrow_odbc, write_by_pyodbc)
    entrants = [Entrant(way.__name__.removeprefix("write_by_"), lambda way=way: way(database, frame)) for way in ways]
    start = Entrant("start of ponte", lambda: start_of_ponte(database))
    for _ in range(RUNS):
        for entrant in entrants:
            database.run("TRUNCATE copies")
            entrant.run()
            entrant.is_exact = database.has_equal_copies()
        start.run()
    assert entrants[0].is_exact
    show("write", [*entrants, start])


def show(work: str, entrants: list[Entrant]) -> None:
    """Prints the table as Markdown: medians, and how Ponte's rows per second compare, with its start and without.

    Args:
        work: what was done.
        entrants: Ponte first, its start last.
    """
    own, *bare, start = entrants
    lines = [
        f"| {work} {ROWS:,} rows | s | CPU s | rows/s | Ponte / it | without its start | by CPU | without | exact |",
        f"|{' --- |' * 9}",
    ]
    for entrant in (own, *bare):
        exact = {True: "yes", False: "no", None: ""}[entrant.is_exact]
        ratios = (
            entrant.seconds / own.seconds,
            entrant.seconds / (own.seconds - start.seconds),
            entrant.cpu_seconds / own.cpu_seconds,
            entrant.cpu_seconds / (own.cpu_seconds - start.cpu_seconds),
        )
        cells = (
            entrant.name,
            f"{entrant.seconds:.2f}",
            f"{entrant.cpu_seconds:.2f}",
            f"{ROWS / entrant.seconds:,.0f}",
            *(f"{ratio:.2f}" if entrant is not own else "" for ratio in ratios),
        )
        lines.append(f"| {' | '.join((*cells, exact))} |")
    told = f"start of ponte's driver process: {start.seconds:.2f} s, CPU {start.cpu_seconds:.2f} s"
    sys.stdout.write("\n" + "\n".join(lines) + f"\n{told}; aim: at least {AIM} of the bare driver\n")
