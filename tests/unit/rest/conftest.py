"""Fixtures of the rest connector's tests: a scripted server, a clock that stands still, SyncSources by the dozen."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from ponte_api.sync_source import SyncSource

sys.path.append(str(Path(__file__).parents[2] / "servers"))

from fixed_clock import FixedClock
from scripted_server import ScriptedServer

from ponte.connectors.rest import connect
from ponte.manifests.references import References


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
        *,
        rest: dict | None = None,
        limits: dict | None = None,
        secrets: dict | None = None,
        configs: dict | None = None,
        **product: Any,
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
        variables |= {f"PONTE_CONFIG_{name.upper()}": value for name, value in (configs or {}).items()}
        system = connect(source, References(variables), clock)
        opened.append(system)
        return system

    yield open_one
    for system in opened:
        await system.close()
