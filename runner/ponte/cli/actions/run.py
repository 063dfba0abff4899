"""`ponte run`: one run of a job, watched and told."""

from __future__ import annotations

import json

from ponte.cli.actions.ordering import choose_read
from ponte.cli.commands.jobs import OverlapOption, Reading
from ponte.cli.console import Console, console_of
from ponte.cli.options import Common
from ponte.cli.render.results import result_lines
from ponte.cli.render.text import counted
from ponte.cli.stopping import StopRequest, run_until_stopped
from ponte.cli.watching import Watch
from ponte.cli.workspace import (
    faults_elsewhere,
    load_manifests,
    objects_of_job,
    ready_ledger_url_of,
    references_of,
    require_sound,
)
from ponte.engine.job import Progress
from ponte.engine.run import RunFailed
from ponte.manifests import Manifests
from ponte.runtime import RunRequest, Runtime
from ponte_api.result import RunResult

SKIPPED_ANNOTATION = "ponte.dev/skipped"


def run_job(job: str, reading: Reading, overlap: OverlapOption, common: Common) -> None:
    """Runs a job once and shows what became of its records.

    Raises:
        PonteError: as the run ended; its account has been shown then.
    """
    choice = choose_read(reading)
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    request = RunRequest(
        job=job,
        read=choice.read,
        write=reading.write.value,
        keys=choice.keys,
        lower=choice.lower,
        upper=choice.upper,
        overlap=overlap.value,
    )
    try:
        result = watched_run(request, manifests, common, console)
    except RunFailed as failure:
        show_result(failure.result, manifests, console)
        raise
    show_result(result, manifests, console)


def sound_manifests(job: str, common: Common, console: Console) -> Manifests:
    """The manifests, where nothing that the job is made of has faults; faults of others are mentioned."""
    manifests = load_manifests(common)
    objects = objects_of_job(manifests, job)
    require_sound(manifests, objects)
    if elsewhere := faults_elsewhere(manifests, objects):
        console.log("warning", f"{counted(len(elsewhere), 'fault')} in other objects: ponte validate")
    return manifests


def watched_run(request: RunRequest, manifests: Manifests, common: Common, console: Console) -> RunResult:
    """One run, with progress on standard error and stop signals obeyed."""
    watch = Watch(console, request.job)

    def on_progress(progress: Progress) -> None:
        watch.show(progress.account.read, progress.announced)

    async def work(stop: StopRequest) -> RunResult:
        runtime = Runtime(
            manifests,
            references_of(common),
            ready_ledger_url_of(common),
            is_stopping=stop.has_come,
            on_progress=on_progress,
        )
        return await runtime.run(request)

    try:
        return run_until_stopped(work, console)
    finally:
        watch.close()


def show_result(result: RunResult, manifests: Manifests, console: Console) -> None:
    """The run's account on standard output."""
    if console.is_json:
        console.show_json(json.loads(result.model_dump_json(by_alias=True)))
        return
    console.show(result_lines(result, skipped_because=skipped_because(result.job, manifests), width=console.width))


def skipped_because(job: str, manifests: Manifests) -> str | None:
    """What the job's Mapping says about records that `where` leaves out, by its annotation."""
    mapping = manifests.mappings.get(manifests.job(job).spec.mapping)
    return mapping.metadata.annotations.get(SKIPPED_ANNOTATION) if mapping else None
