"""What an error of the operating system or of an encoding means for the run."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from ponte.errors import ConfigurationError, TransientError

_ALLOW = "Next: let this user read the file, and write its folder where it is a target"
_PASSING = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in this user's quota",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}
_CONFIGURATION = {
    errno.ENOENT: ("FileMissing", "is not there. Next: correct the path, or have the file put there"),
    errno.ENOTDIR: ("FileMissing", "is not there: a part of its path is no folder. Next: correct the path"),
    errno.EISDIR: ("NotAFile", "is a folder, not a file. Next: name a file in it"),
    errno.ELOOP: ("PathOutside", "is a link; links are not followed. Next: name the file itself"),
    errno.ENXIO: ("NotAFile", "is no regular file. Next: name one by path"),
    errno.EACCES: ("PermissionDenied", f"may not be read or written by this user. {_ALLOW}"),
    errno.EPERM: ("PermissionDenied", f"may not be read or written by this user. {_ALLOW}"),
    errno.EROFS: ("PermissionDenied", "lies on a file system that cannot be written. Next: name another folder"),
    errno.ENAMETOOLONG: ("InvalidPath", "has too long a name. Next: give it a shorter one"),
}


@contextmanager
def translated(label: str) -> Iterator[None]:
    """Turns errors of the operating system into those of `ponte.errors`."""
    try:
        yield
    except OSError as error:
        known = _CONFIGURATION.get(error.errno or 0)
        if known is None:
            step = _PASSING.get(error.errno or 0, "look at the disk or the share, then run it again")
            raise TransientError(f"{label} cannot be read or written: {error.strerror}. Next: {step}.") from error
        raise ConfigurationError(f"{label} {known[1]}.", reason=known[0]) from error
