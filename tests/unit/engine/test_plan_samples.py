"""A plan asks the target only about what it shows, and keeps nothing else."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from ponte.engine.job import Order, RejectLimits
from ponte.engine.overlay import RecordedTarget
from ponte.engine.plan import Plan, plan
from ponte.engine.ports import Delivery
from unit.engine.world import UPSERTS, ScriptedTarget, World, article

MakeWorld = Callable[..., World]


def held(frame: pl.DataFrame) -> int:
    """Bytes of all buffers that a column of texts holds on to, as Arrow counts them."""
    return int(frame["sku"].to_arrow(compat_level=pl.CompatLevel.newest()).get_total_buffer_size())


async def planned(made: World, samples: int | None) -> tuple[Plan, list[str]]:
    """A plan, and the keys that the target was asked about for it."""
    asked: list[str] = []
    fetch = made.target.fetch

    async def counting(keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:
        asked.extend(keys["sku"])
        return await fetch(keys, target_ids)

    made.target.fetch = counting  # type: ignore[method-assign]  # what a plan fetches is what this shows
    ledger = made.ledger()
    try:
        return await plan(made.ports(ledger), made.job, Order("p"), samples=samples, sensitive=frozenset()), asked
    finally:
        await ledger.close()


@pytest.mark.parametrize("samples", [3, 10, 25, None])
async def test_only_what_is_shown_is_fetched(world: MakeWorld, samples: int | None) -> None:
    made = world(*(article(f"{n:03d}") for n in range(40)), batch_size=10)
    await made.run()
    made.source.rows = [{**row, "price": "2.00"} for row in made.source.rows]

    result, asked = await planned(made, samples)

    shown = [f"{n:03d}" for n in range(40 if samples is None else samples)]
    assert result.account.updated == 40
    assert asked == shown
    assert [change.key for change in result.changes] == shown
    assert {(f.field, f.before, f.after) for change in result.changes for f in change.fields} == {
        ("price", "1.00", "2.00")
    }


async def test_of_each_operation_the_first_ones_are_shown(world: MakeWorld) -> None:
    made = world(*(article(f"{n:03d}") for n in range(60)), batch_size=10)
    await made.run()
    made.source.rows = [{**row, "price": "2.00"} for row in made.source.rows if row["sku"] not in ("003", "004")]
    made.source.rows += [article(f"new{n}") for n in range(4)] + [article(f"bad{n}", name=None) for n in range(12)]
    made.change(rejects=RejectLimits(max=5))

    result, asked = await planned(made, 2)

    assert [(change.operation, change.key) for change in result.changes] == [
        ("update", "000"), ("update", "001"), ("delete", "003"), ("delete", "004"),
        ("create", "new0"), ("create", "new1"), ("reject", "bad0"), ("reject", "bad1"),
    ]  # fmt: skip
    assert asked == ["000", "001"]
    assert (result.account.rejected, result.would_stop) == (12, True)
    assert made.rejects() == {}


async def test_the_others_of_a_delivery_are_let_go_of() -> None:
    texts = pl.Series("sku", [f"a text that is too long to stand beside its length {n}" for n in range(10_000)])
    nothing = pl.Series([None] * 10_000, dtype=pl.String)
    target = RecordedTarget(ScriptedTarget(UPSERTS), 10)

    answers = await target.deliver(Delivery("create", texts.to_frame(), ("sku",), nothing, nothing))

    (kept,) = target.deliveries
    assert answers.height == 10_000
    assert (kept.frame.height, kept.target_ids.len(), kept.idempotency_keys.len()) == (10, 10, 10)
    assert held(kept.frame) < 1_000 < held(texts.to_frame().head(10)), "ten texts keep ten thousand"
