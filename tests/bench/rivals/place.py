"""What all works are given: the database server, a folder, how often and how large, where results go."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from bench.rivals import environments, machine
from bench.rivals.databases import Database
from bench.rivals.race import Race
from bench.rivals.results import TITLES, Aim, Results
from postgres import PostgresServer

RESULTS = Path(__file__).parents[3] / "bench-results"


@dataclass(frozen=True)
class Place:
    """Where a work is done.

    Attributes:
        server: the database server.
        folder: for files of the work.
        rounds: how often each entrant does each step.
        scale: share of the real number of records; less than 1 only to try the bench itself.
        resumes: whether rounds that a file already has are left out.
    """

    server: PostgresServer
    folder: Path
    rounds: int
    scale: float
    resumes: bool
    _made: list[str] = field(default_factory=list)

    def records(self, real: int) -> int:
        """How many records instead of so many; a multiple of 100, so that one in a hundred is a whole number."""
        return max(100, int(real * self.scale) // 100 * 100)

    def database(self, name: str) -> Database:
        """A new database."""
        database = Database(self.server, name)
        database.make_anew()
        self._made.append(name)
        return database

    def clean(self) -> None:
        """Drops what `database` made."""
        for name in self._made:
            Database(self.server, name).drop()

    def results(self, work: str, records: int, steps: dict[str, str], aims: list[Aim]) -> Results:
        """The figures of a work, those of an earlier time among them where the bench goes on."""
        rivals = {name: environments.versions(name) for name in environments.NAMES}
        version = self.server_version()
        surroundings = {**machine.surroundings(), "PostgreSQL": version, **rivals}
        folder = RESULTS if self.scale == 1 else RESULTS / "scaled"
        results = Results(
            work, TITLES[work.partition("-")[0]], records, steps, aims, surroundings, path=folder / f"{work}.json"
        )
        if self.resumes:
            results.resume()
        return results

    def server_version(self) -> str:
        """Of PostgreSQL."""
        return str(Database(self.server, "postgres").one("SHOW server_version")[0])

    def run(self, race: Race, results: Results) -> None:
        """All rounds of a race."""
        race.run(results, self.rounds)


def from_environment(server: PostgresServer, folder: Path) -> Place:
    """As the variables say: PONTE_BENCH_RUNS (5), PONTE_BENCH_SCALE (1), PONTE_BENCH_RESUME (unset)."""
    rounds, scale = int(os.environ.get("PONTE_BENCH_RUNS") or 5), float(os.environ.get("PONTE_BENCH_SCALE") or 1)
    return Place(server, folder, rounds, scale, bool(os.environ.get("PONTE_BENCH_RESUME")))
