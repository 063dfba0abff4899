"""Sessions of a SyncSource within its limit of connections, each in a thread of its own; and its objects by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ponte.connectors.relational.client import Worker
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec, SyncSource

DEFAULT_CONNECTIONS = 8
REST_S = 5.0


class Closable(Protocol):
    """What can be given back."""

    def close(self) -> None:
        """Gives the connection back. Never raises."""
        ...


class Reusable(Closable, Protocol):
    """What can be used again before that."""

    def rollback(self) -> None:
        """Ends what was begun, without effect. Never raises."""
        ...


S = TypeVar("S", bound=Closable)
R = TypeVar("R", bound=Reusable)


@dataclass(slots=True)
class _Held(Generic[S]):
    session: S
    worker: Worker
    rests_since: float = 0.0

    async def end(self) -> None:
        try:
            await self.worker.run(self.session.close)
        finally:
            self.worker.stop()


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
            held = await self._take()
            try:
                yield held.session, held.worker
            except BaseException:
                await asyncio.shield(held.end())
                raise
            await asyncio.shield(self._leave(held))

    async def _take(self) -> _Held[S]:
        worker = Worker()
        try:
            return _Held(await worker.run(self._open), worker)
        except BaseException:
            worker.stop()
            raise

    async def _leave(self, held: _Held[S]) -> None:
        await held.end()


class RestingSessions(Sessions[R]):
    """Sessions that are used again if they were used without an error, did not rest for long, and still answer.

    A reading asks for the greatest cursor first, and to connect twice takes longer than the questions.

    Args:
        source, open_session: see `Sessions`.
        is_alive: whether the database still answers by a session; blocking; never raises.
        rest_s: an older one is not used again: a firewall or the server may have ended it unseen.
    """

    def __init__(
        self,
        source: SyncSource,
        open_session: Callable[[], R],
        is_alive: Callable[[R], bool],
        rest_s: float = REST_S,
    ) -> None:
        super().__init__(source, open_session)
        self._is_alive = is_alive
        self._rest_s = rest_s
        self._resting: list[_Held[R]] = []

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[tuple[R, Worker]]:
        """As `session`, for a target, which keeps it and stages tables in it: nobody uses it afterwards."""
        async with self._free:
            held = await super()._take()
            try:
                yield held.session, held.worker
            finally:
                await asyncio.shield(held.end())

    async def close(self) -> None:
        """Gives back what rests."""
        while self._resting:
            await self._resting.pop().end()

    async def _take(self) -> _Held[R]:
        while self._resting:
            held = self._resting.pop()
            is_fresh = time.monotonic() - held.rests_since < self._rest_s
            if is_fresh and await held.worker.run(self._is_alive, held.session):
                return held
            await held.end()
        return await super()._take()

    async def _leave(self, held: _Held[R]) -> None:
        await held.worker.run(held.session.rollback)
        held.rests_since = time.monotonic()
        self._resting.append(held)


def named_object(source: SyncSource, name: str) -> ObjectSpec:
    """The object of that name, which is a table or a query. Raises ConfigurationError where it is neither."""
    spec = source.spec.object(name)
    if spec is None:
        names = ", ".join(sorted(known.name for known in source.spec.objects))
        raise ConfigurationError(
            f"{source.metadata.name}: there is no object {name!r} (has: {names}). Next: correct the name, or declare "
            "it in objects."
        )
    if (spec.table is None) == (spec.query is None):
        raise ConfigurationError(
            f"{source.metadata.name}/{spec.name}: has both table and query, or neither. Next: set exactly one."
        )
    return spec
