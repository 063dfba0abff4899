"""The fake behaves as it is told to, and logs what really happened."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from ponte.connectors import memory
from ponte.connectors.memory import Behaviour, MemoryStore, MemorySystem
from ponte.engine.ports import Delivery, Read
from ponte_api.sync_source import SyncSource


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """A store of its own."""
    memory.forget()
    yield memory.store("shop")
    memory.forget()


@pytest.fixture
def system(store: MemoryStore) -> MemorySystem:
    """The system over it."""
    spec = {"memory": {"name": "shop"}, "objects": [{"name": "a", "key": ["id"]}]}
    source = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "s"}, "spec": spec}
    return MemorySystem(SyncSource.model_validate(source), store)


def make_create(*ids: str) -> Delivery:
    frame = pl.DataFrame({"id": list(ids)})
    return Delivery("create", frame, ("id",), pl.Series([None] * len(ids), dtype=pl.String), pl.Series(ids))


async def test_without_upserts_a_second_create_makes_a_second_record(store: MemoryStore, system: MemorySystem) -> None:
    store.behave("a", Behaviour(upserts=False, own_ids=True))

    first = await system.target("a").deliver(make_create("x"))
    second = await system.target("a").deliver(make_create("x"))

    assert [first["target_id"][0], second["target_id"][0]] == ["1", "2"]
    assert [effect.operation for effect in store.effects] == ["create", "create"]


async def test_an_answer_is_lost_once_and_the_write_has_happened(store: MemoryStore, system: MemorySystem) -> None:
    store.behave("a", Behaviour(lost_answers={("x",)}))

    first = await system.target("a").deliver(make_create("x", "y"))
    second = await system.target("a").deliver(make_create("x"))

    assert first["outcome"].to_list() == ["unknown", "done"]
    assert second["outcome"].to_list() == ["done"]
    assert [effect.key for effect in store.effects] == [("x",), ("y",), ("x",)]


async def test_a_refused_key_has_no_effect(store: MemoryStore, system: MemorySystem) -> None:
    store.behave("a", Behaviour(refused={("x",): "CreditLimit"}))

    answers = await system.target("a").deliver(make_create("x"))

    assert answers.select("outcome", "reason").row(0) == ("rejected", "CreditLimit")
    assert store.effects == []


async def test_a_short_reading_announces_more_than_it_gives(store: MemoryStore, system: MemorySystem) -> None:
    store.put("a", [{"id": str(number)} for number in range(9)])
    store.behave("a", Behaviour(short_read=5))

    batches = [batch async for batch in system.source("a").read(Read("all", 3))]

    assert sum(batch.frame.height for batch in batches) == 5
    assert {batch.announced for batch in batches} == {9}
    assert not any(batch.is_last for batch in batches)


async def test_a_source_may_move_under_its_reader(store: MemoryStore, system: MemorySystem) -> None:
    store.put("a", [{"id": "1"}, {"id": "2"}])
    seen: list[int] = []

    def move(records: list[dict[str, object]]) -> None:
        seen.append(len(records))
        records[0]["id"] = "moved"

    store.behave("a", Behaviour(between_batches=move))
    batches = [batch async for batch in system.source("a").read(Read("all", 1))]

    assert [row for batch in batches for row in batch.frame["id"]] == ["1", "2"]
    assert seen == [2, 2]
    assert store.records("a")[0] == {"id": "moved"}
