"""Commands about the ledger: info, check, backup, export, import, rebuild, prune; and erase."""
# ruff: noqa: PLC0415 - what the commands need is heavy and imported only when one runs

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ponte.cli.completion import job_names
from ponte.cli.options import Common, expand

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def declare(program: typer.Typer) -> None:
    """Adds the group, its commands and `erase`."""
    group = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="What was synchronised: look, check, save, mend."
    )
    program.add_typer(group, name="ledger")
    _declare_looking(group)
    _declare_saving(group)
    _declare_mending(group)

    @program.command(
        epilog="""Example:

\b
  ponte erase 0000042 --job products

The record's values go, a keyed hash stays, so that it is not taken for new."""
    )
    @expand
    def erase(
        key: Annotated[str, typer.Argument(metavar="KEY", help="Key in the source.", show_default=False)],
        common: Common,
        job: Annotated[
            str | None, typer.Option(help="Only what this SyncJob knows of it. [default: all jobs]", show_default=False)
        ] = None,
        *,
        yes: Yes = False,
    ) -> None:
        """Remove a record's values from the ledger, everywhere."""
        from ponte.cli.actions.ledger import erase_key

        erase_key(key, job, common, is_confirmed=yes)


def _declare_looking(group: typer.Typer) -> None:
    @group.command(epilog="Example:\n\n\b\n  ponte ledger info -o json")
    @expand
    def info(common: Common) -> None:
        """Say where the ledger is, its version, and what it holds per job."""
        from ponte.cli.actions.ledger import show_info

        show_info(common)

    @group.command(epilog="Example:\n\n\b\n  ponte ledger check\n\nExit: 0 sound, 1 damaged.")
    @expand
    def check(common: Common) -> None:
        """Check that the ledger is sound."""
        from ponte.cli.actions.ledger import check_ledger

        check_ledger(common)


def _declare_saving(group: typer.Typer) -> None:
    @group.command(epilog="Example:\n\n\b\n  ponte ledger backup /backup/ledger.db")
    @expand
    def backup(file: File, common: Common) -> None:
        """Copy a SQLite ledger while it is in use.

        A PostgreSQL ledger is saved by pg_dump, or by `ponte ledger export`.
        """
        from ponte.cli.actions.ledger import backup_ledger

        backup_ledger(file, common)

    @group.command(epilog="Example:\n\n\b\n  ponte ledger export ledger.jsonl")
    @expand
    def export(file: File, common: Common) -> None:
        """Write the ledger to a file that any Ponte reads."""
        from ponte.cli.actions.ledger import export_ledger

        export_ledger(file, common)

    @group.command("import", epilog="Example:\n\n\b\n  ponte ledger import ledger.jsonl --ledger postgresql://db/ponte")
    @expand
    def import_(file: File, common: Common) -> None:
        """Fill an empty ledger from an export."""
        from ponte.cli.actions.ledger import import_ledger

        import_ledger(file, common)


def _declare_mending(group: typer.Typer) -> None:
    @group.command(epilog="Example:\n\n\b\n  ponte ledger rebuild products")
    @expand
    def rebuild(
        job: Annotated[
            str,
            typer.Argument(metavar="JOB", help="Name of the SyncJob.", show_default=False, autocompletion=job_names),
        ],
        common: Common,
    ) -> None:
        """Learn anew what the target holds.

        By natural key, after a ledger was lost. Nothing is written to the target.
        """
        from ponte.cli.actions.ledger import rebuild_ledger

        rebuild_ledger(job, common)

    @group.command(epilog="Example:\n\n\b\n  ponte ledger prune")
    @expand
    def prune(common: Common) -> None:
        """Remove what retention no longer keeps.

        Old runs, closed rejects, marks of deleted records.
        """
        from ponte.cli.actions.ledger import prune_ledger

        prune_ledger(common)
