"""Commands about records that did not get through: rejects list, show, retry, skip."""
# ruff: noqa: PLC0415 - what the commands need is heavy and imported only when one runs

from __future__ import annotations

from typing import Annotated

import typer

from ponte.cli.completion import job_names
from ponte.cli.options import Common, expand

Job = Annotated[
    str, typer.Argument(metavar="JOB", help="Name of the SyncJob.", show_default=False, autocompletion=job_names)
]
Keys = Annotated[
    list[str] | None, typer.Argument(metavar="KEY", help="Keys in the source; none: all.", show_default=False)
]


def declare(program: typer.Typer) -> None:
    """Adds the group and its commands."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="What did not get through: list, show, retry, skip.",
    )
    program.add_typer(group, name="rejects")

    @group.command(
        "list",
        epilog="""Examples:

\b
  ponte rejects list products
  ponte rejects list products --reason NotConvertible
  ponte rejects list products -o json""",
    )
    @expand
    def list_(
        job: Job,
        common: Common,
        reason: Annotated[str | None, typer.Option(help="Only with this reason.", show_default=False)] = None,
        limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 100,
    ) -> None:
        """List the open rejects of a job: key, field, why, since when."""
        from ponte.cli.actions.rejects import list_rejects

        list_rejects(job, reason, limit, common)

    @group.command(epilog="Example:\n\n\b\n  ponte rejects show products 0007741")
    @expand
    def show(
        job: Job,
        key: Annotated[str, typer.Argument(metavar="KEY", help="Key in the source.", show_default=False)],
        common: Common,
    ) -> None:
        """Show one reject with all its faults and its history."""
        from ponte.cli.actions.rejects import show_reject

        show_reject(job, key, common)

    @group.command(
        epilog="""Examples:

\b
  ponte rejects retry products            all open rejects
  ponte rejects retry products 0007741"""
    )
    @expand
    def retry(job: Job, common: Common, keys: Keys = None) -> None:
        """Read rejected records again, deliver what is in order."""
        from ponte.cli.actions.rejects import retry_rejects

        retry_rejects(job, keys or [], common)

    @group.command(epilog="Example:\n\n\b\n  ponte rejects skip products 0007741")
    @expand
    def skip(
        job: Job,
        keys: Annotated[list[str], typer.Argument(metavar="KEY", help="Keys in the source.", show_default=False)],
        common: Common,
    ) -> None:
        """Set rejects aside that nobody will mend."""
        from ponte.cli.actions.rejects import skip_rejects

        skip_rejects(job, keys, common)
