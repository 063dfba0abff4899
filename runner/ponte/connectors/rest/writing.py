"""How an object is written, by its `write`: endpoints, what can be done, what may be repeated. Checked early."""

from __future__ import annotations

from dataclasses import dataclass

from ponte.connectors.rest.calls import find_endpoint
from ponte.connectors.rest.templates import ID, Endpoint, parse_endpoint
from ponte.engine.ports import Operation, TargetCapabilities
from ponte.errors import ConfigurationError
from ponte_api.calls import ErrorReading
from ponte_api.common import duration_seconds
from ponte_api.rest_writes import WriteCondition
from ponte_api.sync_source import Bulk, ObjectSpec, Write

_MOST_RECORDS = 500
_MOST_BULK_RECORDS = 25_000
_TIMEOUTS = 4
_RECORDS_PER_CONNECTION = 25
_BULKS_PER_CHUNK = 50
_DEFAULT_SETTLE = "5s"


@dataclass(frozen=True, slots=True)
class Writing:
    """The ways to write one object.

    Attributes:
        endpoints: by operation; create and update share the upsert where there is one.
        get: address of one record.
        bulk: where many records go at once.
        bulk_operations: what the bulk request does: creates, and updates where it upserts.
        upserts: a create whose key exists becomes an update. Not under a condition: there a create is a create.
        is_replacing: fields that are not sent are lost.
        id_path: where an answer holds the target's own id.
        condition: what the target checks before it overwrites a record.
    """

    endpoints: dict[Operation, Endpoint]
    get: Endpoint | None
    bulk: Bulk | None
    bulk_endpoint: Endpoint | None
    bulk_operations: frozenset[Operation]
    upserts: bool
    is_replacing: bool
    id_path: str | None
    idempotency_header: str | None
    settle_s: float
    condition: WriteCondition | None = None

    @property
    def operations(self) -> frozenset[Operation]:
        """What the object offers."""
        return frozenset(self.endpoints) | self.bulk_operations

    @property
    def needs_ids(self) -> bool:
        """Whether some address of a record names the target's own id."""
        addresses = [*self.endpoints.values(), *([self.get] if self.get else [])]
        return any(ID in address.places for address in addresses)

    def id_of(self, base_url: str, location: str) -> str | None:
        """The target's own id in the address that it gave a new record."""
        found = (endpoint.id_in(base_url, location) for endpoint in self.endpoints.values())
        return next((target_id for target_id in found if target_id), None)

    def is_repeatable(self, operation: Operation, method: str) -> bool:
        """Whether a request may be sent twice: all but creates that give ids of their own or meet a condition."""
        if operation == "create" and self.condition is not None:
            return self.idempotency_header is not None
        return (
            operation != "create" or self.upserts or self.idempotency_header is not None or method in {"PUT", "DELETE"}
        )

    def capabilities(
        self, connections: int, per_second: int | None, timeout_s: float, *, finds: bool
    ) -> TargetCapabilities:
        """What the engine may count on. A chunk is so small that even a slow server gets through it in time."""
        job = self.bulk.job if self.bulk else None
        budget_s = timeout_s * _TIMEOUTS
        requests = min(_MOST_RECORDS, connections * _RECORDS_PER_CONNECTION)
        requests = requests if per_second is None else max(1, min(requests, int(per_second * budget_s / 4)))
        bulk_size = self.bulk.size if self.bulk else 1
        chunk = min(_MOST_BULK_RECORDS, bulk_size * min(requests, _BULKS_PER_CHUNK)) if self.bulk else requests
        if job is not None:  # one job at a time, and time for the whole of it
            chunk, budget_s = bulk_size, budget_s + job.resolved_timeout_s
        return TargetCapabilities(
            operations=self.operations,
            upserts=self.upserts,
            finds=finds,
            gives_ids=self.needs_ids,
            takes_idempotency_keys=self.idempotency_header is not None and "create" not in self.bulk_operations,
            chunk=chunk,
            timeout_s=budget_s,
            settle_s=self.settle_s,
        )


def plan_writing(spec: ObjectSpec, where: str, errors: ErrorReading | None = None) -> Writing:
    """The ways to write an object.

    Args:
        spec: the object.
        where: it, for messages.
        errors: what counts as an error in all answers of the system.

    Raises:
        ConfigurationError: there is none, or an endpoint is malformed.
    """
    write = spec.write or (Write() if spec.calls else None)
    if write is None:
        raise ConfigurationError(
            f"{where} cannot be written: it has no `write`. Next: declare how it is written, by docs/connect/rest.md.",
            reason="NotWritable",
        )
    upsert = find_endpoint(spec, "upsert", errors, where)
    chosen: dict[Operation, Endpoint | None] = {
        "create": find_endpoint(spec, "create", errors, where) if upsert is None else upsert,
        "update": find_endpoint(spec, "update", errors, where) or upsert,
        "delete": find_endpoint(spec, "delete", errors, where),
    }
    bulk_endpoint = _parse(write.bulk.request, f"{where}: write.bulk.request") if write.bulk else None
    writing = Writing(
        endpoints={operation: endpoint for operation, endpoint in chosen.items() if endpoint is not None},
        get=find_endpoint(spec, "get", errors, where),
        bulk=write.bulk,
        bulk_endpoint=bulk_endpoint,
        bulk_operations=_bulk_operations(write, bulk_endpoint),
        upserts=write.condition is None
        and (upsert is not None or (bulk_endpoint is not None and _is_upserting(bulk_endpoint))),
        is_replacing=write.semantics == "replace",
        id_path=write.id,
        idempotency_header=write.idempotency_header,
        settle_s=_settle_s(write),
        condition=write.condition,
    )
    _check(spec, writing, where)
    if write.condition is not None:
        _check_condition(writing, write.condition, where)
    return writing


def _settle_s(write: Write) -> float:
    """A job that was not finished in time is given its time once more, unless `find.settle` says how long."""
    job = write.bulk.job if write.bulk else None
    if write.find and write.find.settle:
        return duration_seconds(write.find.settle)
    if job is not None:
        return job.resolved_timeout_s
    return duration_seconds(_DEFAULT_SETTLE) if write.find else 0.0


def _check(spec: ObjectSpec, writing: Writing, where: str) -> None:
    if spec.xml_body is not None and writing.bulk is not None:
        raise ConfigurationError(f"{where}: write.bulk is JSON. Next: take it out, or xmlBody.")
    if not writing.operations:
        raise ConfigurationError(
            f"{where} cannot be written. Next: set create, update, upsert or delete of write or calls, or write.bulk.",
            reason="NotWritable",
        )
    create = writing.endpoints.get("create")
    if create is not None and ID in create.places and not (writing.upserts or writing.condition):
        raise ConfigurationError(
            f"{where}: write.create cannot name {{id}}: a new record has none yet. Next: take it out."
        )
    if writing.bulk_endpoint is not None and writing.bulk_endpoint.places:
        raise ConfigurationError(
            f"{where}: write.bulk.request goes to one address for all records. Next: take out the braces."
        )


def _check_condition(writing: Writing, condition: WriteCondition, where: str) -> None:
    """A condition that could not be kept is refused before anything is written without it."""
    if writing.bulk is not None:
        raise ConfigurationError(
            f"{where}: write.condition cannot go with write.bulk, which has no place for it. Next: take out one of the "
            "two."
        )
    if writing.get is None or not writing.get.places:
        raise ConfigurationError(
            f"{where}: write.condition needs write.get. Next: declare it, such as GET /products/{{sku}}."
        )
    version = condition.version
    if version and "delete" in writing.endpoints and not (version.parameter or version.header):
        raise ConfigurationError(
            f"{where}: write.delete has no body for the version. Next: set write.condition.version.parameter or header."
        )
    is_plain = all(endpoint.body is None and endpoint.seal is None for endpoint in writing.endpoints.values())
    if version and not is_plain and not (version.parameter or version.header):
        raise ConfigurationError(
            f"{where}: the version has a place only in the body of a plain JSON request. Next: set"
            " write.condition.version.parameter or header, for calls and xmlBody."
        )


def _bulk_operations(write: Write, endpoint: Endpoint | None) -> frozenset[Operation]:
    """A bulk POST creates; it also updates where the target upserts, and so does a bulk PUT or PATCH."""
    if endpoint is None:
        return frozenset()
    return frozenset({"create", "update"}) if write.upsert or _is_upserting(endpoint) else frozenset({"create"})


def _is_upserting(endpoint: Endpoint) -> bool:
    return endpoint.method in {"PUT", "PATCH"}


def _parse(text: str | None, where: str) -> Endpoint | None:
    return None if text is None else parse_endpoint(text, where)
