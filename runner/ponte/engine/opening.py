"""Opening a run: its place in the ledger, its epoch and lease, and what it must really read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import polars as pl

from ponte.engine.doubts import admit
from ponte.engine.job import Job, Order, Ports
from ponte.engine.known import IndexedKnown, QueriedKnown
from ponte.engine.ledger_port import Busy, Commit, Scope, Writer
from ponte.engine.ports import ReadMode
from ponte.engine.state import RunState
from ponte.errors import ConfigurationError, Interrupted, PonteError, TransientError
from ponte.mapping import mapping_fingerprint
from ponte_api.versions import FINGERPRINT_VERSION

NEEDS_LEASE = ("all", "changes", "range")
_POLL_S = 1.0
MIXED = "mixed"
"""In place of a Mapping's fingerprint: records were delivered by more than one Mapping."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that may begin.

    Attributes:
        fingerprint: of the Mapping as it is now.
        is_mapping_changed: whether the last whole reading was mapped in another way.
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
    _check_deactivation(job)
    await _check_after(ports, job)
    _check_reading(ports, job, order)
    scope = await ports.ledger.open_scope(job.identity)
    await ports.failpoint("open.before")
    writer = await _acquire(ports, job, order, scope)
    await ports.failpoint("open.after")
    try:
        return await _opened(ports, job, order, writer)
    except PonteError:
        with suppress(PonteError):
            await ports.ledger.release(writer)
        raise


async def _opened(ports: Ports, job: Job, order: Order, writer: Writer) -> Opened:
    """What the ledger says now that nobody else may change it."""
    scope = await ports.ledger.open_scope(job.identity)
    writer = replace(writer, scope=scope)
    fingerprint = f"{FINGERPRINT_VERSION}:{mapping_fingerprint(job.mapping, job.audience)}"
    is_first = scope.mapping_fingerprint is None
    is_changed = scope.mapping_fingerprint not in (None, fingerprint)
    doubts = await ports.ledger.doubts(writer)
    has_lost_keys = doubts.height > 0 and "keys" not in ports.source.capabilities.reads
    has_start = scope.watermark is not None or (ports.source.capabilities.moves and not is_first)
    is_enough = not is_changed and has_start and not has_lost_keys
    effective = order if is_enough else _of_all_where_of_changes(order)
    _check_reading(ports, job, effective)
    state = await _state(ports, job, effective, writer, doubts)
    if is_changed:
        state.notes.append("MappingChanged: all records are read and compared again")
        await _mark_mapping_changed(state, scope)
    if effective.read == "all":
        await admit(state)
        state.known = IndexedKnown(await ports.ledger.known(scope))
    return Opened(state, fingerprint, is_changed)


def _of_all_where_of_changes(order: Order) -> Order:
    """A reading of changes becomes one of all: other readings are asked for as they are.

    For where changes are not enough: the first time; after a change of the Mapping; with keys in doubt that cannot be
    read by key.
    """
    return replace(order, read="all") if order.read == "changes" else order


async def _mark_mapping_changed(state: RunState, scope: Scope) -> None:
    """From now on some records are delivered by the new Mapping: until a whole reading, neither fits them all."""
    if scope.mapping_fingerprint == MIXED:
        return
    await state.ports.failpoint("mapping.before")
    await state.ports.ledger.commit(state.writer, Commit(result=state.result(), mapping_fingerprint=MIXED))
    await state.ports.failpoint("mapping.after")


_BY_CURSOR = "It needs a field that grows with each change, named by objects[].cursor. Next: --read all"
_NEEDS: dict[ReadMode, str] = {
    "all": "Next: read it by one of these.",
    "changes": _BY_CURSOR,
    "range": _BY_CURSOR,
    "keys": "It needs objects[].key, and with REST write.get or write.find. Next: --read all",
}


def _check_reading(ports: Ports, job: Job, order: Order) -> None:
    offered = ports.source.capabilities.reads
    if order.read not in offered:
        raise ConfigurationError(
            f"SyncJob {job.name}: {job.source_system}/{job.source_object.name} cannot be read by {order.read}, only by "
            f"{', '.join(sorted(offered))}. {_NEEDS[order.read]}",
            reason="ReadingNotOffered",
        )
    if not job.source_object.key:
        raise ConfigurationError(
            f"SyncJob {job.name}: the object {job.source_object.name} of SyncSource {job.source_system} has no key. "
            "Next: name the fields that identify a record: objects[].key.",
            reason="SourceKeyUndeclared",
        )


def _check_deactivation(job: Job) -> None:
    """What deactivate writes must be a mapped field: else nothing would ever undo it for a record that returns."""
    mapped = {rule.to for rule in job.mapping.fields}
    unmapped = [name for name, _ in job.deletes.set_fields if name not in mapped]
    if job.deletes.policy == "deactivate" and unmapped:
        raise ConfigurationError(
            f"SyncJob {job.name}: deletes.set writes {', '.join(unmapped)}, which the Mapping does not make, so that a "
            "record that returns would stay inactive. Next: add a rule for it to the Mapping, such as {to: "
            f"{unmapped[0]}, value: ...}}.",
            reason="DeactivateUnmapped",
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
                f"{answer.remaining_s:.0f} s). Next: wait for it, or give --overlap wait.",
                reason="JobIsRunning",
                retry_after=answer.remaining_s,
            )
        if ports.is_stopping():
            raise Interrupted(
                f"SyncJob {job.name} was stopped by a signal while it waited for another run. Next: run it again."
            )
        await ports.clock.sleep(min(_POLL_S, answer.remaining_s))
    return answer


async def _state(ports: Ports, job: Job, order: Order, writer: Writer, doubts: pl.DataFrame) -> RunState:
    return RunState(
        job=job,
        order=order,
        ports=ports,
        writer=writer,
        known=QueriedKnown(ports.ledger, writer.scope),
        started_at=await ports.ledger.now(),
        doubts=doubts,
        open_rejects=await ports.ledger.open_rejects(writer.scope),
        watermark=writer.scope.watermark,
    )
