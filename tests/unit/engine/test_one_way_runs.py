"""What one run does to a target: first load, again, changes, deletes, what is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from ponte.engine.job import DeleteRules
from ponte.engine.ports import TargetCapabilities
from unit.engine.world import BLIND_UPSERTS, GIVES_IDS, UPSERTS, World, article

MakeWorld = Callable[..., World]
TEN = [article(f"{n:02d}") for n in range(10)]


async def test_a_first_load_creates_every_record_once(world: MakeWorld) -> None:
    made = world(*TEN)

    result = await made.run()

    assert (result.phase, result.account.read, result.account.created) == ("Succeeded", 10, 10)
    made.assert_in_step()
    assert [effect.operation for effect in made.target.effects] == ["create"] * 10
    assert made.claims() == 0


async def test_a_second_run_writes_nothing(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    made.target.effects.clear()

    result = await made.run()

    assert result.account.unchanged == 10
    assert made.target.effects == []
    assert made.target.calls == made.target.calls[:3]


async def test_only_what_changed_is_written(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    made.target.effects.clear()
    made.source.put(article("03", price="9.99"), article("99"))

    result = await made.run()

    assert (result.account.updated, result.account.created, result.account.unchanged) == (1, 1, 9)
    assert {(e.operation, e.sku) for e in made.target.effects} == {("update", "03"), ("create", "99")}
    made.assert_in_step()


async def test_what_the_source_no_longer_has_is_deleted(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    made.source.remove("04", "07")

    result = await made.run()

    assert result.account.deleted == 2
    made.assert_in_step()


async def test_what_where_leaves_out_now_is_deleted_and_counted_as_left(world: MakeWorld) -> None:
    made = world(*TEN, article("no", web="N"))
    first = await made.run()
    made.source.put(article("04", web="N"))

    second = await made.run()

    assert first.account.skipped == 1
    assert (second.account.left, second.account.skipped, second.account.deleted) == (1, 1, 1)
    made.assert_in_step()


async def test_a_record_that_comes_back_is_created_again(world: MakeWorld) -> None:
    made = world(*TEN, capabilities=GIVES_IDS)
    await made.run()
    made.source.remove("04")
    await made.run()
    made.source.put(article("04", price="2.00"))

    result = await made.run()

    assert result.account.created == 1
    made.assert_in_step()


async def test_above_the_guard_nothing_is_deleted_and_a_person_is_asked(world: MakeWorld) -> None:
    made = world(*TEN, deletes=DeleteRules("delete", max_percent=Decimal(5), min_count=1))
    await made.run()
    made.source.remove("04", "07")

    result = await made.run()

    assert (result.phase, result.reason, result.account.deleted) == ("AwaitingApproval", "DeletesAboveGuard", 0)
    assert len(made.target.records) == 10
    assert made.rows("SELECT lease_epoch FROM ponte_scopes") == [(None,)]


async def test_up_to_the_least_count_the_share_does_not_matter(world: MakeWorld) -> None:
    made = world(*TEN, deletes=DeleteRules("delete", max_percent=Decimal(5), min_count=2))
    await made.run()
    made.source.remove("04", "07")

    assert (await made.run()).account.deleted == 2


async def test_each_candidate_for_deletion_is_asked_for_again_by_key(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    hidden = made.source.rows[4]
    made.source.remove("04")
    made.source.during = lambda page, read: made.source.put(hidden) if read.mode == "keys" else None

    result = await made.run()

    assert result.account.deleted == 0
    assert len(made.target.records) == 10


async def test_without_reading_by_key_a_second_reading_confirms(world: MakeWorld) -> None:
    made = world(*TEN, reads=("all",))
    await made.run()
    hidden = made.source.rows[4]
    made.source.remove("04")
    readings = [0]

    def during(page: int, read: object) -> None:
        readings[0] += page == 0
        if readings[0] == 2:
            made.source.put(hidden)

    made.source.during = during

    result = await made.run()

    assert (readings[0], result.account.deleted) == (2, 0)


async def test_a_reading_without_its_end_mark_deletes_nothing(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    made.source.stops_after = 1

    result = await made.run()

    assert (result.phase, result.reason, result.account.deleted) == ("PartiallySucceeded", "ReadingNotWhole", 0)
    assert len(made.target.records) == 10


async def test_fewer_records_than_announced_delete_nothing(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    made.source.remove("04")
    made.source.announced = 10

    result = await made.run()

    assert (result.phase, result.account.deleted) == ("PartiallySucceeded", 0)


async def test_fewer_records_than_expected_delete_nothing(world: MakeWorld) -> None:
    made = world(*TEN)
    expecting = made.job.source_object.model_copy(update={"expect": type("E", (), {"min_records": 10})()})
    made.change(source_object=expecting)
    await made.run()
    made.source.remove("04")

    assert (await made.run()).account.deleted == 0


async def test_one_record_without_a_usable_key_forbids_deletes(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    made.source.remove("04")
    made.source.rows.append(article(""))

    result = await made.run()

    assert result.account.deleted == 0
    assert "SourceKeyMissing" in made.rejects().values()


async def test_a_rejected_record_counts_as_seen_and_is_not_deleted(world: MakeWorld) -> None:
    made = world(*TEN)
    await made.run()
    made.source.put(article("04", name=None))

    result = await made.run()

    assert (result.account.rejected, result.account.deleted) == (1, 0)
    assert "04" in made.target.by_sku()


async def test_without_delete_among_the_operations_nothing_is_deleted(world: MakeWorld) -> None:
    made = world(*TEN, operations=frozenset({"create", "update"}))
    await made.run()
    made.source.remove("04")

    assert (await made.run()).account.deleted == 0


async def test_deactivate_writes_the_fields_and_lets_the_record_stand(world: MakeWorld) -> None:
    rules = DeleteRules("deactivate", set_fields=(("name", "(gone)"),))
    made = world(*TEN, deletes=rules, capabilities=replace(GIVES_IDS))
    await made.run()
    made.source.remove("04")

    await made.run()
    assert made.target.by_sku()["04"]["name"] == "(gone)"

    made.source.put(article("04"))
    await made.run()
    assert made.target.by_sku()["04"]["name"] == "a thing"
    assert made.target.made("04") == 1


async def test_write_all_heals_what_somebody_changed_or_deleted_at_the_target(world: MakeWorld) -> None:
    for capabilities in (UPSERTS, GIVES_IDS):
        made = world(
            *TEN,
            capabilities=capabilities,
            state_id=f"s{capabilities.upserts}",
            target_object=f"t{capabilities.upserts}",
        )
        await made.run()
        first, second = list(made.target.records)[:2]
        made.target.records[first]["name"] = "edited"
        del made.target.records[second]

        result = await made.run(write="all")

        made.assert_in_step()
        assert result.account.unchanged == 0
        assert result.account.rejected == 0


@pytest.mark.parametrize("capabilities", [UPSERTS, GIVES_IDS])
async def test_a_job_that_may_only_update_adopts_what_the_target_has_and_creates_nothing(
    world: MakeWorld, capabilities: TargetCapabilities
) -> None:
    made = world(article("a"), article("b"), capabilities=capabilities, operations=frozenset({"update"}))
    made.target.add(article("a", price="9.00"))

    first = await made.run()
    assert (first.account.updated, first.account.skipped, made.target.skus()) == (1, 1, ["a"])
    assert made.target.by_sku()["a"]["price"] == Decimal("1.00")

    made.target.add(article("b", price="9.00"))  # somebody else created it
    second = await made.run()
    assert (second.account.unchanged, second.account.updated) == (1, 1)
    assert (made.target.by_sku()["b"]["price"], made.claims(), made.rejects()) == (Decimal("1.00"), 0, {})


async def test_a_job_that_may_only_update_leaves_what_it_does_not_know_where_nobody_can_look(world: MakeWorld) -> None:
    made = world(article("a"), capabilities=BLIND_UPSERTS, operations=frozenset({"update"}))

    assert (await made.run()).account.skipped == 1
    assert made.target.skus() == []


async def test_only_the_operations_that_are_allowed_are_done(world: MakeWorld) -> None:
    made = world(*TEN, operations=frozenset({"create"}))
    await made.run()
    made.source.put(article("03", price="9.99"), article("99"))

    result = await made.run()

    assert (result.account.created, result.account.updated, result.account.skipped) == (1, 0, 1)


async def test_the_size_of_a_batch_changes_neither_target_nor_account(world: MakeWorld) -> None:
    accounts = []
    for size in (1, 3, 1000):
        made = world(
            *TEN,
            article("no", web="N"),
            article("bad", name=None),
            batch_size=size,
            state_id=f"s{size}",
            target_object=f"t{size}",
        )
        await made.run()
        made.source.put(article("05", price="7.00"), article("06", web="N"))
        made.source.remove("01")
        accounts.append((await made.run()).account)
        made.assert_in_step()

    assert accounts[0] == accounts[1] == accounts[2]
