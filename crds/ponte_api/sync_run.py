"""SyncRun: one execution of a SyncJob. Immutable; runs once per namespace, name and spec."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ponte_api.common import Metadata, Model, Name, Reason, Rule, Text
from ponte_api.conditions import Status
from ponte_api.result import Account, Phase, ReasonCount, RunResult

Action = Literal["sync", "verify", "repair", "plan"]
Read = Literal["all", "changes", "keys", "range"]
WriteMode = Literal["differences", "all"]


class SyncRunSpec(Model):
    """What to do, once."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="a SyncRun is immutable: make a new one under another name",
            cel="self == oldSelf",
        ),
        Rule(
            message="read: keys and keys belong together: give both, or keys alone",
            cel="has(self.read) ? (self.read == 'keys') == (has(self.keys) && size(self.keys) > 0) : true",
            holds=lambda spec: spec.read is None or (spec.read == "keys") == bool(spec.keys),
        ),
        Rule(
            message="read: range and its bounds belong together: give from or to, or both, with read: range or no read",
            cel="has(self.read) ? (self.read == 'range') == (has(self.from) || has(self.to)) : true",
            holds=lambda spec: spec.read is None or (spec.read == "range") == spec.has_bounds,
        ),
        Rule(
            message="give either keys or from and to, not both",
            cel="!(has(self.keys) && size(self.keys) > 0 && (has(self.from) || has(self.to)))",
            holds=lambda spec: not (spec.keys and spec.has_bounds),
        ),
    )

    job: Name
    """The SyncJob."""
    action: Action | None = None
    """sync (default), verify, repair or plan."""
    read: Read | None = None
    """all, changes, keys or range (default all; keys where `keys` is given, range where `from` or `to` is)."""
    write: WriteMode | None = None
    """differences (default): only what changed since it was delivered. all: also what others may have changed.

    What is older than what was delivered is left alone and rejected by differences, and delivered by all.
    """
    keys: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=1000)] = []
    """Source keys, for read: keys. Fields of a key of several are joined by a tab."""
    from_: Annotated[Text | None, Field(alias="from")] = None
    """Lower bound of the cursor, for read: range (inclusive)."""
    to: Text | None = None
    """Upper bound of the cursor, for read: range (inclusive)."""

    @property
    def has_bounds(self) -> bool:
        """Whether a bound of the cursor is given."""
        return self.from_ is not None or self.to is not None

    @property
    def resolved_action(self) -> Action:
        """What to do."""
        return self.action or "sync"

    @property
    def resolved_read(self) -> Read:
        """What to read."""
        if self.read is not None:
            return self.read
        if self.keys:
            return "keys"
        return "range" if self.has_bounds else "all"

    @property
    def resolved_write(self) -> WriteMode:
        """Whether fingerprints are trusted."""
        return self.write or "differences"


class SyncRunStatus(Status):
    """How far the run is, or how it ended; written by the operator."""

    phase: Phase | None = None
    """How far the run is, or how it ended."""
    reason: Reason | None = None
    """One stable reason in PascalCase."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """What, why and the next step, for people."""
    started_at: datetime | None = None
    """When it began."""
    ended_at: datetime | None = None
    """When it ended."""
    account: Account | None = None
    """Where every record went."""
    written: Annotated[int, Field(ge=0)] | None = None
    """Created, updated and deleted together."""
    new_rejects: Annotated[int, Field(ge=0)] | None = None
    """Rejects that this run opened."""
    open_rejects: Annotated[int, Field(ge=0)] | None = None
    """Rejects of the job that are open after it."""
    reasons: Annotated[list[ReasonCount], Field(max_length=5)] = []
    """The most frequent reasons of the open ones."""

    @classmethod
    def of(cls, result: RunResult) -> SyncRunStatus:
        """The part of a run's report that belongs into the cluster: levels and top reasons, never records."""
        return cls(
            phase=result.phase,
            reason=result.reason,
            message=result.error.message[:1024] if result.error is not None else None,
            started_at=result.started_at,
            ended_at=result.ended_at,
            account=result.account,
            written=result.account.written,
            new_rejects=result.rejects.new,
            open_rejects=result.rejects.open,
            reasons=result.rejects.reasons[:5],
        )


class SyncRun(Model):
    """One execution of a SyncJob."""

    api_version: Literal["ponte.dev/v1alpha1"]
    """Version of this API."""
    kind: Literal["SyncRun"]
    """SyncRun."""
    metadata: Metadata
    """Name and labels."""
    spec: SyncRunSpec
    """What to do, once."""
    status: SyncRunStatus | None = None
    """How far the run is, or how it ended; written by the operator."""
