"""How fast the engine does the nightly work, as whole processes, beside the aims; prints, never fails for being slow.

Each aim was set for two cores. `PONTE_BENCH_RUNS` sets how often each work is done (default 3); the median is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.bench_measuring import Measured, Row, run_child, show
from bench.bench_worlds import CsvWorld, SqlWorld
from postgres import PostgresServer

RUNS = int(os.environ.get("PONTE_BENCH_RUNS", "3"))

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800), pytest.mark.needs("postgresql")]


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, durable_server: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """A fresh ledger of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.db"
        return
    durable_server.run("CREATE DATABASE ledger")
    yield durable_server.url("ledger")
    durable_server.run("DROP DATABASE ledger WITH (FORCE)")


def _repeated(world: CsvWorld | SqlWorld, ledger: str, read: str = "all") -> tuple[list[Measured], list[Measured]]:
    """First loads, each into an emptied target and ledger, and the run after one record in a hundred changed."""
    first, again = [], []
    for _ in range(RUNS):
        world.empty(ledger)
        first.append(run_child(world.folder, ledger, "bench"))
        world.change_one_in_a_hundred()
        again.append(run_child(world.folder, ledger, "bench", read))
    assert all(run.account["created"] == world.records for run in first)
    assert all(run.account["updated"] == world.records // 100 for run in again)
    assert world.is_equal()
    return first, again


def test_csv_of_50_000_into_postgresql(durable_server: PostgresServer, ledger: str, tmp_path: Path) -> None:
    """50,000 records of text files."""
    with CsvWorld(durable_server, tmp_path, 50_000) as world:
        first, again = _repeated(world, ledger)

    rows = [Row("50,000 CSV, first", first, 2.2, 250), Row("50,000 CSV, 1 % changed", again, 1.5, 250)]
    show(rows, [f"ledger: {ledger.partition(':')[0]}"])


def test_sql_of_1_000_000_into_postgresql(durable_server: PostgresServer, ledger: str, tmp_path: Path) -> None:
    """A million rows from database to database, beside the time that the database takes to copy them by itself."""
    with SqlWorld(durable_server, tmp_path, 1_000_000) as world:
        first, again = _repeated(world, ledger)
        floor_s = world.copy_by_itself()

    rows = [Row("1,000,000 SQL, first", first, 14, 300), Row("1,000,000 SQL, 1 % changed", again, 5.5, 300)]
    share = first[0].wall_s / floor_s
    show(rows, [f"ledger: {ledger.partition(':')[0]}", f"first load / the database's own INSERT SELECT: {share:.1f}"])


def test_changes_of_1_000_000_by_cursor(durable_server: PostgresServer, ledger: str, tmp_path: Path) -> None:
    """One in a hundred of a million, found by the cursor."""
    with SqlWorld(durable_server, tmp_path, 1_000_000) as world:
        _, again = _repeated(world, ledger, "changes")

    show([Row("1,000,000 SQL, 1 % by cursor", again, 1.5, 300)], [f"ledger: {ledger.partition(':')[0]}"])


def test_claims_cost_little(durable_server: PostgresServer, ledger: str, tmp_path: Path) -> None:
    """What the durable marks before each delivery cost of a first load: at most 15 %."""
    with SqlWorld(durable_server, tmp_path, 200_000) as world:
        world.empty(ledger)
        run = run_child(world.folder, ledger, "bench")

    share = run.report["stages"]["claim"] / run.wall_s
    show([], [f"claims: {share * 100:.1f} % of a first load (limit 15 %), ledger: {ledger.partition(':')[0]}"])
