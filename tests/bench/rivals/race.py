"""A race: the same work by several entrants, in turns whose order alternates, each run checked, all of it kept.

What a round measured is written at once, so that a bench that was ended goes on where it was.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.rivals.processes import Ended, measure
from bench.rivals.results import Results

LIMIT_S = 1800.0


@dataclass(frozen=True)
class Command:
    """What an entrant starts for a step."""

    words: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What the world found after a step.

    Attributes:
        differs: in words what the target lacks to hold what it should; None where it is equal.
        facts: figures and words about the run: rows written, requests, types that were guessed.
    """

    differs: str | None
    facts: dict[str, Any]


@dataclass(frozen=True)
class Entrant:
    """A tool in one configuration.

    Attributes:
        tool: its name, with Ponte's being `ponte`.
        configuration: how it was set up, in a few words.
        remarks: what it did and did not do, for the table.
        commands: what it starts, by step; steps that it cannot do are left out.
        forget: removes its state before a first load.
        report: what it says of a run, kept with the figures.
    """

    tool: str
    configuration: str
    remarks: str
    commands: Mapping[str, Callable[[], Command]]
    forget: Callable[[], None] = lambda: None
    report: Callable[[Ended], dict[str, Any]] = lambda _: {}

    @property
    def label(self) -> str:
        """Tool and configuration."""
        return f"{self.tool}, {self.configuration}"


class World(Protocol):
    """Where a work is done: it makes targets anew, changes the source, and says whether a target is right."""

    def renew(self, entrant: Entrant) -> None:
        """An empty target for an entrant."""

    def prepare(self, step: str) -> None:
        """Changes the source, once before all entrants do a step."""

    def watch(self, entrant: Entrant) -> Callable[[], Seen]:
        """Begins to watch an entrant's target; what is given back looks at it afterwards."""


@dataclass(frozen=True)
class Race:
    """A work, who does it, and where.

    Attributes:
        world: where it is done.
        entrants: who does it, in the order of the first round.
        steps: names of its steps, in order.
        folder: for what entrants leave behind.
    """

    world: World
    entrants: Sequence[Entrant]
    steps: Sequence[str]
    folder: Path

    def run(self, results: Results, rounds: int) -> None:
        """All rounds that the results still lack.

        Raises:
            AssertionError: after the last round, where an entrant failed or Ponte's target was wrong.
        """
        for number in range(results.rounds, rounds):
            order = self.entrants if number % 2 == 0 else self.entrants[::-1]
            self._round(results, order, f"{results.work}, round {number + 1} of {rounds}")
            results.close_round()
        assert not results.faults, "\n".join(results.faults)

    def _round(self, results: Results, order: Sequence[Entrant], told: str) -> None:
        for entrant in order:
            entrant.forget()
            self.world.renew(entrant)
        for step in self.steps:
            self.world.prepare(step)
            for entrant in order:
                if step in entrant.commands:
                    self._turn(results, entrant, step, told)

    def _turn(self, results: Results, entrant: Entrant, step: str, told: str) -> None:
        folder = self.folder / f"{time.monotonic_ns()}"
        folder.mkdir(parents=True)
        command = entrant.commands[step]()
        look = self.world.watch(entrant)
        ended = measure(command.words, command.variables, folder, LIMIT_S)
        seen = _judged(ended, entrant, look)
        figures = {"wall_s": ended.wall_s, "cpu_s": ended.cpu_s, "peak_mb": ended.peak_mb, "code": ended.code}
        report = entrant.report(ended) if ended.code == 0 else {}
        seen = Seen(seen.differs or _untrue(report, seen.facts), seen.facts)
        results.add(entrant, step, {**figures, "differs": seen.differs, **seen.facts, **report})
        if seen.differs and (entrant.tool == "ponte" or ended.code != 0):
            results.faults.append(f"{entrant.label}, {step}: {seen.differs}\n{ended.output}")
        verdict = "equal" if seen.differs is None else seen.differs.splitlines()[0][:120]
        shown = f"{ended.wall_s:7.2f} s, CPU {ended.cpu_s:6.2f} s, {ended.peak_mb:5.0f} MB"
        sys.stderr.write(f"{told}: {step:8} {shown}  {entrant.label}: {verdict}\n")
        sys.stderr.flush()


def _untrue(report: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    """Where an entrant's own account of what it wrote is not what was written: in words."""
    if "account" not in report or "rows_written" not in facts:
        return None
    told = sum(report["account"].get(name, 0) for name in ("created", "updated"))
    return None if told == facts["rows_written"] else f"{facts['rows_written']:,} rows written, {told:,} accounted for"


def _judged(ended: Ended, entrant: Entrant, look: Callable[[], Seen]) -> Seen:
    """What the world sees. A rival that did all its work and then fell over (pyreqwest aborts now and then) counts."""
    if ended.code == 0:
        return look()
    seen = Seen("", {}) if entrant.tool == "ponte" else look()
    return (
        seen if seen.differs is None else Seen(f"failed with {ended.code}: {ended.output.strip()[-300:]}", seen.facts)
    )
