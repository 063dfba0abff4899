"""Writing by REST beyond the plain request: conditions on what is overwritten, answers by key, jobs that end later."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ponte_api.common import PATTERN_MEANINGS, Column, Duration, FieldPath, Model, Rule, Union, duration_seconds
from ponte_api.systems import HeaderName

JOB_PATH_PATTERN = r"^/[^{}]*\{job\}[^{}]*$"
PATTERN_MEANINGS[JOB_PATH_PATTERN] = "a path with a place for the job's id, such as /jobs/{job}"

JobWord = Annotated[str, Field(min_length=1, max_length=64)]
DEFAULT_INTERVAL_S = 2.0
DEFAULT_JOB_TIMEOUT_S = 300.0
_SHORTEST_INTERVAL_S = 0.1


class EtagCondition(Model):
    """By entity tags (RFC 9110, 13.1): If-Match with each write, If-None-Match: * with a create."""


class VersionCondition(Model):
    """By a version field of the record. Without parameter and header it goes back in the body, in the same field."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="set at most one of parameter, header",
            cel="!(has(self.parameter) && has(self.header))",
            holds=lambda model: model.parameter is None or model.header is None,
        ),
    )

    field: FieldPath
    """Path of the version in the record."""
    parameter: Column | None = None
    """Query parameter that takes the version which was read."""
    header: HeaderName | None = None
    """Header that takes the version which was read."""


class WriteCondition(Union):
    """What the target checks before it overwrites a record, so that nobody's change is overwritten unseen."""

    etag: EtagCondition | None = None
    """By the ETag of the record."""
    version: VersionCondition | None = None
    """By a version field of the record."""


class BulkMatch(Model):
    """How answers of a bulk request are matched to records: by a key, not by position."""

    answer: FieldPath
    """Path of the key in one record's answer."""
    field: FieldPath
    """Field of the record that holds the same key, such as its natural key."""


class BulkJob(Model):
    """A bulk request that is only accepted (202): its outcome is asked for at a status address until it is there."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="id and path belong together, and take the place of address",
            cel="has(self.id) == has(self.path) && !(has(self.id) && has(self.address))",
            holds=lambda job: (job.id is None) == (job.path is None) and (job.id is None or job.address is None),
        ),
    )

    address: FieldPath | None = None
    """Path of the status address in the answer to the request (default: the Location header)."""
    id: FieldPath | None = None
    """Path of the job's id in the answer to the request, where the server gives no address."""
    path: Annotated[str, Field(max_length=512, pattern=JOB_PATH_PATTERN)] | None = None
    """Where the status is asked for by that id, such as /jobs/{job}."""
    status: FieldPath = "status"
    """Path of the job's status in the status answer."""
    done: Annotated[list[JobWord], Field(min_length=1, max_length=16)]
    """Statuses that say that the job has ended and that each record has its own result."""
    failed: Annotated[list[JobWord], Field(max_length=16)] = []
    """Statuses that say that the job has ended and that nothing of it was applied."""
    results: FieldPath | None = None
    """Path of the address of the results in the status answer; without it the status answer holds them at answers."""
    next: FieldPath | None = None
    """Path of the address of the next page in a page of results."""
    interval: Duration | None = None
    """How long to wait between two questions where the server does not say so by Retry-After (default 2s)."""
    timeout: Duration | None = None
    """Longest time for a job (default 5m). Records of one that takes longer are in doubt and are looked up later."""

    @property
    def resolved_interval_s(self) -> float:
        """How long to wait between two questions, in seconds."""
        return max(duration_seconds(self.interval) if self.interval else DEFAULT_INTERVAL_S, _SHORTEST_INTERVAL_S)

    @property
    def resolved_timeout_s(self) -> float:
        """Longest time for a job, in seconds."""
        return duration_seconds(self.timeout) if self.timeout else DEFAULT_JOB_TIMEOUT_S
