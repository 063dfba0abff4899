"""What one run needs to know, resolved: defaults filled in, references followed, nothing left to look up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from ponte.engine.ledger_port import Ledger, ScopeIdentity
from ponte.engine.ports import Clock, Failpoint, Operation, ReadMode, Source, StageTimes, Target
from ponte_api.mapping import MappingSpec
from ponte_api.result import Account
from ponte_api.sync_source import ObjectSpec

DeletePolicy = Literal["ignore", "deactivate", "delete"]
OnExisting = Literal["adopt", "skip", "fail"]


@dataclass(frozen=True, slots=True)
class DeleteRules:
    """What becomes of records that vanished or were left."""

    policy: DeletePolicy = "ignore"
    set_fields: tuple[tuple[str, str], ...] = ()
    max_percent: Decimal = Decimal(5)
    min_count: int = 10


@dataclass(frozen=True, slots=True)
class RejectLimits:
    """How many new rejects a run may have; None for no limit."""

    max: int | None = None
    max_percent: Decimal | None = Decimal(10)


@dataclass(frozen=True, slots=True)
class Job:
    """A SyncJob with its Mapping and its two objects, resolved."""

    name: str
    state_id: str
    source_system: str
    source_object: ObjectSpec
    target_system: str
    target_object: str
    mapping: MappingSpec
    audience: str | None = None
    operations: frozenset[Operation] = frozenset({"create", "update", "delete"})
    on_existing: OnExisting = "adopt"
    owns_whole_record: bool = False
    deletes: DeleteRules = field(default_factory=DeleteRules)
    rejects: RejectLimits = field(default_factory=RejectLimits)
    batch_size: int = 25_000
    overlap_s: float | None = None
    patience_s: float = 86_400.0
    after: tuple[str, ...] = ()

    @property
    def identity(self) -> ScopeIdentity:
        """What the job's rows in the ledger belong to."""
        source = (self.source_system, self.source_object.name)
        return ScopeIdentity(self.state_id, self.name, source, (self.target_system, self.target_object))


@dataclass(frozen=True, slots=True)
class Order:
    """What one run is to do.

    Attributes:
        run: identity of the run; sorts by time.
        read: what is read.
        write: whether fingerprints are trusted (differences) or everything is delivered (all).
        keys: source keys, each as the text of its fields; for read keys.
        lower, upper: bounds of the cursor, for read range.
        overlap: what to do while another run of the job goes on.
        approved: canonical source keys whose removal a person approved: the guard lets them through, still true or not
            at all.
    """

    run: str
    read: ReadMode = "all"
    write: Literal["differences", "all"] = "differences"
    keys: tuple[tuple[str, ...], ...] = ()
    lower: str | None = None
    upper: str | None = None
    overlap: Literal["refuse", "wait"] = "refuse"
    approved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, for people who watch."""

    account: Account
    announced: int | None


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a run reaches of the world."""

    source: Source
    target: Target
    ledger: Ledger
    clock: Clock
    failpoint: Failpoint
    is_stopping: Callable[[], bool]
    on_progress: Callable[[Progress], None]
    stages: StageTimes
    lease_s: float = 60.0


async def no_failpoint(_name: str) -> None:
    """The failpoint of the shipped program: nothing."""
