"""Two runs of one job at once: the one that read first is held up before it claims, and goes on inside the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from ponte.engine.canonical import join_key
from ponte.engine.ports import TargetCapabilities
from ponte.engine.settle import ids_beside
from ponte_api.mapping import MappingSpec
from ponte_api.result import RunResult
from unit.engine.world import BLIND, GIVES_IDS, MAPPING, TAKES_KEYS, UPSERTS, World, article

MakeWorld = Callable[..., World]


async def both(
    made: World, early: str, late: list[str] | None, between: Callable[[], None] = lambda: None
) -> RunResult:
    """A run of one key reads; something happens; another (of keys or of all) judges; the first ends, then the other."""
    has_read, has_judged = asyncio.Event(), asyncio.Event()

    async def wait(name: str) -> None:
        if name == "claim.before" and not has_read.is_set():
            has_read.set()
            await has_judged.wait()

    first = asyncio.create_task(made.run("keys", wait, keys=[early]))

    async def let_go(name: str) -> None:
        if name == "claim.before" and not has_judged.is_set():
            has_judged.set()
            await first

    await has_read.wait()
    between()
    order: dict[str, Any] = {} if late is None else {"keys": late}
    result = await made.run("all" if late is None else "keys", let_go, **order)
    has_judged.set()
    await first
    return result


@pytest.mark.parametrize("capabilities", [UPSERTS, GIVES_IDS, TAKES_KEYS, BLIND])
@pytest.mark.parametrize("late", [None, ["a"]], ids=["beside a whole run", "beside a run on request"])
async def test_a_record_that_both_would_create_is_there_once_and_as_it_is_now(
    world: MakeWorld, capabilities: TargetCapabilities, late: list[str] | None
) -> None:
    made = world(article("a"), capabilities=capabilities)

    await both(made, "a", late, lambda: made.source.put(article("a", price="7.00")))

    made.assert_in_step()
    assert made.target.made("a") == 1
    assert (await made.run()).account.unchanged == 1


async def test_two_records_with_one_natural_key_are_not_both_created(world: MakeWorld) -> None:
    upper = {"to": "sku", "from": "sku", "required": True, "case": "upper"}
    mapping = {**MAPPING, "fields": [upper, *MAPPING["fields"][1:]]}  # type: ignore[index]
    made = world(article("a"), article("A"), mapping=MappingSpec.model_validate(mapping), capabilities=GIVES_IDS)

    result = await both(made, "a", ["A"])

    assert made.target.skus() == ["A"]
    assert (result.phase, result.account.rejected) == ("PartiallySucceeded", 1)


async def test_what_a_whole_run_found_unchanged_is_not_overwritten_by_what_was_read_before(world: MakeWorld) -> None:
    made = world(article("a"))
    await made.run()
    made.source.put(article("a", price="7.00"))
    has_read, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(name: str) -> None:
        if name == "claim.before" and not has_read.is_set():
            has_read.set()
            await goes_on.wait()

    early = asyncio.create_task(made.run("keys", wait, keys=["a"]))
    await has_read.wait()
    made.source.put(article("a"))
    assert (await made.run()).account.unchanged == 1
    goes_on.set()
    await early

    made.assert_in_step()


async def test_what_a_run_on_request_reads_again_and_leaves_out_again_is_removed_once(world: MakeWorld) -> None:
    made = world(article("a"), article("b"))
    await made.run()
    made.source.put(article("a", price="7.00"), article("b", web="N"))
    has_claimed, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(name: str) -> None:
        if name == "deliver.before" and not has_claimed.is_set():
            has_claimed.set()
            await goes_on.wait()

    async def let_go(name: str) -> None:
        if name == "commit.after" and not goes_on.is_set():
            goes_on.set()
            await asyncio.wait({early})

    early = asyncio.ensure_future(made.run("keys", wait, keys=["a", "b"]))
    await has_claimed.wait()
    made.source.put(article("c"))
    await made.run("all", let_go)

    assert (await early).account.deleted == 1
    assert made.target.calls.count(("delete", ["b"])) == 1
    made.assert_in_step()


async def test_two_records_of_one_natural_key_have_one_id_each(world: MakeWorld) -> None:
    made = world(article("a"), article("b"), capabilities=GIVES_IDS)
    await made.run()
    ledger = made.ledger()
    scope = await ledger.find_scope(made.job.identity)
    assert scope is not None

    ids = await ids_beside(ledger, scope, pl.Series([join_key([sku]) for sku in "bab"]))

    own = {record["sku"]: own for own, record in made.target.records.items()}
    assert ids.to_list() == [own["b"], own["a"], own["b"]]
