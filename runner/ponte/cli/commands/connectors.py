"""Commands about the kinds of systems: connectors list, describe."""
# ruff: noqa: PLC0415 - what the commands need is heavy and imported only when one runs

from __future__ import annotations

from typing import Annotated

import typer

from ponte.cli.options import Common, expand_without


def declare(program: typer.Typer) -> None:
    """Adds the group and its commands."""
    group = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Which kinds of systems there are: list, describe."
    )
    program.add_typer(group, name="connectors")

    @group.command("list", epilog="Examples:\n\n\b\n  ponte connectors list\n  ponte connectors list -o json")
    @expand_without("folders", "secrets", "ledger")
    def list_(common: Common) -> None:
        """List the kinds of systems, and what is still to be installed."""
        from ponte.cli.actions.connectors import list_connectors

        list_connectors(common)

    @group.command(
        epilog="""Examples:

\b
  ponte connectors describe sql       what it can do, with an example
  ponte connectors describe sql --example > erp.yaml"""
    )
    @expand_without("folders", "secrets", "ledger")
    def describe(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the kind.", show_default=False)],
        common: Common,
        *,
        example: Annotated[bool, typer.Option("--example", help="Only the SyncSource, to start a file from.")] = False,
    ) -> None:
        """Say what a kind of system can do, with an example."""
        from ponte.cli.actions.connectors import describe_connector, show_example

        (show_example if example else describe_connector)(name, common)
