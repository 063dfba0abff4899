"""What an error of the operating system or of an encoding means for the run."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from ponte.errors import ConfigurationError, TransientError

_CONFIGURATION = {
    errno.ENOENT: ("FileMissing", "is not there"),
    errno.ENOTDIR: ("FileMissing", "is not there: a part of its path is no folder"),
    errno.EISDIR: ("NotAFile", "is a folder, not a file"),
    errno.ELOOP: ("PathOutside", "is a link; links are not followed"),
    errno.ENXIO: ("NotAFile", "is no regular file"),
    errno.EACCES: ("PermissionDenied", "may not be read or written by this user"),
    errno.EPERM: ("PermissionDenied", "may not be read or written by this user"),
    errno.EROFS: ("PermissionDenied", "lies on a file system that cannot be written"),
    errno.ENAMETOOLONG: ("InvalidPath", "has too long a name"),
}


@contextmanager
def translated(label: str) -> Iterator[None]:
    """Turns errors of the operating system into those of `ponte.errors`."""
    try:
        yield
    except OSError as error:
        known = _CONFIGURATION.get(error.errno or 0)
        if known is None:
            raise TransientError(f"{label} cannot be read or written: {error.strerror}.") from error
        raise ConfigurationError(f"{label} {known[1]}.", reason=known[0]) from error
