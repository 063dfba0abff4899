"""How the bench measures: a tool's whole tree, in turns, and what becomes of failures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.rivals.processes import measure
from bench.rivals.race import Command, Entrant, Race, Seen
from bench.rivals.results import Results

BUSY_CHILD = """
import subprocess, sys
work = "import time; held = b'x' * 80_000_000\\nwhile time.process_time() < .3: pass"
subprocess.run([sys.executable, "-c", work], check=True)
print("done")
"""


def test_memory_and_time_of_children_count(tmp_path: Path) -> None:
    ended = measure([sys.executable, "-c", BUSY_CHILD], {}, tmp_path, 60)

    assert (ended.code, ended.answer) == (0, "done\n")
    assert ended.cpu_s >= 0.3
    assert ended.wall_s >= 0.3
    assert ended.peak_mb >= 80


def test_a_tool_sees_no_settings_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")

    ended = measure([sys.executable, "-c", "import os; print(*sorted(os.environ))"], {"OWN": "1"}, tmp_path, 60)

    assert "POLARS_MAX_THREADS" not in ended.answer
    assert "OWN" in ended.answer


def test_a_tool_that_does_not_end_is_ended(tmp_path: Path) -> None:
    assert measure([sys.executable, "-c", "while True: pass"], {}, tmp_path, 0.2).code == -9


class World:
    """Tells all that happens; finds the target of those wrong whose tool is named."""

    def __init__(self, wrong: str = "", written: int = 0) -> None:
        self.told: list[str] = []
        self._wrong = wrong
        self._written = written

    def renew(self, entrant: Entrant) -> None:
        self.told.append(f"renew {entrant.tool}")

    def prepare(self, step: str) -> None:
        self.told.append(f"prepare {step}")

    def watch(self, entrant: Entrant) -> Callable[[], Seen]:
        self.told.append(f"watch {entrant.tool}")
        facts = {"rows_written": self._written}
        return lambda: Seen("other rows" if entrant.tool == self._wrong else None, facts)


def entrant(tool: str, *steps: str, code: int = 0) -> Entrant:
    words = [sys.executable, "-c", f"raise SystemExit({code})"]
    return Entrant(tool, "plain", "remarks", dict.fromkeys(steps, lambda: Command(words)))


def race(world: World, *entrants: Entrant, tmp_path: Path, rounds: int = 1) -> Results:
    results = Results("work", "Work", 1, {}, [], {}, path=tmp_path / "work.json")
    Race(world, entrants, ["first", "again"], tmp_path / "runs").run(results, rounds)
    return results


def test_turns_alternate_and_a_step_that_somebody_cannot_do_is_left_out(tmp_path: Path) -> None:
    world = World()

    race(world, entrant("ponte", "first", "again"), entrant("dlt", "first"), tmp_path=tmp_path, rounds=2)

    assert [told for told in world.told if not told.startswith("renew")] == [
        "prepare first", "watch ponte", "watch dlt", "prepare again", "watch ponte",
        "prepare first", "watch dlt", "watch ponte", "prepare again", "watch ponte",
    ]  # fmt: skip


def test_a_wrong_target_of_ponte_fails_the_bench(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ponte, plain, first: other rows"):
        race(World(wrong="ponte"), entrant("ponte", "first"), tmp_path=tmp_path)


def test_a_wrong_target_of_a_rival_is_told_and_kept(tmp_path: Path) -> None:
    found = race(World(wrong="dlt"), entrant("dlt", "first"), tmp_path=tmp_path)

    assert found.runs["dlt, plain"]["steps"]["first"][0]["differs"] == "other rows"


def test_a_rival_that_falls_over_after_its_work_still_counts(tmp_path: Path) -> None:
    found = race(World(), entrant("dlt", "first", code=3), tmp_path=tmp_path)

    (run,) = found.runs["dlt, plain"]["steps"]["first"]
    assert (run["code"], run["differs"]) == (3, None)


def test_a_rival_that_failed_fails_the_bench_when_all_is_kept(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="dlt, plain, first: failed with 3"):
        race(World(wrong="dlt"), entrant("dlt", "first", code=3), tmp_path=tmp_path)

    assert (tmp_path / "work.json").is_file()


def test_rows_that_ponte_wrote_and_did_not_account_for_fail_the_bench(tmp_path: Path) -> None:
    told = replace(
        entrant("ponte", "first"), report=lambda _: {"account": {"created": 2, "updated": 1, "unchanged": 7}}
    )

    race(World(written=3), told, tmp_path=tmp_path)
    with pytest.raises(AssertionError, match="10 rows written, 3 accounted for"):
        race(World(written=10), told, tmp_path=tmp_path)
