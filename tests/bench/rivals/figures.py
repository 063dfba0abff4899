"""Figures of the results: medians, spans, ratios. Pure; the page is written by `report`."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.rivals.results import Aim, Results

EQUAL = 1.1
Run = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """What one entrant did in one step.

    Attributes:
        label: tool and configuration.
        tool: its name.
        remarks: what it did and did not do.
        runs: those that came to a right end; where there is none, all.
        trouble: in words, what was wrong with others.
    """

    label: str
    tool: str
    remarks: str
    runs: list[Run]
    trouble: str

    @property
    def is_sound(self) -> bool:
        """Whether it has figures that count."""
        return any(run["differs"] is None for run in self.runs)

    def median(self, name: str) -> float:
        """The middle of a figure."""
        return statistics.median(run[name] for run in self.runs)

    @property
    def wall_s(self) -> float:
        """Median of the wall time."""
        return self.median("wall_s")

    @property
    def middle(self) -> Run:
        """The run in the middle."""
        return sorted(self.runs, key=lambda run: run["wall_s"])[(len(self.runs) - 1) // 2]


@dataclass(frozen=True)
class Verdict:
    """An aim and what came of it.

    Attributes:
        aim: what was wanted.
        ponte: Ponte with the faster of its ledgers.
        rival: against whom: the fastest that counts.
    """

    aim: Aim
    ponte: Line
    rival: Line

    @property
    def share(self) -> float:
        """Ponte's time as a share of the rival's."""
        return self.ponte.wall_s / self.rival.wall_s

    @property
    def cpu_share(self) -> float:
        """The same of CPU seconds, which other work on the machine disturbs less; told, not judged."""
        return self.ponte.median("cpu_s") / self.rival.median("cpu_s")

    @property
    def is_met(self) -> bool:
        """Whether the aim is reached; within a tenth of it counts as equal."""
        return self.share <= self.aim.share * EQUAL


def lines(results: Results, step: str) -> list[Line]:
    """All entrants of a step, Ponte's first, then by time."""
    found = [
        _line(label, entrant, entrant["steps"][step])
        for label, entrant in results.runs.items()
        if step in entrant["steps"]
    ]
    return sorted(found, key=lambda line: (line.tool != "ponte", line.wall_s))


def _line(label: str, entrant: dict[str, Any], runs: list[Run]) -> Line:
    right = [run for run in runs if run["differs"] is None]
    wrong = dict.fromkeys(str(run["differs"]).splitlines()[0][:160] for run in runs if run["differs"] is not None)
    fallen = sum(1 for run in right if run["code"] != 0)
    trouble = [*wrong, *([f"{fallen} of {len(runs)} runs crashed after their work"] if fallen else [])]
    weaker = sorted({word for run in right for word in run.get("weaker", [])})
    remarks = "; ".join([entrant["remarks"], *([f"at the target: {', '.join(weaker)}"] if weaker else [])])
    return Line(label, entrant["tool"], remarks, right or runs, "; ".join(trouble))


def fastest(found: Iterable[Line]) -> Line | None:
    """The one with the shortest median."""
    return min((line for line in found if line.is_sound), key=lambda line: line.wall_s, default=None)


def verdicts(results: Results) -> list[Verdict]:
    """Each aim against what was measured; aims without a figure on either side are left out."""
    found = []
    for aim in results.aims:
        there = lines(results, aim.step)
        ponte = fastest(line for line in there if line.tool == "ponte")
        rival = fastest(line for line in there if line.tool != "ponte" and aim.against in {None, line.tool})
        if ponte is not None and rival is not None:
            found.append(Verdict(aim, ponte, rival))
    return found
