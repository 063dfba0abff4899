"""What a run that died leaves behind, and what others do meanwhile: the next whole run puts everything right."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from ponte.engine.ports import TargetCapabilities
from ponte.engine.run import RunFailed
from ponte_api.mapping import MappingSpec
from unit.engine.world import BLIND, BLIND_UPSERTS, GIVES_IDS, MAPPING, UPSERTS, Crash, World, article, crash_at

MakeWorld = Callable[..., World]
ALL = ("all", "keys", "changes", "range")
THREE = [article("a", changed=1), article("b", changed=2), article("c", changed=3)]
SETTLING = [UPSERTS, GIVES_IDS, BLIND_UPSERTS]


@pytest.mark.parametrize("capabilities", SETTLING)
@pytest.mark.parametrize("point", ["claim.after", "deliver.after"])
@pytest.mark.parametrize("fate", ["vanished", "left", "rejected", "unchanged"])
async def test_a_create_in_doubt_whose_record_meets_another_fate_is_put_right(
    world: MakeWorld, capabilities: TargetCapabilities, point: str, fate: str
) -> None:
    made = world(*THREE, capabilities=capabilities)
    assert await made.crash(point)
    if fate == "vanished":
        made.source.remove("b")
    else:
        made.source.put(
            {"left": article("b", web="N"), "rejected": article("b", name=None), "unchanged": THREE[1]}[fate]
        )

    await made.run()

    assert made.claims() == 0
    if fate == "rejected":
        made.source.put(article("b"))
        await made.run()
    made.assert_in_step()


async def test_a_crash_while_old_claims_are_settled_is_settled_by_the_next(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=GIVES_IDS)
    assert await made.crash("deliver.after")
    made.source.remove("b")
    made.source.put(article("a", name=None))
    for point in ("admit.before", "admit.after", "settle-rest.before", "settle-rest.after"):
        assert await made.crash(point) or point == "settle-rest.after"

    await made.run()

    assert made.claims() == 0
    made.source.put(article("a"))
    await made.run()
    made.assert_in_step()


async def test_a_key_in_doubt_outside_the_window_is_read_by_key(world: MakeWorld) -> None:
    made = world(*THREE, article("z", changed=99), reads=ALL, overlap_s=0.0)
    await made.run()
    made.source.put(article("a", price="8.00", changed=1))
    assert await made.crash("deliver.after", read="keys", keys=["a"])
    made.source.put(article("a", changed=1))
    assert made.rows("SELECT live_until FROM ponte_claims")[0][0] > 0
    _expire_claims(made)

    result = await made.run("changes")

    assert result.read_mode == "changes"
    made.assert_in_step()
    assert made.claims() == 0


async def test_with_keys_in_doubt_and_no_reading_by_key_all_is_read(world: MakeWorld) -> None:
    made = world(*THREE, reads=("all", "changes"), overlap_s=0.0)
    await made.run()
    made.source.put(article("a", price="8.00", changed=1))
    assert await made.crash("deliver.after")
    made.source.put(article("a", changed=1))

    result = await made.run("changes")

    assert result.read_mode == "all"
    made.assert_in_step()


async def test_a_mapping_changed_there_and_back_around_a_crash_leaves_nothing_of_it(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL, batch_size=1)
    await made.run()
    before = made.job.mapping
    upper = [*MAPPING["fields"][:1], {"to": "name", "value": "OTHER"}, *MAPPING["fields"][2:]]
    made.change(mapping=MappingSpec.model_validate({**MAPPING, "fields": upper}))
    assert await made.crash("commit.after", hit=2, read="changes")
    assert made.target.by_sku()["a"]["name"] == "OTHER"
    made.change(mapping=before)

    result = await made.run("changes")

    assert result.read_mode == "all"
    made.assert_in_step()


async def test_a_changed_mapping_makes_a_reading_of_changes_one_of_all_and_says_so(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    other = [*MAPPING["fields"][:1], {"to": "name", "from": "name", "case": "upper"}, *MAPPING["fields"][2:]]
    made.change(mapping=MappingSpec.model_validate({**MAPPING, "fields": other}))

    result = await made.run("changes")

    assert (result.read_mode, result.account.updated) == ("all", 3)
    assert any(note.startswith("MappingChanged") for note in result.notes)
    assert (await made.run("changes")).notes == []


async def test_a_run_whose_lease_was_taken_over_writes_nothing_more(world: MakeWorld) -> None:
    made = world(*THREE, batch_size=1)
    claims: list[str] = []
    written: list[int] = []

    async def overtaken(name: str) -> None:
        claims.extend([name] if name == "claim.before" else [])
        if len(claims) == 2 and not written:
            _expire_lease(made)
            await made.run()
            written.append(len(made.target.effects))

    with pytest.raises(RunFailed) as failed:
        await made.run(failpoint=overtaken)

    assert failed.value.reason == "LeaseLost"
    assert failed.value.exit_code == 70
    assert len(made.target.effects) == written[0]
    made.assert_in_step()


async def test_a_commit_that_comes_too_late_is_refused_whole(world: MakeWorld) -> None:
    made = world(*THREE)
    taken = []

    async def overtaken(name: str) -> None:
        if name == "commit.before" and not taken:
            taken.append(name)
            _expire_lease(made)
            await made.run()

    with pytest.raises(RunFailed):
        await made.run(failpoint=overtaken)

    made.assert_in_step()
    assert made.claims() == 0


async def test_a_run_on_request_during_a_run_of_all_is_neither_lost_nor_overwritten(world: MakeWorld) -> None:
    for capabilities in (UPSERTS, GIVES_IDS):
        name = f"s{capabilities.upserts}"
        made = world(*THREE, article("d"), batch_size=1, capabilities=capabilities, state_id=name, target_object=name)
        met = []

        async def requested(name: str, made: World = made, met: list[str] = met) -> None:
            if (name in {"close-batch.after", "commit.after"}) and not met:
                met.append(name)
                made.source.put(article("d", price="7.00"))
                await made.run("keys", keys=["d"])

        result = await made.run(failpoint=requested)

        made.assert_in_step()
        assert made.target.made("d") == 1
        assert result.account.is_closed


async def test_a_value_that_goes_there_and_back_around_a_run_on_request_is_not_taken_for_unchanged(
    world: MakeWorld,
) -> None:
    made = world(*THREE, article("d"), batch_size=1)
    await made.run()
    made.source.put(article("0", changed=0))
    made.source.rows.insert(0, made.source.rows.pop())
    met = []

    async def requested(name: str) -> None:
        if name == "claim.before" and not met:
            met.append(name)
            made.source.put(article("d", price="7.00"))
            await made.run("keys", keys=["d"])
            made.source.put(article("d"))

    await made.run(failpoint=requested)

    assert met
    made.assert_in_step()


async def test_a_key_that_another_run_is_delivering_is_read_again_until_it_is_free(world: MakeWorld) -> None:
    made = world(*THREE)
    await made.run()
    made.source.put(article("b", price="7.00"))
    with pytest.raises(Crash):
        await made.run("keys", crash_at("deliver.before"), keys=["b"])
    polls = [0]

    def woken() -> None:
        polls[0] += 1
        if polls[0] == 3:
            _expire_claims(made)

    made.clock.woken = woken
    result = await made.run()

    assert result.account.superseded == 4  # once, and at each of three readings again
    assert result.account.updated == 1
    made.assert_in_step()
    assert made.claims() == 0


async def test_an_older_version_never_overwrites_a_newer_one(world: MakeWorld) -> None:
    made = world(*THREE)
    made.change(source_object=made.job.source_object.model_copy(update={"version": "changed"}))
    made.source.put(article("b", price="9.00", changed=9))
    await made.run()
    made.source.put(article("b", price="1.00", changed=4))

    result = await made.run()

    assert (result.account.rejected, result.phase) == (1, "PartiallySucceeded")
    assert made.rejects() == {"b": "OlderThanDelivered"}
    assert made.target.by_sku()["b"]["price"] == pl.Series(["9.00"]).cast(pl.Decimal(12, 2))[0]

    made.source.put(article("b", price="2.00", changed=10))
    await made.run()
    made.assert_in_step()
    assert made.rejects() == {}


async def test_a_record_with_versions_can_be_deleted_and_come_back(world: MakeWorld) -> None:
    made = world(*THREE)
    made.change(source_object=made.job.source_object.model_copy(update={"version": "changed"}))
    await made.run()
    made.source.remove("b")
    await made.run()
    made.source.put(article("b", price="3.00", changed=4))

    result = await made.run()
    assert result.account.created == 1
    made.assert_in_step()
    made.target.calls.clear()
    await made.run()
    assert made.target.calls == []


async def test_a_blind_create_in_doubt_stays_in_doubt_whatever_becomes_of_its_record(world: MakeWorld) -> None:
    made = world(*THREE, capabilities=BLIND, batch_size=1)
    assert await made.crash("deliver.after")
    made.source.remove("a")
    await made.run()
    assert made.claims() == 1
    made.source.put(article("a"))

    await made.run()

    assert made.rejects() == {"a": "AmbiguousCreate"}
    assert made.target.made("a") == 1


def _expire_lease(made: World) -> None:
    made.rows("UPDATE ponte_scopes SET lease_until = 1")


def _expire_claims(made: World) -> None:
    made.rows("UPDATE ponte_claims SET live_until = 1")
