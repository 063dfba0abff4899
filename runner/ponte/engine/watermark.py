"""Watermarks: up to where changes are durably delivered or kept, and from where the next reading starts.

A watermark is a cursor as canonical text. The next reading starts at or before it, never after: `>=` and an overlap
catch what was committed late or has the same cursor, and fingerprints make reading it again cheap.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def lower_bound(watermark: str | None, overlap_s: float) -> str | None:
    """Where a reading of changes starts: the watermark less the overlap, in the form of the watermark.

    Counters have no overlap in time and are read from the watermark itself, inclusive. Other bounds are whole seconds
    and one second earlier still: where times are text, `10:15:00Z` comes after `10:15:00.7Z`, and `.5` before `.500`.
    """
    if watermark is None or not overlap_s or _is_number(watermark):
        return watermark
    moment = _moment(watermark)
    if moment is None:
        return watermark
    try:
        earlier = moment.replace(microsecond=0) - timedelta(seconds=overlap_s + 1)
    except OverflowError:
        return None
    if "T" not in watermark and " " not in watermark:
        return earlier.date().isoformat()
    return earlier.isoformat(sep="T" if "T" in watermark else " ").replace(
        "+00:00", "Z" if watermark.endswith("Z") else "+00:00"
    )


def later(one: str | None, other: str | None) -> str | None:
    """The greater of two cursors; a watermark never goes back.

    Where the cursor was times and is numbers now, or the other way round, the later finding is all that counts.
    """
    if one is None or other is None:
        return one or other
    if {_order(one)[0], _order(other)[0]} == {0, 1}:
        return other
    return max(one, other, key=_order)


def _order(cursor: str) -> tuple[int, Decimal | int, str]:
    if _is_number(cursor):
        return (0, Decimal(cursor), "")
    moment = _moment(cursor)
    if moment is None:
        return (2, 0, cursor)
    in_utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (1, (in_utc - _EPOCH) // timedelta(microseconds=1), "")


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
