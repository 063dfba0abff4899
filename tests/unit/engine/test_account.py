"""A run whose account does not close: a defect of Ponte, forced here, that must neither pass nor move anything on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ponte.engine.findings import Findings
from ponte.engine.job import DeleteRules
from ponte.engine.rounds import Rounds
from ponte.engine.run import RunFailed
from ponte.engine.state import RunState
from unit.engine.world import World, article

MakeWorld = Callable[..., World]


@pytest.fixture
def made(world: MakeWorld) -> World:
    """Five records, of which changes can be read."""
    records = [article(sku, changed=place) for place, sku in enumerate("abcde", 1)]
    return world(*records, reads=("all", "keys", "changes"), deletes=DeleteRules("delete"), batch_size=3)


def lose_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """One record that is unchanged is not counted."""
    count = RunState.count

    def forgetful(state: RunState, **outcomes: int) -> None:
        count(state, **{name: max(number - (name == "unchanged"), 0) for name, number in outcomes.items()})

    monkeypatch.setattr(RunState, "count", forgetful)


def count_a_record_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """One record that is created is counted as left alone too."""
    count = RunState.count

    def eager(state: RunState, **outcomes: int) -> None:
        count(state, **{**outcomes, "skipped": outcomes.get("skipped", 0) + (outcomes.get("created", 0) > 0)})

    monkeypatch.setattr(RunState, "count", eager)


def lose_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last batch of a reading goes astray before it is delivered."""
    take = Rounds._take

    async def careless(rounds: Rounds, item: Findings) -> None:
        if not item.is_last:
            await take(rounds, item)

    monkeypatch.setattr(Rounds, "_take", careless)


@pytest.mark.parametrize("read", ["all", "changes"])
@pytest.mark.parametrize("damage", [lose_a_record, count_a_record_twice, lose_a_batch])
async def test_a_run_whose_account_does_not_close_fails_and_neither_moves_the_watermark_nor_deletes(
    made: World, monkeypatch: pytest.MonkeyPatch, damage: Any, read: str
) -> None:
    await made.run()
    assert made.rows("SELECT watermark FROM ponte_scopes") == [("5",)]
    made.source.remove("a")
    made.source.put(*(article(f"new{n}", changed=6 + n) for n in range(3)))

    with monkeypatch.context() as broken:
        damage(broken)
        with pytest.raises(RunFailed, match="The watermark stays") as failed:
            await made.run(read)

    assert (failed.value.exit_code, failed.value.reason) == (70, "AccountNotClosed")
    assert (failed.value.result.phase, failed.value.result.reason) == ("Failed", "AccountNotClosed")
    assert made.rows("SELECT watermark FROM ponte_scopes") in ([("5",)], [("7",)]), "before the last batch, whose is 8"
    assert "a" in made.target.skus()

    await made.run()
    made.assert_in_step()
    assert made.rows("SELECT watermark FROM ponte_scopes") == [("8",)]
