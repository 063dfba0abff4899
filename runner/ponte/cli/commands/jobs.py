"""Commands about jobs: run, plan, verify, runs."""
# ruff: noqa: PLC0415 - what the commands need is heavy and imported only when one runs

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from ponte.cli.completion import job_names
from ponte.cli.options import Common, expand


class ReadOption(StrEnum):
    """What is read."""

    ALL = "all"
    CHANGES = "changes"
    KEYS = "keys"
    RANGE = "range"


class WriteOption(StrEnum):
    """Whether what was delivered before is trusted."""

    DIFFERENCES = "differences"
    ALL = "all"


class OverlapOption(StrEnum):
    """What a run does while another one of the same job goes on."""

    REFUSE = "refuse"
    WAIT = "wait"


Job = Annotated[
    str, typer.Argument(metavar="JOB", help="Name of the SyncJob.", show_default=False, autocompletion=job_names)
]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run or plan reads."""

    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Only this record, by its key in the source; repeatable. Several fields of a key are joined by a tab.",
            show_default=False,
        ),
    ] = None
    read: Annotated[
        ReadOption | None,
        typer.Option(
            help="all, changes since the last run, keys or range. [default: keys where --key is given, range where "
            "--from or --to is, else all]",
            show_default=False,
        ),
    ] = None
    write: Annotated[
        WriteOption,
        typer.Option(help="differences to what was delivered; all also mends what others changed in the target."),
    ] = WriteOption.DIFFERENCES
    from_: Annotated[
        str | None, typer.Option("--from", metavar="CURSOR", help="Lower bound of a range.", show_default=False)
    ] = None
    to: Annotated[
        str | None, typer.Option("--to", metavar="CURSOR", help="Upper bound of a range.", show_default=False)
    ] = None


def declare(program: typer.Typer) -> None:
    """Adds the commands."""

    @program.command(
        epilog="""Examples:

\b
  ponte run products                  reads all articles, writes differences
  ponte run products --read changes   what changed since the last run
  ponte run products --key 0000042    one article, now
  ponte run products --write all      also mends what was edited in the target
  ponte run orders --from 2026-11-01 --to 2026-11-30
  ponte run products --approve RUN    the deletes that wait for a person

Exit: 0 done (rejects are listed), 65 too many rejects, 75 try again later, 76 stopped by a signal,
78 the configuration or a login needs a person. A stopped run goes on where it was."""
    )
    @expand
    def run(
        job: Job,
        reading: Reading,
        common: Common,
        overlap: Annotated[
            OverlapOption, typer.Option(help="While another run of the job goes on: refuse (exit 75) or wait.")
        ] = OverlapOption.REFUSE,
        approve: Annotated[
            str | None,
            typer.Option(metavar="RUN", help="Do the deletes that this run left for approval.", show_default=False),
        ] = None,
    ) -> None:
        """Run a job, and say what became of every record."""
        from ponte.cli.actions.run import approve_run, run_job

        if approve is None:
            run_job(job, reading, overlap, common)
        else:
            approve_run(job, approve, reading, common)

    @program.command(
        epilog="""Examples:

\b
  ponte plan products                 counts, and the first changes by field
  ponte plan products --all           every change
  ponte plan products --exit-code     exit 2 when there are changes"""
    )
    @expand
    def plan(
        job: Job,
        reading: Reading,
        common: Common,
        *,
        everything: Annotated[bool, typer.Option("--all", help="Show every change, not only the first.")] = False,
        exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 2 when there are changes.")] = False,
    ) -> None:
        """Show what a run would do, writing nothing."""
        from ponte.cli.actions.plan import plan_job

        plan_job(job, reading, common, show_all=everything, tells_changes=exit_code)

    @program.command(
        epilog="""Examples:

\b
  ponte verify products               what others changed in the target
  ponte verify products --all -o json
  ponte verify products --repair      and delivers what differs or is missing

Exit: 0 both sides hold the same, 1 they do not; with --repair as for run."""
    )
    @expand
    def verify(
        job: Job,
        common: Common,
        *,
        everything: Annotated[bool, typer.Option("--all", help="Show every difference, not only the first.")] = False,
        repair: Annotated[bool, typer.Option("--repair", help="Deliver what differs or is missing.")] = False,
    ) -> None:
        """Compare both sides of a job, by key and field."""
        from ponte.cli.actions.verify import repair_job, verify_job

        (repair_job if repair else verify_job)(job, common, show_all=everything)

    @program.command(
        epilog="""Examples:

\b
  ponte runs                              the last runs of all jobs
  ponte runs products --limit 50 -o json"""
    )
    @expand
    def runs(
        common: Common,
        job: Annotated[
            str | None,
            typer.Argument(
                metavar="JOB", help="Only runs of this SyncJob.", show_default=False, autocompletion=job_names
            ),
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    ) -> None:
        """List the last runs and where their records went."""
        from ponte.cli.actions.runs import list_runs

        list_runs(job, limit, common)
