"""Ports of the engine: what it needs of systems, the ledger and the world, as frames and plain data.

Implemented by `ponte.connectors.*`, `ponte.ledger` and, in memory, by `ponte.testing`. Everything is async; blocking
drivers run in threads inside their connector. Frames that cross a port are described by the schemas below.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import polars as pl

ReadMode = Literal["all", "changes", "keys", "range"]
Operation = Literal["create", "update", "delete"]

FAULT_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),  # index into the frame the faults are about
        "field": pl.String(),  # of the target, or of the source (extract); null: the whole record
        "reason": pl.String(),  # stable PascalCase
        "message": pl.String(),  # safe to show; values of sensitive fields are never in it
    }
)
ANSWER_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),  # index into the delivered frame; each row is answered exactly once
        # unsent: certainly without effect, for a reason that passes and is not the record's (the target is away, the
        # time is over, a stop signal); it is given back and no reject
        "outcome": pl.Enum(["done", "rejected", "unknown", "unsent"]),
        "target_id": pl.String(),  # the target's own id, where it gives one
        "field": pl.String(),  # rejected: the field to blame, where the target names one
        # all but done: stable PascalCase. NotFound: the target certainly has no such record, so that it may be
        # created anew; TargetIdUnknown: it may have one, and nobody can say which
        "reason": pl.String(),
        "message": pl.String(),  # all but done: safe to show
    }
)
UNANSWERED = frozenset({"ServerError", "RateLimited", "Timeout", "ConnectionLost", "ConnectionFailed", "Unavailable"})
"""Reasons of unknown and unsent records to which the target gave no decision: it may be down, for all of them."""
SHUT_OUT = frozenset({"CredentialsRefused", "TlsRefused"})
"""Reasons of unsent records for which the target lets nobody in any more: a person has to see to it."""
FOUND_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),  # index into the frame of natural keys; a row may be found more than once (ambiguous)
        "target_id": pl.String(),  # the target's own id; null where it has none besides the natural key
    }
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as the source has them, at most as many as were asked for (a page may be smaller).

    Attributes:
        frame: one row per record. Text sources give strings; JSON gives structs and lists; numbers are exact.
        faults: rows that could be read only in part, by FAULT_SCHEMA; they are rejected (stage extract).
        unreadable: records of which not even a row could be made (broken line, broken JSON): position and why.
        position: resume point once this batch and all before it are durable; None when the source cannot resume here.
        is_last: the source said that nothing follows. A reading that ends without it is not complete.
        announced: how many records the source says there are, where it says so.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame | None = None
    unreadable: tuple[Unreadable, ...] = ()
    position: str | None = None
    is_last: bool = False
    announced: int | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A piece of the source that is not a record: it is rejected, and forbids deletes."""

    position: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Read:
    """What to read.

    Attributes:
        mode: all, changes (lower <= cursor <= upper), keys, or range (as changes, but the watermark stays).
        batch_size: most records per batch.
        columns: top-level fields that are needed; None for all. Key, cursor and version fields are among them.
        lower, upper: bounds of the cursor as canonical text, both inclusive; None for open.
        resume: position of a batch of an earlier reading with the same bounds, to go on behind it. The connectors
            keep to it; the engine begins each reading anew until runs are resumed by the operator.
        keys: for mode keys: a frame of the key fields as text, one row per key.
    """

    mode: ReadMode
    batch_size: int
    columns: tuple[str, ...] | None = None
    lower: str | None = None
    upper: str | None = None
    resume: str | None = None
    keys: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class SourceCapabilities:
    """What a source object can do, known before anything is read.

    Attributes:
        reads: the modes it can do.
        cursor_order: changes come in (cursor, key) order, so that a reading may resume inside its window.
        moves: a reading takes several requests, and what is edited between them may change its place in the list, so
            that it, or another, is passed over. See `moving`.
    """

    reads: frozenset[ReadMode]
    cursor_order: bool = False
    moves: bool = False


class Source(Protocol):
    """One object of a system, for reading."""

    @property
    def capabilities(self) -> SourceCapabilities:
        """What it can do."""
        ...

    async def upper_bound(self) -> str | None:
        """Greatest cursor now, or the source's own clock; None when there is nothing or no cursor.

        Fixed at open. Canonical text: integers as digits, times as ISO 8601, in UTC or without zone as the source
        has them.
        """
        ...

    def read(self, read: Read) -> AsyncIterator[Batch]:
        """Yields batches.

        Raises:
            TransientError: retried by the connector first; the run then stops at its last checkpoint.
            CredentialsRefused, ConfigurationError: the run fails.
        """
        ...


@runtime_checkable
class AcknowledgedSource(Protocol):
    """A source that may put away what it has handed over: a folder of files that others drop, a queue.

    Implemented besides `Source`, by those connectors only that can.
    """

    async def acknowledge(self) -> str | None:
        """Puts away what the last whole reading of this source brought; called when every record of it is safe.

        Safe means: delivered, unchanged or not for this target, durably, with no reject, and the run is written as
        ended. A crash before leaves all as it was, so that it is read again; one in the middle is completed by the
        next. Gives a note for people where something could not be put away.

        Raises:
            PonteError: nothing or not all was put away; the run stays what it is, and the next reads again.
        """
        ...

    async def retain(self, unsafe: int) -> str | None:
        """Told instead of `acknowledge` where records did not get through: what was read stays, to be read again.

        Args:
            unsafe: how many records.
        """
        ...


@dataclass(frozen=True, slots=True)
class TargetCapabilities:
    """What a target object can do, known before anything is written.

    Attributes:
        operations: the operations it offers.
        upserts: a create whose natural key exists becomes an update: sending it twice does no harm.
        finds: records can be looked up by natural key.
        takes_idempotency_keys: a request whose idempotency key the target knows does nothing and is answered as the
            first one was, even if its content differs.
        gives_ids: records are addressed by ids of the target's own; an update needs one.
        chunk: most records per call of `deliver`, also the most that are claimed at once.
        timeout_s: longest time that one call may take.
        settle_s: how long after a call of unknown outcome its effect may still come to light.
        transactional: a chunk is applied whole or not at all; unknown only if the commit was in flight. Told for
            people who read it; the engine claims before each delivery all the same.
    """

    operations: frozenset[Operation]
    upserts: bool
    finds: bool
    takes_idempotency_keys: bool = False
    gives_ids: bool = False
    chunk: int = 25_000
    timeout_s: float = 30.0
    settle_s: float = 0.0
    transactional: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """Records for one operation.

    Attributes:
        operation: create, update or delete.
        frame: the mapped records, nested fields as structs and lists. For delete: the natural key fields only.
        key: names of the natural key fields (paths) in the frame.
        target_ids: the target's own ids, row by row; null where unknown or where it has none.
        idempotency_keys: row by row; see `settle.idempotency_keys`. Null where the target takes none.
        omit_null: paths of fields that are not sent when they hold no value; other nulls are sent and empty the field.
        json_fields: paths of String columns that hold JSON text: a JSON target sends what they say, not a string.
        owns_whole_record: a target that only replaces may lose fields that are not in the frame.
    """

    operation: Operation
    frame: pl.DataFrame
    key: tuple[str, ...]
    target_ids: pl.Series
    idempotency_keys: pl.Series
    omit_null: frozenset[str] = frozenset()
    json_fields: frozenset[str] = frozenset()
    owns_whole_record: bool = False


class Target(Protocol):
    """One object of a system, for writing."""

    @property
    def capabilities(self) -> TargetCapabilities:
        """What it can do."""
        ...

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """Applies one operation to at most `capabilities.chunk` records and answers for each by ANSWER_SCHEMA.

        A request that certainly had no effect is retried inside. An outcome that cannot be known is `unknown`, not an
        exception: the engine settles it. Raises only when certainly nothing of the chunk was applied.
        """
        ...

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Looks natural keys up (columns: the key fields) and answers by FOUND_SCHEMA; only where `finds`."""
        ...

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:
        """The records as they stand, each with a column `row`; those that are not there are left out.

        For samples of plan, confirmations and reading before replacing.
        """
        ...


@runtime_checkable
class ReadiedTarget(Protocol):
    """A target that can get ready before there is anything to deliver.

    Implemented besides `Target`, by those connectors only that can.
    """

    async def ready(self) -> None:
        """Gets what the first call needs, such as a connection. Raises what that call would raise."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What a system said when asked whether it can be used."""

    ok: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One field that a system says an object has; types as in `objects[].fields`."""

    name: str
    type: str


class System(Protocol):
    """A connected SyncSource. One per run and system; shared limits and connections live in it."""

    def source(self, object_name: str) -> Source:
        """The object for reading. Raises ConfigurationError when it cannot be read."""
        ...

    def target(self, object_name: str) -> Target:
        """The object for writing. Raises ConfigurationError when it cannot be written."""
        ...

    async def probe(self) -> Probe:
        """Reaches the system and logs in, changing nothing."""
        ...

    async def schema(self, object_name: str) -> list[SchemaField]:
        """The fields of an object, from the catalogue or from a sample."""
        ...

    async def close(self) -> None:
        """Gives connections back. Never raises."""
        ...


@runtime_checkable
class WrittenSystem(Protocol):
    """A system that writes some values in another form, and can read what it wrote as it was given.

    Implemented besides `System`, by those connectors only that need it.
    """

    def written(self, object_name: str) -> Source:
        """An object that Ponte writes, for reading back: by verify, repair and rebuild."""
        ...


class Clock(Protocol):
    """Time, as a port: tests have their own."""

    def now(self) -> datetime:
        """The time, aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits.

        Raises:
            Interrupted: at once when the process is asked to stop, or is being asked already. Whoever waits with
                something done that is not yet on record catches it and lets that be committed first.
        """
        ...


Failpoint = Callable[[str], Awaitable[None]]
"""Called with a name before and after each effect. The shipped program passes one that does nothing."""


@dataclass(slots=True)
class StageTimes:
    """Seconds spent by stage, for benches and traces."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, stage: str, seconds: float) -> None:
        """Adds to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
