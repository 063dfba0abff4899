"""Files that others drop: which match, which are complete, and which of these are read, in which order.

A file that is not complete is left alone, as if it were not there: one without its second file (`ready`), one that has
changed within `settle`, one whose name says that it is on its way. Where leaving it out would break an order or a
whole, nothing behind it is read either.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ponte.connectors.files.client import Folder, identity_of
from ponte.connectors.files.errors import translated
from ponte.engine.ports import Clock
from ponte.errors import ConfigurationError, TransientError
from ponte_api.sync_source import Incoming, ObjectSpec

_ON_THE_WAY = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download", ".swp", "~")
_HIDDEN = (".", "~$")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that matches.

    Attributes:
        name: below the folder of the system.
        identity: what the file was when it was seen.
        modified_ns: when it was last changed.
    """

    name: str
    identity: tuple[int, ...]
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What is read.

    Attributes:
        read: the files, in order.
        superseded: files that are older than the newest, which is read in their place.
    """

    read: tuple[Arrival, ...] = ()
    superseded: tuple[Arrival, ...] = ()


class Arrivals:
    """The files that an object takes in.

    Raises:
        ConfigurationError: files would be moved to where they arrive.
    """

    def __init__(self, spec: ObjectSpec, incoming: Incoming, folder: Folder, clock: Clock) -> None:
        self._path = PurePosixPath(spec.path or "")
        self._incoming = incoming
        self._folder = folder
        self._clock = clock
        if incoming.when_done and PurePosixPath(incoming.when_done.move_to) == self._path.parent:
            raise ConfigurationError(
                f"{folder.label}/{spec.name}: whenDone.moveTo is the folder in which files arrive, so that they"
                " would be read again. Next: name another one.",
                reason="InvalidPath",
            )

    async def choose(self) -> Choice:
        """The files to be read now; waits where that shows whether a file is complete, never longer than `settle`.

        Raises:
            ConfigurationError: no file is there, though one should be; a name or a file cannot be used.
            TransientError: files are there, but not complete.
        """
        seen = await asyncio.to_thread(self._look)
        complete = await self._complete(seen)
        chosen = self._choose(seen, complete)
        if not chosen.read:
            self._check_none(seen)
        return chosen

    def _choose(self, seen: Sequence[Arrival], complete: set[Arrival]) -> Choice:
        if self._incoming.pick == "newest":
            usable = [arrival for arrival in seen if arrival in complete]
            return Choice(tuple(usable[-1:]), tuple(usable[:-1]))
        first_incomplete = next((place for place, arrival in enumerate(seen) if arrival not in complete), len(seen))
        usable = list(seen[:first_incomplete])
        if self._incoming.pick == "oldest":
            return Choice(tuple(usable[:1]))
        is_part_of_a_whole = self._incoming.when_done is None
        if is_part_of_a_whole and first_incomplete < len(seen):
            raise self._incomplete([seen[first_incomplete]])
        return Choice(tuple(usable))

    def _check_none(self, seen: Sequence[Arrival]) -> None:
        if self._incoming.when_none == "nothing":
            return
        if seen:
            raise self._incomplete(seen)
        raise ConfigurationError(
            f"{self._folder.label}: no file matches {self._path}. Next: look whether the other side has exported;"
            " where having none is all right, set incoming.whenNone to nothing.",
            reason="FileMissing",
        )

    def _incomplete(self, seen: Sequence[Arrival]) -> TransientError:
        why = f"without {self._incoming.ready}" if self._incoming.ready else f"changed within {self._incoming.settle}"
        others = f" and {len(seen) - 1} more" if len(seen) > 1 else ""
        return TransientError(
            f"{self._folder.label}: {seen[0].name}{others} not complete yet ({why}). Next: run again when it is; if "
            "it stays so, have it sent anew.",
            reason="FileIncomplete",
        )

    def _look(self) -> list[Arrival]:
        """Files that match, the oldest first."""
        found = list(self._matching())
        by_name = self._incoming.order_by == "name"
        return sorted(found, key=lambda arrival: (0 if by_name else arrival.modified_ns, arrival.name))

    def _matching(self) -> Iterator[Arrival]:
        pattern = _pattern(self._path.name)
        marker = _pattern(self._incoming.ready.replace("{name}", "*")) if self._incoming.ready else None
        with translated(f"{self._folder.label}: {self._path.parent}"):
            names = sorted(entry.name for entry in os.scandir(self._directory) if not entry.is_dir())
        for name in names:
            is_own = pattern.fullmatch(name) and not (marker and marker.fullmatch(name))
            if not is_own or name.startswith(_HIDDEN) or name.lower().endswith(_ON_THE_WAY):
                continue
            seen = self._stat(name)
            if seen is not None:
                yield Arrival(str(self._path.parent / name), identity_of(seen), seen.st_mtime_ns)

    def _stat(self, name: str) -> os.stat_result | None:
        path = self._folder.file(str(self._path.parent / name))
        with translated(f"{self._folder.label}: {name}"):
            try:
                seen = path.stat()
            except FileNotFoundError:
                return None  # taken away since it was listed
        if not stat.S_ISREG(seen.st_mode):
            raise ConfigurationError(
                f"{self._folder.label}: {name} is no regular file. Next: take it out of the folder, or narrow the "
                "pattern of path.",
                reason="NotAFile",
            )
        return seen

    @property
    def _directory(self) -> Path:
        return self._folder.file(str(self._path.parent)) if self._path.parent.parts else self._folder.path

    async def _complete(self, seen: Sequence[Arrival]) -> set[Arrival]:
        if self._incoming.ready is not None:
            return set(await asyncio.to_thread(lambda: [arrival for arrival in seen if self._has_marker(arrival)]))
        wait_s = max((self._missing_s(arrival) for arrival in self._decisive(seen)), default=0.0)
        if wait_s <= 0:
            return {arrival for arrival in seen if self._missing_s(arrival) <= 0}
        complete = {arrival for arrival in seen if self._missing_s(arrival) <= wait_s}
        await self._clock.sleep(wait_s)
        return complete & set(await asyncio.to_thread(self._look))

    def _decisive(self, seen: Sequence[Arrival]) -> Sequence[Arrival]:
        """Those on which the choice depends."""
        return {"newest": seen[-1:], "oldest": seen[:1], "all": seen}[self._incoming.pick]

    def _missing_s(self, arrival: Arrival) -> float:
        """For how long it still has to stay as it is; a time of change that is to come counts as now."""
        age_s = self._clock.now().timestamp() - arrival.modified_ns / 1e9
        return self._incoming.settle_s - max(age_s, 0.0)

    def _has_marker(self, arrival: Arrival) -> bool:
        """Whether its second file is there, and not left over from an earlier file of the same name."""
        path = self._folder.file(marker_of(arrival.name, self._incoming))
        try:
            return path.stat().st_mtime_ns >= arrival.modified_ns
        except OSError:
            return False


def marker_of(name: str, incoming: Incoming) -> str:
    """The name of the file that says that another is complete."""
    path = PurePosixPath(name)
    return str(path.with_name((incoming.ready or "{name}").replace("{name}", path.name)))


def _pattern(wildcards: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(character) or re.escape(character) for character in wildcards), re.DOTALL)
