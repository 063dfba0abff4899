"""Commands about manifests and the systems they name: init, validate, test, doctor, schema."""
# ruff: noqa: PLC0415 - what the commands need is heavy and imported only when one runs

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ponte.cli.completion import mapping_names, source_names
from ponte.cli.options import Common, expand, expand_without


@dataclass(frozen=True, slots=True)
class Systems:
    """The two ends that `init` makes an integration of."""

    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ADDRESS",
            help="What is read: files:FOLDER/FILE, files:FOLDER/BOOK.xlsx#SHEET, sqlite:FILE#TABLE, "
            "postgresql://USER@HOST/DATABASE#TABLE, mariadb://...",
            show_default=False,
        ),
    ] = None
    to: Annotated[str | None, typer.Option(metavar="ADDRESS", help="What is written.", show_default=False)] = None
    key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD", help="Field that identifies a record of the source; repeatable.", show_default=False
        ),
    ] = None
    map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=SOURCE-FIELD", help="A pair that names do not tell; repeatable.", show_default=False
        ),
    ] = None


def declare(program: typer.Typer) -> None:
    """Adds the commands."""

    @program.command(
        epilog="""Examples:

\b
  ponte init                  asks for two systems; in a pipe as --example
  ponte init --from files:./export/articles.csv --to sqlite:shop.db#products
  ponte init --from postgresql://ponte@erp:5432/company#articles \\
             --to files:./out/articles.csv
  ponte init --example        five articles into a SQLite table, ready to run"""
    )
    @expand_without("folders", "ledger")
    def init(
        systems: Systems,
        common: Common,
        folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make the integration in.")] = Path(
            "integration"
        ),
        *,
        example: Annotated[bool, typer.Option("--example", help="Make an example instead.")] = False,
    ) -> None:
        """Make an integration of two systems, or an example.

        Both systems are looked at, and a Mapping between them is proposed. Nothing that is there is overwritten, and no
        password is written.
        """
        from ponte.cli.actions.asking import is_somebody_there
        from ponte.cli.actions.init import make_integration
        from ponte.cli.actions.init_systems import init_by_questions, init_from_options

        if systems != Systems():
            init_from_options(folder, systems, common)
        elif example or not is_somebody_there():
            make_integration(folder, common)
        else:
            init_by_questions(folder, common)

    @program.command(
        epilog="""Examples:

\b
  ponte validate
  ponte validate -f base/ -f test/    what test/ has replaces that of base/
  ponte validate -o json              for editors and CI

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
            list[str] | None,
            typer.Argument(
                metavar="MAPPING", help="Only these Mappings.", show_default=False, autocompletion=mapping_names
            ),
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
            list[str] | None,
            typer.Argument(
                metavar="SYSTEM", help="Only these SyncSources.", show_default=False, autocompletion=source_names
            ),
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
  ponte schema erp                    the fields of all objects of erp
  ponte schema erp articles --lock    writes them into the manifest
  ponte schema erp articles --mapping shop products
                                      a Mapping between the two, to start from"""
    )
    @expand
    def schema(
        system: Annotated[
            str,
            typer.Argument(
                metavar="SYSTEM", help="Name of the SyncSource.", show_default=False, autocompletion=source_names
            ),
        ],
        common: Common,
        object_name: Annotated[
            str | None, typer.Argument(metavar="OBJECT", help="Only this object.", show_default=False)
        ] = None,
        *,
        lock: Annotated[bool, typer.Option("--lock", help="Write the fields into the manifest.")] = False,
        mapping: Annotated[
            tuple[str, str] | None,
            typer.Option(metavar="SYSTEM OBJECT", help="Propose a Mapping to this object.", show_default=False),
        ] = None,
    ) -> None:
        """Show or lock the fields of a system's objects."""
        from ponte.cli.actions.schema import lock_schema, propose_mapping, show_schema

        if mapping is not None:
            propose_mapping(system, object_name, mapping, common)
        else:
            (lock_schema if lock else show_schema)(system, object_name, common)
