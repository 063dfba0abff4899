"""How much of a system is used at once: connections, requests per second, and the rest it asks for.

One per system and process, shared by its objects and by all who have connected it: both ends of a job, the readings
of a verification, several runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from ponte.engine.ports import Clock


class Limits:
    """Slots and pace.

    Args:
        clock: time.
        connections: requests in flight at once.
        per_second: requests that start per second; None for no limit.
    """

    def __init__(self, clock: Clock, connections: int, per_second: int | None) -> None:
        self.connections = connections
        self._clock = clock
        self._slots = asyncio.Semaphore(connections)
        self._interval = timedelta(seconds=1 / per_second) if per_second else timedelta()
        self._next: datetime | None = None  # nobody starts before; None while anybody may

    def slot(self) -> Slot:
        """Waits for a connection and for its turn, and gives the connection back."""
        return Slot(self._slots, self._take_turn)

    def rest(self, seconds: float) -> None:
        """Nobody starts a request for so long: the system asked for it (Retry-After)."""
        rested = self._clock.now() + timedelta(seconds=seconds)
        self._next = rested if self._next is None else max(self._next, rested)

    async def _take_turn(self) -> None:
        while self._next is not None:
            now = self._clock.now()
            if now >= self._next:
                self._next = None
            else:
                await self._clock.sleep((self._next - now).total_seconds())
        if self._interval:
            self._next = self._clock.now() + self._interval


class Slot:
    """One request's place among those in flight; a class, because a generator costs more than the request's own code.

    Args:
        slots: the places.
        take_turn: waits until the request may start.
    """

    __slots__ = ("_slots", "_take_turn")

    def __init__(self, slots: asyncio.Semaphore, take_turn: Callable[[], Awaitable[None]]) -> None:
        self._slots = slots
        self._take_turn = take_turn

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        try:
            await self._take_turn()
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._slots.release()


_Key = tuple[str, str, int, int | None, int, int]
_SHARED: WeakValueDictionary[_Key, Limits] = WeakValueDictionary()


def shared_limits(clock: Clock, system: tuple[str, str], connections: int, per_second: int | None) -> Limits:
    """The limits of a system, the same for all who use it at a time; they end with the last of them.

    Args:
        clock: time; who has another clock has limits of their own.
        system: name of the SyncSource, and its base URL.
        connections: requests in flight at once.
        per_second: requests that start per second; None for no limit.
    """
    key = (*system, connections, per_second, id(clock), _loop_id())
    limits = _SHARED.get(key)
    if limits is None:
        limits = _SHARED[key] = Limits(clock, connections, per_second)
    return limits


def _loop_id() -> int:
    """Which event loop this is: who waits for a slot in one cannot be woken from another."""
    try:
        return id(asyncio.get_running_loop())
    except RuntimeError:
        return 0
