"""Answers that never come, come late or come twice: nothing is lost and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from ponte.engine.ports import Delivery, TargetCapabilities
from ponte.engine.run import RunFailed
from ponte.errors import CredentialsRefused, TransientError
from ponte.ledger import review
from ponte.ledger.opening import opened
from unit.engine.world import (
    BLIND,
    BLIND_UPSERTS,
    GIVES_IDS,
    TAKES_KEYS,
    UPSERTS,
    Crash,
    World,
    article,
    crash_at,
)

MakeWorld = Callable[..., World]
THREE = [article("a"), article("b"), article("c")]
KNOWING = [UPSERTS, GIVES_IDS, BLIND_UPSERTS, TAKES_KEYS]


@pytest.mark.parametrize("capabilities", KNOWING)
@pytest.mark.parametrize("how", ["lose", "drop"])
async def test_a_create_without_an_answer_is_settled_in_the_same_run(
    world: MakeWorld, capabilities: TargetCapabilities, how: str
) -> None:
    made = world(*THREE, capabilities=capabilities)
    getattr(made.target, how).add("b")

    result = await made.run()

    made.assert_in_step()
    assert result.account.created == 3
    assert made.target.made("b") == 1
    assert (made.claims(), made.rejects()) == (0, {})


async def second_claim_fails_in(made: World, read: str) -> RunFailed:
    """A run that sends a first chunk, and whose ledger cannot take the claim of the second."""
    claims = 0

    async def fail(name: str) -> None:
        nonlocal claims
        claims += name == "claim.before"
        if name == "claim.before" and claims == 2:
            raise TransientError("the ledger is away")

    with pytest.raises(RunFailed, match="the ledger is away") as failed:
        await made.run(read, fail)
    return failed.value


async def test_what_the_last_batch_had_acknowledged_is_on_record_when_its_next_chunk_fails(world: MakeWorld) -> None:
    made = world(*THREE, article("d"), batch_size=3)
    await made.run()
    made.source.put(article("c", price="2.00"), article("new"))

    failed = await second_claim_fails_in(made, "all")

    assert (failed.result.account.created, failed.result.account.updated) == (1, 0)
    assert (made.target.made("new"), made.claims()) == (1, 0)
    assert made.rows("SELECT COUNT(*) FROM ponte_records") == [(5,)]
    assert (await made.run()).account.updated == 1
    made.assert_in_step()


async def test_what_was_acknowledged_of_what_was_read_again_is_on_record_when_the_next_chunk_fails(
    world: MakeWorld,
) -> None:
    created, updated = article("x", name=None, changed=1), article("y", changed=2)
    made = world(created, updated, article("z", changed=50), reads=("all", "keys", "changes"), overlap_s=0.0)
    await made.run()
    made.source.put({**updated, "name": None})
    await made.run()
    made.source.put({**created, "name": "mended"}, {**updated, "name": "mended"})

    failed = await second_claim_fails_in(made, "changes")

    assert (failed.result.account.created, failed.result.account.updated) == (1, 0)
    assert (made.target.made("x"), made.claims()) == (1, 0)
    assert made.rejects() == {"y": "RequiredFieldMissing"}
    assert (await made.run()).account.updated == 1
    made.assert_in_step()


async def test_a_record_that_comes_back_is_made_anew_where_the_target_remembers_the_first_time(
    world: MakeWorld,
) -> None:
    made = world(*THREE, capabilities=TAKES_KEYS)
    await made.run()
    made.source.remove("b")
    await made.run()
    made.source.put(article("b", name="back"))

    result = await made.run()

    made.assert_in_step()
    assert result.account.created == 1


async def test_a_record_that_somebody_removed_is_made_anew_where_the_target_remembers_the_first_time(
    world: MakeWorld,
) -> None:
    made = world(*THREE, capabilities=TAKES_KEYS)
    await made.run()
    made.target.records = {own: row for own, row in made.target.records.items() if row["sku"] != "b"}
    made.source.put(article("b", name="again"))

    await made.run()

    made.assert_in_step()


async def test_a_create_that_comes_to_light_late_is_waited_for_and_not_sent_twice(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    made.target.delay.add("b")

    await made.run()

    made.assert_in_step()
    assert max(made.clock.slept) >= GIVES_IDS.settle_s


@pytest.mark.parametrize(("settle_s", "timeout_s"), [(31.0, 120.0), (45.0, 5.0), (600.0, 720.0)])
@pytest.mark.parametrize("point", ["claim.after", "deliver.after"])
async def test_a_doubt_is_settled_however_long_a_target_takes_to_bring_to_light(
    world: MakeWorld, settle_s: float, timeout_s: float, point: str
) -> None:
    made = world(*THREE, capabilities=replace(GIVES_IDS, settle_s=settle_s, timeout_s=timeout_s))
    assert await made.crash(point)

    await made.run()

    made.assert_in_step()
    assert (made.claims(), made.rejects()) == (0, {})
    made.target.lose.add("b")
    made.source.put(article("b", name="again"))
    await made.run()
    made.assert_in_step()
    assert made.claims() == 0


@pytest.mark.parametrize("how", ["lose", "drop"])
async def test_an_unknown_create_at_a_blind_target_stops_for_a_person_and_is_never_sent_again(
    world: MakeWorld, how: str
) -> None:
    made = world(*THREE, capabilities=BLIND)
    getattr(made.target, how).add("b")

    first = await made.run()
    made.target.calls.clear()
    second = await made.run()
    third = await made.run()

    assert [run.account.rejected for run in (first, second, third)] == [1, 1, 1]
    assert made.rejects() == {"b": "AmbiguousCreate"}
    ((message, attempts),) = made.rows("SELECT message, attempts FROM ponte_rejects")
    assert "the source has the record no longer" not in message
    assert attempts == 3
    assert made.target.calls == []
    assert made.claims() == 1


@pytest.mark.parametrize("capabilities", [BLIND, TAKES_KEYS])
async def test_an_unknown_create_whose_source_is_gone_stops_for_a_person_too(
    world: MakeWorld, capabilities: TargetCapabilities
) -> None:
    made = world(*THREE, capabilities=capabilities)
    assert await made.crash("deliver.after")
    made.source.rows.clear()

    first = await made.run()
    second = await made.run()

    assert [run.phase for run in (first, second)] == ["PartiallySucceeded"] * 2
    assert [run.rejects.new for run in (first, second)] == [3, 0]
    assert made.rejects() == dict.fromkeys("abc", "AmbiguousCreate")
    assert made.decide()
    third = await made.run()
    assert third.phase == "Succeeded"
    assert (made.target.records, made.claims(), made.rejects()) == ({}, 0, {})


@pytest.mark.parametrize("capabilities", [BLIND, TAKES_KEYS])
async def test_an_unknown_create_of_a_record_that_is_rejected_by_now_stops_for_a_person_too(
    world: MakeWorld, capabilities: TargetCapabilities
) -> None:
    made = world(*THREE, capabilities=capabilities)
    assert await made.crash("deliver.after")
    made.source.put(article("a", price="no number"))

    await made.run()

    assert made.rejects()["a"] == "AmbiguousCreate"


async def test_a_record_whose_id_nobody_knows_is_neither_created_twice_nor_taken_for_removed(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=BLIND)
    made.target.lose.add("b")
    await made.run()
    with opened(made.url) as db:
        review.skip(db, made.job.state_id, ["b"])

    updated = await made.run()
    assert (updated.account.rejected, made.rejects()) == (1, {"b": "TargetIdUnknown"})
    made.source.remove("b")
    removed = await made.run()
    assert (removed.phase, removed.account.deleted) == ("PartiallySucceeded", 0)
    assert (made.rejects(), made.target.made("b")) == ({"b": "TargetIdUnknown"}, 1)

    assert made.decide()
    await made.run()
    made.assert_in_step()
    assert (made.claims(), made.rejects()) == (0, {})


async def test_an_update_without_an_answer_is_sent_again(world: MakeWorld) -> None:
    for capabilities in (UPSERTS, GIVES_IDS, BLIND):
        name = f"{capabilities.upserts}-{capabilities.finds}"
        made = world(*THREE, capabilities=capabilities, state_id=name, target_object=name)
        await made.run()
        made.source.put(article("b", price="5.00"))
        made.target.lose.add("b")

        await made.run()

        made.assert_in_step()
        assert made.claims() == 0


async def test_a_value_that_timed_out_but_was_written_is_not_taken_for_unchanged_when_it_goes_back(
    world: MakeWorld,
) -> None:
    made = world(*THREE, capabilities=replace(UPSERTS))
    await made.run()
    made.source.put(article("b", price="5.00"))
    assert await made.crash("deliver.after")
    assert made.target.by_sku()["b"]["price"] != THREE[1]["price"]
    made.source.put(article("b"))

    result = await made.run()

    assert result.account.updated == 1
    made.assert_in_step()
    assert made.claims() == 0


async def test_an_outage_while_settling_does_not_forget_what_was_acknowledged(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    made.target.lose.add("b")

    def away(delivery: Delivery) -> None:
        made.target.find_outages = 99

    made.target.before = away

    first = await made.run()
    assert (first.account.created, first.account.rejected) == (2, 1)
    assert made.claims() == 1

    made.target.find_outages = 0
    made.target.before = lambda delivery: None
    second = await made.run()

    made.assert_in_step()
    assert second.account.unchanged == 2
    assert (made.claims(), made.rejects()) == (0, {})


async def test_what_was_acknowledged_before_an_outage_is_committed_and_the_rest_given_back(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    made.target.add({"sku": "a", "name": "old", "price": None})

    def away(delivery: Delivery) -> None:
        made.target.outages = 99 if delivery.operation == "create" else 0

    made.target.before = away

    with pytest.raises(RunFailed) as failed:
        await made.run()

    assert failed.value.exit_code == 75
    assert failed.value.result.account.updated == 1
    assert made.rows("SELECT key FROM ponte_records") == [("1:a",)]
    assert made.claims() == 0


async def test_short_outages_are_waited_for(world: MakeWorld) -> None:
    made = world(*THREE)
    made.target.outages = 3

    result = await made.run()

    assert result.account.created == 3
    assert made.clock.slept == [0.5, 1.0, 2.0]


async def test_an_answer_given_twice_counts_once_and_a_missing_one_is_unknown(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    answer = made.target.deliver
    calls = [0]

    async def careless(delivery: Delivery) -> pl.DataFrame:
        calls[0] += 1
        answers = await answer(delivery)
        if calls[0] > 1:
            return answers
        return pl.concat([answers.slice(0, 1), answers.slice(0, 2)])

    made.target.deliver = careless  # type: ignore[method-assign]

    result = await made.run()

    made.assert_in_step()
    assert result.account.created == 3


async def test_a_record_that_moved_at_the_target_is_found_again_and_not_doubled(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    await made.run()
    own = next(own for own, record in made.target.records.items() if record["sku"] == "b")
    made.target.add(made.target.records.pop(own))
    made.source.put(article("b", price="5.00"))

    result = await made.run()

    assert result.account.updated == 1
    made.assert_in_step()


async def test_a_crash_between_claim_and_delivery_overwrites_nothing_that_on_existing_protects(
    world: MakeWorld,
) -> None:
    for on_existing in ("skip", "fail"):
        made = world(
            *THREE, capabilities=GIVES_IDS, on_existing=on_existing, state_id=on_existing, target_object=on_existing
        )
        made.target.add({"sku": "b", "name": "theirs", "price": None})
        for point in ("claim.before", "claim.after", "deliver.before", "deliver.after"):
            assert await made.crash(point) or point == "deliver.after"

        result = await made.run()

        assert made.target.by_sku()["b"]["name"] == "theirs"
        assert result.account.skipped == (on_existing == "skip")
        assert made.rejects() == ({} if on_existing == "skip" else {"b": "AlreadyExists"})


async def test_a_run_that_wakes_up_after_its_time_sends_nothing_more(world: MakeWorld) -> None:
    made = world(*THREE)

    async def sleeps_long(name: str) -> None:
        if name == "deliver.before":
            await made.clock.sleep(3600)

    with pytest.raises(RunFailed) as failed:
        await made.run(failpoint=sleeps_long)

    assert failed.value.reason == "ClaimRanOut"
    assert made.target.effects == []


@pytest.mark.parametrize("capabilities", [*KNOWING, BLIND])
@pytest.mark.parametrize(
    "point",
    [
        "claim.before",
        "claim.after",
        "deliver.before",
        "deliver.after",
        "commit.before",
        "commit.after",
        "finish.before",
    ],
)
async def test_after_a_crash_at_any_point_the_next_run_loses_and_doubles_nothing(
    world: MakeWorld, capabilities: TargetCapabilities, point: str
) -> None:
    made = world(*THREE, capabilities=capabilities, batch_size=2)
    with pytest.raises(Crash):
        await made.run(failpoint=crash_at(point))

    await made.run()

    assert all(made.target.made(sku) <= 1 for sku in "abc")
    if capabilities is not BLIND or point in ("claim.before", "commit.after", "finish.before"):
        made.assert_in_step()
        assert (made.claims(), made.rejects()) == (0, {})
    else:
        assert made.rejects() == {"a": "AmbiguousCreate", "b": "AmbiguousCreate"}


@pytest.mark.parametrize("on_existing", ["adopt", "skip"])
async def test_what_was_acknowledged_is_kept_when_a_login_ends_while_another_record_is_looked_up(
    world: MakeWorld, on_existing: Any
) -> None:
    made = world(article("a"), article("b"), article("c"), capabilities=GIVES_IDS, on_existing=on_existing)
    made.target.lose.add("b")
    find, asked = made.target.find, []

    async def refuse_the_second(keys: Any) -> Any:
        asked.append(keys)
        if len(asked) == 2:
            raise CredentialsRefused("the token ended")
        return await find(keys)

    made.target.find = refuse_the_second
    await made.run()
    made.source.put(article("a", price="9.00"), article("b", price="9.00"), article("c", price="9.00"))

    again = await made.run()

    assert again.account.updated == 3
    assert {record["price"] for record in made.target.by_sku().values()} == {Decimal("9.00")}
