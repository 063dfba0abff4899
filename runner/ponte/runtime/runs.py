"""Runs: systems are connected, the ledger is opened, the engine works, everything is given back."""
# ruff: noqa: PLC0415 - a run, which may be short, does not load what plans, verifies and rebuilds

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ponte.connectors.registry import References, connect
from ponte.engine.canonical import split_key
from ponte.engine.job import Job, Order, Ports, Progress, no_failpoint
from ponte.engine.ports import Clock, Failpoint, ReadMode, Source, StageTimes, System, WrittenSystem
from ponte.engine.run import run
from ponte.engine.wording import keys_not_there
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import open_ledger
from ponte.manifests import Manifests
from ponte.runtime.clock import SystemClock
from ponte.runtime.jobs import resolve_job, sensitive_fields
from ponte_api.result import RunResult

if TYPE_CHECKING:
    from ponte.engine.plan import Plan
    from ponte.engine.verify import Verification


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person, a schedule or an API asks for.

    Attributes:
        keys: source keys as people write them; fields of a key of several are joined by a tab.
        lower, upper: bounds of the cursor, for read range.
    """

    job: str
    read: ReadMode = "all"
    write: Literal["differences", "all"] = "differences"
    keys: tuple[str, ...] = ()
    lower: str | None = None
    upper: str | None = None
    overlap: Literal["refuse", "wait"] = "refuse"
    run_id: str | None = None


def _never() -> bool:
    return False


def _unwatched(_progress: Progress) -> None:
    return None


def _unheard() -> None:
    return None


@dataclass(slots=True)
class Runtime:
    """What all runs of a process share.

    Attributes:
        ledger_url: sqlite:///PATH or postgresql://...
        is_stopping: asked before each new operation.
        on_progress: told after each step of the account.
        on_connected: told when all that a run needs is loaded, before its first record.
        stages: seconds by stage, for benches and traces.
    """

    manifests: Manifests
    references: References
    ledger_url: str
    clock: Clock = field(default_factory=SystemClock)
    failpoint: Failpoint = no_failpoint
    is_stopping: Callable[[], bool] = _never
    on_progress: Callable[[Progress], None] = _unwatched
    on_connected: Callable[[], None] = _unheard
    stages: StageTimes = field(default_factory=StageTimes)
    lease_s: float = 60.0

    async def run(self, request: RunRequest) -> RunResult:
        """Runs a job once.

        Raises:
            RunFailed: with the report of a run that did not come to its end.
            PonteError: the run could not even begin.
        """
        job = resolve_job(self.manifests, request.job)
        async with self.ports(job) as ports:
            return await run(ports, job, self._order(request))

    async def approve(self, job_name: str, run_id: str, by: str) -> RunResult:
        """Does what a run left for approval: each listed removal that is still true, and nothing else beyond the guard.

        Args:
            job_name: the job.
            run_id: its run that awaits approval.
            by: who approves, for the account.

        Raises:
            UsageError: no such run waits.
            RunFailed: the removing run did not come to its end; the next complete reading asks again.
        """
        job = resolve_job(self.manifests, job_name)
        async with self.ports(job) as ports, aclosing(self.open_ledger()) as ledger:
            listed = (await ledger.approve(run_id, by))["key"].to_list()
            reads: ReadMode = "keys" if "keys" in ports.source.capabilities.reads else "all"
            order = Order(
                run=self._new_run_id(job_name),
                read=reads,
                keys=tuple(tuple(split_key(key)) for key in listed) if reads == "keys" else (),
                approved=frozenset(listed),
            )
            result = await run(ports, job, order)
        expected = keys_not_there(len(listed), len(listed))  # that is why they were listed
        return result.model_copy(update={"notes": [note for note in result.notes if note != expected]})

    async def rebuild(self, job_name: str) -> int:
        """Makes known again what a lost ledger knew, from both sides; gives how many records."""
        from ponte.engine.rebuild import rebuild

        job = resolve_job(self.manifests, job_name)
        async with AsyncExitStack() as stack:
            ports = await stack.enter_async_context(self.ports(job))
            mirror = await self._connected(stack, job.target_system)
            return await rebuild(ports, _written(mirror, job.target_object), job, self._new_run_id(job_name))

    async def repair(self, job_name: str) -> tuple[Verification, RunResult | None]:
        """Verifies, then delivers what differs or is missing; None where nothing had to be delivered.

        What is extra at the target is left alone: Ponte removes only what it delivered.
        """
        found = await self.verify(job_name)
        keys = tuple(
            "\t".join(split_key(item.key)) for item in found.differences if item.key and item.verdict != "extra"
        )
        if not keys:
            return found, None
        async with self.ports(resolve_job(self.manifests, job_name)) as ports:
            can_read_keys = "keys" in ports.source.capabilities.reads
        return found, await self.run(RunRequest(job_name, write="all", keys=keys if can_read_keys else ()))

    async def plan(self, request: RunRequest, *, samples: int | None = 10) -> Plan:
        """What a run would do; nothing is written.

        Args:
            request: as for `run`.
            samples: most changes of each operation to show; None for all.

        Raises:
            PonteError: the run could not begin, or would not come to its end.
        """
        from ponte.engine.plan import plan

        job = resolve_job(self.manifests, request.job)
        async with self.ports(job) as ports:
            return await plan(
                ports, job, self._order(request), samples=samples, sensitive=sensitive_fields(job.mapping)
            )

    async def verify(self, name: str) -> Verification:
        """Compares both sides of a job by key and field; nothing is written."""
        from ponte.engine.verify import verify

        job = resolve_job(self.manifests, name)
        async with AsyncExitStack() as stack:
            ports = await stack.enter_async_context(self.ports(job))
            mirror = await self._connected(stack, job.target_system)
            return await verify(ports, _written(mirror, job.target_object), job)

    @asynccontextmanager
    async def ports(self, job: Job) -> AsyncIterator[Ports]:
        """All that a run of the job reaches of the world."""
        async with AsyncExitStack() as stack:
            source_system = await self._connected(stack, job.source_system)
            is_same = job.source_system == job.target_system
            target_system = source_system if is_same else await self._connected(stack, job.target_system)
            ledger = self.open_ledger()
            stack.push_async_callback(ledger.close)
            ports = Ports(
                source=source_system.source(job.source_object.name),
                target=target_system.target(job.target_object),
                ledger=ledger,
                clock=self.clock,
                failpoint=self.failpoint,
                is_stopping=self.is_stopping,
                on_progress=self.on_progress,
                stages=self.stages,
                lease_s=self.lease_s,
            )
            self.on_connected()
            yield ports

    def open_ledger(self) -> StoredLedger:
        """The ledger; whoever opens it closes it."""
        return open_ledger(self.ledger_url)

    def system(self, name: str) -> System:
        """A connected system; whoever connects it closes it."""
        return connect(self.manifests.source(name), self.references, self.clock)

    async def _connected(self, stack: AsyncExitStack, name: str) -> System:
        system = self.system(name)
        stack.push_async_callback(system.close)
        return system

    def _order(self, request: RunRequest) -> Order:
        return Order(
            run=request.run_id or self._new_run_id(request.job),
            read="keys" if request.keys else request.read,
            write=request.write,
            keys=tuple(tuple(key.split("\t")) for key in request.keys),
            lower=request.lower,
            upper=request.upper,
            overlap=request.overlap,
        )

    def _new_run_id(self, job: str) -> str:
        """Sorts by time, unique on all machines."""
        return f"{job}-{self.clock.now():%Y%m%d%H%M%S}-{secrets.token_hex(3)}"


def _written(system: System, object_name: str) -> Source:
    """An object that Ponte writes, for reading back."""
    return system.written(object_name) if isinstance(system, WrittenSystem) else system.source(object_name)
