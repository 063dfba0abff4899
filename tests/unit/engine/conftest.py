"""Fixtures of the engine's tests: worlds, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unit.engine.world import Record, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., World]:
    """Makes a world: records, and what `make_world` takes by name."""

    def make(*records: Record, **options: Any) -> World:
        return make_world(tmp_path, *records, **options)

    return make
