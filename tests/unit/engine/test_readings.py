"""Readings of changes, ranges and keys, two runs at once, stop signals, the laws of accounts, and the classic traps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ponte.engine.ports import Read, Unreadable
from ponte.engine.run import RunFailed
from ponte.errors import ConfigurationError, TransientError
from ponte_api.mapping import MappingSpec
from unit.engine.world import MAPPING, UPSERTS, Crash, World, article, crash_at

MakeWorld = Callable[..., World]
ALL = ("all", "keys", "changes", "range")
THREE = [article("a", changed=1), article("b", changed=2), article("c", changed=3)]


async def test_changes_are_read_from_the_watermark_and_the_watermark_never_goes_back(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    marks = [(await made.run()).watermark]
    made.source.put(article("b", price="4.00", changed=7))
    second = await made.run("changes")
    marks.append(second.watermark)
    made.source.remove("b")
    marks.append((await made.run("changes")).watermark)

    assert marks == ["3", "7", "7"]
    assert (second.account.read, second.account.updated) == (2, 1)


async def test_equal_cursors_across_the_edge_of_a_page_lose_nothing(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL, batch_size=2)
    await made.run()
    made.source.put(*(article(f"n{n}", changed=5) for n in range(7)))

    assert await made.crash("close-batch.after", read="changes", hit=1)
    await made.run("changes")

    made.assert_in_step()


async def test_a_commit_at_the_very_maximum_after_the_bound_was_taken_is_read_by_the_next_run(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    late = [article("late", changed=3)]

    def commits(page: int, read: Read) -> None:
        while late:
            made.source.put(late.pop())

    made.source.rows.append(article("d", changed=3))
    await made.run("changes")
    made.source.during = commits
    await made.run("changes")
    await made.run("changes")

    made.assert_in_step()


async def test_a_cursor_that_moves_while_paging_loses_nothing(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL, batch_size=2)
    await made.run()
    made.source.put(*(article(f"n{n}", changed=5 + n) for n in range(6)))

    def moves(page: int, read: Read) -> None:
        if page == 1 and read.mode == "changes":
            made.source.put(article("n0", price="5.55", changed=50), article("n4", price="6.66", changed=51))

    made.source.during = moves
    await made.run("changes")
    made.source.during = lambda page, read: None
    await made.run("changes")

    made.assert_in_step()


async def test_an_empty_window_at_the_maximum_changes_nothing(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    made.source.rows.clear()

    result = await made.run("changes")

    assert (result.account.read, result.watermark, result.account.deleted) == (0, "3", 0)


async def test_records_without_a_cursor_are_read_each_time(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    made.source.put({**article("n"), "changed": None})

    assert (await made.run("changes")).account.created == 1


async def test_what_is_left_out_now_goes_with_the_next_reading_of_changes(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    made.source.put(article("b", web="N", changed=9))

    result = await made.run("changes")

    assert (result.account.left, result.account.deleted) == (1, 1)
    made.assert_in_step()


async def test_a_record_that_is_left_out_and_wanted_again_within_one_reading_stays(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), article("c"), batch_size=1)
    await made.run()
    made.source.rows[0] = article("a", web="N")

    def moves(page: int, read: Read) -> None:
        if page == 2 and read.mode == "all":
            made.source.put(article("a", price="7.00"))  # behind all others: this reading meets it twice

    made.source.during = moves
    result = await made.run()

    made.assert_in_step()
    assert (result.phase, result.account.deleted, made.rejects()) == ("Succeeded", 0, {})


async def test_a_reading_of_changes_without_its_end_mark_moves_no_watermark_and_is_no_success(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL, batch_size=2)
    await made.run()
    made.source.put(*(article(f"n{n}", changed=9) for n in range(6)))
    made.source.stops_after = 1

    result = await made.run("changes")

    assert (result.phase, result.reason) == ("PartiallySucceeded", "ReadingNotWhole")
    made.source.stops_after = None
    await made.run("changes")
    made.assert_in_step()


async def test_the_watermark_does_not_pass_a_reject_that_cannot_be_had_again(world: MakeWorld) -> None:
    made = world(*THREE, reads=("all", "changes"), batch_size=1)
    await made.run()
    made.source.put(article("bad", name=None, changed=5), article("ok", changed=6))

    held = await made.run("changes")
    assert int(held.watermark or 0) < 5
    made.source.rows = [{**row, "name": "mended"} if row["sku"] == "bad" else row for row in made.source.rows]
    await made.run("changes")

    made.assert_in_step()


async def test_the_watermark_goes_on_where_nothing_can_be_had_again_and_nothing_has_to(world: MakeWorld) -> None:
    made = world(*THREE, reads=("all", "changes"), batch_size=1)
    await made.run()
    made.source.put(article("x", changed=5), article("y", changed=6))

    result = await made.run("changes")

    assert (result.phase, result.watermark, result.notes) == ("Succeeded", "6", [])


async def test_a_reading_of_changes_that_died_is_taken_up_behind_what_was_accounted_for(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL, batch_size=1, capabilities=replace(UPSERTS, chunk=1))
    await made.run()
    made.source.put(article("x", changed=5), article("y", changed=6), article("z", changed=7))
    assert await made.crash("close-batch.after", hit=2, read="changes")

    await made.run("changes")

    assert made.source.asked[-1].lower == "5"  # the record at the old watermark came first
    made.assert_in_step()


async def test_a_crash_after_a_reject_does_not_lose_it_behind_the_watermark(world: MakeWorld) -> None:
    made = world(*THREE, reads=("all", "changes"), batch_size=1)
    await made.run()
    made.source.put(article("bad", name=None, changed=5), article("ok", changed=6))
    assert await made.crash("close-batch.after", hit=2, read="changes")
    made.source.rows = [{**row, "name": "mended"} if row["sku"] == "bad" else row for row in made.source.rows]

    await made.run("changes")

    made.assert_in_step()


async def test_the_watermark_passes_a_reject_that_can_be_read_by_key_and_reads_it_again(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    made.source.put(article("bad", name=None, changed=5))
    assert (await made.run("changes")).watermark == "5"
    made.source.put(article("x", changed=9))
    await made.run("changes")
    made.source.put(article("bad", changed=5))

    result = await made.run("changes")

    assert result.account.created == 1
    made.assert_in_step()


async def test_pieces_without_a_key_hold_the_watermark_and_do_not_stop_later_readings(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    made.source.rows.append(article("", changed=6))

    first, second = await made.run("changes"), await made.run("changes")

    assert (first.watermark, second.watermark) == ("3", "3")
    assert list(made.rejects().values()) == ["SourceKeyMissing"]


async def test_unreadable_pieces_are_counted_once_though_keys_are_read_again(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), article("a"))
    made.source.unreadable = (Unreadable("line 7", "BrokenLine", "a quote is missing"),)
    made.source.repeats_unreadable = True

    result = await made.run()

    assert [read.mode for read in made.source.asked] == ["all", "keys"]
    assert (result.account.rejected, result.rejects.new) == (1, 2)
    assert any("1 piece of the source is no record" in note for note in result.notes)
    assert made.rows("SELECT attempts FROM ponte_rejects WHERE reason = 'BrokenLine'") == [(1,)]


async def test_unreadable_pieces_forbid_deletes(world: MakeWorld) -> None:
    made = world(*THREE)
    await made.run()
    made.source.remove("a")
    made.source.unreadable = (Unreadable("line 7", "BrokenLine", "a quote is missing"),)

    result = await made.run()

    assert (result.account.deleted, result.account.rejected) == (0, 1)
    assert made.rejects() == {"line 7": "BrokenLine"}


async def test_only_the_ordered_keys_are_read_and_written(world: MakeWorld) -> None:
    made = world(*THREE)
    await made.run()
    made.source.put(article("a", price="2.00"), article("b", price="2.00"))
    made.target.effects.clear()

    result = await made.run("keys", keys=["b"])

    assert result.account.read == 1
    assert [effect.sku for effect in made.target.effects] == ["b"]


async def test_an_ordered_key_that_the_source_does_not_have_is_deleted_by_the_same_policy(world: MakeWorld) -> None:
    made = world(*THREE)
    await made.run()
    made.source.remove("b")

    result = await made.run("keys", keys=["b"])

    assert result.account.deleted == 1
    made.assert_in_step()


async def test_ordered_keys_whose_reading_was_not_whole_delete_nothing(world: MakeWorld) -> None:
    made = world(*THREE)
    await made.run()

    async def broken(read: Read) -> Any:
        made.source.asked.append(read)
        return
        yield

    made.source.read = broken  # type: ignore[method-assign]

    result = await made.run("keys", keys=["b"])

    assert (result.account.deleted, result.reason) == (0, "ReadingNotWhole")


async def test_a_range_is_read_and_leaves_the_watermark(world: MakeWorld) -> None:
    made = world(*THREE, reads=ALL)
    await made.run()
    for row in made.source.rows:
        row["price"] = "3.00"

    result = await made.run("range", lower="2", upper="2")

    assert (result.account.read, result.account.updated, result.watermark) == (1, 1, "3")


async def test_a_reading_that_the_source_does_not_offer_is_refused_before_anything_is_touched(world: MakeWorld) -> None:
    made = world(*THREE)
    with pytest.raises(ConfigurationError) as refused:
        await made.run("changes")
    assert refused.value.reason == "ReadingNotOffered"
    assert made.rows("SELECT * FROM ponte_scopes") == []


async def test_a_second_run_of_a_job_is_refused_while_the_first_goes_on(world: MakeWorld) -> None:
    made = world(*THREE)
    refused: list[TransientError] = []

    async def meanwhile(name: str) -> None:
        if name == "deliver.before":
            with pytest.raises(TransientError) as error:
                await made.run()
            refused.append(error.value)

    result = await made.run(failpoint=meanwhile)

    assert (refused[0].reason, refused[0].exit_code) == ("JobIsRunning", 75)
    assert result.account.created == 3


async def test_a_second_run_may_wait_and_then_finds_nothing_to_do(world: MakeWorld) -> None:
    made = world(*THREE)
    with pytest.raises(Crash):
        await made.run(failpoint=crash_at("finish.before"))
    made.dead.clear()
    made.clock.woken = lambda: made.rows("UPDATE ponte_scopes SET lease_until = 1") and None

    result = await made.run(overlap="wait")

    assert result.account.unchanged == 3
    assert made.clock.slept


async def test_a_stop_signal_ends_the_run_with_76_and_what_was_acknowledged_stays(world: MakeWorld) -> None:
    made = world(*[article(f"{n:02d}") for n in range(20)], batch_size=5, capabilities=replace(UPSERTS, chunk=5))
    made.is_stopping = lambda: len(made.target.effects) >= 10

    with pytest.raises(RunFailed) as stopped:
        await made.run()

    assert (stopped.value.exit_code, stopped.value.result.phase) == (76, "Cancelled")
    assert stopped.value.result.account.created == 10
    assert made.rows("SELECT COUNT(*) FROM ponte_records") == [(10,)]
    assert (made.claims(), made.rows("SELECT lease_epoch FROM ponte_scopes")) == (0, [(None,)])
    made.is_stopping = lambda: False
    await made.run()
    made.assert_in_step()


async def test_a_renamed_job_keeps_its_state_and_another_target_is_refused(world: MakeWorld) -> None:
    made = world(*THREE)
    await made.run()
    made.change(name="articles")
    assert (await made.run()).account.unchanged == 3
    made.change(target_object="elsewhere")

    with pytest.raises(Exception, match="elsewhere") as refused:
        await made.run()
    assert refused.value.exit_code == 70  # type: ignore[attr-defined]


async def test_the_order_of_records_matters_neither_to_target_nor_to_account(world: MakeWorld) -> None:
    records = [*THREE, article("n", web="N"), article("bad", name=None), *(article(f"{n}") for n in range(9))]
    accounts = []
    for name, ordered in {"up": records, "down": records[::-1], "mixed": records[1::2] + records[::2]}.items():
        made = world(*ordered, state_id=name, target_object=name)
        first = await made.run()
        made.source.put(article("b", price="2.22"))
        second = await made.run()
        accounts.append((first.account, second.account))
        made.assert_in_step()

    assert accounts[0] == accounts[1] == accounts[2]


async def test_each_stored_account_closes(world: MakeWorld) -> None:
    made = world(*THREE, article("n", web="N"), article("bad", name=None), batch_size=1)
    for point in ("claim.after", "commit.after", "close-batch.after", "finish.before"):
        assert await made.crash(point)
    await made.run()

    stored = [json.loads(text) for (text,) in made.rows("SELECT result FROM ponte_runs")]
    accounts = [run.get("account", {}) for run in stored]
    parts = (
        "created",
        "updated",
        "unchanged",
        "skipped",
        "left",
        "rejected",
        "duplicate",
        "superseded",
        "conflict",
        "deferred",
    )
    assert len(accounts) >= 4
    assert all(a.get("read", 0) == sum(a.get(part, 0) for part in parts) for a in accounts)


def moving(world: MakeWorld, *records: Any, reads: tuple[str, ...]) -> World:
    """A world whose source is a list by page that moves while it is read, as old to new."""
    made = world(*records, reads=reads, batch_size=2)
    made.source.capabilities = replace(made.source.capabilities, moves=True, cursor_order=False)
    return made


def slips(made: World, *removed: str) -> None:
    """Behind the first page of each reading one of these goes, and what is behind it moves up."""
    waiting = list(removed)

    def moves(page: int, read: Read) -> None:
        if page == 1 and read.mode != "keys" and waiting:
            made.source.remove(waiting.pop(0))

    made.source.during = moves


async def test_what_slipped_past_both_readings_of_a_list_that_moves_is_not_taken_for_vanished(world: MakeWorld) -> None:
    made = moving(world, *(article(sku) for sku in "abcdefg"), reads=("all",))
    await made.run()
    slips(made, "a", "b")  # c is first of the second page, and moves to the first; then d does

    result = await made.run()

    assert result.account.deleted == 0
    assert any("the list moved while it was read" in note for note in result.notes)
    assert sorted(made.target.by_sku()) == list("abcdefg")
    await made.run()
    made.assert_in_step()


async def test_a_changed_mapping_reaches_what_slipped_past_the_first_reading_of_a_list_that_moves(
    world: MakeWorld,
) -> None:
    made = moving(world, *(article(sku, changed=1) for sku in "abcdefg"), reads=("all", "changes", "keys"))
    await made.run()
    fields = [MAPPING["fields"][0], {"to": "name", "from": "name", "case": "upper"}, MAPPING["fields"][2]]
    made.change(mapping=MappingSpec.model_validate({**MAPPING, "fields": fields}))
    slips(made, "a")  # c moves to the first page, which was read

    await made.run("changes")

    assert {row["name"] for row in made.target.by_sku().values()} == {article("c")["name"].upper()}


async def test_a_source_that_has_a_key_twice_can_still_show_that_another_vanished(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), article("a"), reads=("all",))
    await made.run()
    made.source.remove("b")

    assert (await made.run()).account.deleted == 1


async def test_a_reading_of_all_leaves_the_watermark_of_a_list_that_moves(world: MakeWorld) -> None:
    made = moving(world, *THREE, article("d", changed=4), reads=ALL)
    first = await made.run()
    second = await made.run("changes")
    made.source.put(article("a", price="7.00", changed=5))
    third = await made.run()

    assert [result.watermark for result in (first, second, third)] == [None, "4", "4"]
    assert (second.read_mode, second.account.read) == ("changes", 4)


async def test_a_reject_that_slipped_past_a_reading_of_all_stays_open_and_is_tried_again(world: MakeWorld) -> None:
    made = moving(world, article("a"), article("b"), article("bad", name=None), article("d"), reads=ALL)
    await made.run()
    await made.run("changes")
    slips(made, "a")

    await made.run()

    assert made.rejects() == {"bad": "RequiredFieldMissing"}
    made.source.rows = [{**row, "name": "mended"} for row in made.source.rows]
    await made.run("changes")
    assert (made.target.by_sku()["bad"]["name"], made.rejects()) == ("mended", {})


async def test_a_window_that_is_new_at_each_reading_moves_no_watermark(world: MakeWorld) -> None:
    made = moving(world, *THREE, reads=ALL)
    await made.run()
    await made.run("changes")
    made.source.put(*(article(f"n{n}", changed=9) for n in range(3)))

    def grows(page: int, read: Read) -> None:
        made.source.rows.append(article(f"m{len(made.source.rows)}", changed=8))

    made.source.during = grows
    result = await made.run("changes")

    assert (result.reason, result.watermark) == ("ReadingNotWhole", "3")
    assert any("changing their places" in note for note in result.notes)
    made.source.during = lambda page, read: None
    assert (await made.run("changes")).watermark == "9"
    made.assert_in_step()
