"""A PostgreSQL that keeps its promises (fsync on), as a company's would, with a gigabyte of buffers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import postgres

DURABLE = ("fsync=on", "synchronous_commit=on", "shared_buffers=1GB", "max_wal_size=8GB", "max_connections=40")


@pytest.fixture(scope="session")
def durable_server() -> Iterator[postgres.PostgresServer]:
    """A server with fsync on, for the whole bench."""
    with postgres.started(DURABLE) as server:
        yield server
