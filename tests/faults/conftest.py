"""Fixtures of the kills, also for tests/integration/engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from faults.theatre import Nursery, Theatre, open_theatre


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Starts runs quickly."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def theatre(
    request: pytest.FixtureRequest, tmp_path: Path, nursery: Nursery
) -> Iterator[Callable[[str, str], Theatre]]:
    """Opens a theatre with a ledger (sqlite, postgresql) and a target (sqlite, postgresql, rest, rest-upsert)."""
    with ExitStack() as stack:

        def make(ledger: str, kind: str) -> Theatre:
            needs = "postgresql" in (ledger, kind)
            url = request.getfixturevalue("postgres_url") if needs else None
            return stack.enter_context(open_theatre(tmp_path / "play", nursery, ledger, kind, url))

        yield make
