"""Shows how far a run is while it goes on: redrawn on a terminal, now and then in logs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ponte.cli.console import Console
from ponte.cli.options import LogFormat
from ponte.cli.render.progress import Position, live_line, plain_line

LIVE_EVERY_S = 0.1
PLAIN_EVERY_S = 10.0
WORTH_A_BAR = 1_000
"""Records: below it a run is over before anybody has read the bar, unless it is slow."""
SLOW_S = 3.0
_REDRAW = "\r\x1b[2K"


@dataclass(slots=True)
class Watch:
    """One run, as it is watched.

    Attributes:
        console: where to.
        label: the job.
        expected: how many records there will be, as far as earlier runs tell; used where the source does not say.
        now: seconds that only grow.
    """

    console: Console
    label: str
    expected: int | None = None
    now: Callable[[], float] = time.monotonic
    _started: float = field(init=False)
    _shown_at: float = field(init=False)
    _last: Position | None = None
    _is_drawn: bool = False

    def __post_init__(self) -> None:
        self._started = self._shown_at = self.now()

    def show(self, done: int, announced: int | None) -> None:
        """Tells how far the run is; shown at most ten times a second, in logs every ten seconds."""
        now = self.now()
        total = announced if announced is not None else self.expected
        self._last = Position(self.label, done, None if total is None else max(total, done), now - self._started)
        if now - self._shown_at < (LIVE_EVERY_S if self.console.is_live else PLAIN_EVERY_S):
            return
        if self.console.is_live and done < WORTH_A_BAR and now - self._started < SLOW_S:
            return
        self._shown_at = now
        self._write(self._last)

    def close(self, took_s: float | None = None) -> None:
        """Leaves the last state on the terminal, and the cursor on a line of its own.

        Args:
            took_s: how long the run took by its own account, where it came to an end; everything was read then.
        """
        last = self._last
        if not self.console.is_live or last is None or not (self._is_drawn or last.done >= WORTH_A_BAR):
            return
        if took_s is None:
            self._write(Position(self.label, last.done, last.total, self.now() - self._started))
        else:
            self._write(Position(self.label, last.done, last.done, took_s))
        self.console.tell("\n")
        self._last = None

    def _write(self, position: Position) -> None:
        if self.console.is_live:
            self._is_drawn = True
            width = shutil.get_terminal_size().columns - 1
            self.console.tell(_REDRAW + "   " + live_line(position, width - 3))
        elif self.console.log_format is LogFormat.JSON:
            facts = {"job": position.label, "done": position.done, "total": position.total}
            self.console.log("info", "progress", **facts, perSecond=round(position.rate))
        else:
            self.console.log("info", plain_line(position))
