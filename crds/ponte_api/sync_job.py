"""SyncJob: source object -> Mapping -> target object, with triggers, direction and policies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ponte_api.common import DecimalText, Duration, FieldPath, Metadata, Model, Name, Text

ReadMode = Literal["all", "changes"]
Operation = Literal["create", "update", "delete"]
DEFAULT_BATCH_SIZE = 25_000


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
    """What the job may do at the target (default create and update; delete too where `deletes` asks for it)."""
    on_existing: Literal["adopt", "skip", "fail"] | None = None
    """What becomes of a record that the target already has and the ledger does not know (default adopt)."""
    owns_whole_record: bool = False
    """The target only replaces whole records, and this job may overwrite fields it does not map."""


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


class SetField(Model):
    """One field and the value that it takes."""

    field: FieldPath
    """Field of the target."""
    value: Text
    """Its value, as text."""


class Deletes(Model):
    """What becomes of records that vanished from the source or no longer pass `where` or the audience."""

    policy: Literal["ignore", "deactivate", "delete"]
    """ignore: nothing. deactivate: `set` is written. delete: removed from the target."""
    set: Annotated[list[SetField], Field(max_length=8)] = []
    """What deactivate writes."""
    max_percent: DecimalText | None = None
    """Largest share of the known records, in percent, that one run may remove without approval (default 5)."""
    min_count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """So many may always be removed without approval (default 10)."""


class Rejects(Model):
    """How many new rejects a run may have before it stops."""

    max: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """So many new rejects stop the run (default: no limit)."""
    max_percent: DecimalText | None = None
    """Such a share of the records read, in percent, stops the run (default 10)."""


class Retention(Model):
    """How long what is no longer needed is kept."""

    runs: Duration | None = None
    """Accounts of runs (default 90d)."""
    tombstones: Duration | None = None
    """Marks of deleted records (default 90d)."""
    rejects: Duration | None = None
    """Closed rejects (default 30d)."""


class SyncJobSpec(Model):
    """What is kept in step, when and how."""

    source: JobSource
    """Where the job reads."""
    target: JobTarget
    """Where it writes."""
    mapping: Name
    """The Mapping between them."""
    state_id: Name | None = None
    """Whose rows of the ledger the job goes on with (default its name); set it to rename a job. Immutable."""
    triggers: Annotated[list[Trigger], Field(max_length=16)] = []
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

    @property
    def state_id(self) -> str:
        """The name under which the ledger keeps this job's rows."""
        return self.spec.state_id or self.metadata.name
