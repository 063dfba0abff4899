"""One run of a job as a process of its own, measured from outside: prints its account, stages and peak memory as JSON.

python bench_child.py MANIFESTS LEDGER JOB READ
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime


def _peak_mb() -> float:
    """Greatest memory of this process; ru_maxrss would have that of the process that started it in it too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Runs the job and prints what it cost."""
    folder, ledger, job, read = sys.argv[1:]
    runtime = Runtime(load([Path(folder)]), References(os.environ), ledger)
    result = asyncio.run(runtime.run(RunRequest(job=job, read=read)))  # type: ignore[arg-type]  # from the command line
    report = {
        "account": result.account.model_dump(exclude_defaults=True),
        "phase": result.phase,
        "stages": runtime.stages.seconds,
        "peak_mb": _peak_mb(),
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
