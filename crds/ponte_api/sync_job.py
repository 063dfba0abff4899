"""SyncJob: source object -> Mapping -> target object, with triggers, direction and policies."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ponte_api.common import (
    PATTERN_MEANINGS,
    UNIQUE_NAMES,
    Duration,
    FieldPath,
    Metadata,
    Model,
    Name,
    Rule,
    Text,
    duration_seconds,
)
from ponte_api.conditions import Status
from ponte_api.result import Account, Phase

ReadMode = Literal["all", "changes"]
Operation = Literal["create", "update", "delete"]

PERCENT_PATTERN = r"^(100(\.0{1,9})?|[0-9]{1,2}(\.[0-9]{1,9})?)$"
PATTERN_MEANINGS[PERCENT_PATTERN] = "a percentage from 0 to 100 in quotes, such as '5' or '0.5'"
Percent = Annotated[str, Field(max_length=16, pattern=PERCENT_PATTERN)]

DEFAULT_BATCH_SIZE = 25_000
DEFAULT_PRIORITY = 100
DEFAULT_DELETE_PERCENT = Decimal(5)
DEFAULT_DELETE_COUNT = 10
DEFAULT_REJECT_PERCENT = Decimal(10)
DEFAULT_PATIENCE_S = duration_seconds("24h")
DEFAULT_KEPT_RUNS_S = duration_seconds("90d")
DEFAULT_KEPT_TOMBSTONES_S = duration_seconds("90d")
DEFAULT_KEPT_REJECTS_S = duration_seconds("30d")


class JobSource(Model):
    """Where a job reads."""

    name: Name
    """The SyncSource."""
    object: Name
    """Its object."""


class JobTarget(Model):
    """Where a job writes."""

    name: Name
    """The SyncSource."""
    object: Name
    """Its object."""
    audience: Name | None = None
    """For whom: only the fields and rows of this audience of the Mapping leave."""
    operations: Annotated[list[Operation], Field(min_length=1, max_length=3)] | None = None
    """What the job may do at the target (default create and update; delete too where `deletes` asks for it). With
    update alone, records that the target has are adopted and kept up to date, all others are skipped."""
    on_existing: Literal["adopt", "skip", "fail"] | None = None
    """What becomes of a record that the target already has and the ledger does not know (default adopt)."""
    owns_whole_record: bool = False
    """The target only replaces whole records, and this job may overwrite fields it does not map."""

    @property
    def resolved_on_existing(self) -> Literal["adopt", "skip", "fail"]:
        """What becomes of a record that the target already has and the ledger does not know."""
        return self.on_existing or "adopt"


class Trigger(Model):
    """When a job runs, and what it then does."""

    name: Name
    """Name of the trigger."""
    schedule: Annotated[str, Field(min_length=9, max_length=100)]
    """Five fields of cron: minute hour day month weekday."""
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    """Time zone of the schedule, such as Europe/Rome (default UTC)."""
    read: ReadMode | None = None
    """all or changes (default all)."""
    action: Literal["sync", "verify"] | None = None
    """sync or verify (default sync)."""
    freshness: Duration | None = None
    """How old the last success may become."""

    @property
    def resolved_read(self) -> ReadMode:
        """What it reads."""
        return self.read or "all"

    @property
    def resolved_action(self) -> Literal["sync", "verify"]:
        """What it does."""
        return self.action or "sync"

    @property
    def resolved_time_zone(self) -> str:
        """Time zone of the schedule."""
        return self.time_zone or "UTC"


class SetField(Model):
    """One field and the value that it takes."""

    field: FieldPath
    """Field of the target."""
    value: Text
    """Its value, as text."""


class Deletes(Model):
    """What becomes of records that vanished from the source or no longer pass `where` or the audience."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="policy: deactivate needs set: which fields take which value",
            cel="self.policy != 'deactivate' || (has(self.set) && size(self.set) > 0)",
            holds=lambda deletes: deletes.policy != "deactivate" or bool(deletes.set),
        ),
        Rule(
            message="set is for policy: deactivate only: remove it or change the policy",
            cel="self.policy == 'deactivate' || !has(self.set)",
            holds=lambda deletes: deletes.policy == "deactivate" or not deletes.set,
        ),
    )

    policy: Literal["ignore", "deactivate", "delete"]
    """ignore: nothing. deactivate: `set` is written. delete: removed from the target."""
    set: Annotated[list[SetField], Field(max_length=8)] = []
    """What deactivate writes."""
    max_percent: Percent | None = None
    """Largest share of the known records, in percent, that one run may remove without approval (default 5)."""
    min_count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """So many may always be removed without approval (default 10)."""

    @property
    def resolved_max_percent(self) -> Decimal:
        """Largest share of the known records, in percent, that one run may remove without approval."""
        return Decimal(self.max_percent) if self.max_percent is not None else DEFAULT_DELETE_PERCENT

    @property
    def resolved_min_count(self) -> int:
        """So many may always be removed without approval."""
        return self.min_count if self.min_count is not None else DEFAULT_DELETE_COUNT


class Rejects(Model):
    """How many new rejects a run may have before it stops."""

    max: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """So many new rejects stop the run (default: no limit)."""
    max_percent: Percent | None = None
    """Such a share of the records read, in percent, stops the run (default 10)."""

    @property
    def resolved_max_percent(self) -> Decimal:
        """The share of new rejects among the records read, in percent, above which the run stops."""
        return Decimal(self.max_percent) if self.max_percent is not None else DEFAULT_REJECT_PERCENT


class Retention(Model):
    """How long what is no longer needed is kept."""

    runs: Duration | None = None
    """Accounts of runs (default 90d)."""
    tombstones: Duration | None = None
    """Marks of deleted records (default 90d)."""
    rejects: Duration | None = None
    """Closed rejects (default 30d)."""

    @property
    def resolved_runs_s(self) -> float:
        """How long accounts of runs are kept, in seconds."""
        return duration_seconds(self.runs) if self.runs else DEFAULT_KEPT_RUNS_S

    @property
    def resolved_tombstones_s(self) -> float:
        """How long marks of deleted records are kept, in seconds."""
        return duration_seconds(self.tombstones) if self.tombstones else DEFAULT_KEPT_TOMBSTONES_S

    @property
    def resolved_rejects_s(self) -> float:
        """How long closed rejects are kept, in seconds."""
        return duration_seconds(self.rejects) if self.rejects else DEFAULT_KEPT_REJECTS_S


def _reads(trigger: Trigger, mode: ReadMode) -> bool:
    return trigger.resolved_action == "sync" and trigger.resolved_read == mode


def _removals_see_all(spec: SyncJobSpec) -> bool:
    removes = spec.deletes is not None and spec.deletes.policy != "ignore"
    reads_changes = any(_reads(trigger, "changes") for trigger in spec.triggers)
    return not (removes and reads_changes) or any(_reads(trigger, "all") for trigger in spec.triggers)


def _may_delete(spec: SyncJobSpec) -> bool:
    wants = spec.deletes is not None and spec.deletes.policy == "delete"
    return not wants or spec.target.operations is None or "delete" in spec.target.operations


_SYNC = "(!has(t.action) || t.action == 'sync')"
_STATE_ID = Rule(
    message="stateId is immutable: make a new SyncJob for a new state",
    cel="has(self.stateId) == has(oldSelf.stateId) && (!has(self.stateId) || self.stateId == oldSelf.stateId)",
)
_DELETES = Rule(
    message="deletes.policy: delete needs delete among target.operations",
    cel="!has(self.deletes) || self.deletes.policy != 'delete' || !has(self.target.operations) || "
    "'delete' in self.target.operations",
    holds=_may_delete,
)
_REMOVALS = Rule(
    message="the job removes records but never reads all of them: add a trigger with read: all, such as every night",
    cel="!has(self.deletes) || self.deletes.policy == 'ignore' || !has(self.triggers) || "
    f"!self.triggers.exists(t, {_SYNC} && has(t.read) && t.read == 'changes') || "
    f"self.triggers.exists(t, {_SYNC} && (!has(t.read) || t.read == 'all'))",
    holds=_removals_see_all,
)


class SyncJobSpec(Model):
    """What is kept in step, when and how."""

    rules: ClassVar[tuple[Rule, ...]] = (_STATE_ID, _DELETES, _REMOVALS)

    source: JobSource
    """Where the job reads."""
    target: JobTarget
    """Where it writes."""
    mapping: Name
    """The Mapping between them."""
    state_id: Name | None = None
    """Whose rows of the ledger the job goes on with (default its name); set it to rename a job. Immutable."""
    triggers: Annotated[list[Trigger], Field(max_length=16, json_schema_extra=UNIQUE_NAMES)] = []
    """When it runs."""
    batch_size: Annotated[int, Field(ge=1, le=200_000)] | None = None
    """Records per batch (default 25000)."""
    after: Annotated[list[Name], Field(max_length=16)] = []
    """Jobs whose delivery must have succeeded at least once before this one runs."""
    deletes: Deletes | None = None
    """What becomes of records that vanished or were left (default ignore)."""
    rejects: Rejects | None = None
    """How many new rejects a run may have."""
    retention: Retention | None = None
    """How long what is no longer needed is kept."""
    patience: Duration | None = None
    """How long a look-up may wait for another job's delivery before it becomes a reject (default 24h)."""
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Higher runs first (default 100)."""
    state: Literal["active", "paused"] | None = None
    """active (default) or paused."""

    @property
    def resolved_batch_size(self) -> int:
        """Records per batch."""
        return self.batch_size or DEFAULT_BATCH_SIZE

    @property
    def resolved_operations(self) -> frozenset[Operation]:
        """What the job may do at the target."""
        if self.target.operations is not None:
            return frozenset(self.target.operations)
        usual: frozenset[Operation] = frozenset({"create", "update"})
        return usual | {"delete"} if self.resolved_deletes.policy == "delete" else usual

    @property
    def resolved_deletes(self) -> Deletes:
        """What becomes of records that vanished or were left."""
        return self.deletes or Deletes(policy="ignore")

    @property
    def resolved_rejects(self) -> Rejects:
        """How many new rejects a run may have."""
        return self.rejects or Rejects()

    @property
    def resolved_retention(self) -> Retention:
        """How long what is no longer needed is kept."""
        return self.retention or Retention()

    @property
    def resolved_patience_s(self) -> float:
        """How long a look-up may wait for another job's delivery, in seconds."""
        return duration_seconds(self.patience) if self.patience else DEFAULT_PATIENCE_S

    @property
    def resolved_priority(self) -> int:
        """Higher runs first."""
        return self.priority if self.priority is not None else DEFAULT_PRIORITY

    @property
    def is_paused(self) -> bool:
        """Whether the job is not to run."""
        return self.state == "paused"


class LastRun(Model):
    """How the last run ended."""

    name: Name
    """The SyncRun."""
    phase: Phase
    """How it ended."""
    ended_at: datetime | None = None
    """When."""
    account: Account
    """Where every record went."""
    written: Annotated[int, Field(ge=0)]
    """Created, updated and deleted together."""


class SyncJobStatus(Status):
    """What is known of the job; written by the operator."""

    last_run: LastRun | None = None
    """The last run."""
    open_rejects: Annotated[int, Field(ge=0)] | None = None
    """Records that did not get through and still wait."""
    watermark: Text | None = None
    """Position up to which changes are durably delivered or kept."""


class SyncJob(Model):
    """Source object -> Mapping -> target object, with triggers, direction and policies."""

    api_version: Literal["ponte.dev/v1alpha1"]
    """Version of this API."""
    kind: Literal["SyncJob"]
    """SyncJob."""
    metadata: Metadata
    """Name and labels."""
    spec: SyncJobSpec
    """What is kept in step, when and how."""
    status: SyncJobStatus | None = None
    """What is known of the job; written by the operator."""

    @property
    def state_id(self) -> str:
        """The name under which the ledger keeps this job's rows."""
        return self.spec.state_id or self.metadata.name
