"""How the process of a command deals with memory: at its start nothing is let go of, at work batches are, at once."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress

_AT_THE_START = 200_000
"""How many new objects Python waits for before it looks for cycles. Its own 700 is for programs that make them; ours
makes 140,000 objects at its start, all to stay: searching them again and again took 80 ms (measured)."""

_AT_WORK = 10_000
"""The same once work has begun: a cycle, such as that of an error with its traceback, may hold a whole batch."""

_ALLOCATOR = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:100,muzzy_decay_ms:0,background_thread:true")
"""How soon Polars' allocator, jemalloc, gives back the memory of batches that are done with; it reads this when it is
loaded. By its own setting it keeps 15 to 30 MB more at a million records, for no gain in time (measured)."""


_M_ARENA_MAX = -8
"""Source: mallopt(3), glibc."""


def settle_memory() -> None:
    """Before anything heavy is imported."""
    gc.set_threshold(_AT_THE_START)
    os.environ.setdefault(*_ALLOCATOR)
    _share_one_heap()


def _share_one_heap() -> None:
    """One heap for all threads: with one for each, the texts of every batch stay behind in several (45 MB, measured).

    Other C libraries than glibc have no such setting, nor need of it.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def begin_work() -> None:
    """When all is imported and read: what is there stays, and is not searched again."""
    if not gc.get_freeze_count():  # a process that runs several commands must not keep what each left behind
        gc.freeze()
    gc.set_threshold(_AT_WORK)
