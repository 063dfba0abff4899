"""The last runs as a table."""

from __future__ import annotations

from collections.abc import Sequence

from ponte.cli.render.rejects import moment
from ponte.cli.render.text import count, escape, seconds, told_table
from ponte_api.result import Account, RunResult

_HEADER = ("STARTED", "JOB", "ACTION", "PHASE", "READ", "WRITTEN", "REJECTS", "DURATION", "WHY")
_NUMBERS = ("READ", "WRITTEN", "REJECTS", "DURATION")
_WIDE_ENOUGH = 110
"""Columns below which action and duration are left out."""
_MOST_WANTED = tuple(_HEADER.index(name) for name in ("STARTED", "JOB", "PHASE", "READ", "WRITTEN", "REJECTS", "WHY"))


def run_table(runs: Sequence[RunResult], *, job: str | None = None, width: int | None = None) -> list[str]:
    """One run per line, newest first; READ has each record once, REJECTS are the new ones."""
    if not runs:
        return [f"No runs{f' of {job}' if job else ''} yet. Next: ponte run {job or 'JOB'}"]
    rows: list[tuple[str, ...]] = [_HEADER, *map(_row, runs)]
    if width and width < _WIDE_ENOUGH:
        rows = [tuple(row[column] for column in _MOST_WANTED) for row in rows]
    numbers = frozenset(rows[0].index(name) for name in _NUMBERS if name in rows[0])
    return told_table(rows, right=numbers, width=width)


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
        count(run.account.read - run.account.again),
        count(written(run.account)),
        count(run.rejects.new),
        duration,
        _why(run),
    )


def _why(run: RunResult) -> str:
    if run.error and run.error.message:
        return escape(run.error.message.splitlines()[0])
    return f"deletes wait: ponte run {run.job} --approve {run.run}" if run.phase == "AwaitingApproval" else ""
