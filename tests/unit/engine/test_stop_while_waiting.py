"""A stop signal ends every pause at once, and what was answered before is on record all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ponte.engine.job import Order
from ponte.engine.opening import open_run
from ponte.engine.run import RunFailed
from ponte.errors import Interrupted
from ponte.runtime.clock import SystemClock
from unit.engine.world import BLIND, GIVES_IDS, StillClock, World, article

MakeWorld = Callable[..., World]


class StoppingClock(StillClock):
    """The stop signal comes while somebody waits."""

    is_stopped = False

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.is_stopped = True
        raise Interrupted("stopped while waiting")


def stopped_in_a_pause(made: World) -> StoppingClock:
    clock = StoppingClock()
    made.clock, made.is_stopping = clock, lambda: clock.is_stopped
    return clock


async def test_a_run_that_waits_for_an_unreachable_target_stops_and_gives_its_claims_back(world: MakeWorld) -> None:
    made = world(article("a"), capabilities=BLIND)
    made.target.outages = 9
    stopped_in_a_pause(made)

    with pytest.raises(RunFailed) as failure:
        await made.run()

    assert failure.value.exit_code == 76
    assert made.claims() == 0


async def test_a_run_that_waits_before_looking_up_leaves_only_the_doubt_and_commits_the_rest(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), capabilities=GIVES_IDS)
    made.target.lose.add("b")
    clock = stopped_in_a_pause(made)

    await made.run()

    assert len(clock.slept) == 1
    made.clock, made.is_stopping = StillClock(), lambda: False
    result = await made.run()
    made.assert_in_step()
    assert (result.account.unchanged, made.target.made("b")) == (1, 1)


async def test_records_that_the_signal_kept_from_being_sent_are_no_rejects(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), capabilities=BLIND)
    made.target.unsent["b"] = "Interrupted"
    made.is_stopping = lambda: bool(made.target.calls)

    with pytest.raises(RunFailed) as failure:
        await made.run()

    assert (failure.value.exit_code, failure.value.result.account.created) == (76, 1)
    assert (made.rejects(), made.claims()) == ({}, 0)


async def test_removals_that_the_signal_kept_from_being_sent_are_made_by_the_next_run(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), capabilities=GIVES_IDS)
    made.change(deletes=replace(made.job.deletes, policy="delete"))
    await made.run()
    made.source.remove("b")
    made.target.unsent["b"] = "Interrupted"
    made.is_stopping = lambda: made.target.calls[-1][0] == "delete"

    with pytest.raises(RunFailed) as failure:
        await made.run()

    assert failure.value.exit_code == 76
    made.is_stopping = lambda: False
    made.target.unsent.clear()
    assert (await made.run()).account.deleted == 1


async def test_a_stop_before_what_a_dead_run_left_could_be_looked_up_keeps_the_doubt(world: MakeWorld) -> None:
    made = world(article("a"), capabilities=GIVES_IDS)
    assert await made.crash("deliver.before")
    stopped_in_a_pause(made)

    with pytest.raises(Interrupted):
        await made.run()

    assert made.claims() == 1


async def test_who_waits_for_another_run_of_the_job_stops_at_once(world: MakeWorld) -> None:
    made = world(article("a"))
    holder = made.ledger()
    await open_run(made.ports(holder), made.job, Order("run-first"))
    clock = stopped_in_a_pause(made)

    with pytest.raises(Interrupted):
        await made.run(overlap="wait")

    assert len(clock.slept) == 1
    await holder.close()


async def test_the_real_clock_wakes_at_once_and_never_sleeps_again() -> None:
    stop = asyncio.Event()
    clock = SystemClock(stop)
    await clock.sleep(0.001)
    asyncio.get_running_loop().call_later(0.01, stop.set)
    begun = time.monotonic()

    for _ in range(2):
        with pytest.raises(Interrupted):
            await clock.sleep(60)

    assert time.monotonic() - begun < 5
