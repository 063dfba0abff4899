"""What a run reports: one JSON document, whole in the ledger, short (4,096 bytes) in a pod's termination message."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ponte_api.common import Model

Phase = Literal["Queued", "Running", "Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "AwaitingApproval"]
SHORT_FORM_BYTES = 4096


class Account(Model):
    """Where every record that was read went. It closes: read equals the sum of all the others but again and deleted."""

    read: int = 0
    """Records read, those that were read again among them."""
    again: int = 0
    """Read once more by key, to tell what came twice, waits, or was in another run's hands; a part of `read`."""
    created: int = 0
    """Created at the target."""
    updated: int = 0
    """Changed at the target."""
    unchanged: int = 0
    """Found equal to what was delivered before."""
    skipped: int = 0
    """Not for this target: left out by `where` or the audience and never delivered."""
    left: int = 0
    """Delivered before, now left out by `where` or the audience."""
    rejected: int = 0
    """Did not get through; each has a reject with its reason."""
    duplicate: int = 0
    """The same source key again in one reading."""
    superseded: int = 0
    """A newer version is already there or on its way."""
    conflict: int = 0
    """Changed on both sides."""
    deferred: int = 0
    """Waits for a record of another job."""
    deleted: int = 0
    """Removed or deactivated at the target; not a part of `read`."""

    @property
    def is_closed(self) -> bool:
        """Whether every record that was read is accounted for."""
        return self.read == (
            self.created + self.updated + self.unchanged + self.skipped + self.left + self.rejected
            + self.duplicate + self.superseded + self.conflict + self.deferred
        )  # fmt: skip

    @property
    def written(self) -> int:
        """Records that changed the target."""
        return self.created + self.updated + self.deleted

    def __add__(self, other: Account) -> Account:
        """The sum of two accounts, member by member."""
        return Account(**{name: getattr(self, name) + getattr(other, name) for name in Account.model_fields})


class ReasonCount(Model):
    """How often one reason occurred at one field."""

    reason: Annotated[str, Field(max_length=64)]
    """Stable PascalCase reason."""
    field: Annotated[str, Field(json_schema_extra={"maxLength": 512})] | None = None
    """Field of the target, where one is to blame."""
    count: int
    """Records."""


class RejectLevels(Model):
    """Open rejects of the job after the run."""

    new: int = 0
    """Opened by this run."""
    closed: int = 0
    """Closed by this run."""
    open: int = 0
    """Open now."""
    reasons: list[ReasonCount] = []
    """The most frequent reasons of the open ones."""


class RunError(Model):
    """Why a run failed."""

    reason: Annotated[str, Field(max_length=64)]
    """Stable PascalCase reason."""
    message: str
    """What, where, why and the next step; safe to show."""
    exit_code: int
    """Exit code of the runner."""


class RunResult(Model):
    """One run's report."""

    run: Annotated[str, Field(max_length=128)]
    """Identity of the run."""
    sequence: int = 0
    """Grows with each report of this run; a greater one replaces a smaller."""
    job: Annotated[str, Field(max_length=128)]
    """The SyncJob."""
    action: Annotated[str, Field(max_length=32)]
    """sync, verify, repair or plan."""
    read_mode: Annotated[str, Field(max_length=32)]
    """all, changes, keys or range."""
    phase: Phase
    """How far the run is, or how it ended."""
    reason: Annotated[str, Field(max_length=64)]
    """Stable PascalCase reason of the phase."""
    started_at: datetime
    """When it began."""
    ended_at: datetime | None = None
    """When it ended."""
    account: Account = Field(default_factory=Account)
    """Where every record went."""
    rejects: RejectLevels = Field(default_factory=RejectLevels)
    """Open rejects."""
    watermark: str | None = None
    """Position up to which changes are durably delivered or kept."""
    notes: list[str] = []
    """What else is worth knowing, such as MappingChanged or why deletes were forbidden."""
    error: RunError | None = None
    """Why it failed."""

    def short(self) -> str:
        """JSON of at most 4,096 bytes: whole fields go, first reasons from the end, then notes, never counts."""
        result: RunResult = self
        while len(text := result.model_dump_json(by_alias=True, exclude_defaults=True).encode()) > SHORT_FORM_BYTES:
            result = result._shortened()
        return text.decode()

    def _shortened(self) -> RunResult:
        if self.rejects.reasons:
            fewer = self.rejects.model_copy(update={"reasons": self.rejects.reasons[:-1]})
            return self.model_copy(update={"rejects": fewer})
        if self.notes:
            return self.model_copy(update={"notes": self.notes[:-1]})
        if self.error is not None and self.error.message:
            half = self.error.message[: len(self.error.message) // 2]
            return self.model_copy(update={"error": self.error.model_copy(update={"message": half})})
        return self.model_copy(update={"watermark": None})
