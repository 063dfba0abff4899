"""`ponte plan`: what a run would do, writing nothing."""

from __future__ import annotations

import dataclasses
import json

import typer

from ponte.cli import exit_codes
from ponte.cli.actions.ordering import choose_read
from ponte.cli.actions.run import sound_manifests
from ponte.cli.commands.jobs import Reading
from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.cli.render.plan import plan_lines
from ponte.cli.stopping import StopRequest, run_until_stopped
from ponte.cli.watching import Watch
from ponte.cli.workspace import ready_ledger_url_of, references_of
from ponte.engine.job import Job, Order, Progress
from ponte.engine.plan import Plan, plan
from ponte.runtime import Runtime
from ponte.runtime.jobs import resolve_job

SAMPLES = 10
"""Changes shown of each operation, unless all are asked for."""


def plan_job(job: str, reading: Reading, common: Common, *, show_all: bool, tells_changes: bool) -> None:
    """Shows counts and changes; exits 2 where there are changes and `tells_changes`."""
    choice = choose_read(reading)
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    watch = Watch(console, job)
    samples = None if show_all else SAMPLES

    def on_progress(progress: Progress) -> None:
        watch.show(progress.account.read, progress.announced)

    async def work(stop: StopRequest) -> Plan:
        runtime = Runtime(
            manifests,
            references_of(common),
            ready_ledger_url_of(common),
            is_stopping=stop.has_come,
            on_progress=on_progress,
        )
        resolved = resolve_job(manifests, job)
        order = Order(
            run=f"plan-{job}",
            read=choice.read,
            write=reading.write.value,
            keys=tuple(tuple(key.split("\t")) for key in choice.keys),
            lower=choice.lower,
            upper=choice.upper,
        )
        async with runtime.ports(resolved) as ports:
            return await plan(ports, resolved, order, samples=samples, sensitive=_sensitive(resolved))

    try:
        planned = run_until_stopped(work, console)
    finally:
        watch.close()
    if console.is_json:
        console.show_json(_document(planned))
    else:
        console.show(plan_lines(planned, most=samples))
    if tells_changes and planned.change_count:
        raise typer.Exit(exit_codes.CHANGES_FOUND)


def _sensitive(job: Job) -> frozenset[str]:
    """Top-level fields of the target that are sensitive, or hold something that is."""
    return frozenset(
        rule.to.partition(".")[0]
        for rule in job.mapping.fields
        if rule.sensitive or any(inner.sensitive or _has_sensitive_parts(inner) for inner in rule.each or ())
    )


def _has_sensitive_parts(element: object) -> bool:
    return any(inner.sensitive for inner in getattr(element, "each", None) or ())


def _document(planned: Plan) -> dict[str, object]:
    account = json.loads(planned.account.model_dump_json(by_alias=True))
    changes = [dataclasses.asdict(change) for change in planned.changes]
    return {"job": planned.job, "account": account, "changes": changes, "notes": list(planned.notes)}
