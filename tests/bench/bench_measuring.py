"""What a bench measures and how it is shown: whole processes, medians, ratios to a limit of the same run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("bench_child.py")
STAGES = ("read", "identify", "map", "compare", "fingerprint", "find", "claim", "deliver", "commit")


@dataclass(frozen=True)
class Measured:
    """One run as a whole process: wall time from start to exit, and what it said of itself."""

    wall_s: float
    report: dict[str, Any]

    @property
    def account(self) -> dict[str, int]:
        """Where the records went."""
        return dict(self.report["account"])


@dataclass(frozen=True)
class Row:
    """A line of the table: the work, its runs, and the aim for time and memory."""

    work: str
    runs: list[Measured]
    aim_s: float
    aim_mb: float

    def cells(self) -> list[str]:
        """As text: medians, ratios to the aims, and the stages of the median run."""
        middle = sorted(self.runs, key=lambda run: run.wall_s)[len(self.runs) // 2]
        wall = statistics.median(run.wall_s for run in self.runs)
        peak = max(run.report["peak_mb"] for run in self.runs)
        stages = middle.report["stages"]
        shown = " ".join(f"{name} {stages[name]:.2f}" for name in STAGES if stages.get(name, 0) >= 0.005)
        records = middle.account["read"]
        return [
            self.work,
            f"{wall:.2f}",
            f"{wall / self.aim_s:.2f}",
            f"{records / wall:,.0f}",
            f"{peak:.0f}",
            f"{peak / self.aim_mb:.2f}",
            shown,
        ]


def run_child(folder: Path, ledger: str, job: str, read: str = "all") -> Measured:
    """Runs a job as a process and measures it; a run that fails fails the bench."""
    command = [sys.executable, str(CHILD), str(folder), ledger, job, read]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - begun
    assert done.returncode == 0, done.stderr
    return Measured(wall, json.loads(done.stdout))


def show(rows: list[Row], notes: list[str]) -> None:
    """Prints the table as Markdown."""
    header = ["work", "s", "of aim", "records/s", "MB", "of aim", "seconds by stage"]
    lines = [header, ["---"] * len(header), *(row.cells() for row in rows)]
    sys.stdout.write("\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n")
    sys.stdout.write("".join(f"{note}\n" for note in notes))
