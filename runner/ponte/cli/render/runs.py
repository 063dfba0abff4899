"""The last runs as a table."""

from __future__ import annotations

from collections.abc import Sequence

from ponte.cli.render.rejects import moment
from ponte.cli.render.text import count, escape, seconds, table
from ponte_api.result import Account, RunResult

_HEADER = ("STARTED", "JOB", "ACTION", "PHASE", "READ", "WRITTEN", "REJECTS", "DURATION", "WHY")


def run_table(runs: Sequence[RunResult], *, width: int | None = None) -> list[str]:
    """One run per line, newest first; REJECTS are the new ones."""
    if not runs:
        return ["No runs yet. Next: ponte run JOB"]
    return table([_HEADER, *map(_row, runs)], right=frozenset({4, 5, 6, 7}), width=width)


def written(account: Account) -> int:
    """Records that were changed at the target."""
    return account.created + account.updated + account.deleted


def _row(run: RunResult) -> tuple[str, ...]:
    duration = "" if run.ended_at is None else seconds((run.ended_at - run.started_at).total_seconds())
    return (
        moment(run.started_at),
        escape(run.job),
        run.action if run.read_mode == "all" else f"{run.action} {run.read_mode}",
        run.phase,
        count(run.account.read),
        count(written(run.account)),
        count(run.rejects.new),
        duration,
        escape(run.error.message.splitlines()[0]) if run.error and run.error.message else "",
    )
