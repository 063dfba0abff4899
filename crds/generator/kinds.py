"""What the CRDs say besides the schema: names, printer columns, and the rules on the object as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from ponte_api.common import NAME_PATTERN, Model, Rule
from ponte_api.mapping import Mapping
from ponte_api.notification_channel import NotificationChannel
from ponte_api.sync_job import SyncJob
from ponte_api.sync_run import SyncRun
from ponte_api.sync_source import SyncSource


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the API."""

    model: type[Model]
    short_name: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """The kind, such as SyncJob."""
        return self.model.__name__

    @property
    def plural(self) -> str:
        """The resource, such as syncjobs."""
        return f"{self.name.lower()}s"


def _condition(name: str, kind: str, member: str, priority: int = 0) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{kind}")].{member}', priority=priority)


_READY = (_condition("Ready", "Ready", "status"), _condition("Status", "Ready", "reason"))
_MESSAGE = _condition("Message", "Ready", "message", priority=1)
_AGE = Column("Age", ".metadata.creationTimestamp", "date")

KINDS = (
    Kind(SyncSource, "src", (*_READY, _MESSAGE, _AGE)),
    Kind(Mapping, "map", (*_READY, _MESSAGE, _AGE)),
    Kind(
        SyncJob,
        "sj",
        (
            *_READY,
            Column("Schedule", ".spec.triggers[0].schedule"),
            Column("Last Run", ".status.lastRun.endedAt", "date"),
            Column("Written", ".status.lastRun.written", "integer"),
            Column("Rejects", ".status.openRejects", "integer"),
            _condition("Fresh", "Fresh", "status"),
            Column("Watermark", ".status.watermark", priority=1),
            _MESSAGE,
            _AGE,
        ),
    ),
    Kind(
        SyncRun,
        "sr",
        (
            Column("Job", ".spec.job"),
            Column("Action", ".spec.action"),
            Column("Phase", ".status.phase"),
            Column("Read", ".status.account.read", "integer"),
            Column("Written", ".status.written", "integer"),
            Column("Rejects", ".status.newRejects", "integer"),
            Column("Ended", ".status.endedAt", "date"),
            Column("Message", ".status.message", priority=1),
            _AGE,
        ),
    ),
    Kind(NotificationChannel, "nch", (*_READY, _MESSAGE, _AGE)),
)

NAME_RULE = Rule(
    message="metadata.name: at most 40 lower-case letters, digits and -, so that names derived from it stay legal",
    cel=f"size(self.metadata.name) <= 40 && self.metadata.name.matches('{NAME_PATTERN}')",
)
