"""`ponte runs`: the last runs, from the ledger."""

from __future__ import annotations

import asyncio
import json

from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.cli.render.runs import run_table
from ponte.cli.workspace import existing_ledger_url_of, load_manifests
from ponte.ledger.opening import open_ledger
from ponte_api.result import RunResult


def list_runs(job: str | None, limit: int, common: Common) -> None:
    """Shows the last runs, newest first.

    Raises:
        UsageError: there is neither a run nor a manifest of that job.
    """
    console = console_of(common)
    runs = asyncio.run(_recent(existing_ledger_url_of(common), job, limit))
    if job is not None and not runs:
        load_manifests(common).job(job)
    if console.is_json:
        console.show_json([json.loads(run.model_dump_json(by_alias=True)) for run in runs])
    else:
        console.show(run_table(runs, job=job, width=console.width))


async def _recent(url: str, job: str | None, limit: int) -> list[RunResult]:
    ledger = open_ledger(url)
    try:
        return await ledger.recent_runs(job, limit)
    finally:
        await ledger.close()
