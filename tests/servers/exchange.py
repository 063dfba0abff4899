"""Short words for what tests of connectors do all the time: read everything, take a column, deliver rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from ponte.engine.ports import Batch, Delivery, Read

ITEMS = {"records": "items", "total": "total"}


def secret(key: str) -> dict[str, Any]:
    """A reference to a key of the Secret `login`."""
    return {"secretRef": {"name": "login", "key": key}}


async def read_all(source: Any, batch_size: int = 25_000, **read: Any) -> list[Batch]:
    return [batch async for batch in source.read(Read(read.pop("mode", "all"), batch_size, **read))]


def column(batches: list[Batch], name: str) -> list[Any]:
    return [value for batch in batches for value in batch.frame[name].to_list()]


def _as_declared(frame: pl.DataFrame) -> pl.DataFrame:
    """With decimals as `decimal(p,s)` of a Mapping makes them: of 38 digits only what nobody declared is."""
    scales = {name: dtype.scale for name, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal)}
    return frame.cast({name: pl.Decimal(30, scale) for name, scale in scales.items()})


def delivery(
    operation: str, rows: list[dict[str, Any]] | pl.DataFrame, ids: list[str | None] | None = None, **more: Any
) -> Delivery:
    frame = rows if isinstance(rows, pl.DataFrame) else _as_declared(pl.DataFrame(rows))
    return Delivery(
        operation=operation,
        frame=frame,
        key=more.pop("key", ("sku",)),
        target_ids=pl.Series(ids or [None] * frame.height, dtype=pl.String),
        idempotency_keys=pl.Series([f"key-{row}" for row in range(frame.height)]),
        **more,
    )
