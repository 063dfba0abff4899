"""Which files hold manifests, and their text: bounded, as a pod's mounted bundle and a Git folder both look."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ponte.errors import UsageError

MOST_BYTES = 4 * 1024 * 1024
SUFFIXES = (".yaml", ".yml")


class Unreadable(Exception):  # noqa: N818 - not an error of the package: it becomes a fault before anybody sees it
    """A file that cannot be read, and why."""


def manifest_files(path: Path) -> list[Path]:
    """The file itself, or all .yaml and .yml files below a folder, sorted.

    Hidden files and folders are left out: a mounted ConfigMap holds each file a second time below `..data`.

    Raises:
        UsageError: there is nothing at this path.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f'There is no file or folder "{path}". Next: name the folder of the manifests by -f DIR.')
    return sorted(_below(path))


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(parent, name)
            if name.endswith(SUFFIXES) and not name.startswith(".") and file.is_file():
                yield file


def text_of(file: Path) -> str:
    """The text of a file, at most 4 MiB of UTF-8.

    Raises:
        Unreadable: too large, not UTF-8, or not to be read.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise Unreadable("is larger than 4 MiB: split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from error
