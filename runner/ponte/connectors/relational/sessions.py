"""Sessions of a SyncSource within its limit of connections, each in a thread of its own; and its objects by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from ponte.connectors.relational.client import Worker
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec, SyncSource

DEFAULT_CONNECTIONS = 8


class Closable(Protocol):
    """What can be given back."""

    def close(self) -> None:
        """Gives the connection back. Never raises."""
        ...


S = TypeVar("S", bound=Closable)


class Sessions(Generic[S]):
    """The sessions of one database.

    Args:
        source: the SyncSource.
        open_session: connects; blocking; raises the errors of `ponte.errors`.
    """

    def __init__(self, source: SyncSource, open_session: Callable[[], S]) -> None:
        limits = source.spec.limits
        self._free = asyncio.Semaphore((limits and limits.connections) or DEFAULT_CONNECTIONS)
        self._open = open_session

    @asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[S, Worker]]:
        """A session of its own, in a thread of its own, within the limit of connections."""
        async with self._free:
            worker = Worker()
            try:
                session = await worker.run(self._open)
                try:
                    yield session, worker
                finally:
                    await asyncio.shield(worker.run(session.close))
            finally:
                worker.stop()


def named_object(source: SyncSource, name: str) -> ObjectSpec:
    """The object of that name, which is a table or a query. Raises ConfigurationError where it is neither."""
    spec = source.spec.object(name)
    if spec is None:
        names = ", ".join(sorted(known.name for known in source.spec.objects))
        raise ConfigurationError(f"SyncSource {source.metadata.name} has no object {name!r} (has: {names}).")
    if (spec.table is None) == (spec.query is None):
        raise ConfigurationError(
            f"SyncSource {source.metadata.name}, object {spec.name}: set exactly one of table and query."
        )
    return spec
