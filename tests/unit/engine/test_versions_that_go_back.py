"""A version that went back is told, never passed over in silence, and there is a way to deliver it all the same."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from ponte.engine.ports import Batch, Read, SourceCapabilities
from unit.engine.world import GIVES_IDS, TAKES_KEYS, Crash, World, article, crash_at

MakeWorld = Callable[..., World]
WITH_KEYS, WITHOUT_KEYS = ("all", "keys"), ("all",)
DAY_S = 86_400


def versioned(world: MakeWorld, reads: Iterable[str] = WITH_KEYS, **job: Any) -> World:
    """A world of a, b and c, whose source numbers its versions."""
    made = world(article("a", changed=1), article("b", price="9.00", changed=9), article("c"), reads=reads, **job)
    made.change(source_object=made.job.source_object.model_copy(update={"version": "changed"}))
    return made


def set_clock(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the clock of SQLite ledgers so far ahead."""
    stepped = SimpleNamespace(
        time_ns=lambda: time.time_ns() + int(seconds * 1e9), monotonic=time.monotonic, sleep=time.sleep
    )
    monkeypatch.setattr("ponte.ledger.sqlite.time", stepped)


def version_of(made: World, sku: str) -> int:
    return int(made.rows(f"SELECT version FROM ponte_records WHERE key LIKE '%:{sku}'")[0][0])


async def restored(made: World) -> None:
    """Delivers, then b is restored in the source from a backup."""
    await made.run()
    made.source.put(article("b", price="4.00", changed=4))


@pytest.mark.parametrize("reads", [WITH_KEYS, WITHOUT_KEYS])
async def test_it_is_a_reject_that_says_what_to_do(world: MakeWorld, reads: tuple[str, ...]) -> None:
    made = versioned(world, reads)
    await restored(made)

    result = await made.run()

    assert (result.phase, result.account.rejected, result.rejects.open) == ("PartiallySucceeded", 1, 1)
    ((state, field, message),) = made.rows("SELECT state, field, message FROM ponte_rejects")
    assert (state, field) == ("open", "changed")
    for part in ("lower than the one that was delivered", "ponte run products --write all", "--repair"):
        assert part in message
    assert version_of(made, "b") == 9


async def test_it_is_a_reject_of_a_run_for_its_key_too(world: MakeWorld) -> None:
    made = versioned(world)
    await restored(made)

    result = await made.run("keys", keys=["b"])

    assert (result.phase, result.account.superseded, result.account.rejected) == ("PartiallySucceeded", 1, 1)
    assert made.rejects() == {"b": "OlderThanDelivered"}


async def test_a_reading_of_changes_tries_it_again_and_stays_partial(world: MakeWorld) -> None:
    made = versioned(world, ("all", "changes", "keys"))
    await restored(made)
    await made.run()

    again = await made.run("changes")

    assert (again.phase, again.rejects.open) == ("PartiallySucceeded", 1)
    await made.run("keys", keys=["b"], write="all")
    made.assert_in_step()
    assert made.rejects() == {}


@pytest.mark.parametrize("reads", [WITH_KEYS, WITHOUT_KEYS])
@pytest.mark.parametrize("capabilities", [GIVES_IDS, TAKES_KEYS])
async def test_a_run_that_writes_all_delivers_it_and_its_version_counts(
    world: MakeWorld, reads: tuple[str, ...], capabilities: Any
) -> None:
    made = versioned(world, reads, capabilities=capabilities)
    await restored(made)
    await made.run()

    healed = await made.run(write="all")

    made.assert_in_step()
    assert (healed.phase, healed.account.updated, healed.account.superseded) == ("Succeeded", 3, 0)
    assert (version_of(made, "b"), made.rejects()) == (4, {})
    made.source.put(article("b", price="5.00", changed=5))
    assert (await made.run()).account.updated == 1
    made.assert_in_step()


async def test_a_run_that_writes_all_of_its_key_delivers_it_as_repair_does(world: MakeWorld) -> None:
    made = versioned(world)
    await restored(made)

    healed = await made.run("keys", keys=["b"], write="all")

    made.assert_in_step()
    assert (healed.phase, version_of(made, "b")) == ("Succeeded", 4)


async def test_a_run_that_writes_all_makes_anew_what_somebody_removed(world: MakeWorld) -> None:
    made = versioned(world, capabilities=TAKES_KEYS)
    await restored(made)
    made.target.remove("b")

    await made.run(write="all")

    made.assert_in_step()
    assert version_of(made, "b") == 4


async def test_a_healing_run_that_died_is_told_until_it_is_repeated(world: MakeWorld) -> None:
    made = versioned(world)
    await restored(made)
    assert await made.crash("deliver.after", write="all")

    told = await made.run()

    assert (told.phase, made.rejects()) == ("PartiallySucceeded", {"b": "OlderThanDelivered"})
    await made.run(write="all")
    made.assert_in_step()
    assert (made.claims(), made.rejects()) == (0, {})


async def test_a_run_that_writes_all_keeps_what_another_delivered_meanwhile(world: MakeWorld) -> None:
    made = versioned(world)
    await made.run()
    met = []

    async def requested(name: str) -> None:
        if name == "claim.before" and not met:
            met.append(name)
            made.source.put(article("b", price="10.00", changed=10))
            await made.run("keys", keys=["b"])

    result = await made.run(failpoint=requested, write="all")

    made.assert_in_step()
    assert (result.phase, version_of(made, "b")) == ("Succeeded", 10)
    assert [call for call in made.target.calls if call[1] == ["b"]][-1][0] == "update"


async def test_what_comes_back_with_a_version_below_its_removal_is_created(world: MakeWorld) -> None:
    made = versioned(world)
    await made.run()
    made.source.remove("b")
    await made.run()
    made.source.put(article("b", changed=1))

    result = await made.run("keys", keys=["b"])

    made.assert_in_step()
    assert (result.phase, result.account.created, version_of(made, "b")) == ("Succeeded", 1, 1)


@pytest.mark.parametrize("changed", [9, 10])
@pytest.mark.parametrize("moment", ["before it is looked up", "before it is claimed"])
async def test_what_was_removed_since_it_was_read_does_not_come_back(
    world: MakeWorld, changed: int, moment: str
) -> None:
    """A late value, as new as the one removed or newer: it was read before the source had none."""
    made = versioned(world)
    await made.run()
    made.source.put(article("b", price="10.00", changed=changed))
    met = []

    async def remove() -> None:
        if not met:
            met.append(moment)
            made.source.remove("b")
            assert (await made.run()).account.deleted == 1

    async def before_claim(name: str) -> None:
        if name == "claim.before" and moment == "before it is claimed":
            await remove()

    read = made.source.read

    async def read_late(wanted: Read) -> AsyncIterator[Batch]:
        async for batch in read(wanted):
            if moment == "before it is looked up":
                await remove()
            yield batch

    made.source.read = read_late  # type: ignore[method-assign]

    result = await made.run("keys", keys=["b"], failpoint=before_claim)

    made.assert_in_step()
    assert (result.account.created, result.account.superseded, made.claims()) == (0, 1, 0)


async def test_what_is_left_out_in_an_older_version_is_told_before_it_is_removed(world: MakeWorld) -> None:
    made = versioned(world)
    await made.run()
    made.source.put(article("b", web="N", changed=4))

    told = await made.run()

    assert (told.phase, made.rejects()) == ("PartiallySucceeded", {"b": "OlderThanDelivered"})
    assert "b" in made.target.skus()
    await made.run(write="all")
    made.assert_in_step()
    assert made.rejects() == {}


@pytest.mark.parametrize("read", ["all", "keys"])
async def test_a_run_while_the_clock_was_ahead_makes_nothing_new_pass_for_old(
    world: MakeWorld, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(article("a"), article("b"))
    await made.run()
    set_clock(DAY_S, monkeypatch)
    made.source.put(article("a", price="7.00"), article("b", price="7.00"))
    await made.run("keys", keys=["a", "b"])
    set_clock(0, monkeypatch)
    made.source.put(article("a", price="8.00"))
    made.source.remove("b")

    result = await made.run(read, keys=["a", "b"] if read == "keys" else [])

    made.assert_in_step()
    assert (result.phase, result.account.updated, result.account.deleted) == ("Succeeded", 1, 1)


async def test_what_another_run_has_is_no_success_where_it_cannot_be_read_again(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), reads=("all", "changes"), overlap_s=0.0)
    await made.run()
    made.source.put(article("b", price="7.00", changed=5))
    made.source.capabilities = SourceCapabilities(frozenset({"all", "changes", "keys"}))
    with pytest.raises(Crash):
        await made.run("keys", crash_at("deliver.before"), keys=["b"])
    made.source.capabilities = SourceCapabilities(frozenset({"all", "changes"}))

    result = await made.run("changes")

    assert (result.phase, result.reason) == ("PartiallySucceeded", "KeysBusy")
    assert any("1 record was being delivered by another run" in note for note in result.notes)
    assert result.watermark == "0"


async def test_a_source_puts_nothing_away_while_another_run_has_some_of_it(world: MakeWorld) -> None:
    made = world(article("a"), article("b"))
    await made.run()
    made.source.put(article("b", price="7.00"))
    with pytest.raises(Crash):
        await made.run("keys", crash_at("deliver.before"), keys=["b"])
    made.source.capabilities = SourceCapabilities(frozenset({"all"}))
    told: list[object] = []

    async def acknowledge() -> None:
        told.append("put away")

    async def retain(records: int) -> None:
        told.append(records)

    made.source.acknowledge, made.source.retain = acknowledge, retain  # type: ignore[attr-defined]  # as files do

    await made.run()

    assert told == [1]


async def test_what_another_run_has_is_waited_for_although_the_ledger_is_newer(world: MakeWorld) -> None:
    made = versioned(world)
    await restored(made)
    with pytest.raises(Crash):
        await made.run("keys", crash_at("deliver.before"), keys=["b"], write="all")
    polls = []

    def woken() -> None:
        polls.append(1)
        if len(polls) == 3:
            made.rows("UPDATE ponte_claims SET live_until = 1")

    made.clock.woken = woken

    result = await made.run()

    assert len(polls) >= 3
    assert (result.phase, made.rejects()) == ("PartiallySucceeded", {"b": "OlderThanDelivered"})
