"""`ponte ledger`: the database of what was synchronised."""

from __future__ import annotations

import typer

from ponte.cli import exit_codes
from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.cli.render.ledgers import check_lines, document, info_lines, is_damaged, pruned_lines
from ponte.cli.workspace import existing_ledger_url_of
from ponte.ledger import inspection, integrity, retention
from ponte.ledger.opening import opened, shown


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
        console.show(check_lines(findings, shown=shown(url)))
    if is_damaged(findings):
        raise typer.Exit(exit_codes.FAULTS_FOUND)


def prune_ledger(common: Common) -> None:
    """Removes what is older than it is kept."""
    console = console_of(common)
    with opened(existing_ledger_url_of(common)) as db:
        pruned = retention.prune(db, retention.Retention())
    if console.is_json:
        console.show_json(document(pruned))
    else:
        console.show(pruned_lines(pruned))
