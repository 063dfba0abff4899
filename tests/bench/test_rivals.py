"""Ponte beside its rivals: the same work, in turns, checked each time. Fails for wrong results, never for being slow.

Runs unattended, with a line for each run: `nohup make bench > bench.log 2>&1 &`. One test is one work, chosen by
`make bench WORK=rest`. PONTE_BENCH_RUNS sets the rounds (5; 1 for a quick look), PONTE_BENCH_RESUME=1 goes on where a
bench was ended, PONTE_BENCH_SCALE=0.02 tries the bench itself on fewer records. Each work leaves
bench-results/WORK.json, of which `make bench-report` writes the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rivals import environments, files_work, memory_work, orders_work, rest_work, send_work
from bench.rivals.place import Place, from_environment
from postgres import PostgresServer

pytestmark = [pytest.mark.bench, pytest.mark.timeout(0), pytest.mark.needs("postgresql")]


@pytest.fixture(scope="module", autouse=True)
def _rivals() -> None:
    environments.install()


@pytest.fixture
def place(durable_server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    """Where the work is done; databases are dropped afterwards."""
    found = from_environment(durable_server, tmp_path)
    yield found
    found.clean()


def test_rest_into_postgresql(place: Place) -> None:
    rest_work.run(place)


def test_orders_from_postgresql_to_postgresql(place: Place) -> None:
    orders_work.run(place)


def test_csv_into_postgresql(place: Place) -> None:
    files_work.run_text(place)


@pytest.mark.needs("xlsxwriter")
def test_xlsx_into_postgresql(place: Place) -> None:
    if not files_work.has_excel():
        pytest.skip("needs: excel (this Ponte reads no workbooks yet)")
    files_work.run_workbook(place)


def test_put_to_a_web_api(place: Place) -> None:
    send_work.run_single(place)


def test_bulk_to_a_web_api(place: Place) -> None:
    send_work.run_bulk(place)


@pytest.mark.parametrize("size", memory_work.SIZES)
def test_memory_at(size: int, place: Place) -> None:
    memory_work.run(place, size)
