"""Systems over real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ponte.connectors.registry import connect
from ponte.engine.ports import System
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource


class StillClock:
    """A clock that does not go."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        return None


@pytest.fixture
async def make_system() -> AsyncIterator[Callable[..., System]]:
    """Connects to a database by its URL, with these objects."""
    systems: list[System] = []

    def make(url: str, *objects: dict[str, Any], references: References | None = None, **settings: Any) -> System:
        source = SyncSource.model_validate(
            {
                "apiVersion": "ponte.dev/v1alpha1",
                "kind": "SyncSource",
                "metadata": {"name": "erp"},
                "spec": {"sql": {"url": {"value": url}, **settings}, "objects": list(objects)},
            }
        )
        systems.append(connect(source, references or References(environment={}), StillClock()))
        return systems[-1]

    yield make
    for system in systems:
        await system.close()
