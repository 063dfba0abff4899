"""What a bench ran on, in words that name no host: cores, processor, memory, system, versions of Ponte's parts."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import ponte


def surroundings() -> dict[str, str]:
    """By name, in the order in which they are shown."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"Linux {'.'.join(platform.release().split('.')[:2])}",
        "Python": platform.python_version(),
        "ponte": ponte.__version__,
        "polars": version("polars"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
