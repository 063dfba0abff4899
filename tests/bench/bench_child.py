"""One run of a job as a process of its own, measured from outside: prints its account, stages and peak memory as JSON.

python bench_child.py MANIFESTS LEDGER JOB READ
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from pathlib import Path

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime


def main() -> None:
    """Runs the job and prints what it cost."""
    folder, ledger, job, read = sys.argv[1:]
    runtime = Runtime(load([Path(folder)]), References(os.environ), ledger)
    result = asyncio.run(runtime.run(RunRequest(job=job, read=read)))  # type: ignore[arg-type]  # from the command line
    report = {
        "account": result.account.model_dump(exclude_defaults=True),
        "phase": result.phase,
        "stages": runtime.stages.seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
