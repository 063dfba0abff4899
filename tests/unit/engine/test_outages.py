"""A target that is down: the run ends to be tried again, no record is to blame, and none is done twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import polars as pl
import pytest

from ponte.engine.run import RunFailed
from ponte.errors import ConfigurationError
from unit.engine.world import BLIND, BLIND_UPSERTS, GIVES_IDS, TAKES_KEYS, UPSERTS, World, article

MakeWorld = Callable[..., World]
THREE = [article("a"), article("b"), article("c")]


async def is_down_for(made: World) -> RunFailed:
    with pytest.raises(RunFailed) as failed:
        await made.run()
    assert failed.value.exit_code == 75
    return failed.value


@pytest.mark.parametrize("capabilities", [UPSERTS, GIVES_IDS, BLIND_UPSERTS, TAKES_KEYS])
async def test_a_target_without_an_answer_for_any_record_is_down_and_the_records_stay_in_doubt(
    world: MakeWorld, capabilities
) -> None:
    made = world(*THREE, capabilities=capabilities)
    made.target.silent.update("abc")

    failed = await is_down_for(made)

    assert (failed.reason, failed.result.account.rejected) == ("ServerError", 0)
    assert "HTTP 503" in str(failed)
    assert (made.rejects(), made.claims()) == ({}, 1)
    made.target.silent.clear()
    await made.run()
    made.assert_in_step()
    assert (made.rejects(), made.claims()) == ({}, 0)


async def test_updates_and_removals_that_a_target_has_no_answer_for_stay_in_doubt_too(world: MakeWorld) -> None:
    made = world(*THREE, article("d"), capabilities=GIVES_IDS)
    await made.run()
    made.source.put(article("a", price="5.00"), article("b", price="5.00"))
    made.target.silent.update("abcd")

    await is_down_for(made)
    made.source.put(article("a"), article("b"))
    made.source.remove("c", "d")
    made.target.silent.difference_update("ab")
    await is_down_for(made)

    assert made.rejects() == {}
    made.target.silent.clear()
    await made.run()
    made.assert_in_step()
    assert (made.rejects(), made.claims()) == ({}, 0)


async def test_a_record_without_an_answer_while_others_go_through_is_a_reject(world: MakeWorld) -> None:
    made = world(*THREE)
    made.target.silent.add("b")

    first = await made.run()
    second = await made.run()

    assert (first.account.created, second.account.unchanged) == (2, 2)
    assert made.rejects() == {"b": "ServerError"}


async def test_records_that_are_rejects_already_do_not_say_that_the_target_is_down(world: MakeWorld) -> None:
    made = world(*THREE, article("d"))
    made.target.silent.update("bc")
    await made.run()

    again = await made.run()

    assert (again.account.unchanged, again.account.rejected) == (2, 2)


async def test_a_single_record_without_an_answer_is_a_reject(world: MakeWorld) -> None:
    made = world(article("a"))
    made.target.silent.add("a")

    assert (await made.run()).account.rejected == 1


async def test_what_was_done_before_the_target_went_down_is_committed_and_the_unsent_given_back(
    world: MakeWorld,
) -> None:
    made = world(*THREE, capabilities=BLIND)
    made.target.unsent.update(b="ServerError", c="ServerError")

    failed = await is_down_for(made)

    assert failed.result.account.created == 1
    assert (made.rejects(), made.claims()) == ({}, 0)
    made.target.unsent.clear()
    await made.run()
    made.assert_in_step()
    assert [made.target.made(sku) for sku in "abc"] == [1, 1, 1]


async def test_what_a_blind_target_may_have_made_before_it_went_down_is_for_a_person(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=BLIND)
    made.target.silent.add("a")
    made.target.unsent.update(b="ServerError", c="ServerError")

    await is_down_for(made)

    assert made.rejects() == {"a": "AmbiguousCreate"}
    made.target.silent.clear()
    made.target.unsent.clear()
    await made.run()
    assert [made.target.made(sku) for sku in "abc"] == [0, 1, 1]


async def test_what_stayed_unsent_while_others_went_through_is_sent_in_the_same_run(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=BLIND)
    made.target.unsent.update(b="ServerError", c="RateLimited")

    def recovers(delivery) -> None:
        if made.target.calls:
            made.target.unsent.clear()

    made.target.before = recovers

    result = await made.run()

    made.assert_in_step()
    assert (result.account.created, made.target.calls) == (3, [("create", ["a", "b", "c"]), ("create", ["b", "c"])])


async def test_a_record_that_may_have_arrived_is_not_taken_for_unsent_because_it_could_not_be_sent_again(
    world: MakeWorld,
) -> None:
    made = world(*THREE, capabilities=replace(UPSERTS))
    await made.run()
    made.source.put(article("a", price="5.00"), article("b", price="5.00"))
    made.target.lose.add("b")

    def goes_down(delivery) -> None:
        if made.target.calls[-1] == ("update", ["a", "b"]):
            made.target.unsent["b"] = "ServerError"

    made.target.before = goes_down

    await made.run()

    assert made.claims() == 1
    made.target.before = lambda delivery: None
    made.target.unsent.clear()
    await made.run()
    made.assert_in_step()
    assert made.claims() == 0


async def test_what_was_tried_until_the_claim_ran_out_says_what_the_target_said(world: MakeWorld) -> None:
    made = world(*THREE)
    made.target.outages = 99
    sleep = made.clock.sleep

    async def sleeps_long(seconds: float) -> None:
        await sleep(seconds + 40)

    made.clock.sleep = sleeps_long  # type: ignore[method-assign]

    failed = await is_down_for(made)

    assert failed.reason == "Unavailable"
    assert "too much time went by" in str(failed)
    assert str(failed).endswith("The last answer was: the target is away")


async def test_a_login_that_is_refused_in_the_middle_ends_the_run_and_rejects_nothing(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    made.target.unsent.update(b="CredentialsRefused", c="CredentialsRefused")

    with pytest.raises(RunFailed, match="2 records were not sent, and none of them was rejected: not sent") as failed:
        await made.run()

    assert (failed.value.exit_code, failed.value.reason) == (78, "CredentialsRefused")
    assert (failed.value.result.account.created, made.rejects(), made.claims()) == (1, {}, 0)
    made.target.unsent.clear()
    await made.run()
    made.assert_in_step()
    assert made.target.made("a") == made.target.made("b") == 1


async def test_poison_alone_ends_one_run_and_is_rejected_by_the_next_while_the_target_can_be_asked(
    world: MakeWorld,
) -> None:
    made = world(*THREE, article("d"))
    await made.run()
    made.source.put(*(article(sku, price="5.00") for sku in "abc"))
    made.target.silent.update("abc")

    await is_down_for(made)
    made.target.find_outages = 99
    await is_down_for(made)  # it answers nothing at all: that is no poison
    made.target.find_outages = 0
    made.source.put(article("a", price="6.00"))
    result = await made.run()

    assert (result.account.rejected, result.account.unchanged) == (3, 1)
    assert made.rejects() == dict.fromkeys("abc", "ServerError")
    made.target.silent.clear()
    await made.run()
    made.assert_in_step()
    assert (made.rejects(), made.claims()) == ({}, 0)


async def test_what_keeps_a_target_from_being_asked_does_not_hide_what_may_have_arrived(world: MakeWorld) -> None:
    made = world(*THREE)
    await made.run()
    made.source.put(*(article(sku, price="5.00") for sku in "abc"))
    made.target.silent.update("abc")
    await is_down_for(made)

    async def refuses(keys: pl.DataFrame) -> pl.DataFrame:
        raise ConfigurationError("the login may not read")

    find, made.target.find = made.target.find, refuses  # type: ignore[method-assign]
    await is_down_for(made)

    assert made.claims() > 0
    made.target.find = find  # type: ignore[method-assign]
    made.target.silent.clear()
    await made.run()
    made.assert_in_step()


@pytest.mark.parametrize("capabilities", [UPSERTS, GIVES_IDS, BLIND_UPSERTS])
async def test_poison_at_the_start_of_a_chunk_keeps_nothing_else_from_getting_through(
    world: MakeWorld, capabilities
) -> None:
    made = world(*(article(sku) for sku in "abcdefghij"), capabilities=capabilities, batch_size=10)
    made.target.silent.update("abcd")
    made.target.patience = 2

    for _ in range(2):
        with suppress(RunFailed):
            await made.run()

    assert sorted(made.target.by_sku()) == list("efghij")
    assert set(made.rejects().values()) <= {"ServerError"}
    result = await made.run()
    assert (result.account.unchanged, result.account.rejected) == (6, 4)


async def test_what_failed_in_an_earlier_run_is_sent_after_all_others(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    made.target.silent.update("ab")
    await made.run()
    made.source.put(article("d"))
    made.target.calls.clear()

    await made.run()

    assert made.target.calls[0] == ("create", ["d", "a", "b"])


async def test_a_target_that_is_down_is_tried_with_a_few_more_records_and_no_more(world: MakeWorld) -> None:
    made = world(*(article(sku) for sku in "abcdefghij"), capabilities=UPSERTS, batch_size=10)
    made.target.silent.update("abcdefghij")
    made.target.patience = 2

    await is_down_for(made)

    assert {sku for _, keys in made.target.calls[1:] for sku in keys} <= {*"abfhj"}
    assert (made.rejects(), made.target.by_sku()) == ({}, {})


@pytest.mark.parametrize(("chunk", "patience"), [(1, None), (2, None), (10, 2)])
async def test_a_blind_target_that_goes_down_leaves_a_handful_of_creates_in_doubt(
    world: MakeWorld, chunk: int, patience: int | None
) -> None:
    skus = [f"{number:02d}" for number in range(30)]
    made = world(*map(article, skus), capabilities=replace(BLIND, chunk=chunk), batch_size=chunk)
    made.target.silent.update(skus)
    made.target.patience = patience

    failed = await is_down_for(made)

    in_doubt = made.rejects()
    assert 2 <= len(in_doubt) <= 5
    assert set(in_doubt.values()) == {"AmbiguousCreate"}
    assert "for a person (AmbiguousCreate); the next run goes on with the others" in str(failed)
    made.target.silent.clear()
    await made.run()
    assert [made.target.made(sku) for sku in skus] == [int(sku not in in_doubt) for sku in skus]
