"""The folder: which files may be opened, and what a file was when it was opened.

Paths never leave the folder, whatever `..`, links or devices stand in the way; only regular files are opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ponte.connectors.files.errors import translated
from ponte.errors import ConfigurationError, TransientError


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of files.

    Attributes:
        path: where it is, relative to the working directory.
        label: how messages call it.
    """

    path: Path
    label: str

    def file(self, name: str) -> Path:
        """The file of that name. Raises ConfigurationError for a name that leads out of the folder."""
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name or not relative.parts:
            raise ConfigurationError(
                f"{self.label}: path {name!r} leads out of the folder. Next: name a file below it.",
                reason="PathOutside",
            )
        if not name.isprintable():
            raise ConfigurationError(
                f"{self.label}: the name {name!r} holds characters that no name should. Next: rename the file.",
                reason="InvalidPath",
            )
        with translated(f"{self.label}: {name}"):
            root = self.path.resolve()
            full = (root / relative).resolve()
        if not full.is_relative_to(root):
            raise ConfigurationError(
                f"{self.label}: path {name!r} is a link that leads out of the folder {self.path}. Next: copy the "
                "file into it.",
                reason="PathOutside",
            )
        return full

    @contextmanager
    def open(self, name: str) -> Iterator[Snapshot]:
        """Opens a regular file for reading, without ever waiting for a device or a pipe."""
        path = self.file(name)
        with translated(f"{self.label}: {self.path / name}"):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode):
            os.close(handle)
            raise ConfigurationError(
                f"{self.label}: {name} is no regular file. Next: name one by path.", reason="NotAFile"
            )
        with os.fdopen(handle, "rb", buffering=0) as stream:
            yield Snapshot(path, stream, identity_of(seen), f"{self.label}: {name}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An open file and what it was then.

    Attributes:
        identity: device, inode, size and times; another one means other content.
    """

    path: Path
    stream: BinaryIO
    identity: tuple[int, ...]
    label: str

    def check_unchanged(self) -> None:
        """Raises TransientError when the file was written or replaced since it was opened."""
        with translated(self.label):
            by_handle, by_name = os.fstat(self.stream.fileno()), self.path.stat()
        if identity_of(by_handle) != self.identity or identity_of(by_name) != self.identity:
            raise TransientError(
                f"{self.label} changed while it was read: it is still being written. Next: have it written under "
                "another name and renamed when it is whole.",
                reason="FileChanged",
            )


def identity_of(seen: os.stat_result) -> tuple[int, ...]:
    """Device, inode, size and time of change: another one means other content."""
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns
