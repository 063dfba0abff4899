"""Each failpoint at its first hits, in a play that comes to it at least once, on each ledger and kind of target."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.points import OUT_OF_PLAY, named_in
from faults.theatre import Theatre

ENGINE = Path(__file__).parents[2] / "runner" / "ponte" / "engine"
POINTS = sorted(named_in(ENGINE) - OUT_OF_PLAY)
KILLED = -9
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
    codes = [opened.run(trap=trap)]
    opened.edit(rng)
    codes.append(opened.run(trap=trap))
    opened.edit(rng)
    opened.mapped_kind = "other"
    codes.append(opened.run("--read", "changes", trap=trap))
    assert set(codes) <= {0, KILLED}, opened.said
    assert KILLED in codes or hit > 1, f"no run of the play came to {point}"

    opened.recover()

    opened.judge()
    opened.judge_stillness()
