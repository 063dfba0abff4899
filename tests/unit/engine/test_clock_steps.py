"""A clock that is set back, as time services do, makes nothing new pass for old."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ponte.errors import TransientError
from unit.engine.world import article, make_world


def set_back(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the clock of SQLite ledgers back."""
    stepped = SimpleNamespace(
        time_ns=lambda: time.time_ns() - int(seconds * 1e9), monotonic=time.monotonic, sleep=time.sleep
    )
    monkeypatch.setattr("ponte.ledger.sqlite.time", stepped)


async def test_a_change_is_delivered_though_the_clock_was_set_back_a_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(tmp_path, article("a", changed=1), reads=("all", "changes", "keys"), overlap_s=0.0)
    await world.run()
    set_back(1.0, monkeypatch)
    world.source.put(article("a", name="new", changed=2))

    result = await world.run("changes")

    assert (result.account.updated, result.account.superseded) == (1, 0)
    world.assert_in_step()


async def test_a_clock_that_was_set_back_far_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(tmp_path, article("a"))
    await world.run()
    set_back(30, monkeypatch)
    world.source.put(article("a", name="new"))

    with pytest.raises(TransientError) as caught:
        await world.run()

    assert caught.value.reason == "ClockWentBack"
    assert world.target.by_sku()["a"]["name"] == "a thing"
