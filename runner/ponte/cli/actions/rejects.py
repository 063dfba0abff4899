"""`ponte rejects`: records that did not get through."""

from __future__ import annotations

from ponte.cli.actions.run import show_result, sound_manifests, watched_run
from ponte.cli.console import Console, console_of
from ponte.cli.options import Common
from ponte.cli.render.rejects import none_with, reject_details, reject_document, reject_table
from ponte.cli.render.text import counted, escape
from ponte.cli.workspace import existing_ledger_url_of, load_manifests
from ponte.errors import UsageError
from ponte.ledger import review
from ponte.ledger.opening import opened
from ponte.manifests.faults import nearest
from ponte.runtime import RunRequest

_SUGGESTED_FROM = 10_000
"""Rejects among which the key that was meant is looked for."""


def list_rejects(job: str, reason: str | None, limit: int, common: Common) -> None:
    """Shows the open rejects of a job."""
    console, state_id = console_of(common), _state_id(job, common)
    with opened(existing_ledger_url_of(common)) as db:
        page = review.list_rejects(db, state_id, review.RejectFilter(reason=reason, limit=limit))
        others = () if page.rejects or reason is None else review.list_rejects(db, state_id, _MANY).rejects
    if console.is_json:
        console.show_json([reject_document(one) for one in page.rejects])
    elif others:
        console.say([none_with(reason or "", others, job=job)])
    else:
        console.show(reject_table(page.rejects, job=job, open_count=page.total, width=console.width))


def show_reject(job: str, key: str, common: Common) -> None:
    """Shows one reject with all its faults, whatever its state.

    Raises:
        UsageError: there was never one with that key.
    """
    console, state_id = console_of(common), _state_id(job, common)
    with opened(existing_ledger_url_of(common)) as db:
        found = review.show_reject(db, state_id, key)
        if found is None:
            raise _unknown(job, key, _open_keys(review.list_rejects(db, state_id, _MANY)))
    if console.is_json:
        console.show_json(reject_document(found))
    else:
        console.show(reject_details(found, job=job, width=console.width))


def retry_rejects(job: str, keys: list[str], common: Common) -> None:
    """Runs the job for rejected records: those that are named, or all that are open.

    Raises:
        UsageError: a named record has no reject.
        PonteError: as the run ended.
    """
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    with opened(existing_ledger_url_of(common)) as db:
        reviewed = review.retry(db, manifests.job(job).state_id, keys or None)
    _refuse_unknown(job, reviewed, common)
    if not reviewed.done:
        console.say([f"{job}: no open rejects."])
        return
    request = RunRequest(job=job, read="keys", keys=reviewed.done)
    show_result(watched_run(request, manifests, common, console), manifests, console)


def skip_rejects(job: str, keys: list[str], common: Common) -> None:
    """Sets rejects aside; an ambiguous one counts as arrived at the target then.

    Raises:
        UsageError: a record has no open reject; the others are set aside all the same.
    """
    console, state_id = console_of(common), _state_id(job, common)
    with opened(existing_ledger_url_of(common)) as db:
        reviewed = review.skip(db, state_id, keys)
    _show_skipped(job, reviewed, console)
    _refuse_unknown(job, reviewed, common)


def _show_skipped(job: str, reviewed: review.Reviewed, console: Console) -> None:
    if console.is_json:
        console.show_json({"skipped": list(reviewed.done), "arrived": list(reviewed.arrived)})
        return
    if reviewed.done:
        said = "set aside: no longer told, until the record gets through and fails again."
        console.say([f"{job}: {counted(len(reviewed.done), 'reject')} {said}"])
    if reviewed.arrived:
        said = "noted as arrived at the target; the next run brings what changed since up to date."
        console.say([f"{job}: {counted(len(reviewed.arrived), 'record')} {said}"])


def _state_id(job: str, common: Common) -> str:
    """Under which name the ledger keeps the job. Raises UsageError with the nearest name for an unknown one."""
    return load_manifests(common).job(job).state_id


_MANY = review.RejectFilter(limit=_SUGGESTED_FROM)


def _open_keys(page: review.RejectPage) -> list[str]:
    return [reject.key for reject in page.rejects]


def _refuse_unknown(job: str, reviewed: review.Reviewed, common: Common) -> None:
    if reviewed.unknown:
        with opened(existing_ledger_url_of(common)) as db:
            page = review.list_rejects(db, _state_id(job, common), _MANY)
        raise _unknown(job, reviewed.unknown[0], _open_keys(page))


def _unknown(job: str, key: str, known: list[str]) -> UsageError:
    close = nearest(key, known)
    hint = f'Did you mean "{escape(close)}"?' if close else f"Next: ponte rejects list {job}"
    return UsageError(f'{job} has no reject "{escape(key)}". {hint}')
