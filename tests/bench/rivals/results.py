"""What a work measured, as a JSON file of its own under bench-results/: works can be measured at different times."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

TITLES = {
    "rest": "Articles, JSON web API -> PostgreSQL",
    "orders": "Orders, PostgreSQL -> PostgreSQL",
    "csv": "Articles, CSV file -> PostgreSQL",
    "xlsx": "Articles, XLSX file -> PostgreSQL",
    "put": "Articles -> web API, one PUT each",
    "bulk": "Articles -> web API, bulks of 500",
    "memory": "Memory, PostgreSQL -> PostgreSQL",
}


class Named(Protocol):
    """What the results keep of an entrant."""

    @property
    def tool(self) -> str:
        """Its name."""

    @property
    def configuration(self) -> str:
        """How it was set up."""

    @property
    def remarks(self) -> str:
        """What it did and did not do."""


@dataclass(frozen=True)
class Aim:
    """What Ponte's time of a step is to be, as a share of others'.

    Attributes:
        step: the step.
        share: at most so much of their time.
        against: the tool that it is measured against; None for the fastest of all.
    """

    step: str
    share: float
    against: str | None = None


@dataclass
class Results:
    """The figures of one work.

    Attributes:
        work: its name, and its file's.
        title: in words.
        records: how many the source has.
        steps: what each step is, by name.
        aims: shares of the rivals' times.
        surroundings: machine and versions.
        faults: what went wrong, of this process only.
    """

    work: str
    title: str
    records: int
    steps: dict[str, str]
    aims: list[Aim]
    surroundings: dict[str, str]
    rounds: int = 0
    measured: str = ""
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    path: Path = Path()

    def add(self, entrant: Named, step: str, run: dict[str, Any]) -> None:
        """One run of an entrant."""
        label = f"{entrant.tool}, {entrant.configuration}"
        known = self.runs.setdefault(label, {"tool": entrant.tool, "remarks": entrant.remarks, "steps": {}})
        known["steps"].setdefault(step, [])[self.rounds :] = [run]

    def close_round(self) -> None:
        """Keeps a round that is complete."""
        self.rounds += 1
        self.measured = datetime.now(UTC).date().isoformat()
        kept = {name: value for name, value in asdict(self).items() if name not in {"faults", "path"}}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(kept, indent=1), encoding="utf-8")

    def resume(self) -> None:
        """Goes on with the rounds that the file has, if they are of the same work on the same machine and versions."""
        if not self.path.is_file():
            return
        kept = json.loads(self.path.read_text(encoding="utf-8"))
        if kept["records"] == self.records and kept["surroundings"] == self.surroundings:
            self.rounds, self.runs, self.measured = kept["rounds"], kept["runs"], kept["measured"]


def read_all(folder: Path) -> dict[str, Results]:
    """All works that were measured, by name."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept["aims"] = [Aim(**aim) for aim in kept["aims"]]
        found[kept["work"]] = Results(**kept, path=path)
    return found
