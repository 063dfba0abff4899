"""Fixtures of the rest connector's tests: a scripted server, a clock that stands still, SyncSources by the dozen."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from ponte_api.sync_source import SyncSource

sys.path.append(str(Path(__file__).parents[2] / "servers"))

from fixed_clock import FixedClock
from scripted_server import ScriptedServer

from ponte.connectors.rest import connect
from ponte.engine.ports import Batch, Delivery, Read
from ponte.manifests.references import References

ITEMS = {"records": "items", "total": "total"}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    server = await ScriptedServer().start()
    yield server
    await server.stop()


@pytest.fixture
async def open_system(server: ScriptedServer, clock: FixedClock) -> AsyncIterator[Callable[..., Any]]:
    """Connects a SyncSource with one object `products`; keywords go to `rest`, `limits` and the object."""
    opened = []

    def open_one(
        *, rest: dict | None = None, limits: dict | None = None, secrets: dict | None = None, **product: Any
    ) -> Any:
        spec = {
            "rest": {"baseUrl": {"value": server.base_url}, "allowedNetworks": ["127.0.0.0/8"], **(rest or {})},
            "objects": [{"name": "products", "path": "/products", "key": ["sku"], **product}],
            "limits": limits,
        }
        source = SyncSource.model_validate(
            {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "shop"}, "spec": spec}
        )
        variables = {f"PONTE_SECRET_LOGIN_{name.upper()}": value for name, value in (secrets or {}).items()}
        system = connect(source, References(variables), clock)
        opened.append(system)
        return system

    yield open_one
    for system in opened:
        await system.close()


def secret(key: str) -> dict[str, Any]:
    """A reference to a key of the Secret `login`."""
    return {"secretRef": {"name": "login", "key": key}}


async def read_all(source: Any, batch_size: int = 25_000, **read: Any) -> list[Batch]:
    return [batch async for batch in source.read(Read(read.pop("mode", "all"), batch_size, **read))]


def column(batches: list[Batch], name: str) -> list[Any]:
    return [value for batch in batches for value in batch.frame[name].to_list()]


def delivery(
    operation: str, rows: list[dict[str, Any]] | pl.DataFrame, ids: list[str | None] | None = None, **more: Any
) -> Delivery:
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
    return Delivery(
        operation=operation,
        frame=frame,
        key=more.pop("key", ("sku",)),
        target_ids=pl.Series(ids or [None] * frame.height, dtype=pl.String),
        idempotency_keys=pl.Series([f"key-{row}" for row in range(frame.height)]),
        **more,
    )
