"""What the contract suites of all connectors share: a clock that does not go, and systems of one object."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from firebird_server import PASSWORD
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


SECRETS = {"PONTE_SECRET_FIREBIRD_PASSWORD": PASSWORD}
Make = Callable[..., System]


@pytest.fixture
async def make_system() -> AsyncIterator[Make]:
    """Connects to a system with one object, `records`, and closes it at the end."""
    systems: list[System] = []

    def make(kind: str, settings: dict[str, Any], **fields: Any) -> System:
        spec = {"name": "records", "key": ["code"], **fields}
        source = SyncSource.model_validate(
            {
                "apiVersion": "ponte.dev/v1alpha1",
                "kind": "SyncSource",
                "metadata": {"name": "tested"},
                "spec": {kind: settings, "objects": [spec]},
            }
        )
        systems.append(connect(source, References(environment=SECRETS), StillClock()))
        return systems[-1]

    yield make
    for system in systems:
        await system.close()
