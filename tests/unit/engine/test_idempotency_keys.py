"""A target that honours idempotency keys does nothing for a key that it knows: nothing may be lost by that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from unit.engine.world import TAKES_KEYS, World, article

MakeWorld = Callable[..., World]
THREE = [article("a"), article("b"), article("c")]


@pytest.fixture
def made(world: MakeWorld) -> World:
    return world(*THREE, capabilities=TAKES_KEYS)


async def test_a_record_that_was_removed_comes_back_and_goes_again(made: World) -> None:
    for _ in range(3):
        await made.run()
        made.assert_in_step()
        made.source.remove("b")
        await made.run()
        made.assert_in_step()
        made.source.put(article("b"))

    assert made.target.made("b") == 3


async def test_a_value_that_goes_to_and_fro_is_written_each_time(made: World) -> None:
    for price in ("1.00", "2.00", "1.00", "2.00", "1.00"):
        made.source.put(article("b", price=price))
        await made.run()
        made.assert_in_step()


async def test_what_somebody_removes_at_the_target_is_created_anew_each_time(made: World) -> None:
    await made.run()

    for price in ("2.00", "1.00", "2.00"):
        del made.target.records[_id(made, "b")]
        made.source.put(article("b", price=price))
        await made.run()
        made.assert_in_step()


@pytest.mark.parametrize("point", ["bury.before", "bury.after", "deliver.after"])
async def test_a_run_that_dies_while_it_creates_anew_leaves_nothing_twice(made: World, point: str) -> None:
    await made.run()
    del made.target.records[_id(made, "b")]
    made.source.put(article("b", price="2.00"))

    assert await made.crash(point, 2 if point == "deliver.after" else 1)
    await made.run()

    made.assert_in_step()
    assert made.target.made("b") == 2


async def test_a_create_in_doubt_is_not_left_with_the_content_of_a_dead_run(made: World) -> None:
    assert await made.crash("deliver.after")
    made.source.put(article("b", price="7.00"))

    result = await made.run()

    made.assert_in_step()
    assert result.account.created == 3
    assert [made.target.made(sku) for sku in "abc"] == [1, 1, 1]
    assert (await made.run()).account.unchanged == 3


async def test_a_target_that_takes_no_keys_is_given_none(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=replace(TAKES_KEYS, takes_idempotency_keys=False))
    given = []
    made.target.before = lambda delivery: given.extend(delivery.idempotency_keys)

    await made.run()

    assert given == [None, None, None]


def _id(made: World, sku: str) -> str:
    return next(own for own, record in made.target.records.items() if record["sku"] == sku)
