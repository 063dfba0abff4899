"""An overlay over ledger and target that records writes instead of making them: the same engine then gives a plan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import polars as pl

from ponte.engine.copying import copied
from ponte.engine.ledger_port import Busy, Commit, Ending, Grant, Ledger, Outside, Scope, ScopeIdentity, Writer
from ponte.engine.ports import (
    ANSWER_SCHEMA,
    Batch,
    Delivery,
    Read,
    Source,
    SourceCapabilities,
    Target,
    TargetCapabilities,
)

_NO_SCOPE = -1


@dataclass(frozen=True, slots=True)
class ReadSource:
    """A source that is read and never told that it may put away what it gave."""

    source: Source

    @property
    def capabilities(self) -> SourceCapabilities:
        """See `Source.capabilities`."""
        return self.source.capabilities

    async def upper_bound(self) -> str | None:
        """See `Source.upper_bound`."""
        return await self.source.upper_bound()

    def read(self, read: Read) -> AsyncIterator[Batch]:
        """See `Source.read`."""
        return self.source.read(read)


@dataclass(slots=True)
class RecordedLedger:
    """Reads pass through; nothing is written. Takes no lease, so that a plan never stands in the way of a run."""

    ledger: Ledger

    async def open_scope(self, identity: ScopeIdentity) -> Scope:
        """The scope as it is; a new one is not made."""
        found = await self.ledger.find_scope(identity)
        return found or Scope(_NO_SCOPE, identity, None, None, has_succeeded=False)

    async def find_scope(self, identity: ScopeIdentity) -> Scope | None:
        """See `Ledger.find_scope`."""
        return await self.ledger.find_scope(identity)

    async def acquire(self, scope: Scope, run: str, *, lease_s: float | None) -> Writer | Busy:
        """An epoch that nobody has; no lease is taken."""
        return Writer(scope, run, epoch=0, is_leased=lease_s is not None, outside_commits=0)

    async def renew(self, writer: Writer, lease_s: float) -> None:
        """Nothing to keep."""

    async def release(self, writer: Writer) -> None:
        """Nothing to give back."""

    async def known(self, scope: Scope) -> pl.DataFrame:
        """See `Ledger.known`."""
        return await self.ledger.known(scope)

    async def details(self, scope: Scope, keys: pl.Series) -> pl.DataFrame:
        """See `Ledger.details`."""
        return await self.ledger.details(scope, keys)

    async def details_of_hashes(self, scope: Scope, hashes: pl.Series) -> pl.DataFrame:
        """See `Ledger.details_of_hashes`."""
        return await self.ledger.details_of_hashes(scope, hashes)

    async def holders(self, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
        """See `Ledger.holders`."""
        return await self.ledger.holders(scope, naturals)

    async def doubts(self, writer: Writer) -> pl.DataFrame:
        """See `Ledger.doubts`."""
        return await self.ledger.doubts(writer)

    async def is_alone(self, writer: Writer) -> bool:  # noqa: ARG002 - what it reads again it would not write either
        """Nobody waits for a plan."""
        return True

    async def outside(self, writer: Writer) -> Outside:
        """See `Ledger.outside`."""
        return await self.ledger.outside(writer)

    async def open_rejects(self, scope: Scope) -> pl.DataFrame:
        """See `Ledger.open_rejects`."""
        return await self.ledger.open_rejects(scope)

    async def claim(
        self,
        writer: Writer,
        rows: pl.DataFrame,
        live_s: float,  # noqa: ARG002 - nothing is marked
        read_at: datetime | None = None,  # noqa: ARG002 - as if nobody wrote beside it
    ) -> Grant:
        """Grants all but what would change something newer; marks nothing."""
        none = rows["key"].clear()
        details = await self.ledger.details(writer.scope, rows.filter(pl.col("operation") != "create")["key"])
        held = details.select("key", held="version")
        newer = rows.join(held, on="key", maintain_order="left").filter(pl.col("held") > pl.col("version"))["key"]
        return Grant(claim=0, lost=newer, newer=newer, doubtful=none, erased=none)

    async def commit(self, writer: Writer, commit: Commit) -> None:
        """Nothing to write."""

    async def finish(self, writer: Writer, ending: Ending) -> None:
        """Nothing to write."""

    async def target_ids(self, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
        """See `Ledger.target_ids`."""
        return await self.ledger.target_ids(scope, naturals)

    async def resolve(
        self, system: str, object_name: str, by: Literal["sourceKey", "naturalKey"], keys: pl.Series
    ) -> pl.DataFrame:
        """See `Ledger.resolve`."""
        return await self.ledger.resolve(system, object_name, by, keys)

    async def succeeded(self, job: str) -> bool:
        """See `Ledger.succeeded`."""
        return await self.ledger.succeeded(job)

    async def reject_levels(self, scope: Scope, run: str) -> tuple[int, int, list[tuple[str, str | None, int]]]:
        """See `Ledger.reject_levels`: as they are, since nothing was written."""
        return await self.ledger.reject_levels(scope, run)

    async def erased(self, scope: Scope, keys: pl.Series) -> pl.Series:
        """See `Ledger.erased`."""
        return await self.ledger.erased(scope, keys)

    async def seed(self, writer: Writer, rows: pl.DataFrame) -> int:  # noqa: ARG002 - nothing is written
        """Makes nothing known."""
        return 0

    async def now(self) -> datetime:
        """See `Ledger.now`."""
        return await self.ledger.now()


@dataclass(slots=True)
class RecordedTarget:
    """Look-ups pass through; of what is delivered the first records of each operation are kept.

    Attributes:
        most: how many records of each operation; None for all.
        deliveries: with these records only, in the order in which they came.
    """

    target: Target
    most: int | None
    deliveries: list[Delivery] = field(default_factory=list)
    _kept: dict[str, int] = field(default_factory=dict)

    @property
    def capabilities(self) -> TargetCapabilities:
        """Those of the target."""
        return self.target.capabilities

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """Keeps what is still wanted of a delivery, and answers that all is done."""
        kept, height = self._kept.get(delivery.operation, 0), delivery.frame.height
        wanted = height if self.most is None else min(height, self.most - kept)
        if wanted > 0:
            self.deliveries.append(_first(delivery, wanted))
            self._kept[delivery.operation] = kept + wanted
        rows = pl.int_range(delivery.frame.height, dtype=pl.UInt32, eager=True).alias("row").to_frame()
        answered = rows.with_columns(pl.lit("done").alias("outcome"), delivery.target_ids.alias("target_id"))
        texts = (pl.lit(None, dtype=pl.String).alias(name) for name in ("field", "reason", "message"))
        return answered.with_columns(*texts).cast({"outcome": ANSWER_SCHEMA["outcome"]})

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        """See `Target.find`."""
        return await self.target.find(keys)

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:
        """See `Target.fetch`."""
        return await self.target.fetch(keys, target_ids)


def _first(delivery: Delivery, records: int) -> Delivery:
    """The first records of a delivery, without the memory of the others."""
    return replace(
        delivery,
        frame=copied(delivery.frame.head(records)),
        target_ids=copied(delivery.target_ids.head(records).to_frame()).to_series(),
        idempotency_keys=copied(delivery.idempotency_keys.head(records).to_frame()).to_series(),
    )
