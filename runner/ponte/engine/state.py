"""The state of one run while it goes on: what it may write, what it has seen, and its account."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from ponte.engine import digit_dates
from ponte.engine.job import Job, Order, Ports, Progress
from ponte.engine.known import Known
from ponte.engine.ledger_port import Writer
from ponte.engine.rejecting import count_fresh
from ponte.engine.watermark import MOST_APART, capped
from ponte.engine.wording import told
from ponte.errors import Interrupted, PonteError, TransientError
from ponte_api.result import Account, Phase, ReasonCount, RejectLevels, RunError, RunResult

CHECKPOINT_INTERVAL = timedelta(seconds=1)
"""How long what was read may go unaccounted for, whether it waits for others or for a slow source."""
CLAIM_MARGIN_S = 30.0
"""How much longer than one call of the target a claim lives: time for retries."""


@dataclass(slots=True)
class RunState:
    """One run.

    Attributes:
        doubts: claims of others that are not settled, by CLAIM_SCHEMA.
        settled: keys of `doubts` that this run has given a definite answer for.
        open_rejects: rejects that were open when the run began, by OPEN_REJECT_SCHEMA.
        again: what another writer had when we came, or what came twice (columns key, version); it is read once more.
        is_again: this is being done now.
        held: versions that the ledger had when the reading again began (columns key, held).
        send_until: no call of the target may start later: it must be over before the claim and the lease are.
        left: known records that `where` or the audience now leaves out: columns key, version.
        contested: natural keys (hashes) that records of this run wanted and others hold.
        rejected: keys (text) that this run rejected or deferred.
        ambiguous: keys (text) of those that only a person can settle.
        deferred: keys (text) of those that wait for records of other jobs.
        found_rejects: what did not get through, new or not: records, duplicates of a key, deletes that were refused.
        keyless, unreadable: records without a usable key, and pieces that are no records; any of them forbids deletes.
        unheard: how many records in a row, not known to be trouble, had no answer of the target.
        outage: the target is down or shut: how the run ends once what was answered is committed.
        deliveries: how many were made that had idempotency keys of their own.
        read_at: the ledger's time when the reading began.
        digits: the times that numbers of the cursor stand for; None for counters.
        evidence: for whether they are days; None where the greatest would be none of the future.
        brought, repeats: how many keys the reading brought, each counted once, and how often one came once more.
        problems: why else the reading was not complete, in words; any of them forbids deletes.
    """

    job: Job
    order: Order
    ports: Ports
    writer: Writer
    known: Known
    started_at: datetime
    doubts: pl.DataFrame
    open_rejects: pl.DataFrame
    account: Account = field(default_factory=Account)
    again: list[pl.DataFrame] = field(default_factory=list)
    is_again: bool = False
    held: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"key": pl.String, "held": pl.Int64}))
    left: list[pl.DataFrame] = field(default_factory=list)
    contested: list[pl.Series] = field(default_factory=list)
    rejected: list[pl.Series] = field(default_factory=list)
    ambiguous: list[pl.Series] = field(default_factory=list)
    deferred: list[pl.Series] = field(default_factory=list)
    settled: list[pl.Series] = field(default_factory=list)
    erased: int = 0
    keyless: int = 0
    unreadable: int = 0
    brought: int = 0
    repeats: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    levels: RejectLevels = field(default_factory=RejectLevels)
    found_rejects: int = 0
    new_rejects: int = 0
    closed_rejects: int = 0
    announced: int | None = None
    watermark: str | None = None
    sequence: int = 0
    unheard: int = 0
    outage: PonteError | None = None
    deliveries: int = 0
    checkpoint_at: datetime | None = None
    send_until: datetime | None = None
    read_at: datetime | None = None
    digits: digit_dates.Form | None = None
    evidence: digit_dates.Evidence | None = None

    @property
    def shortcomings(self) -> list[str]:
        """Why what was not seen may not be taken for gone; empty for a whole reading."""
        keyless = [f"{told(self.keyless, 'record', 'has', 'have')} no usable source key"] if self.keyless else []
        unreadable = (
            [f"{told(self.unreadable, 'piece', 'of the source is no record', 'of the source are no records')}"]
            if self.unreadable
            else []
        )
        return keyless + unreadable + self.problems

    @property
    def _erasures(self) -> list[str]:
        return [f"erased on request and left alone: {self.erased:,}"] if self.erased else []

    def count(self, **outcomes: int) -> None:
        """Adds records that were read to the account, each with its outcome."""
        read = sum(outcomes.values())
        self.account = self.account + Account(read=read, again=read if self.is_again else 0, **outcomes)
        self.ports.on_progress(Progress(self.account, self.announced))

    def note_brought(self) -> None:
        """Notes what the reading brought, for the one that confirms what it did not bring."""
        self.repeats = self.account.duplicate
        self.brought = self.account.read - self.repeats - self.keyless - self.unreadable

    def leave_erased(self, records: int) -> None:
        """Counts records that are left alone because a person asked that they be forgotten."""
        self.erased += records
        self.count(skipped=records)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """What is counted inside counts only if what is written inside was written: the report says what is durable."""
        before = (self.account, self.found_rejects, self.new_rejects, self.closed_rejects, len(self.rejected))
        try:
            yield
        except PonteError:
            self.account, self.found_rejects, self.new_rejects, self.closed_rejects, rejected = before
            del self.rejected[rejected:]
            raise

    def count_deleted(self, records: int) -> None:
        """Adds records that were removed from the target; they were not read."""
        self.account = self.account + Account(deleted=records)

    def is_checkpoint_due(self) -> bool:
        """Whether what was read has gone unaccounted for a second."""
        return self.checkpoint_at is None or self.ports.clock.now() - self.checkpoint_at >= CHECKPOINT_INTERVAL

    def closing(self, keys: pl.Series) -> pl.Series:
        """Those of the keys that have a reject to close."""
        return keys.filter(keys.is_in(self.open_rejects["key"].implode()))

    def fresh(self, rejects: pl.DataFrame) -> int:
        """How many rejects are new since the job's last success: see `count_fresh`."""
        return count_fresh(rejects, self.open_rejects, self.writer.scope)

    def note_rejects(self, rejects: pl.DataFrame, closed: pl.Series) -> None:
        """Counts rejects, those among them that are new to this job, and those that are closed."""
        waiting = rejects.filter(pl.col("state") == "deferred")["key"]
        self.found_rejects += rejects.height - waiting.len()
        self.deferred.append(waiting)
        self.new_rejects += self.fresh(rejects)
        self.rejected.append(rejects["key"])
        self.ambiguous.append(rejects.filter(pl.col("state") == "ambiguous")["key"])
        self.closed_rejects += len(closed)

    def begin_claim(self) -> float:
        """Seconds that a claim made now lives; from now on calls of the target are judged by it.

        The last call has come to light before it ends: whoever comes then, of this job or of another one that fills the
        same object, finds what it did, even if this run is dead. And what is in doubt has time to come to light within
        the claim, before it is sent again.
        """
        capabilities = self.ports.target.capabilities
        longest_s = capabilities.timeout_s + capabilities.settle_s
        live_s = max(self.ports.lease_s, longest_s + capabilities.settle_s + CLAIM_MARGIN_S)
        self.send_until = self.ports.clock.now() + timedelta(seconds=live_s - longest_s)
        return live_s

    def may_send(self) -> bool:
        """Whether a call of the target may start: nobody asked to stop, and it would be over before the claim is."""
        is_in_time = self.send_until is None or self.ports.clock.now() <= self.send_until
        return is_in_time and not self.ports.is_stopping()

    def check_sending(self) -> None:
        """Raises where no call of the target may start; called before each.

        Raises:
            Interrupted: a stop signal came.
            TransientError: the claim runs out, after a pause of the process or many tries; another run may take over.
        """
        self.check_stop()
        if not self.may_send():
            raise TransientError(
                f"SyncJob {self.job.name}: too much time went by since these records were claimed for "
                f"{self.job.target_system}/{self.job.target_object} to send them safely. Nothing of them was sent; the "
                "next run goes on.",
                reason="ClaimRanOut",
            )

    def lose(self, rows: pl.DataFrame) -> None:
        """Notes records (columns key, version) that another writer has or has delivered newer."""
        self.again.append(rows)
        self.count(superseded=rows.height)

    def take_again(self) -> pl.DataFrame:
        """What is to be read once more (columns key, version); from now on it is not."""
        rows = pl.concat([pl.DataFrame(schema={"key": pl.String, "version": pl.Int64}), *self.again])
        self.again = []
        return rows

    @property
    def missed(self) -> int:
        """How many records are to be read once more; at the end: that this run leaves to the next one."""
        return sum(rows.height for rows in self.again)

    @property
    def can_read_keys(self) -> bool:
        """Whether a record can be had again."""
        return "keys" in self.ports.source.capabilities.reads

    @property
    def holds_watermark(self) -> bool:
        """Whether the watermark must stay: it passes a record only if that is delivered or can be had again by key."""
        has_unnamed = bool(self.keyless or self.unreadable)
        has_rejects = not self.can_read_keys and any(len(keys) for keys in self.rejected)
        return has_unnamed or has_rejects or self.missed > 0

    def set_clock(self, read_at: datetime, upper: str | None) -> None:
        """No watermark of this run is in the future of this time, the one that it starts from among them."""
        self.read_at = read_at
        self.digits = digit_dates.declared(self.job)
        if self.digits is None and upper is not None and digit_dates.may_be_later(upper, read_at + MOST_APART):
            self.evidence = digit_dates.evidence_of(self.watermark, read_at)
        self.judge_digits()

    def judge_digits(self) -> None:
        """Whether numbers of the cursor are days, by what is known of them by now."""
        if self.evidence is not None:
            self.digits = "yyyyMMdd" if self.evidence.are_days else None
        if self.watermark is not None:
            self.watermark = self.durable(self.watermark)

    def durable(self, cursor: str) -> str:
        """What the watermark may be where the source has come to this cursor."""
        return cursor if self.read_at is None else capped(cursor, self.read_at, self.digits)

    def check_stop(self) -> None:
        """Raises Interrupted when a stop signal came: called before each new operation."""
        if self.ports.is_stopping():
            raise Interrupted(
                f"SyncJob {self.job.name} was stopped by a signal. What was acknowledged is committed. "
                "Next: run it again; it goes on.",
            )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a stage."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.ports.stages.add(name, time.perf_counter() - begun)

    def result(
        self,
        phase: Phase = "Running",
        reason: str = "Running",
        *,
        ended_at: datetime | None = None,
        error: RunError | None = None,
    ) -> RunResult:
        """The run's report as it now stands."""
        self.sequence += 1
        return RunResult(
            run=self.order.run,
            sequence=self.sequence,
            job=self.job.name,
            action="sync",
            read_mode=self.order.read,
            phase=phase,
            reason=reason,
            started_at=self.started_at,
            ended_at=ended_at,
            account=self.account,
            rejects=self.levels,
            watermark=self.watermark,
            notes=self.notes + self.shortcomings + self._erasures,
            error=error,
        )

    async def refresh_levels(self) -> None:
        """Takes the levels of rejects from the ledger."""
        new, still_open, reasons = await self.ports.ledger.reject_levels(self.writer.scope, self.order.run)
        counts = [ReasonCount(reason=reason, field=name, count=records) for reason, name, records in reasons]
        self.levels = RejectLevels(new=new, closed=self.closed_rejects, open=still_open, reasons=counts)
