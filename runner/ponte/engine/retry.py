"""Retrying what may heal by itself, with growing delay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ponte.engine.ports import Clock
from ponte.errors import TransientError

T = TypeVar("T")

DELAYS_S = (0.5, 1.0, 2.0, 4.0)
LONGEST_WAIT_S = 60.0


async def retried(work: Callable[[], Awaitable[T]], clock: Clock, check: Callable[[], None]) -> T:
    """The result of the work, tried again after a TransientError, as often as there are delays.

    `check` is called before each try and raises where there may be none.

    Raises:
        TransientError: the last one, after all tries, or at once where the other side asks for a longer wait.
    """
    for delay in DELAYS_S:
        check()
        try:
            return await work()
        except TransientError as error:
            wait = max(delay, error.retry_after or 0.0)
            if wait > LONGEST_WAIT_S:
                raise
        await clock.sleep(wait)
    check()
    return await work()
