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
        TransientError: the last one, after all tries, or at once where the other side asks for a longer wait; where
            `check` finds no time for another try, with what it says.
    """
    last: TransientError | None = None
    for delay in DELAYS_S:
        _check(check, last)
        try:
            return await work()
        except TransientError as error:
            last = error
            wait = max(delay, error.retry_after or 0.0)
            if wait > LONGEST_WAIT_S:
                raise
        await clock.sleep(wait)
    _check(check, last)
    return await work()


def _check(check: Callable[[], None], last: TransientError | None) -> None:
    """Where there is no time for another try, what the last one met is the cause."""
    try:
        check()
    except TransientError as error:
        if last is None:
            raise
        raise TransientError(
            f"{error.message} The last answer was: {last.message}", reason=last.reason, retry_after=last.retry_after
        ) from last
