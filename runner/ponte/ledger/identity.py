"""Who a process is, so that a lease whose holder was killed on this machine need not be waited out."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_PROC = Path("/proc")


def process_identity() -> str:
    """This process: machine, boot, process namespace, number and start time, separated by slashes."""
    return "/".join((*_place(), str(os.getpid()), _start_time(os.getpid()) or "?"))


def process_is_gone(holder: str) -> bool:
    """Whether a holder was a process of this very machine, boot and namespace that no longer runs.

    False whenever that cannot be known: the lease is then waited out.
    """
    *place, number, start = holder.rsplit("/", maxsplit=4)[-5:] if holder.count("/") >= 4 else ("", "", "")
    if tuple(place) != _place() or "?" in (*place, start) or not number.isdigit():
        return False
    return _start_time(int(number)) != start


def _place() -> tuple[str, str, str]:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        boot = namespace = "?"
    return platform.node().replace("/", "_"), boot, namespace


def _start_time(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]
