"""200,000 rows through the connector `odbc`, beside bare drivers, in turns; prints ratios, never fails for being slow.

The aim is that the connector alone reaches 0.7 of the bare driver's rows per second. Two things are measured, for each
entrant by the same script:

- **the connector alone** (`rows`): from connecting to the last row, in a process that has loaded all it needs and has
  connected once before.
- **the whole process** (`whole`): from start to exit: the interpreter, imports, the start of the driver's process
  (which only Ponte has), the connection, the rows, the end. Its start-up is what it takes longer than the rows.

CPU is of all processes of the entrant, without the server's.

Reading ends with Polars frames of all rows, writing begins with one. The bare drivers convert as they like and check
nothing; Ponte's values are exact, its writing is an upsert by a unique key, theirs are inserts. `exact` says whether
the target then held what was sent. `PONTE_BENCH_RUNS` sets the rounds (default 3); the median is shown. The table is
left in bench-results/ for `make bench-report`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from bench.odbc_databases import ROWS, Database, has_equal_copies, on_mariadb, on_postgresql, place_of
from bench.rivals.place import RESULTS
from bench.rivals.processes import measure
from bench.rivals.report import table
from postgres import PostgresServer

RUNS = int(os.environ.get("PONTE_BENCH_RUNS", "3"))
AIM = 0.7
PATIENCE_S = 600.0
SCRIPT = Path(__file__).parent / "odbc_entrant.py"
NAMES = ("ponte", "arrow-odbc", "pyodbc")

pytestmark = [pytest.mark.bench, pytest.mark.timeout(0)]


@dataclass
class Entrant:
    """A way to do the work, and what each round took.

    Attributes:
        whole, whole_cpu, peak_mb: of the process, as seen from outside.
        rows, rows_cpu: of the work alone, as it tells.
        is_exact: whether the target then held what was sent; None where nothing is written.
        fault: how it failed, where it did.
    """

    name: str
    whole: list[float] = field(default_factory=list)
    whole_cpu: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    rows_cpu: list[float] = field(default_factory=list)
    is_exact: bool | None = None
    fault: str | None = None

    def run(self, work: str, counted: str, place: Path, folder: Path) -> None:
        """One round. What does not handle all rows has failed, and is not tried again."""
        if self.fault is not None:
            return
        command = [sys.executable, str(SCRIPT), self.name, work, counted, str(place)]
        ended = measure(command, {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}, folder, PATIENCE_S)
        if ended.code != 0 or json.loads(ended.answer)["rows"] != ROWS:
            self.fault = f"failed: {ended.output.strip().splitlines()[-1][:80] if ended.output.strip() else ended.code}"
        elif counted == "rows":
            told = json.loads(ended.answer)
            self.rows.append(told["wall_s"])
            self.rows_cpu.append(told["cpu_s"])
        else:
            self.whole.append(ended.wall_s)
            self.whole_cpu.append(ended.cpu_s)
            self.peak_mb.append(ended.peak_mb)


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.needs("psqlodbc")),
        pytest.param("mariadb", marks=pytest.mark.needs("maodbc")),
    ]
)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Made for one test."""
    if request.param == "mariadb":
        with on_mariadb() as found:
            yield found
    else:
        server: PostgresServer = request.getfixturevalue("durable_server")
        with on_postgresql(server) as found:
            yield found


@pytest.mark.parametrize("work", ["read", "write"])
def test_200_000_rows_over_odbc(database: Database, work: str, tmp_path: Path) -> None:
    """By Ponte, by arrow-odbc, by pyodbc."""
    place, entrants = place_of(database, tmp_path), [Entrant(name) for name in NAMES]
    for number in range(RUNS):
        for counted in ("whole", "rows"):
            for entrant in entrants if number % 2 == 0 else reversed(entrants):
                database.run("TRUNCATE TABLE copies")
                entrant.run(work, counted, place, tmp_path)
                if work == "write":
                    entrant.is_exact = has_equal_copies(database)
    own = entrants[0]
    assert own.fault is None
    assert own.is_exact is not False
    text = shown(f"{database.title}: {work}", entrants)
    sys.stdout.write(f"\n{text}aim: the connector alone at least {AIM} of the bare driver\n")
    (RESULTS / "odbc").mkdir(parents=True, exist_ok=True)
    (RESULTS / "odbc" / f"{type(database).__name__.lower()}-{work}.md").write_text(text)


def shown(title: str, entrants: Sequence[Entrant]) -> str:
    """Two tables of Markdown: the connector alone beside the bare drivers, which the aim is for; whole processes."""
    own = entrants[0]
    alone = (f"{title}: the connector alone", "s", "CPU s", "rows/s", "Ponte / it", "by CPU", "exact")
    whole = (f"{title}: whole process", "s", "start-up s", "CPU s", "MB", "Ponte / it", "by CPU")
    rows, processes = [], []
    for it in entrants:
        if it.fault is not None:
            rows.append((it.name, it.fault, *[""] * (len(alone) - 2)))
            processes.append((it.name, it.fault, *[""] * (len(whole) - 2)))
            continue
        wall, start = median(it.rows), median(it.whole) - median(it.rows)
        pace, exact = f"{ROWS / wall:,.0f}", {True: "yes", False: "no", None: ""}[it.is_exact]
        shares = _shares(it, own, (it.rows, own.rows), (it.rows_cpu, own.rows_cpu))
        rows.append((it.name, f"{wall:.2f}", f"{median(it.rows_cpu):.2f}", pace, *shares, exact))
        times = (median(it.whole), start, median(it.whole_cpu))
        shares = _shares(it, own, (it.whole, own.whole), (it.whole_cpu, own.whole_cpu))
        processes.append((it.name, *(f"{time:.2f}" for time in times), f"{median(it.peak_mb):.0f}", *shares))
    return f"{table(alone, rows)}\n{table(whole, processes)}"


def _shares(it: Entrant, own: Entrant, *pairs: tuple[list[float], list[float]]) -> tuple[str, ...]:
    """Ponte's speed as a share of another's, by the clock and by CPU time."""
    return tuple("" if it is own else f"{median(other) / median(mine):.2f}" for other, mine in pairs)
