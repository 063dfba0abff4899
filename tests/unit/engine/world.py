"""A small world for the engine: a source and a target that do as they are told, a ledger in a folder, a still clock.

Nothing here knows the engine's rules. `World.expected` is the Mapping in plain Python, one record at a time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ponte.engine.job import DeleteRules, Job, Order, Ports
from ponte.engine.ports import (
    ANSWER_SCHEMA,
    FOUND_SCHEMA,
    Batch,
    Delivery,
    Failpoint,
    Operation,
    Read,
    SourceCapabilities,
    StageTimes,
    TargetCapabilities,
    Unreadable,
)
from ponte.engine.run import run
from ponte.errors import TransientError
from ponte.ledger import review
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import connect, open_ledger, opened
from ponte_api.mapping import MappingSpec
from ponte_api.result import RunResult
from ponte_api.sync_source import ObjectSpec

Record = dict[str, Any]
FIELDS = ("sku", "name", "price", "web", "changed")
MAPPING = {
    "key": ["sku"],
    "where": "web = 'S'",
    "fields": [
        {"to": "sku", "from": "sku", "required": True},
        {"to": "name", "from": "name", "required": True},
        {"to": "price", "from": "price", "type": "decimal(12,2)"},
    ],
}


def article(sku: str, *, name: str | None = "a thing", price: str = "1.00", web: str = "S", changed: int = 0) -> Record:
    return {"sku": sku, "name": name, "price": price, "web": web, "changed": changed}


class StillClock:
    """Moves only when somebody sleeps; `woken` is called then: late effects come to light while one waits."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)
        self.slept: list[float] = []
        self.woken: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        self.woken()
        await asyncio.sleep(0)


class ScriptedSource:
    """Records in the order they were put in; in (cursor, key) order where changes are read.

    Attributes:
        during: called with the number of the page before each page is read.
        stops_after: a reading ends without its end mark after so many pages.
        unreadable: pieces that are no records, given with the first page.
        repeats_unreadable: as a file, which is read whole for keys too.
    """

    def __init__(self, records: Iterable[Record], reads: Iterable[str]) -> None:
        self.rows = list(records)
        self.capabilities = SourceCapabilities(frozenset(reads), cursor_order="changes" in reads)  # type: ignore[arg-type]
        self.during: Callable[[int, Read], None] = lambda page, read: None
        self.stops_after: int | None = None
        self.announced: int | None = None
        self.unreadable: tuple[Unreadable, ...] = ()
        self.repeats_unreadable = False
        self.asked: list[Read] = []

    def put(self, *records: Record) -> None:
        for record in records:
            self.remove(record["sku"])
            self.rows.append(record)

    def remove(self, *skus: str) -> None:
        self.rows = [row for row in self.rows if row["sku"] not in skus]

    async def upper_bound(self) -> str | None:
        cursors = [row["changed"] for row in self.rows if row["changed"] is not None]
        return str(max(cursors)) if cursors else None

    async def read(self, read: Read) -> AsyncIterator[Batch]:
        self.asked.append(read)
        after: tuple[int, str] | int | None = None
        page = 0
        while True:
            self.during(page, read)
            rows, after, is_last = self._page(read, after)
            if self.stops_after is not None and page >= self.stops_after and read.mode != "keys":
                return
            unreadable = self.unreadable if page == 0 and (read.mode == "all" or self.repeats_unreadable) else ()
            announced = self.announced if read.mode == "all" else None
            yield Batch(frame_of(rows), unreadable=unreadable, is_last=is_last, announced=announced)
            page += 1
            if is_last:
                return

    def _page(self, read: Read, after: Any) -> tuple[list[Record], Any, bool]:
        if read.mode in ("changes", "range"):
            return self._window(read, after)
        rows = self.rows
        if read.mode == "keys":
            assert read.keys is not None
            wanted = set(read.keys["sku"])
            rows = [row for row in rows if row["sku"] in wanted]
        start = after or 0
        end = start + read.batch_size
        return rows[start:end], end, end >= len(rows)

    def _window(self, read: Read, after: Any) -> tuple[list[Record], Any, bool]:
        lower = -1 if read.lower is None else int(read.lower)
        upper = 10**18 if read.upper is None else int(read.upper)
        rows = sorted(
            (row for row in self.rows if row["changed"] is None or lower <= row["changed"] <= upper), key=_place
        )
        if after is not None:
            rows = [row for row in rows if _place(row) > after]
        page = rows[: read.batch_size]
        return page, _place(page[-1]) if page else after, len(rows) <= read.batch_size


def _place(row: Record) -> tuple[int, str]:
    return (-1 if row["changed"] is None else row["changed"], row["sku"])


def frame_of(rows: list[Record]) -> pl.DataFrame:
    text = dict.fromkeys(FIELDS[:-1], pl.String)
    return pl.DataFrame(
        [[row[name] for name in FIELDS] for row in rows], schema={**text, "changed": pl.Int64}, orient="row"
    )


UPSERTS = TargetCapabilities(
    operations=frozenset({"create", "update", "delete"}), upserts=True, finds=True, chunk=10, timeout_s=5.0
)
GIVES_IDS = replace(UPSERTS, upserts=False, gives_ids=True, settle_s=2.0)
BLIND = replace(UPSERTS, upserts=False, finds=False, gives_ids=True)
BLIND_UPSERTS = replace(UPSERTS, finds=False)
TAKES_KEYS = replace(BLIND, takes_idempotency_keys=True)


@dataclass
class Effect:
    """Something that happened to a record of the target."""

    operation: Operation
    sku: str


class ScriptedTarget:
    """Records by an id of the target's own.

    Attributes:
        refuse: keys (sku) that are refused, and why.
        unsent: keys that are not sent, and why.
        silent: keys whose writes do not happen, and to which a server answers that it has a fault.
        patience: so many silent ones in a row, and what follows is not sent; None for as many as there are.
        lose: keys whose next write happens, but whose answer is lost.
        drop: keys whose next write does not happen, and whose answer is lost.
        delay: keys whose next write happens only when somebody has waited, and whose answer is lost.
        outages: so many calls raise a TransientError before anything happens.
        before: called with each delivery before anything happens.
    """

    def __init__(self, capabilities: TargetCapabilities) -> None:
        self.capabilities = capabilities
        self.records: dict[str, Record] = {}
        self.effects: list[Effect] = []
        self.refuse: dict[str, str] = {}
        self.unsent: dict[str, str] = {}
        self.silent: set[str] = set()
        self.patience: int | None = None
        self.lose: set[str] = set()
        self.drop: set[str] = set()
        self.delay: set[str] = set()
        self.outages = 0
        self.find_outages = 0
        self.before: Callable[[Delivery], None] = lambda delivery: None
        self.calls: list[tuple[str, list[str]]] = []
        self._late: list[Callable[[], object]] = []
        self._answered: dict[str, Record] = {}
        self._made = 0

    def wake(self) -> None:
        late, self._late = self._late, []
        for effect in late:
            effect()

    def by_sku(self) -> dict[str, Record]:
        assert len(self.skus()) == len(set(self.skus())), f"doubled: {sorted(self.skus())}"
        return {row["sku"]: row for row in self.records.values()}

    def skus(self) -> list[str]:
        return [row["sku"] for row in self.records.values()]

    def made(self, sku: str) -> int:
        return sum(effect.operation == "create" and effect.sku == sku for effect in self.effects)

    def remove(self, *skus: str) -> None:
        """As somebody does who works at the target."""
        self.records = {own: record for own, record in self.records.items() if record["sku"] not in skus}

    def add(self, record: Record) -> str:
        self._made += 1
        self.records[str(self._made)] = dict(record)
        return str(self._made)

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        assert delivery.frame.height <= self.capabilities.chunk, "more than a chunk at once"
        self.before(delivery)
        if self.outages:
            self.outages -= 1
            raise TransientError("the target is away")
        self.calls.append((delivery.operation, delivery.frame["sku"].to_list()))
        rows = zip(delivery.frame.iter_rows(named=True), delivery.target_ids, delivery.idempotency_keys, strict=True)
        answers: list[Record] = []
        for row, record in enumerate(rows):
            last = [answer.get("reason") for answer in answers[len(answers) - (self.patience or 0) :]]
            if self.patience and len(last) == self.patience and set(last) == {"ServerError"}:
                answers.append({"row": row, "outcome": "unsent", "reason": "ServerError", "message": "given up"})
            else:
                answers.append({"row": row, **self._answer(delivery.operation, *record)})
        return pl.DataFrame(answers, schema=ANSWER_SCHEMA)

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        assert self.capabilities.finds, "this target cannot look up"
        if self.find_outages:
            self.find_outages -= 1
            raise TransientError("the target is away")
        found = [
            {"row": row, "target_id": own if self.capabilities.gives_ids else None}
            for row, sku in enumerate(keys["sku"])
            for own, record in self.records.items()
            if record["sku"] == sku
        ]
        return pl.DataFrame(found, schema=FOUND_SCHEMA)

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:
        rows = [
            {"row": row, **record}
            for row, sku in enumerate(keys["sku"])
            for record in self.records.values()
            if record["sku"] == sku
        ]
        return pl.DataFrame(rows, schema_overrides={"row": pl.UInt32})

    def _answer(self, operation: Operation, record: Record, own: str | None, idempotency: str | None) -> Record:
        sku = record["sku"]
        if (unmoved := self._unmoved(sku)) is not None:
            return unmoved
        unknown = {"outcome": "unknown", "reason": "AnswerLost", "message": "no answer"}
        if sku in self.drop:
            self.drop.discard(sku)
            return unknown
        if sku in self.delay:
            self.delay.discard(sku)
            self._late.append(lambda: self._apply(operation, record, own, idempotency))
            return unknown
        answer = self._apply(operation, record, own, idempotency)
        if sku in self.lose:
            self.lose.discard(sku)
            return unknown
        return answer

    def _unmoved(self, sku: str) -> Record | None:
        if sku in self.refuse:
            return {"outcome": "rejected", "reason": self.refuse[sku], "message": "refused"}
        if sku in self.unsent:
            return {"outcome": "unsent", "reason": self.unsent[sku], "message": "not sent"}
        if sku in self.silent:
            return {"outcome": "unknown", "reason": "ServerError", "message": "HTTP 503."}
        return None

    def _apply(self, operation: Operation, record: Record, own: str | None, idempotency: str | None) -> Record:
        if not self.capabilities.takes_idempotency_keys:
            return self._changed(operation, record, own)
        assert idempotency is not None
        if idempotency not in self._answered:
            self._answered[idempotency] = self._changed(operation, record, own)
        return self._answered[idempotency]

    def _changed(self, operation: Operation, record: Record, own: str | None) -> Record:
        if operation != "create" and own is None and self.capabilities.gives_ids:
            return {"outcome": "rejected", "reason": "TargetIdUnknown", "message": "which one?"}
        held = self._held(record["sku"], own)
        if operation == "delete":
            if held is not None:
                del self.records[held]
                self.effects.append(Effect("delete", record["sku"]))
            return self._done(None)
        if operation == "update":
            return self._update(held, record)
        if self.capabilities.upserts and held is not None:
            return self._update(held, record)
        made = self.add(record)
        self.effects.append(Effect("create", record["sku"]))
        return self._done(made)

    def _held(self, sku: str, own: str | None) -> str | None:
        if self.capabilities.gives_ids:
            return own if own in self.records else None
        return next((i for i, record in self.records.items() if record["sku"] == sku), None)

    def _update(self, held: str | None, record: Record) -> Record:
        if held is None:
            return {"outcome": "rejected", "reason": "NotFound", "message": "no such record"}
        self.records[held].update(record)
        self.effects.append(Effect("update", record["sku"]))
        return self._done(held)

    def _done(self, own: str | None) -> Record:
        return {"outcome": "done", "target_id": own if self.capabilities.gives_ids else None}


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


async def nothing(_name: str) -> None:
    return None


def crash_at(point: str, hit: int = 1) -> Failpoint:
    """A failpoint that ends the process when a point is met for the nth time."""
    met = 0

    async def fail(name: str) -> None:
        nonlocal met
        met += name == point
        if name == point and met == hit:
            raise Crash(point)

    return fail


@dataclass
class World:
    """Source, target, ledger and clock, and a job between them."""

    folder: Path
    source: ScriptedSource
    target: ScriptedTarget
    job: Job
    clock: StillClock = field(default_factory=StillClock)
    is_stopping: Callable[[], bool] = lambda: False
    lease_s: float = 60.0
    runs: int = 0
    dead: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'ledger.db'}"

    def change(self, **changes: Any) -> None:
        """Changes the job."""
        self.job = replace(self.job, **changes)

    def ledger(self) -> StoredLedger:
        """A ledger as a new process opens it; crashed ones are known to be gone."""
        self.runs += 1
        return StoredLedger(connect(self.url), f"process-{self.runs}", lambda holder: holder in self.dead)

    def ports(self, ledger: Any, failpoint: Failpoint = nothing) -> Ports:
        return Ports(
            source=self.source,
            target=self.target,
            ledger=ledger,
            clock=self.clock,
            failpoint=failpoint,
            is_stopping=self.is_stopping,
            on_progress=lambda progress: None,
            stages=StageTimes(),
            lease_s=self.lease_s,
        )

    async def run(self, read: str = "all", failpoint: Failpoint = nothing, **order: Any) -> RunResult:
        ledger = self.ledger()
        holder = f"process-{self.runs}"
        keys = tuple((key,) for key in order.pop("keys", ()))
        try:
            result = await run(
                self.ports(ledger, failpoint), self.job, Order(f"run-{self.runs:04d}", read, keys=keys, **order)
            )
        except Crash:
            self.dead.add(holder)
            raise
        finally:
            await ledger.close()
        assert result.account.is_closed, result.account
        return result

    async def crash(self, point: str, hit: int = 1, read: str = "all", **order: Any) -> bool:
        """Runs until a failpoint is met for the nth time; whether it was."""
        try:
            await self.run(read, crash_at(point, hit), **order)
        except Crash:
            return True
        return False

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in the ledger, by plain SQL."""
        with sqlite3.connect(self.folder / "ledger.db") as connection:
            found = connection.execute(sql).fetchall()
        connection.close()
        return found

    def rejects(self) -> dict[str, str]:
        """Reasons of the rejects that are not closed, by key."""
        rows = self.rows("SELECT key, reason FROM ponte_rejects WHERE state <> 'closed'")
        return {key.partition(":")[2] if key[:1].isdigit() else key: reason for key, reason in rows}

    def claims(self) -> int:
        return int(self.rows("SELECT COUNT(*) FROM ponte_claims")[0][0])

    def decide(self) -> bool:
        """Does what a person does with what only a person can know: removes it at the target, retries; True if any."""
        keys = [sku for sku, reason in self.rejects().items() if reason in ("AmbiguousCreate", "TargetIdUnknown")]
        self.target.remove(*keys)
        with opened(self.url) as db:
            review.retry(db, self.job.state_id, keys)
        return bool(keys)

    def expected(self) -> dict[str, Record]:
        """What the target is to hold: the first of each key, for the web, with a name."""
        first: dict[str, Record] = {}
        for row in self.source.rows:
            first.setdefault(row["sku"], row)
        return {sku: row for sku, row in first.items() if row["web"] == "S" and row["name"]}

    def assert_in_step(self) -> None:
        """The target holds exactly what the source says, once."""
        held = {sku: (row["name"], f"{row['price']}") for sku, row in self.target.by_sku().items()}
        assert held == {sku: (row["name"], row["price"]) for sku, row in self.expected().items()}


def make_world(
    folder: Path,
    *records: Record,
    capabilities: TargetCapabilities = UPSERTS,
    reads: Iterable[str] = ("all", "keys"),
    **job: Any,
) -> World:
    """A world with these records in its source."""
    reads = frozenset(reads)
    spec: dict[str, Any] = {"name": "articles", "key": ["sku"]}
    if "changes" in reads:
        spec["cursor"] = {"field": "changed"}
    usual = Job(
        name="products",
        state_id="products",
        source_system="erp",
        source_object=ObjectSpec.model_validate(spec),
        target_system="shop",
        target_object="products",
        mapping=MappingSpec.model_validate(job.pop("mapping", MAPPING)),
        deletes=job.pop("deletes", DeleteRules("delete", min_count=10)),
        batch_size=job.pop("batch_size", 4),
    )
    target = ScriptedTarget(capabilities)
    world = World(folder, ScriptedSource(records, reads), target, replace(usual, **job))
    world.clock.woken = target.wake
    open_ledger(world.url)._db.close()
    return world
