"""Runs that are killed at seeded places: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from faults.theatre import TARGETS, Theatre, play, replay_command

KILLS = 200
LEDGERS = ("sqlite", "postgresql")
SEED = os.environ.get("FAULT_SEED", "")


def plays() -> list[tuple[str, str, int]]:
    if SEED:
        ledger, kind, seed = SEED.split(":")
        return [(ledger, kind, int(seed))]
    kinds = sorted(TARGETS)
    return [(ledger, kinds[seed % len(kinds)], seed) for ledger in LEDGERS for seed in range(KILLS)]


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(("ledger", "kind", "seed"), plays())
def test_after_kills_at_random_places_target_and_ledger_are_as_if_nothing_had_happened(
    theatre: Callable[[str, str], Theatre], ledger: str, kind: str, seed: int
) -> None:
    opened = theatre(ledger, kind)
    told = "not yet"
    try:
        told = play(opened, seed)
        opened.judge()
        opened.judge_stillness()
    except AssertionError as error:
        raise AssertionError(f"{error}\n{told}\nagain: {replay_command(ledger, kind, seed)}") from error
