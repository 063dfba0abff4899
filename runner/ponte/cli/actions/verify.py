"""`ponte verify`: both sides are read and compared; nothing is written."""

from __future__ import annotations

import dataclasses

import typer

from ponte.cli import exit_codes
from ponte.cli.actions.run import sound_manifests, watched_runtime
from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.cli.render.verification import verification_lines
from ponte.cli.stopping import StopRequest, run_until_stopped
from ponte.cli.watching import Watch
from ponte.engine.canonical import split_key
from ponte.engine.verify import Difference, Verification

SAMPLES = 20


def verify_job(job: str, common: Common, *, show_all: bool) -> None:
    """Shows what differs by key and field; exits 1 where something does."""
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    watch = Watch(console, job)

    async def work(stop: StopRequest) -> Verification:
        return await watched_runtime(manifests, common, watch, stop).verify(job)

    try:
        found = run_until_stopped(work, console)
    finally:
        watch.close()
    if console.is_json:
        console.show_json(_document(found))
    else:
        console.show(verification_lines(found, most=None if show_all else SAMPLES, width=console.width))
    if not found.is_aligned:
        raise typer.Exit(exit_codes.FAULTS_FOUND)


def _document(found: Verification) -> dict[str, object]:
    counts = {name: value for name, value in dataclasses.asdict(found).items() if name != "differences"}
    return {**counts, "differences": [_difference(one) for one in found.differences]}


def _difference(one: Difference) -> dict[str, object]:
    source_key = None if one.key is None else split_key(one.key)
    fields = list(one.fields)
    return {"verdict": one.verdict, "key": source_key, "naturalKey": split_key(one.natural_key), "fields": fields}
