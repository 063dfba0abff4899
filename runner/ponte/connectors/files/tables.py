"""What the readers of both formats share: lines taken from the front, and tables of what was made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from ponte.engine.ports import Unreadable


@dataclass(frozen=True, slots=True)
class Table:
    """Records of a file.

    Attributes:
        frame: one row per record.
        unreadable: lines that are no record.
        faults: rows that could be read only in part, by FAULT_SCHEMA.
    """

    frame: pl.DataFrame
    unreadable: tuple[Unreadable, ...] = ()
    faults: pl.DataFrame | None = None


@dataclass(slots=True)
class Lines:
    """Lines of a file, to be taken from the front.

    Attributes:
        number: of the next line, from 1.
    """

    source: Iterator[list[str]]
    number: int = 1
    _held: list[str] = field(default_factory=list)
    _start: int = 0

    def fill(self, count: int) -> bool:
        """Holds at least so many lines, unless the file ends; says whether there are any."""
        while self.held_count < count:
            more = next(self.source, None)
            if more is None:
                break
            self._held = self._held[self._start :] + more
            self._start = 0
        return self.held_count > 0

    def ahead(self, count: int) -> list[str]:
        """The next lines, not yet taken."""
        return self._held[self._start : self._start + count]

    def peek(self, index: int) -> str | None:
        """A line further on, from 0; None where the file has ended."""
        self.fill(index + 1)
        return self._held[self._start + index] if index < self.held_count else None

    def take(self, count: int) -> None:
        """Goes on behind so many lines."""
        self._start += count
        self.number += count

    @property
    def held_count(self) -> int:
        """How many lines are held and not taken."""
        return len(self._held) - self._start


def resize(tables: Iterator[Table], size: int) -> Iterator[Table]:
    """Tables of `size` records where their columns agree; what is unreadable goes along with records near it.

    Tables with faults stay as they are: faults name rows.
    """
    held = _Held()
    for table in tables:
        if table.faults is not None or not held.takes(table):
            yield from held.flush()
        if table.faults is not None:
            yield table
            continue
        held.add(table)
        while held.height >= size:
            yield held.cut(size)
    yield from held.flush()


@dataclass(slots=True)
class _Held:
    frames: list[pl.DataFrame] = field(default_factory=list)
    unreadable: tuple[Unreadable, ...] = ()
    is_started: bool = False

    @property
    def height(self) -> int:
        return sum(frame.height for frame in self.frames)

    def takes(self, table: Table) -> bool:
        return not self.frames or self.frames[-1].schema == table.frame.schema

    def add(self, table: Table) -> None:
        self.frames.append(table.frame)
        self.unreadable += table.unreadable

    def cut(self, size: int) -> Table:
        whole = pl.concat(self.frames)
        table = Table(whole.head(size), self.unreadable)
        self.frames, self.unreadable, self.is_started = [whole.slice(size)], (), True
        return table

    def flush(self) -> Iterator[Table]:
        if self.frames and (self.height or self.unreadable or not self.is_started):
            yield Table(pl.concat(self.frames), self.unreadable)
            self.is_started = True
        self.frames, self.unreadable = [], ()
