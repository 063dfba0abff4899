"""Blocking work in a thread, whose result is let go of as soon as nobody needs it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], executor: Executor | None = None) -> T:
    """What the work gives, done in a thread of the executor (None: of the event loop's own).

    As `asyncio.to_thread`, but the result does not travel by the futures of the call: each of the two holds the other,
    so that a result in one, such as a batch of records, stays until Python's search for cycles comes by.
    """
    kept: list[T] = []
    context = contextvars.copy_context()
    await asyncio.get_running_loop().run_in_executor(executor, lambda: kept.append(context.run(work)))
    return kept.pop()
