"""Stop signals: the first asks a run to stop, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ponte.cli import exit_codes
from ponte.cli.console import Console
from ponte.errors import Interrupted

PATIENCE_S = 20.0
"""How long operations in flight are awaited."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_T = TypeVar("_T")


@dataclass(slots=True)
class StopRequest:
    """Whether somebody asked to stop; `event` wakes what waits."""

    console: Console
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def has_come(self) -> bool:
        """Whether it has come; what the engine asks before each new operation."""
        return self.event.is_set()


def run_until_stopped(work: Callable[[StopRequest], Coroutine[Any, Any, _T]], console: Console) -> _T:
    """Runs work to its end, or until it stops after a signal.

    Raises:
        Interrupted: what was in flight did not come to its end within 20 s after a signal.
    """
    return asyncio.run(_run(work, StopRequest(console)))


async def _run(work: Callable[[StopRequest], Coroutine[Any, Any, _T]], request: StopRequest) -> _T:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work(request))
    with _handlers(loop, request, task):
        try:
            return await task
        except asyncio.CancelledError:
            raise Interrupted(
                f"Stopped: what was in flight did not come to its end within {PATIENCE_S:.0f} s. What was acknowledged "
                "is on record. Next: run it again; it settles the rest."
            ) from None


@contextlib.contextmanager
def _handlers(loop: asyncio.AbstractEventLoop, request: StopRequest, task: asyncio.Task[Any]) -> Iterator[None]:
    def stop() -> None:
        if request.has_come():
            os._exit(exit_codes.INTERRUPTED)
        request.event.set()
        if request.console.is_live:
            request.console.tell("\n")  # behind the bar, and the ^C of the terminal
        request.console.log("warning", "Stopping: what is in flight is awaited. Once more ends it at once.")
        loop.call_later(PATIENCE_S, task.cancel)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
