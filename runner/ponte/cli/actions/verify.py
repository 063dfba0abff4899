"""`ponte verify`: both sides are read and compared; nothing is written."""

from __future__ import annotations

import dataclasses
import json

import typer

from ponte.cli import exit_codes
from ponte.cli.actions.run import show_result, sound_manifests, watched_runtime
from ponte.cli.console import Console, console_of
from ponte.cli.options import Common
from ponte.cli.render.verification import found_lines, verification_lines
from ponte.cli.stopping import StopRequest, run_until_stopped
from ponte.cli.watching import Watch
from ponte.engine.canonical import split_key
from ponte.engine.verify import Difference, Verification
from ponte.manifests import Manifests
from ponte_api.result import RunResult

SAMPLES = 20


def verify_job(job: str, common: Common, *, show_all: bool) -> None:
    """Shows what differs by key and field; exits 1 where something does."""
    console = console_of(common)
    found, _ = _watched(job, console, common, sound_manifests(job, common, console), is_repair=False)
    _show(found, console, show_all=show_all)
    if not found.is_aligned:
        raise typer.Exit(exit_codes.FAULTS_FOUND)


def repair_job(job: str, common: Common, *, show_all: bool) -> None:
    """Shows what differs, and what became of it by delivering it again."""
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    found, result = _watched(job, console, common, manifests, is_repair=True)
    if console.is_json:
        run = None if result is None else json.loads(result.model_dump_json(by_alias=True))
        console.show_json({"verification": _document(found), "run": run})
        return
    lines = verification_lines if result is None else found_lines
    console.show(lines(found, most=None if show_all else SAMPLES, width=console.width))
    if result is not None:
        show_result(result, manifests, console)


def _watched(
    job: str, console: Console, common: Common, manifests: Manifests, *, is_repair: bool
) -> tuple[Verification, RunResult | None]:
    watch = Watch(console, job)

    async def work(stop: StopRequest) -> tuple[Verification, RunResult | None]:
        runtime = watched_runtime(manifests, common, watch, stop)
        return await runtime.repair(job) if is_repair else (await runtime.verify(job), None)

    try:
        return run_until_stopped(work, console)
    finally:
        watch.close()


def _show(found: Verification, console: Console, *, show_all: bool) -> None:
    if console.is_json:
        console.show_json(_document(found))
    else:
        console.show(verification_lines(found, most=None if show_all else SAMPLES, width=console.width))


def _document(found: Verification) -> dict[str, object]:
    counts = {name: value for name, value in dataclasses.asdict(found).items() if name != "differences"}
    return {**counts, "differences": [_difference(one) for one in found.differences]}


def _difference(one: Difference) -> dict[str, object]:
    source_key = None if one.key is None else split_key(one.key)
    fields = list(one.fields)
    return {"verdict": one.verdict, "key": source_key, "naturalKey": split_key(one.natural_key), "fields": fields}
