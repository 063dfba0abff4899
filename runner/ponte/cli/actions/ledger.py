"""`ponte ledger`: the database of what was synchronised."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from ponte.cli import exit_codes
from ponte.cli.actions.run import sound_manifests, watched_runtime
from ponte.cli.console import Console, columns_of, console_of
from ponte.cli.options import Common
from ponte.cli.render.ledgers import check_lines, document, erased_lines, info_lines, is_damaged, pruned_lines, size
from ponte.cli.render.text import counted, escape, wrapped
from ponte.cli.stopping import StopRequest, run_until_stopped
from ponte.cli.watching import Watch
from ponte.cli.workspace import existing_ledger_url_of, load_manifests, ready_ledger_url_of
from ponte.errors import UsageError
from ponte.ledger import backup, erasure, exchange, inspection, integrity, retention
from ponte.ledger.opening import opened, shown
from ponte.runtime.jobs import kept_by_job


def show_info(common: Common) -> None:
    """Shows where the ledger is and what it holds."""
    console, url = console_of(common), existing_ledger_url_of(common)
    with opened(url) as db:
        found = inspection.info(db)
    if console.is_json:
        console.show_json(document(found))
    else:
        console.show(info_lines(found, shown=shown(url), width=console.width))


def check_ledger(common: Common) -> None:
    """Reads the whole ledger; exits 1 where it is damaged."""
    console, url = console_of(common), existing_ledger_url_of(common)
    with opened(url) as db:
        findings = integrity.check(db)
    if console.is_json:
        console.show_json([document(finding) for finding in findings])
    else:
        console.say(check_lines(findings, shown=shown(url)))
    if is_damaged(findings):
        raise typer.Exit(exit_codes.FAULTS_FOUND)


def prune_ledger(common: Common) -> None:
    """Removes what is older than each job keeps it; jobs that have no manifest here keep it as long as is usual."""
    console, kept = console_of(common), kept_by_job(load_manifests(common))
    with opened(existing_ledger_url_of(common)) as db:
        pruned = retention.prune(db, kept)
    if console.is_json:
        console.show_json(document(pruned))
    else:
        console.say(pruned_lines(pruned))


def backup_ledger(file: Path, common: Common) -> None:
    """Copies a SQLite ledger while it is in use."""
    console = console_of(common)
    with opened(existing_ledger_url_of(common)) as db:
        written = backup.backup(db, file)
    if console.is_json:
        console.show_json({"file": str(file), "bytes": written})
    else:
        console.say([f"{escape(str(file))}: {size(written)}, checked. It is a ledger: --ledger sqlite:///{file}"])


def export_ledger(file: Path, common: Common) -> None:
    """Writes the ledger to a file that any Ponte reads."""
    console = console_of(common)
    with opened(existing_ledger_url_of(common)) as db:
        rows = exchange.export_ledger(db, file)
    if console.is_json:
        console.show_json({"file": str(file), "rows": rows})
    else:
        console.say([f"{escape(str(file))}: {counted(rows, 'row')}. Next: ponte ledger import {file} --ledger URL"])


def import_ledger(file: Path, common: Common) -> None:
    """Fills an empty ledger from an export; a SQLite one is made."""
    console, url = console_of(common), ready_ledger_url_of(common)
    with opened(url) as db:
        rows = exchange.import_ledger(db, file)
    if console.is_json:
        console.show_json({"ledger": shown(url), "rows": rows})
    else:
        console.say([f"{shown(url)}: {counted(rows, 'row')} from {escape(str(file))}."])


def erase_key(key: str, job: str | None, common: Common, *, is_confirmed: bool) -> None:
    """Removes a record's values from the ledger, once a person said yes.

    Raises:
        UsageError: nobody can be asked, or the ledger has nothing of that key.
    """
    console, url = console_of(common), existing_ledger_url_of(common)
    if not (is_confirmed or _is_wanted(key, job, shown(url), console)):
        console.say(["Nothing was erased."])
        return
    with opened(url) as db:
        erased = erasure.erase(db, key, job)
    if console.is_json:
        console.show_json(document(erased))
    else:
        console.say(erased_lines(erased))


def _is_wanted(key: str, job: str | None, ledger: str, console: Console) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("Nothing was erased: nobody is there to be asked. Next: say so by --yes.")
    where = f" of {job}" if job else " of all jobs"
    lines = wrapped(f'Erase "{key}"{where} from {ledger}? It cannot be undone. [y/N]', width=columns_of(console.err))
    console.tell("\n".join(lines) + " ")
    answer = sys.stdin.readline()
    if not answer:  # the end of the input leaves the cursor behind the question
        console.tell("\n")
    return answer.strip().lower() in {"y", "yes"}


def rebuild_ledger(job: str, common: Common) -> None:
    """Makes known again what a lost ledger knew, from both sides; nothing is written to the target."""
    console = console_of(common)
    manifests = sound_manifests(job, common, console)
    watch = Watch(console, job)

    async def work(stop: StopRequest) -> int:
        return await watched_runtime(manifests, common, watch, stop).rebuild(job)

    try:
        known = run_until_stopped(work, console)
    finally:
        watch.close()
    if console.is_json:
        console.show_json({"job": job, "records": known})
    else:
        console.say([f"{job}: {counted(known, 'record')} of the target known again. Next: ponte run {job}"])
