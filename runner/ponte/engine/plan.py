"""A plan: the same run over an overlay, and what it would have written, field by field against the target as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ponte.engine.canonical import key_text, plain_text, split_key
from ponte.engine.job import Job, Order, Ports, RejectLimits
from ponte.engine.known import IndexedKnown
from ponte.engine.overlay import ReadSource, RecordedTarget
from ponte.engine.planned import PlannedLedger
from ponte.engine.ports import Delivery
from ponte.engine.run import run
from ponte.engine.settle import key_fields
from ponte_api.result import Account

MASK = "***"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a record: what the target has and what it would get; None for no value."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One record that a run would touch, or reject.

    Attributes:
        operation: create, update, delete or reject.
        key: natural key (rejects: source key); fields of a key of several are joined by a tab.
        fields: for updates and creates; values of sensitive fields are masked.
        note: for deletes and rejects: why.
    """

    operation: str
    key: str
    fields: tuple[FieldChange, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do.

    Attributes:
        account: as the run would account for its records.
        changes: those to show; of deletes that would wait for approval the first ones.
        waiting: deletes above the guard: a run would leave them for a person to approve.
        would_stop: a run would not come to its end: too many new rejects; a note says how many. The plan goes on.
    """

    job: str
    account: Account
    changes: Sequence[PlannedChange]
    notes: Sequence[str] = ()
    waiting: int = 0
    would_stop: bool = False

    @property
    def change_count(self) -> int:
        """How many records would be changed at the target, without those that would wait for approval."""
        return self.account.created + self.account.updated + self.account.deleted


async def plan(ports: Ports, job: Job, order: Order, *, samples: int | None, sensitive: frozenset[str]) -> Plan:
    """What a run would do; nothing is written, at the target or in the ledger.

    Args:
        ports: as for a run.
        job: the job.
        order: the order.
        samples: most changes to show of each operation; None for all, which takes memory for all of them.
        sensitive: target fields whose values are masked.
    """
    ledger, target = PlannedLedger(ports.ledger, job.rejects, samples), RecordedTarget(ports.target, samples)
    planned = replace(job, rejects=RejectLimits(max=None, max_percent=None))  # with many rejects a plan is wanted most
    result = await run(replace(ports, source=ReadSource(ports.source), ledger=ledger, target=target), planned, order)
    changes = [change for made in target.deliveries for change in await _changes(ports, made, sensitive)]
    rejects = list(_rejects(ledger.rejects))
    pending = ledger.pending
    waiting = [] if pending is None else await _waiting(ports, job, pending, samples)
    notes = [note for note in result.notes if f"--approve {order.run}" not in note]  # no run that waits: a plan's own
    notes += [f"a run would stop (exit 65): {ledger.stop}. Mend the rejects first"] if ledger.stop else []
    shown = [*waiting, *_in_order(changes), *rejects]
    count = 0 if pending is None else pending.height
    return Plan(job.name, result.account, shown, notes, waiting=count, would_stop=bool(ledger.stop))


async def _waiting(ports: Ports, job: Job, pending: pl.DataFrame, samples: int | None) -> list[PlannedChange]:
    """Deletes above the guard."""
    scope = await ports.ledger.find_scope(job.identity)
    known = 0 if scope is None else IndexedKnown(await ports.ledger.known(scope)).live_count
    share = f" ({100 * pending.height / known:.1f} %)" if known else ""
    guard = f"guard: {pending.height:,} of {known:,}{share}, limit {job.deletes.max_percent} %: needs approval"
    reasons = {"vanished": "vanished from the source", "left": "left out now"}
    return [
        PlannedChange("delete", "\t".join(split_key(natural)), note=f"{reasons[why]}; {guard}")
        for natural, why in pending.select("natural_key", "why").head(samples or pending.height).iter_rows()
    ]


def _in_order(changes: list[PlannedChange]) -> list[PlannedChange]:
    """What changes or removes something comes before what is new."""
    kinds = ("update", "delete", "create")
    return sorted(changes, key=lambda change: kinds.index(change.operation))


async def _changes(ports: Ports, delivery: Delivery, sensitive: frozenset[str]) -> list[PlannedChange]:
    keys = key_fields(delivery.frame, delivery.key)
    names = key_text(keys, keys.columns).fill_null("")
    shown = ["\t".join(split_key(name)) for name in names]
    if delivery.operation == "delete":
        return [PlannedChange("delete", key, note="vanished from the source, or left out now") for key in shown]
    after = _texts(delivery.frame, delivery.frame.columns)
    before: dict[int, dict[str, str | None]] = {}
    if delivery.operation == "update":
        current = await ports.target.fetch(keys, delivery.target_ids)
        texts = _texts(current, [name for name in delivery.frame.columns if name in current.columns])
        before = dict(zip(current["row"].to_list(), texts, strict=True))
    changes = []
    for row, (key, new) in enumerate(zip(shown, after, strict=True)):
        old = before.get(row, {})
        changed = [name for name in new if delivery.operation == "create" or old.get(name) != new[name]]
        values = [(name, old.get(name), new[name], _scale(delivery.frame.schema[name])) for name in changed]
        fields = tuple(
            FieldChange(
                name, _masked(name, _priced(was, scale), sensitive), _masked(name, _priced(gets, scale), sensitive)
            )
            for name, was, gets, scale in values
            if was is not None or gets is not None
        )
        changes.append(
            PlannedChange(delivery.operation, key, fields, "" if fields else "written again; no value differs")
        )
    return changes


def _scale(dtype: pl.DataType) -> int:
    return dtype.scale if isinstance(dtype, pl.Decimal) else 0


def _priced(value: str | None, scale: int) -> str | None:
    """A number with at least so many digits after its point: 12.9 as 12.90, as the Mapping's type has it."""
    if value is None or not scale or not _NUMBER.fullmatch(value):
        return value
    whole, _, fraction = value.partition(".")
    return f"{whole}.{fraction.ljust(scale, '0')}"


def _masked(name: str, value: str | None, sensitive: frozenset[str]) -> str | None:
    return MASK if value is not None and name in sensitive else value


def _texts(frame: pl.DataFrame, names: Sequence[str]) -> list[dict[str, str | None]]:
    columns = []
    for name in names:
        dtype = frame.schema[name]
        if dtype.is_nested():
            text = pl.Series(name, [None if v is None else str(v) for v in frame[name].to_list()], dtype=pl.String)
            columns.append(text)
        else:
            columns.append(frame.select(plain_text(pl.col(name), dtype).alias(name))[name])
    return pl.DataFrame(columns).to_dicts() if columns else [{} for _ in range(frame.height)]


def _rejects(kept: Sequence[pl.DataFrame]) -> Iterator[PlannedChange]:
    for frame in kept:
        for key, field, reason, message in frame.select("key", "field", "reason", "message").iter_rows():
            name = "\t".join(split_key(key)) if key[:1].isdigit() else key
            yield PlannedChange("reject", name, note=f"{field or ''}  {reason}: {message}".strip())
