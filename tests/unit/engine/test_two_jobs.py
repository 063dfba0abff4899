"""Two jobs that fill one object of a target at once, such as two ERPs with a customer in common: nothing is doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ponte.engine.ports import TargetCapabilities
from unit.engine.world import GIVES_IDS, UPSERTS, World, article

MakeWorld = Callable[..., World]
BOTH = pytest.mark.parametrize("capabilities", [GIVES_IDS, UPSERTS])


def other(made: World) -> World:
    """Another job with the same ends and the same ledger."""
    return replace(made, job=replace(made.job, name="other", state_id="other"))


@BOTH
async def test_what_another_job_created_since_it_was_looked_for_is_not_created_again(
    world: MakeWorld, capabilities: TargetCapabilities
) -> None:
    made = world(article("a"), article("b"), capabilities=capabilities)
    beside = other(made)
    await beside.run("keys", keys=["b"])  # so that the ledger knows both jobs
    is_first = True

    async def meanwhile(name: str) -> None:
        nonlocal is_first
        if name == "claim.before" and is_first:
            is_first = False
            await beside.run()

    result = await made.run(failpoint=meanwhile)

    assert (made.target.made("a"), made.target.made("b")) == (1, 1)
    assert result.account.read == 2
    assert (await made.run()).account.unchanged == 2


@BOTH
async def test_what_another_job_is_creating_is_waited_for_and_then_its_own(
    world: MakeWorld, capabilities: TargetCapabilities
) -> None:
    made = world(article("a"), capabilities=capabilities)
    beside = other(made)
    has_claimed, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(name: str) -> None:
        if name == "claim.after":
            has_claimed.set()
            await may_go_on.wait()

    first = asyncio.create_task(beside.run(failpoint=hold))
    await has_claimed.wait()
    made.clock.woken = may_go_on.set
    second = await made.run()
    await first

    assert second.phase == "Succeeded"
    assert made.target.made("a") == 1
    assert (await made.run()).account.unchanged == 1
    made.assert_in_step()


async def test_a_create_of_a_job_that_died_is_busy_for_others_until_its_effect_must_have_come_to_light(
    world: MakeWorld,
) -> None:
    late = replace(GIVES_IDS, timeout_s=20.0, settle_s=100.0)
    made = world(article("a"), capabilities=late)
    assert await other(made).crash("deliver.before")
    ((claimed_until,),) = made.rows("SELECT live_until FROM ponte_claims")

    assert claimed_until / 1e6 >= datetime.now(UTC).timestamp() + late.timeout_s + late.settle_s
