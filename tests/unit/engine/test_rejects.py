"""Rejects from first day to last, thresholds, doubles, look-ups that wait, and records the target already has."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ponte.engine.job import DeleteRules, RejectLimits
from ponte.engine.ports import Read
from ponte.engine.run import RunFailed
from ponte.errors import TransientError
from ponte.ledger import review
from ponte.ledger.opening import opened
from unit.engine.world import GIVES_IDS, UPSERTS, World, article

MakeWorld = Callable[..., World]
ALL = ("all", "keys", "changes", "range")
THREE = [article("a", changed=1), article("b", changed=2), article("c", changed=3)]


async def test_a_reject_is_new_once_then_known_then_closed(world: MakeWorld) -> None:
    made = world(*THREE, article("bad", name=None))

    first, second = await made.run(), await made.run()
    made.source.put(article("bad"))
    third = await made.run()

    assert [(r.rejects.new, r.rejects.open, r.rejects.closed) for r in (first, second, third)] == [
        (1, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]
    assert [r.phase for r in (first, second, third)] == ["PartiallySucceeded", "PartiallySucceeded", "Succeeded"]
    made.assert_in_step()


async def test_a_reject_whose_record_is_gone_is_closed_by_a_whole_reading(world: MakeWorld) -> None:
    made = world(*THREE, article("bad", name=None))
    await made.run()
    made.source.remove("bad")

    await made.run()

    assert made.rejects() == {}


async def test_one_reject_holds_all_faults_of_its_record(world: MakeWorld) -> None:
    made = world(article("bad", name=None, price="a lot"))

    result = await made.run()

    faults = json.loads(made.rows("SELECT faults FROM ponte_rejects")[0][0])
    assert {fault["field"] for fault in faults} == {"name", "price"}
    assert result.account.rejected == 1


async def test_what_the_target_refuses_is_a_reject_and_the_rest_goes_through(world: MakeWorld) -> None:
    made = world(*THREE)
    made.target.refuse["b"] = "NotAllowed"

    result = await made.run()

    assert (result.account.created, result.account.rejected) == (2, 1)
    assert made.rejects() == {"b": "NotAllowed"}
    made.target.refuse.clear()
    assert (await made.run()).account.created == 1
    assert made.rejects() == {}


@pytest.mark.parametrize("limits", [RejectLimits(max=10), RejectLimits(max_percent=Decimal(30))])
async def test_too_many_new_rejects_stop_the_run_before_the_batch_is_sent(
    world: MakeWorld, limits: RejectLimits
) -> None:
    bad = [article(f"bad{n}", name=None) for n in range(11)]
    made = world(*THREE, *bad, rejects=limits, batch_size=100)

    with pytest.raises(RunFailed) as failed:
        await made.run()

    assert (failed.value.exit_code, failed.value.reason) == (65, "TooManyRejects")
    assert made.target.effects == []
    assert len(made.rejects()) == 11


async def test_a_target_that_refuses_everything_stops_the_run(world: MakeWorld) -> None:
    records = [article(f"{n:03d}") for n in range(200)]
    made = world(*records, batch_size=1000)
    made.target.refuse = {record["sku"]: "NotAllowed" for record in records}

    with pytest.raises(RunFailed) as failed:
        await made.run()

    assert failed.value.exit_code == 65
    assert len(made.target.calls) == 3, "each of ten records: now more than a tenth of the 200 are refused"


async def test_a_key_that_comes_twice_counts_once_and_is_named(world: MakeWorld) -> None:
    made = world(*THREE)
    made.source.rows.append(article("b", price="6.00"))

    first, second = await made.run(), await made.run()

    made.assert_in_step()
    assert (first.account.duplicate, first.account.created) == (2, 3)
    assert made.rejects() == {"duplicate of b": "DuplicateKey"}
    assert (second.rejects.new, second.rejects.open) == (0, 1)
    assert [(run.phase, run.reason) for run in (first, second)] == [("PartiallySucceeded", "Rejects")] * 2
    made.source.rows.pop()
    third = await made.run()
    assert made.rejects() == {}
    assert (third.phase, third.reason) == ("Succeeded", "Completed")


async def test_a_delete_that_the_target_refuses_is_a_reject_of_a_run_that_partially_succeeded(world: MakeWorld) -> None:
    made = world(*THREE, deletes=DeleteRules("delete"))
    await made.run()
    made.source.remove("b")
    made.target.refuse["b"] = "HasOrders"

    result = await made.run()

    assert (result.account.deleted, result.account.rejected, result.phase) == (0, 0, "PartiallySucceeded")
    assert made.rejects() == {"b": "HasOrders"}


async def test_a_record_that_moved_to_a_later_page_is_taken_as_it_is_at_the_end_and_not_rejected(
    world: MakeWorld,
) -> None:
    made = world(*THREE, batch_size=2)

    def moves(page: int, read: Read) -> None:
        if page == 1 and read.mode == "all":
            made.source.put(article("a", price="2.00"))
            made.source.rows.insert(0, article("new"))

    made.source.during = moves
    result = await made.run()

    assert (result.account.duplicate, result.phase) == (1, "Succeeded")
    assert made.rejects() == {}
    made.source.during = lambda page, read: None
    await made.run()
    made.assert_in_step()


async def test_two_keys_with_one_natural_key_do_not_overwrite_each_other(world: MakeWorld) -> None:
    same = [{"to": "sku", "from": "name"}, {"to": "name", "from": "name"}, {"to": "price", "from": "price"}]
    made = world(
        article("1", name="x"), article("2", name="x"), article("3", name="y"), mapping={"key": ["sku"], "fields": same}
    )

    first = await made.run()

    assert (first.account.created, first.account.rejected, first.phase) == (2, 1, "PartiallySucceeded")
    assert made.rejects() == {"2": "DuplicateTargetKey"}

    made.source.rows.reverse()
    second = await made.run()

    assert second.account.unchanged == 2
    assert made.rejects() == {"2": "DuplicateTargetKey"}


@pytest.mark.parametrize("capabilities", [UPSERTS, GIVES_IDS])
@pytest.mark.parametrize("policy", ["ignore", "delete"])
async def test_a_source_that_numbers_its_records_anew_keeps_those_of_the_target(
    world: MakeWorld, capabilities: Any, policy: Any
) -> None:
    by_name = [{"to": "sku", "from": "name"}, {"to": "name", "from": "name"}]
    made = world(
        article("1", name="x"),
        article("2", name="y"),
        mapping={"key": ["sku"], "fields": by_name},
        deletes=DeleteRules(policy),
        operations=("create", "update", "delete"),
        capabilities=capabilities,
    )
    await made.run()
    made.source.remove("1", "2")
    made.source.put(article("11", name="x"), article("12", name="y"))

    first, second, third = await made.run(), await made.run(), await made.run()

    assert (first.account.rejected, first.account.deleted) == (2, 0)
    assert (second.account.rejected, second.account.deleted, second.rejects.open) == (0, 0, 0)
    assert (third.account.unchanged, third.phase) == (2, "Succeeded")
    assert made.target.skus() == ["x", "y"]


async def test_where_many_are_numbered_anew_the_stop_names_the_way_out_and_it_is_one(world: MakeWorld) -> None:
    by_name = [{"to": "sku", "from": "name"}, {"to": "name", "from": "name"}]
    old = [article(str(number), name=f"n{number}") for number in range(20)]
    new = [article(str(100 + number), name=f"n{number}") for number in range(20)]
    made = world(*old, mapping={"key": ["sku"], "fields": by_name})
    await made.run()
    made.source.remove(*(record["sku"] for record in old))
    made.source.put(*new)

    for _ in range(2):
        with pytest.raises(
            RunFailed, match=r'numbered its records anew: set rejects.maxPercent: "100" in the job'
        ) as stop:
            await made.run()
        assert stop.value.exit_code == 65
    made.change(rejects=RejectLimits(max_percent=Decimal(100)))
    await made.run()
    second = await made.run()
    made.change(rejects=RejectLimits())
    third = await made.run()

    assert (second.account.rejected, second.rejects.open) == (0, 0)
    assert (third.account.unchanged, third.phase) == (20, "Succeeded")
    assert set(made.target.skus()) == {record["name"] for record in new}


async def test_a_stop_for_another_reason_says_nothing_of_new_numbers(world: MakeWorld) -> None:
    made = world(*(article(str(number), name=None) for number in range(20)))

    with pytest.raises(RunFailed) as stop:
        await made.run()

    assert "numbered" not in stop.value.message


async def test_a_record_does_not_give_up_its_natural_key_while_the_source_may_still_have_it(world: MakeWorld) -> None:
    by_name = [{"to": "sku", "from": "name"}, {"to": "name", "from": "name"}]
    made = world(article("1", name="x"), mapping={"key": ["sku"], "fields": by_name})
    await made.run()
    made.source.remove("1")
    made.source.put(article("11", name="x"))
    made.source.announced = 5

    await made.run()
    made.source.put(article("1", name="x"))
    made.source.announced = None
    last = await made.run()

    assert last.account.unchanged == 1
    assert made.rejects() == {"11": "DuplicateTargetKey"}


async def test_a_natural_key_that_changed_is_rejected_and_not_doubled(world: MakeWorld) -> None:
    by_name = [{"to": "sku", "from": "name"}, {"to": "name", "from": "name"}]
    made = world(article("1", name="x"), mapping={"key": ["sku"], "fields": by_name})
    await made.run()
    made.source.put(article("1", name="z"))

    await made.run()

    assert made.rejects() == {"1": "NaturalKeyChanged"}
    assert made.target.skus() == ["x"]


async def test_who_wants_the_natural_key_of_a_record_that_is_gone_and_has_one_itself_does_not_succeed_it(
    world: MakeWorld,
) -> None:
    by_name = [{"to": "sku", "from": "name"}, {"to": "price", "from": "price"}]
    rows = [article("1", name="x"), article("2", name="y")]
    made = world(*rows, mapping={"key": ["sku"], "fields": by_name})
    await made.run()
    made.source.remove("2")
    made.source.put(article("1", name="y"))

    result = await made.run()

    assert (made.rejects(), made.target.skus(), result.account.deleted) == ({"1": "NaturalKeyChanged"}, ["x"], 1)


@pytest.mark.parametrize("capabilities", [UPSERTS, GIVES_IDS])
@pytest.mark.parametrize("batch_size", [1, 4])
async def test_records_that_exchanged_their_natural_keys_say_the_way_out_and_it_is_one(
    world: MakeWorld, capabilities: Any, batch_size: int
) -> None:
    by_name = [{"to": "sku", "from": "name"}, {"to": "price", "from": "price"}]
    rows = [article("1", name="x", price="1.00"), article("2", name="y", price="2.00")]
    mapping = {"key": ["sku"], "fields": by_name}
    made = world(*rows, mapping=mapping, capabilities=capabilities, batch_size=batch_size)
    await made.run()
    made.source.put(article("1", name="y", price="1.00"), article("2", name="x", price="2.00"))

    await made.run()
    await made.run("all", write="all")

    assert made.rejects() == {"1": "NaturalKeyChanged", "2": "NaturalKeyChanged"}
    (message,) = {text for (text,) in made.rows("SELECT message FROM ponte_rejects")}
    assert message.endswith("where two exchanged theirs, remove both there, then retry both rejects at once")
    assert {row["sku"]: row["price"] for row in made.target.records.values()} == {"x": "1.00", "y": "2.00"}
    made.target.remove("x", "y")
    with opened(made.url) as db:
        review.retry(db, "products", ["1", "2"])
    await made.run("keys", keys=["1", "2"])
    assert {row["sku"]: row["price"] for row in made.target.records.values()} == {"y": "1.00", "x": "2.00"}
    assert made.rejects() == {}


@pytest.mark.parametrize("capabilities", [UPSERTS, GIVES_IDS])
@pytest.mark.parametrize(
    ("on_existing", "name", "outcome"),
    [("adopt", "a thing", "updated"), ("skip", "theirs", "skipped"), ("fail", "theirs", "rejected")],
)
async def test_what_the_target_already_has_is_adopted_skipped_or_refused(
    world: MakeWorld, capabilities: Any, on_existing: Any, name: str, outcome: str
) -> None:
    made = world(*THREE, on_existing=on_existing, capabilities=capabilities)
    made.target.add({"sku": "b", "name": "theirs", "price": None})

    result = await made.run()

    assert made.target.by_sku()["b"]["name"] == name
    if capabilities is GIVES_IDS:
        assert getattr(result.account, outcome) == 1


LINKED = {
    "key": ["sku"],
    "fields": [
        {"to": "sku", "from": "sku"},
        {"to": "name", "from": "name"},
        {"to": "price", "from": "price", "lookup": {"system": "shop", "object": "prices"}},
    ],
}


async def test_a_look_up_waits_for_the_other_job_and_is_resolved_when_it_has_delivered(world: MakeWorld) -> None:
    made = world(article("a", price="p1"), mapping=LINKED, capabilities=GIVES_IDS)

    first = await made.run()
    assert (first.account.deferred, first.phase) == (1, "Succeeded")
    assert first.notes == ["1 record waits for records of other jobs (LookupPending); each run tries again"]
    assert made.rejects() == {"a": "LookupPending"}

    other = world(article("p1"), state_id="prices", target_object="prices", capabilities=GIVES_IDS)
    await other.run()
    second = await made.run()

    assert (second.account.created, second.notes) == (1, [])
    assert made.target.by_sku()["a"]["price"] == next(iter(other.target.records))
    assert made.rejects() == {}


async def test_records_that_wait_are_counted_once_however_often_they_are_read(world: MakeWorld) -> None:
    made = world(*(article(sku, price="p1") for sku in "abc"), mapping=LINKED, batch_size=2)
    made.source.rows.append(article("b", price="p1"))

    result = await made.run()

    assert (result.account.deferred, result.account.duplicate) == (4, 2)
    assert result.notes[0].startswith("3 records wait for records of other jobs")


async def test_a_look_up_becomes_a_reject_when_patience_is_over(world: MakeWorld) -> None:
    made = world(article("a", price="p1"), mapping=LINKED, patience_s=0.0)

    first, second = await made.run(), await made.run()

    assert (first.account.deferred, first.rejects.open) == (1, 0)
    assert (second.account.rejected, second.rejects.open) == (1, 1)
    assert made.rejects() == {"a": "LookupNotFound"}


async def test_after_another_job_a_run_waits_until_that_one_has_succeeded(world: MakeWorld) -> None:
    made = world(*THREE, after=("categories",))
    with pytest.raises(TransientError, match="categories") as refused:
        await made.run()
    assert refused.value.reason == "WaitsForJob"
    other = world(*THREE, name="categories", state_id="categories", target_object="categories")
    await other.run()

    assert (await made.run()).account.created == 3
