"""What a ledger holds, what is wrong with it, what was removed from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ponte.cli.render.rejects import moment
from ponte.cli.render.text import count, counted, escape, flow, table, width_of
from ponte.ledger.erasure import Erased
from ponte.ledger.inspection import LedgerInfo, ScopeInfo
from ponte.ledger.integrity import Finding
from ponte.ledger.retention import Pruned

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_HEADER = ("JOB", "FROM", "TO", "RECORDS", "IN DOUBT", "REJECTS", "LAST SUCCESS", "RUNNING")
_OPEN = ("open", "deferred", "ambiguous")


def info_lines(ledger: LedgerInfo, *, shown: str, width: int | None = None) -> list[str]:
    """The ledger at a glance, then one line per job."""
    created = f", made {moment(ledger.created_at)}" if ledger.created_at else ""
    head = [
        *flow(
            [shown, f"{size(ledger.size_bytes)}, version {ledger.schema_version}{created}"],
            separator="  ",
            indent="  ",
            width=width,
        ),
        f"{counted(ledger.runs, 'run')}, {counted(ledger.ids, 'id')} of targets, {count(ledger.erased)} erased",
    ]
    if not ledger.scopes:
        return [*head, "Nothing was synchronised yet."]
    return [*head, "", *_scope_table([_HEADER, *map(_scope_row, ledger.scopes)], width)]


def _scope_table(rows: list[tuple[str, ...]], width: int | None) -> list[str]:
    """Where a terminal is too narrow, from where and to where a job goes is left out: its manifest says it too."""
    lines = table(rows, right=frozenset({3, 4, 5}))
    if not width or max(map(width_of, lines)) <= width:
        return lines
    return table([(row[0], *row[3:]) for row in rows], right=frozenset({1, 2, 3}), width=width)


def _scope_row(scope: ScopeInfo) -> tuple[str, ...]:
    holder = escape(scope.lease.holder) if scope.lease and not scope.lease.has_run_out else ""
    return (
        escape(scope.job if scope.job == scope.state_id else f"{scope.job} ({scope.state_id})"),
        escape(scope.source),
        escape(scope.target),
        count(scope.records),
        count(scope.in_doubt),
        count(sum(scope.rejects.get(state, 0) for state in _OPEN)),
        moment(scope.last_success_at) if scope.last_success_at else "never",
        holder,
    )


def check_lines(findings: Sequence[Finding], *, shown: str) -> list[str]:
    """What is not as it should be, or that all is."""
    lines = [f"{finding.severity}: {escape(finding.message)}" for finding in findings]
    return lines if is_damaged(findings) else [*lines, f"{shown} is sound."]


def is_damaged(findings: Sequence[Finding]) -> bool:
    """Whether what the ledger says cannot be trusted."""
    return any(finding.severity == "damage" for finding in findings)


def pruned_lines(pruned: Pruned) -> list[str]:
    """What was removed."""
    removed = (
        counted(pruned.runs, "run"),
        counted(pruned.rejects, "closed reject"),
        counted(pruned.tombstones, "tombstone"),
    )
    lines = [f"removed: {', '.join(removed)}"]
    if pruned.busy:
        lines.append(f"running now, so left for the next time: {', '.join(map(escape, pruned.busy))}")
    return lines


def erased_lines(erased: Erased) -> list[str]:
    """What was erased, and what was not."""
    removed = (
        counted(erased.records, "record"),
        counted(erased.rejects, "reject"),
        counted(erased.ids, "id"),
        counted(erased.claims, "claim"),
        counted(erased.messages, "message"),
    )
    return [
        f"erased: {', '.join(removed)}. A keyed hash stays, so that the record is not taken for new.",
        "Backups and exports made before, the source and the target keep what they have.",
    ]


def document(found: DataclassInstance) -> dict[str, object]:
    """A frozen dataclass as JSON, in the form that results of runs have: camelCase, times as ISO 8601 in UTC."""
    return {_camel_case(one.name): _value(getattr(found, one.name)) for one in fields(found)}


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    return document(value) if is_dataclass(value) and not isinstance(value, type) else value


def size(number: int) -> str:
    """Bytes as people say them: `4.1 MB`."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError  # the last unit always returns
