"""Commands about manifests and the systems they name: init, validate, test, doctor, schema."""
# ruff: noqa: PLC0415 - what the commands need is heavy and imported only when one runs

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ponte.cli.options import Common, expand


def declare(program: typer.Typer) -> None:
    """Adds the commands."""

    @program.command(
        epilog="""Examples:

\b
  ponte init                              makes ./integration, ready to run
  ponte init ~/shop-sync"""
    )
    @expand
    def init(
        common: Common,
        folder: Annotated[Path, typer.Argument(help="Folder to make the integration in.")] = Path("integration"),
    ) -> None:
        """Make a small integration that works, to start from.

        A CSV file into a SQLite database, with comments; nothing else is needed to run it.
        """
        from ponte.cli.actions.init import make_integration

        make_integration(folder, common)

    @program.command(
        epilog="""Examples:

\b
  ponte validate
  ponte validate -f base/ -f overlay/     later files replace objects of the same kind and name
  ponte validate -o json                  for editors and CI

Exit: 0 no faults, 78 faults."""
    )
    @expand
    def validate(common: Common) -> None:
        """Check all manifests; faults come with file and line."""
        from ponte.cli.actions.validate import validate_manifests

        validate_manifests(common)

    @program.command(
        epilog="""Examples:

\b
  ponte test                              the tests of all Mappings
  ponte test product                      of one

Exit: 0 all hold, 1 some do not, 78 faults in the manifests."""
    )
    @expand
    def test(
        common: Common,
        mapping: Annotated[
            list[str] | None, typer.Argument(metavar="[MAPPING]...", help="Only these Mappings.", show_default=False)
        ] = None,
    ) -> None:
        """Run the tests that stand in the Mappings."""
        from ponte.cli.actions.test import test_mappings

        test_mappings(mapping or [], common)

    @program.command(
        epilog="""Examples:

\b
  ponte doctor                            manifests, systems, ledger, clock
  ponte doctor erp                        one system

Exit: 0 all is well, 1 something is not."""
    )
    @expand
    def doctor(
        common: Common,
        system: Annotated[
            list[str] | None, typer.Argument(metavar="[SYSTEM]...", help="Only these SyncSources.", show_default=False)
        ] = None,
    ) -> None:
        """Find out what stands in the way of a run.

        Drivers, references, logins, reachability, the ledger, the clock. Nothing is changed.
        """
        from ponte.cli.actions.doctor import examine

        examine(system or [], common)

    @program.command(
        epilog="""Examples:

\b
  ponte schema erp                        the fields of all objects of erp
  ponte schema erp articles --lock        writes them into the manifest; comments stay"""
    )
    @expand
    def schema(
        system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Name of the SyncSource.", show_default=False)],
        common: Common,
        object_name: Annotated[
            str | None, typer.Argument(metavar="[OBJECT]", help="Only this object.", show_default=False)
        ] = None,
        *,
        lock: Annotated[bool, typer.Option("--lock", help="Write the fields into the manifest.")] = False,
    ) -> None:
        """Show or lock the fields of a system's objects."""
        from ponte.cli.actions.schema import lock_schema, show_schema

        (lock_schema if lock else show_schema)(system, object_name, common)
