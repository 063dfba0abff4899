"""What is looked at before SQLite opens a file: it trusts locks that do not hold, and takes half a file for whole."""

from __future__ import annotations

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
            "hold. Put it on a local disk, or use a PostgreSQL ledger: --ledger postgresql://...",
            reason="LedgerOnNetworkFileSystem",
        )


def refuse_torn_file(path: Path) -> None:
    """A file that is shorter than its header says lost its end, unless its write-ahead log still has it.

    Raises:
        StateError: the file is torn, or is no SQLite database.
    """
    log = path.with_name(f"{path.name}-wal")
    if not path.exists() or (log.exists() and log.stat().st_size):
        return
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header:
        return
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise damaged(path, "it is no SQLite database")
    page = int.from_bytes(header[16:18], "big")
    expected = int.from_bytes(header[28:32], "big") * (65_536 if page == 1 else page)
    if path.stat().st_size < expected:
        raise damaged(path, f"it has {path.stat().st_size:,} of {expected:,} bytes")


def damaged(path: Path, why: str) -> StateError:
    """The error of a ledger file that cannot be trusted."""
    return StateError(
        f"The ledger {path} is damaged: {why}. Nothing was written. Put a backup in its place, fill a new one by "
        "`ponte ledger import` from an export, or by `ponte ledger rebuild` from the target.",
        reason="LedgerDamaged",
    )
