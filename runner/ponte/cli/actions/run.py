"""`ponte run`: one run of a job, watched and told."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Awaitable, Callable

from ponte.cli.actions.ordering import request_of, require_whole_keys
from ponte.cli.commands.jobs import OverlapOption, Reading
from ponte.cli.console import Console, OutputLostError, abandon, console_of
from ponte.cli.memory import begin_work
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
from ponte.errors import UsageError
from ponte.manifests import Manifests
from ponte.runtime import RunRequest, Runtime
from ponte.runtime.clock import SystemClock
from ponte_api.result import RunResult

SKIPPED_ANNOTATION = "ponte.dev/skipped"
Work = Callable[[Runtime, Watch], Awaitable[RunResult]]
_ENDED = ("Succeeded", "PartiallySucceeded")


def run_job(job: str, reading: Reading, overlap: OverlapOption, common: Common) -> None:
    """Runs a job once and shows what became of its records.

    Raises:
        PonteError: as the run ended; its account has been shown then.
    """
    console = console_of(common)
    request = request_of(job, reading, overlap)
    manifests = sound_manifests(job, common, console)
    require_whole_keys(request, manifests)
    show_result(watched_run(request, manifests, common, console), manifests, console)


def approve_run(job: str, run: str, reading: Reading, common: Common) -> None:
    """Does what a run left for approval, and nothing else.

    Raises:
        UsageError: no such run waits for approval, or something else is asked for beside it.
        PonteError: as the run ended.
    """
    if reading != Reading():
        raise UsageError(
            "--approve stands alone: what is read and written is settled by the run that is approved. "
            "Next: leave out the others."
        )
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    by = f"{getpass.getuser()}@{socket.gethostname()}"

    async def work(runtime: Runtime, _watch: Watch) -> RunResult:
        return await runtime.approve(job, run, by)

    show_result(watched(work, job, manifests, common, console), manifests, console)


def sound_manifests(job: str, common: Common, console: Console) -> Manifests:
    """The manifests, where nothing that the job is made of has faults; faults of others are mentioned."""
    manifests = load_manifests(common)
    objects = objects_of_job(manifests, job)
    require_sound(manifests, objects)
    if elsewhere := faults_elsewhere(manifests, objects):
        console.log("warning", f"{counted(len(elsewhere), 'fault')} in other objects: ponte validate")
    return manifests


def watched_run(request: RunRequest, manifests: Manifests, common: Common, console: Console) -> RunResult:
    """One run, with progress on standard error and stop signals obeyed; a run that failed is shown before it raises."""

    async def work(runtime: Runtime, watch: Watch) -> RunResult:
        if console.is_live and request.read == "all":
            watch.expected = await expected_records(runtime, request.job)
        return await runtime.run(request)

    return watched(work, request.job, manifests, common, console)


def watched(work: Work, job: str, manifests: Manifests, common: Common, console: Console) -> RunResult:
    """Any work that ends as a run, watched."""
    watch = Watch(console, job)
    took_s: float | None = None

    async def until_stopped(stop: StopRequest) -> RunResult:
        return await work(watched_runtime(manifests, common, watch, stop), watch)

    try:
        result = run_until_stopped(until_stopped, console)
        took_s = duration_s(result)
    except RunFailed as failure:
        watch.close()
        account = failure.result.account
        if console.is_json or account.read or account.deleted:
            show_result(failure.result, manifests, console)
        raise
    finally:
        watch.close(took_s)
    return result


def watched_runtime(manifests: Manifests, common: Common, watch: Watch, stop: StopRequest) -> Runtime:
    """What a run needs, told to whoever watches it, stopped when somebody asks for it."""

    def on_progress(progress: Progress) -> None:
        watch.show(progress.account.read, progress.announced)

    return Runtime(
        manifests,
        references_of(common),
        ready_ledger_url_of(common),
        clock=SystemClock(stop.event),
        is_stopping=stop.has_come,
        on_progress=on_progress,
        on_connected=begin_work,
    )


async def expected_records(runtime: Runtime, job: str) -> int | None:
    """How many records the last whole reading of a job had; None where there was none."""
    ledger = runtime.open_ledger()
    try:
        runs = await ledger.recent_runs(job, 10)
    finally:
        await ledger.close()
    whole = (run.account.read for run in runs if run.read_mode == "all" and run.phase in _ENDED)
    return next(whole, None)


def duration_s(result: RunResult) -> float | None:
    """How long a run took; None where it has not ended."""
    return None if result.ended_at is None else (result.ended_at - result.started_at).total_seconds()


def show_result(result: RunResult, manifests: Manifests, console: Console) -> None:
    """The run's account on standard output. Where that is broken the run is what it was all the same."""
    try:
        _write_result(result, manifests, console)
    except OutputLostError as error:
        abandon(console.out)
        if error.why:
            told = f"The result could not be written: {error.why}. The run is on record: ponte runs {result.job}"
            console.log("error", told)


def _write_result(result: RunResult, manifests: Manifests, console: Console) -> None:
    if console.is_json:
        console.show_json(json.loads(result.model_dump_json(by_alias=True)))
        return
    console.show(result_lines(result, skipped_because=skipped_because(result.job, manifests), width=console.width))


def skipped_because(job: str, manifests: Manifests) -> str | None:
    """What the job's Mapping says about records that `where` leaves out, by its annotation."""
    mapping = manifests.mappings.get(manifests.job(job).spec.mapping)
    return mapping.metadata.annotations.get(SKIPPED_ANNOTATION) if mapping else None
