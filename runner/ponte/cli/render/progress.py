"""How far a run is: one line that is drawn again on a terminal, or a plain line now and then elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from ponte.cli.render.text import clock, count, escape, fit, width_of

_BAR_COLUMNS = 24
_FULL, _EMPTY = "█", "░"
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run is.

    Attributes:
        label: the job.
        done: records that are through, whatever became of them.
        total: how many there are; None where the source does not say.
        elapsed_s: seconds since the run began.
    """

    label: str
    done: int
    total: int | None
    elapsed_s: float

    @property
    def rate(self) -> float:
        """Records per second so far."""
        return self.done / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds that the rest takes at this rate; None where that cannot be known."""
        if self.total is None or not self.rate or self.done >= self.total:
            return None
        return (self.total - self.done) / self.rate


def bar(share: float, columns: int = _BAR_COLUMNS) -> str:
    """A bar of `columns` columns, in steps of an eighth."""
    eighths = round(min(max(share, 0.0), 1.0) * columns * 8)
    full, part = divmod(eighths, 8)
    partial = _EIGHTHS[part] if part else ""
    return _FULL * full + partial + _EMPTY * (columns - full - len(partial))


def live_line(position: Position, width: int) -> str:
    """`products  ████████████████████████ 50,000/50,000   31,400/s   0:00:01`; what says least goes first."""
    figures = f"{_amount(position)}   {count(round(position.rate))}/s   {_time(position)}"
    label = escape(position.label)
    room = min(_BAR_COLUMNS, width - width_of(label) - len(figures) - 3)
    if position.total is not None and room >= 4:
        share = position.done / position.total if position.total else 1.0
        return f"{label}  {bar(share, room)} {figures}"
    shorter = (figures, f"{_amount(position)}   {_time(position)}", _amount(position))
    lines = [f"{label}  {said}" for said in shorter]
    return next((line for line in lines if width_of(line) <= width), fit(lines[-1], width))


def plain_line(position: Position) -> str:
    """The same for logs: `products: 25,000 of 50,000, 31,400/s, 0:00:01 left`."""
    amount = count(position.done) + (f" of {count(position.total)}" if position.total is not None else "")
    rest = f", {clock(position.remaining_s)} left" if position.remaining_s is not None else ""
    return f"{escape(position.label)}: {amount}, {count(round(position.rate))}/s{rest}"


def _amount(position: Position) -> str:
    return count(position.done) if position.total is None else f"{count(position.done)}/{count(position.total)}"


def _time(position: Position) -> str:
    remaining = position.remaining_s
    return clock(position.elapsed_s) if remaining is None else f"ETA {clock(remaining)}"
