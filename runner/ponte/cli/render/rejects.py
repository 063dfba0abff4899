"""Rejects as a table, and one with all its faults."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

from ponte.cli.render.text import counted, escape, fit, hanging, told_table, wrapped
from ponte.ledger.review import StoredReject

_HEADER = ("KEY", "FIELD", "REASON", "SINCE", "TIMES", "MESSAGE")
_WIDE_ENOUGH = 110
"""Columns below which a list leaves out since when and how often: the message matters more."""
_STATES = {
    "deferred": "waits for a record of another job",
    "ambiguous": "nobody knows whether it arrived; look at the target: retry it if it is not there, else skip it",
    "skipped": "set aside",
    "closed": "closed, the record got through",
}


def reject_table(rejects: Sequence[StoredReject], *, job: str, open_count: int, width: int | None = None) -> list[str]:
    """The open rejects of a job, one per line.

    Args:
        rejects: those to show.
        job: their job, for the next step.
        open_count: how many there are in all.
        width: columns of the terminal; None for no limit.
    """
    if not rejects:
        return [f"{job}: no open rejects."]
    rows: list[tuple[str, ...]] = [_HEADER, *map(_row, rejects)]
    if width:
        rows = [(fit(row[0], width // 3), fit(row[1], width // 5), *row[2:]) for row in rows]
    if width and width < _WIDE_ENOUGH:
        rows = [(*row[:3], row[-1]) for row in rows]
    lines = told_table(rows, right=frozenset() if len(rows[0]) == 4 else frozenset({4}), width=width)
    hidden = open_count - len(rejects)
    more = f", {len(rejects):,} of them shown: --limit {open_count}" if hidden > 0 else ""
    total = f"{counted(open_count, 'open reject')} of {job}{more}.{_tried_again(rejects, open_count, job)}"
    return [*lines, "", *wrapped(total, width=width), *_mended_first(rejects, job, width)]


def _tried_again(rejects: Sequence[StoredReject], open_count: int, job: str) -> str:
    """What comes of those that wait for no person."""
    waiting = sum(map(_waits_for_a_person, rejects))
    if waiting == len(rejects):
        return ""
    others = open_count - waiting
    who = f"The {'other' if others == 1 else 'others'}" if waiting else "It" if others == 1 else "They"
    return f" {who} {'is' if others == 1 else 'are'} tried again at every run, at once with: ponte rejects retry {job}"


def none_with(reason: str, others: Sequence[StoredReject], *, job: str) -> str:
    """That no open reject has this reason, and which reasons there are."""
    known = sorted({fault.reason for reject in others for fault in reject.faults})
    return f'{job}: no open reject has the reason "{escape(reason)}". There is: {", ".join(map(escape, known))}.'


def _mended_first(rejects: Sequence[StoredReject], job: str, width: int | None) -> list[str]:
    """How to go on with those that only a retry by their own key brings on."""
    concerned = [reject.key for reject in rejects if _waits_for_a_person(reject)]
    if not concerned:
        return []
    key = "KEY" if "\t" in concerned[0] else shlex.quote(escape(concerned[0]))
    need = "needs" if len(concerned) == 1 else "need"
    said = f"{counted(len(concerned), 'reject')} {need} a look at the target first, then"
    return wrapped(f"{said}: ponte rejects retry {job} {key}", width=width)


def _waits_for_a_person(reject: StoredReject) -> bool:
    return reject.state == "ambiguous" or any(fault.reason == "NaturalKeyChanged" for fault in reject.faults)


def _row(reject: StoredReject) -> tuple[str, ...]:
    first = reject.faults[0]
    others = f" (and {counted(len(reject.faults) - 1, 'other fault')})" if len(reject.faults) > 1 else ""
    return (
        escape(reject.key.replace("\t", " / ")),
        escape(first.field or ""),
        escape(first.reason),
        moment(reject.first_seen),
        str(reject.attempts),
        escape(first.message) + others,
    )


def reject_details(reject: StoredReject, *, job: str, width: int | None = None) -> list[str]:
    """One reject with all its faults."""
    key = escape(reject.key.replace("\t", " / "))
    state = _STATES.get(reject.state, reject.state)
    faults = [
        (f"  {escape(fault.field or '(the record)')}", escape(fault.reason), escape(fault.message))
        for fault in reject.faults
    ]
    seen = f"  first seen {moment(reject.first_seen)}, last {moment(reject.last_seen)}, tried {_times(reject.attempts)}"
    return [
        *hanging(f'{job} "{key}", stage {reject.stage}: {state}', width=width),
        *told_table([("", "", ""), *faults], width=width)[1:],
        *hanging(seen, width=width),
    ]


def reject_document(reject: StoredReject) -> dict[str, object]:
    """The same as JSON."""
    return {
        "key": reject.key.split("\t"),
        "stage": reject.stage,
        "state": reject.state,
        "faults": [{"field": fault.field, "reason": fault.reason, "message": fault.message} for fault in reject.faults],
        "firstSeen": reject.first_seen.isoformat(),
        "firstRun": reject.first_run,
        "lastSeen": reject.last_seen.isoformat(),
        "lastRun": reject.last_run,
        "attempts": reject.attempts,
    }


def moment(when: datetime) -> str:
    """A time in the zone of whoever looks: `2026-11-21 02:00`."""
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
