"""The ledger of a plan: what a run would have left for people, and whether it would have come to its end."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from ponte.engine.copying import copied
from ponte.engine.job import RejectLimits
from ponte.engine.ledger_port import Commit, Ending, Scope, Writer
from ponte.engine.overlay import RecordedLedger
from ponte.engine.rejecting import count_fresh
from ponte.engine.threshold import exceeded, since_success
from ponte.engine.wording import counted


@dataclass(slots=True)
class PlannedLedger(RecordedLedger):
    """Keeps some rejects and the deletes that would wait; watches the threshold, at which only a run stops.

    Attributes:
        limits: the job's.
        most: how many rejects are kept; None for all.
        rejects: the first ones, by REJECT_SCHEMA.
        pending: what a run would have left for approval, by CANDIDATE_SCHEMA.
        stop: at what a run would stop, in words; empty where it would not.
    """

    limits: RejectLimits = field(default_factory=RejectLimits)
    most: int | None = None
    rejects: list[pl.DataFrame] = field(default_factory=list)
    pending: pl.DataFrame | None = None
    stop: str = ""
    _kept: int = 0
    _fresh: int = 0
    _open: pl.DataFrame = field(default_factory=pl.DataFrame)

    async def open_rejects(self, scope: Scope) -> pl.DataFrame:
        """See `Ledger.open_rejects`; remembered, to tell new ones from them."""
        self._open = await self.ledger.open_rejects(scope)
        return self._open

    async def commit(self, writer: Writer, commit: Commit) -> None:
        """Takes note of rejects."""
        rejects = commit.rejects
        wanted = rejects.height if self.most is None else min(rejects.height, self.most - self._kept)
        if wanted > 0:
            self.rejects.append(copied(rejects.head(wanted)))
            self._kept += wanted
        self._fresh += count_fresh(rejects, self._open, writer.scope)
        read = commit.result.account.read
        limit = exceeded(self.limits, self._fresh, read)
        if limit is not None and not self.stop:
            since = since_success(writer.scope)
            self.stop = f"{counted(self._fresh, 'reject')}{since} in the first {counted(read, 'record')}, and {limit}"

    async def finish(self, writer: Writer, ending: Ending) -> None:  # noqa: ARG002 - a plan has one writer
        """Keeps what would wait for approval."""
        self.pending = ending.pending
