"""`ponte rejects`: records that did not get through."""

from __future__ import annotations

from ponte.cli.actions.run import show_result, sound_manifests, watched_run
from ponte.cli.console import console_of
from ponte.cli.kept_rejects import open_rejects, set_aside
from ponte.cli.options import Common
from ponte.cli.render.rejects import Reject, reject_details, reject_document, reject_table
from ponte.cli.render.text import counted, escape
from ponte.cli.workspace import existing_ledger_url_of, load_manifests
from ponte.errors import UsageError
from ponte.manifests.faults import suggestion
from ponte.runtime import RunRequest


def list_rejects(job: str, reason: str | None, limit: int, common: Common) -> None:
    """Shows the open rejects of a job."""
    console = console_of(common)
    found = _of_job(job, common)
    if reason is not None:
        found = [one for one in found if any(fault.reason == reason for fault in one.faults)]
    if console.is_json:
        console.show_json([reject_document(one) for one in found[:limit]])
    else:
        console.show(reject_table(found[:limit], job=job, open_count=len(found), width=console.width))


def show_reject(job: str, key: str, common: Common) -> None:
    """Shows one reject with all its faults.

    Raises:
        UsageError: there is none with that key.
    """
    console = console_of(common)
    found = _of_job(job, common)
    one = next((reject for reject in found if reject.key == key), None)
    if one is None:
        raise UsageError(f'{job} has no open reject "{escape(key)}". {_nearest(key, found)}')
    if console.is_json:
        console.show_json(reject_document(one))
    else:
        console.show(reject_details(one, job=job))


def retry_rejects(job: str, keys: list[str], common: Common) -> None:
    """Runs the job for rejected records: those that are named, or all that are open.

    Raises:
        UsageError: a named record has no open reject.
        PonteError: as the run ended.
    """
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    found = _of_job(job, common)
    if unknown := [key for key in keys if key not in {reject.key for reject in found}]:
        raise UsageError(f'{job} has no open reject "{escape(unknown[0])}". {_nearest(unknown[0], found)}')
    wanted = keys or [reject.key for reject in found]
    if not wanted:
        console.show([f"{job}: no open rejects."])
        return
    request = RunRequest(job=job, read="keys", keys=tuple(wanted))
    show_result(watched_run(request, manifests, common, console), manifests, console)


def skip_rejects(job: str, keys: list[str], common: Common) -> None:
    """Sets rejects aside.

    Raises:
        UsageError: a record has no open reject; nothing is set aside then.
    """
    console = console_of(common)
    found = _of_job(job, common)
    if unknown := [key for key in keys if key not in {reject.key for reject in found}]:
        raise UsageError(f'{job} has no open reject "{escape(unknown[0])}". {_nearest(unknown[0], found)}')
    done = set_aside(existing_ledger_url_of(common), job, keys)
    if console.is_json:
        console.show_json({"skipped": done})
    else:
        said = "set aside: no longer counted or told, until the record gets through and fails again."
        console.show([f"{job}: {counted(len(done), 'reject')} {said}"])


def _of_job(job: str, common: Common) -> list[Reject]:
    """The open rejects; where there are none, the job's name is looked at: a slip must not look like success."""
    found = open_rejects(existing_ledger_url_of(common), job)
    if not found:
        load_manifests(common).job(job)
    return found


def _nearest(key: str, found: list[Reject]) -> str:
    return suggestion(key, [reject.key for reject in found])
