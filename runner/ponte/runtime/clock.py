"""The real clock, whose pauses end when the process is asked to stop."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from ponte.errors import Interrupted


class SystemClock:
    """Implements `ponte.engine.ports.Clock` by this machine's time.

    Args:
        stop: set once the process is asked to stop; without it pauses last as long as they should.
    """

    def __init__(self, stop: asyncio.Event | None = None) -> None:
        self._stop = stop

    def now(self) -> datetime:
        """The time, aware, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        if self._stop is None:
            await asyncio.sleep(seconds)
            return
        with_end = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([with_end], timeout=seconds)
        finally:
            with_end.cancel()
        if self._stop.is_set():
            raise Interrupted(
                "Stopped by a signal while waiting. What was acknowledged is committed. Next: run it again; it goes on."
            )
