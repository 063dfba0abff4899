"""One tool, once: wall time of the whole process, CPU seconds and peak memory of its tree, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_S = 0.02
_SAMPLES_PER_SEARCH = 5
_SHOWN = 1500


@dataclass(frozen=True)
class Ended:
    """A process that came to its end.

    Attributes:
        wall_s: from start to exit.
        cpu_s: user and system time of it and of all that it waited for.
        peak_mb: most resident memory of the tree at once.
        code: exit code, negative for a signal.
        output: what it wrote, the end of it.
        answer: its standard output, whole.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    output: str
    answer: str


def measure(command: Sequence[str], variables: Mapping[str, str], folder: Path, limit_s: float) -> Ended:
    """Runs a command in a folder of its own; after `limit_s` it is ended."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            list(command), stdout=to_out, stderr=to_err, cwd=folder, env=_environment(variables), start_new_session=True
        )
        memory = _Memory(process.pid)
        timer = threading.Timer(limit_s, _end, [process.pid])
        timer.start()
        memory.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # the bench is being ended: nothing goes on behind it
            _end(process.pid)
            raise
        finally:
            wall_s = time.perf_counter() - begun
            timer.cancel()
            memory.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    answer = out.read_text(errors="replace")
    told = (answer + err.read_text(errors="replace"))[-_SHOWN:]
    return Ended(wall_s, usage.ru_utime + usage.ru_stime, memory.peak_mb, process.returncode, told, answer)


def _end(leader: int) -> None:
    """Ends a process and all that it started: it leads a group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Little more than the path: nothing of the caller's settings reaches a tool."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "TZ": "UTC", **variables}


class _Memory(threading.Thread):
    """Looks at a tree of processes again and again.

    Each process's own high-water mark counts too, so that a peak between two looks is not missed. What the kernel tells
    at the end (ru_maxrss) is of no use: it also counts what this process held when it forked.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self._pid = pid
        self._pids = [pid]
        self._is_over = threading.Event()

    def run(self) -> None:
        looks = 0
        while not self._is_over.wait(_SAMPLE_S):
            if looks % _SAMPLES_PER_SEARCH == 0:
                self._pids = [self._pid, *_children(self._pid)]
            looks += 1
            seen = [_resident_kb(pid) for pid in self._pids]
            now, highest = sum(kb for kb, _ in seen), max(kb for _, kb in seen)
            self.peak_mb = max(self.peak_mb, now / 1024, highest / 1024)

    def stop(self) -> None:
        self._is_over.set()
        self.join()


def _children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _resident_kb(pid: int) -> tuple[int, int]:
    """Resident now, and at most until now; zeros for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    found = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return (int(found["VmRSS"].split()[0]), int(found["VmHWM"].split()[0])) if len(found) == 2 else (0, 0)
