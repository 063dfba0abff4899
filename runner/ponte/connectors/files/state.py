"""A file as the state of a target: loaded whole, changed in memory, written whole under another name and renamed.

Readers see the old file or the new one, never a half. A file with a line that cannot be read is not rewritten, for
that line would be lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ponte.connectors.files.client import Folder
from ponte.connectors.files.compression import refuse_packed
from ponte.connectors.files.errors import translated
from ponte.connectors.files.formats import format_of, writer_of
from ponte.connectors.files.writing import State
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

_BATCH = 25_000


class StateFile:
    """The file of an object, to be loaded, changed and replaced.

    Attributes:
        writer: how its format is written.
    """

    def __init__(self, spec: ObjectSpec, folder: Folder) -> None:
        self._spec = spec
        self._folder = folder
        self.writer = writer_of(spec, folder.label)

    def load(self) -> State:
        """What the file holds; nothing where it is not there yet.

        Raises:
            ConfigurationError: a line of it cannot be read, or it is packed.
            TransientError: it changed while it was read.
        """
        if not self.path.exists():
            return State([field.name for field in self._spec.fields], [])
        state = State([], [])
        with self._folder.open(self._spec.path or "") as snapshot:
            refuse_packed(snapshot)
            format_ = format_of(self._spec)
            if format_.check_replaceable is not None:
                format_.check_replaceable(snapshot, self._spec)
            for table in format_.read(snapshot, self._spec, _BATCH):
                broken = [item.message for item in table.unreadable]
                if broken or table.faults is not None:
                    raise ConfigurationError(
                        f"{snapshot.label} is not rewritten, because a part of it would be lost:"
                        f" {broken[0] if broken else 'a record can be read only in part'}. Next: mend or move the "
                        "file.",
                        reason="TargetUnreadable",
                    )
                state.names = list(dict.fromkeys([*state.names, *table.frame.columns]))
                state.records += self.writer.held(table.frame)
            snapshot.check_unchanged()
        return state

    def write(self, state: State) -> None:
        """Replaces the file.

        Raises:
            ConfigurationError, TransientError: it could not be replaced and is what it was.
        """
        with translated(f"{self._folder.label}: {self._spec.path}"):
            _replace(self.path, lambda stream: self.writer.write(state, stream))

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._folder.file(self._spec.path or "")


def _replace(path: Path, write: Callable[[BinaryIO], None]) -> None:
    new = path.with_name(f".{path.name}.ponte-{os.getpid()}")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with suppress(FileNotFoundError):
        new.unlink()
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
