"""`ponte plan`: what a run would do, writing nothing."""

from __future__ import annotations

import dataclasses
import json

import typer

from ponte.cli import exit_codes
from ponte.cli.actions.ordering import request_of, require_whole_keys
from ponte.cli.actions.run import sound_manifests, watched_runtime
from ponte.cli.commands.jobs import Reading
from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.cli.render.plan import plan_lines
from ponte.cli.stopping import StopRequest, run_until_stopped
from ponte.cli.watching import Watch
from ponte.engine.plan import Plan

SAMPLES = 10
"""Changes shown of each operation, unless all are asked for."""


def plan_job(job: str, reading: Reading, common: Common, *, show_all: bool, tells_changes: bool) -> None:
    """Shows counts and changes; exits 2 where there are changes and `tells_changes`."""
    console = console_of(common)
    request = request_of(job, reading)
    manifests = sound_manifests(job, common, console)
    require_whole_keys(request, manifests)
    watch = Watch(console, job)
    samples = None if show_all else SAMPLES

    async def work(stop: StopRequest) -> Plan:
        return await watched_runtime(manifests, common, watch, stop).plan(request, samples=samples)

    try:
        planned = run_until_stopped(work, console)
    finally:
        watch.close()
    if console.is_json:
        console.show_json(_document(planned))
    else:
        console.show(plan_lines(planned, most=samples, width=console.width))
    if tells_changes and (planned.change_count or planned.waiting):
        raise typer.Exit(exit_codes.CHANGES_FOUND)


def _document(planned: Plan) -> dict[str, object]:
    account = json.loads(planned.account.model_dump_json(by_alias=True))
    changes = [dataclasses.asdict(change) for change in planned.changes]
    return {
        "job": planned.job,
        "account": account,
        "waiting": planned.waiting,
        "wouldStop": planned.would_stop,
        "changes": changes,
        "notes": list(planned.notes),
    }
