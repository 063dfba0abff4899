"""A folder `drop`, systems over it, and a clock that goes when somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ponte.connectors.registry import connect
from ponte.engine.ports import System
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource

FORMATS = {"csv", "jsonLines", "fixedWidth", "xml", "excel"}
Make = Callable[..., System]


class HandClock:
    """A clock that goes only by waiting; what happens meanwhile is told by `meanwhile`."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, tzinfo=UTC)
        self.waits: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += timedelta(seconds=seconds)
        self.meanwhile()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def make_system(tmp_path: Path, clock: HandClock) -> Make:
    """The folder `drop` with one object."""
    (tmp_path / "drop").mkdir()

    def make(path: str = "a.csv", **fields: Any) -> System:
        fields = fields if FORMATS & set(fields) else {"csv": {}, **fields}
        spec = {
            "files": {"path": {"value": str(tmp_path / "drop")}},
            "objects": [{"name": "a", "path": path, **fields}],
        }
        source = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "drop"}, "spec": spec}
        return connect(SyncSource.model_validate(source), References(environment={}), clock)

    return make


@pytest.fixture
def drop(tmp_path: Path, make_system: Make) -> Path:
    """The folder."""
    return tmp_path / "drop"
