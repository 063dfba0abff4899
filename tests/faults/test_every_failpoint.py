"""Each failpoint at its first hits, in a play that reaches most of them, on each ledger and kind of target."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.theatre import Theatre

ENGINE = Path(__file__).parents[2] / "runner" / "ponte" / "engine"
POINTS = sorted({n for f in ENGINE.glob("*.py") for n in re.findall(r'failpoint\("([a-z.-]+)"\)', f.read_text())})
KINDS = {"sqlite": ("rest", "sqlite"), "postgresql": ("rest-upsert", "postgresql")}


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("hit", [1, 2, 3])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("ledger", "kind"), [(ledger, kind) for ledger, kinds in KINDS.items() for kind in kinds])
def test_killed_at_a_failpoint_in_each_run_of_a_play(
    theatre: Callable[[str, str], Theatre], ledger: str, kind: str, point: str, hit: int
) -> None:
    opened = theatre(ledger, kind)
    rng = random.Random(hit)
    opened.fill(rng)
    trap = f"{point}:{hit}:kill"
    assert opened.run(trap=trap) in (0, -9)
    opened.edit(rng)
    assert opened.run(trap=trap) in (0, -9)
    opened.edit(rng)
    opened.mapped_kind = "other"
    assert opened.run("--read", "changes", trap=trap) in (0, -9)

    opened.recover()

    opened.judge()
    opened.judge_stillness()
