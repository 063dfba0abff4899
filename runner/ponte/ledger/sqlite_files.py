"""What is looked at before SQLite opens a file: it trusts locks that do not hold, and takes half a file for whole."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from ponte.errors import ConfigurationError, StateError

_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs"})
_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\x00"


def refuse_network_file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """SQLite's locks do not hold over a network: two machines would both believe that they own the file.

    Raises:
        ConfigurationError: the file's folder is on a network file system.
    """
    if not mounts.exists():
        return
    folder = path.resolve().parent
    best = ("", "")
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if (folder == Path(place) or Path(place) in folder.parents) and len(place) >= len(best[0]):
            best = (place, kind)
    if best[1] in _NETWORK_FILE_SYSTEMS:
        raise ConfigurationError(
            f"The ledger {path} is on a network file system ({best[1]} at {best[0]}), where SQLite's locks do not "
            "hold. Next: put it on a local disk, or use a PostgreSQL ledger: --ledger postgresql://...",
            reason="LedgerOnNetworkFileSystem",
        )


def refuse_torn_file(path: Path) -> None:
    """A file that is shorter than its header says lost its end, unless its write-ahead log still has it.

    A file of no bytes lost all: `make_file` gives a new one its header before its name, and SQLite would take it for
    new and throw its log away.

    Raises:
        StateError: the file is torn, or is no SQLite database.
    """
    if not path.exists():
        return
    if not path.stat().st_size:
        raise _emptied(path)
    log = _log(path)
    if log.exists() and log.stat().st_size:
        return
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise damaged(path, "it is no SQLite database")
    page = int.from_bytes(header[16:18], "big")
    expected = int.from_bytes(header[28:32], "big") * (65_536 if page == 1 else page)
    if path.stat().st_size < expected:
        raise damaged(path, f"it has {path.stat().st_size:,} of {expected:,} bytes")


def make_file(path: Path) -> None:
    """Makes an empty database where there is no file; of processes that do so at once, one makes it.

    SQLite makes a file of no bytes first. Killed then, it would leave what cannot be told from a ledger that was lost;
    and another process that starts meanwhile would see it. So the file has its header before it has its name.
    Beside a log that was left over SQLite makes the file: it removes the log first, which is no log of this file.
    """
    if path.exists() or _log(path).exists():
        return
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with closing(sqlite3.connect(part)) as new:
            new.execute("PRAGMA journal_mode=WAL")
        if part.stat().st_size:
            os.link(part, path)
    except OSError:
        return  # another process was first, or there are no hard links here: then SQLite makes the file
    finally:
        part.unlink(missing_ok=True)


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _emptied(path: Path) -> StateError:
    return StateError(
        f"The ledger {path} is empty: the file has 0 bytes, and a ledger has some from its first moment. Nothing was "
        "written. Next: if it was in use, put a backup in its place, or remove it and fill a new one by `ponte ledger "
        "import` from an export, or by `ponte ledger rebuild` from the target. If it was not, nothing was ever "
        "recorded in it: remove the file, and the next run makes a ledger.",
        reason="LedgerDamaged",
    )


def damaged(path: Path, why: str) -> StateError:
    """The error of a ledger file that cannot be trusted."""
    return StateError(
        f"The ledger {path} is damaged: {why}. Nothing was written. Next: put a backup in its place, fill a new one by "
        "`ponte ledger import` from an export, or by `ponte ledger rebuild` from the target.",
        reason="LedgerDamaged",
    )
