"""Opening a run: its place in the ledger, its epoch and lease, and what it must really read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ponte.engine.job import Job, Order, Ports
from ponte.engine.known import IndexedKnown, Known, QueriedKnown
from ponte.engine.ledger_port import Busy, Scope, Writer
from ponte.engine.state import RunState
from ponte.errors import ConfigurationError, TransientError
from ponte.mapping import mapping_fingerprint
from ponte_api.versions import FINGERPRINT_VERSION

NEEDS_LEASE = ("all", "changes", "range")
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that may begin.

    Attributes:
        fingerprint: of the Mapping as it is now.
        is_mapping_changed: all must be read, whatever was ordered.
    """

    state: RunState
    fingerprint: str
    is_mapping_changed: bool


async def open_run(ports: Ports, job: Job, order: Order) -> Opened:
    """Takes the lease and loads what is known.

    Raises:
        TransientError: another run of the job goes on (JobIsRunning), or a job named in `after` has not succeeded yet.
        ConfigurationError: the source cannot do the reading.
    """
    await _check_after(ports, job)
    scope = await ports.ledger.open_scope(job.identity)
    fingerprint = f"{FINGERPRINT_VERSION}:{mapping_fingerprint(job.mapping, job.audience)}"
    is_changed = scope.mapping_fingerprint is not None and scope.mapping_fingerprint != fingerprint
    effective = _effective(order, scope, is_changed)
    _check_reading(ports, job, effective)
    writer = await _acquire(ports, job, order, scope)
    scope = await ports.ledger.open_scope(job.identity)
    return Opened(
        await _state(ports, job, effective, replace_scope(writer, scope), is_changed), fingerprint, is_changed
    )


def replace_scope(writer: Writer, scope: Scope) -> Writer:
    """The writer with its scope as it stands under the lease."""
    return replace(writer, scope=scope)


def _effective(order: Order, scope: Scope, is_changed: bool) -> Order:  # noqa: FBT001 - a fact, not a switch
    """A changed Mapping, or a first reading, makes a reading of changes one of all."""
    if order.read == "changes" and (is_changed or scope.watermark is None):
        return replace(order, read="all")
    return order


def _check_reading(ports: Ports, job: Job, order: Order) -> None:
    offered = ports.source.capabilities.reads
    if order.read not in offered:
        raise ConfigurationError(
            f"SyncJob {job.name}: {job.source_system}/{job.source_object.name} cannot be read by {order.read}; it "
            f"offers {', '.join(sorted(offered))}. A reading of changes or a range needs objects[].cursor, one by keys "
            "needs objects[].key and, for REST, write.get or write.find.",
            reason="ReadingNotOffered",
        )
    if not job.source_object.key:
        raise ConfigurationError(
            f"SyncJob {job.name}: the object {job.source_object.name} of SyncSource {job.source_system} has no key. "
            "Name the fields that identify a record: objects[].key.",
            reason="SourceKeyUndeclared",
        )


async def _check_after(ports: Ports, job: Job) -> None:
    for name in job.after:
        if not await ports.ledger.succeeded(name):
            raise TransientError(
                f"SyncJob {job.name} runs after {name}, which has never succeeded. Next: ponte run {name}",
                reason="WaitsForJob",
            )


async def _acquire(ports: Ports, job: Job, order: Order, scope: Scope) -> Writer:
    lease_s = ports.lease_s if order.read in NEEDS_LEASE else None
    while isinstance(answer := await ports.ledger.acquire(scope, order.run, lease_s=lease_s), Busy):
        if order.overlap == "refuse":
            raise TransientError(
                f"SyncJob {job.name} is running already ({answer.holder.split('/')[0]}, its lease ends in "
                f"{answer.remaining_s:.0f} s). Wait for it, or give --overlap wait.",
                reason="JobIsRunning",
                retry_after=answer.remaining_s,
            )
        await ports.clock.sleep(min(_POLL_S, answer.remaining_s))
    return answer


async def _state(ports: Ports, job: Job, order: Order, writer: Writer, is_changed: bool) -> RunState:  # noqa: FBT001 - a fact
    known: Known
    if order.read == "all":
        known = IndexedKnown(await ports.ledger.known(writer.scope))
    else:
        known = QueriedKnown(ports.ledger, writer.scope)
    doubts = await ports.ledger.doubts(writer)
    if doubts.height and ports.target.capabilities.settle_s:
        await ports.clock.sleep(ports.target.capabilities.settle_s)
    return RunState(
        job=job,
        order=order,
        ports=ports,
        writer=writer,
        known=known,
        started_at=await ports.ledger.now(),
        doubts=doubts,
        open_rejects=await ports.ledger.open_rejects(writer.scope),
        watermark=writer.scope.watermark,
        notes=["MappingChanged: all records are read and compared again"] if is_changed else [],
    )
