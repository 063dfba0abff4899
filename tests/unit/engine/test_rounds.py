"""Rounds: what is held, what is answered and what is counted when a reading is slow, stops or fails in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from ponte.engine.ports import Batch, Delivery, Read
from ponte.engine.run import RunFailed
from ponte.errors import TransientError
from unit.engine.world import GIVES_IDS, UPSERTS, World, article

MakeWorld = Callable[..., World]
FIVES = replace(UPSERTS, chunk=5)


def _articles(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [article(f"{number:03d}", **fields) for number in range(count)]


def _held_up_at(made: World, page: int) -> asyncio.Event:
    """The source gives a page of the whole reading only when the event is set."""
    gate, read = asyncio.Event(), made.source.read

    async def slow(request: Read) -> AsyncIterator[Batch]:
        number = 0
        async for batch in read(request):
            if request.mode == "all" and number == page:
                await gate.wait()
            number += 1
            yield batch

    made.source.read = slow  # type: ignore[method-assign]  # the one thing that is different about this source
    return gate


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - asked of the target and of the ledger's file, which tell nobody
            await asyncio.sleep(0.02)


async def test_what_was_answered_is_committed_though_the_source_is_slow(world: MakeWorld) -> None:
    made = world(*_articles(10), batch_size=5, capabilities=FIVES)
    gate = _held_up_at(made, 1)

    run = asyncio.create_task(made.run())
    await _until(lambda: len(made.target.records) == 5)
    await _until(lambda: made.rows("SELECT COUNT(*) FROM ponte_records") == [(5,)])
    assert made.claims() == 0

    gate.set()
    assert (await run).account.created == 10


async def test_changes_that_wait_for_others_do_not_wait_for_a_slow_source(world: MakeWorld) -> None:
    made = world(*_articles(15), batch_size=5, capabilities=FIVES)
    await made.run()
    made.source.rows[6]["price"] = "9.00"
    gate = _held_up_at(made, 2)

    run = asyncio.create_task(made.run())
    await _until(lambda: str(made.target.by_sku()["006"]["price"]) == "9.00")

    gate.set()
    assert (await run).account.updated == 1


async def test_a_stop_between_rounds_leaves_no_answer_uncommitted(world: MakeWorld) -> None:
    made = world(*_articles(40), batch_size=5, capabilities=FIVES)
    await made.run()
    for row in made.source.rows:
        row["price"] = "9.00" if int(row["sku"]) % 5 < 2 else row["price"]
    before = len(made.target.effects)
    made.is_stopping = lambda: len(made.target.effects) - before >= 6

    with pytest.raises(RunFailed) as stopped:
        await made.run()

    assert stopped.value.exit_code == 76
    assert stopped.value.result.account.updated == len(made.target.effects) - before
    assert made.claims() == 0


async def test_an_outage_after_a_source_broke_off_leaves_no_answer_uncommitted(world: MakeWorld) -> None:
    made = world(*_articles(15), batch_size=5, capabilities=replace(GIVES_IDS, chunk=5))

    def breaks(page: int, _request: Read) -> None:
        if page == 2:
            raise TransientError("the source is away")

    def goes_away(_delivery: Delivery) -> None:
        made.target.find_outages = 50

    made.source.during, made.target.before = breaks, goes_away
    with pytest.raises(RunFailed) as failed:
        await made.run()

    assert failed.value.result.account.created == len(made.target.effects) > 0
    assert made.claims() == 0


async def test_refused_records_are_a_share_of_all_that_was_read(world: MakeWorld) -> None:
    made = world(*_articles(400), batch_size=400, capabilities=replace(UPSERTS, chunk=20))
    made.target.refuse = {f"{number:03d}": "No" for number in range(15)}

    first = await made.run()
    for row in made.source.rows[:50]:
        row["price"] = "9.00"
    second = await made.run()

    assert [(run.account.rejected, run.phase) for run in (first, second)] == [(15, "PartiallySucceeded")] * 2


async def test_what_is_held_is_not_sent_once_too_many_were_refused(world: MakeWorld) -> None:
    made = world(*_articles(400), batch_size=20, capabilities=replace(UPSERTS, chunk=20))
    await made.run()
    for row in made.source.rows:
        row["price"] = "9.00" if int(row["sku"]) < 20 or int(row["sku"]) % 10 == 0 else row["price"]
    made.target.refuse = {f"{number:03d}": "No" for number in range(20)}
    made.target.calls.clear()

    with pytest.raises(RunFailed, match=r"rejects\.maxPercent"):
        await made.run()

    assert [len(skus) for _, skus in made.target.calls] == [20]


async def test_rejects_of_a_round_whose_delivery_fails_are_on_record(world: MakeWorld) -> None:
    made = world(*_articles(2, name=None), article("x"), article("y"), batch_size=4)
    made.target.outages = 50

    with pytest.raises(RunFailed):
        await made.run()

    assert made.rejects() == {"000": "RequiredFieldMissing", "001": "RequiredFieldMissing"}


async def test_a_report_counts_what_is_durable(world: MakeWorld) -> None:
    made = world(*_articles(3), batch_size=1)
    commits = 0

    async def overtaken(name: str) -> None:
        nonlocal commits
        commits += name == "commit.before"
        if commits == 2:
            made.rows("UPDATE ponte_scopes SET lease_epoch = 99 WHERE lease_epoch < 99")

    with pytest.raises(RunFailed) as failed:
        await made.run(failpoint=overtaken)

    assert [(failed.value.result.account.created,)] == made.rows("SELECT COUNT(*) FROM ponte_records")
