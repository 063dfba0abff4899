"""Files that are done go out of the way: by a rename, never over another file, and only if they are what was read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePosixPath

from ponte.connectors.files.arrivals import Arrival, marker_of
from ponte.connectors.files.client import Folder, identity_of
from ponte.connectors.files.errors import translated
from ponte_api.sync_source import Incoming


def put_away(folder: Folder, incoming: Incoming, done: Iterable[Arrival]) -> list[str]:
    """Moves files and their second files; gives the names of those that have changed since and were left.

    Raises:
        ConfigurationError, TransientError: a file cannot be moved; it is read again by the next run.
    """
    if incoming.when_done is None:
        return []
    target = folder.file(incoming.when_done.move_to)
    with translated(f"{folder.label}: {incoming.when_done.move_to}"):
        target.mkdir(parents=True, exist_ok=True)
    left = []
    for arrival in done:
        path = folder.file(arrival.name)
        with translated(f"{folder.label}: {arrival.name}"):
            try:
                is_same = identity_of(path.stat()) == arrival.identity
            except FileNotFoundError:
                continue  # somebody else took it away
            if not is_same:
                left.append(arrival.name)
                continue
            _move(path, target)
        if incoming.ready is not None:
            marker = folder.file(marker_of(arrival.name, incoming))
            with translated(f"{folder.label}: {marker.name}"), suppress(FileNotFoundError):
                _move(marker, target)
    return left


def _move(path: Path, folder: Path) -> None:
    """Takes a free name first, so that nothing can come between finding it and moving there."""
    for name in _names(path.name):
        try:
            os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC))
        except FileExistsError:
            continue
        try:
            path.rename(folder / name)
        except BaseException:
            (folder / name).unlink()
            raise
        return


def _names(name: str) -> Iterator[str]:
    yield name
    path = PurePosixPath(name)
    endings = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    stem = name.removesuffix(endings)
    yield from (f"{stem}.{number}{endings}" for number in count(2))
