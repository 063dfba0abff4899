"""Watermarks: up to where changes are durably delivered or kept, and from where the next reading starts.

A watermark is a cursor as canonical text. The next reading starts at or before it, never after: `>=` and an overlap
catch what was committed late or has the same cursor, and fingerprints make reading it again cheap.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MOST_APART = timedelta(days=1)
_ENDLESS = re.compile(r"\+?infinity|\+?[0-9]{5,6}-[0-9]{2}-[0-9]{2}.*")
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


def capped(cursor: str, now: datetime) -> str:
    """What a watermark may be where a source has come to this cursor: never a time in the future.

    It would hide every change until then. Where nothing better is known it is a day ago, in the cursor's form: what is
    later is read again each time. Up to a day ahead is no future: times without a zone are those of some place on
    earth, and clocks differ. Numbers tell no time and stay as they are.

    Args:
        cursor: the greatest of the source, or that of a record.
        now: the ledger's time.
    """
    if _is_number(cursor):
        return cursor
    moment, safe = _moment(cursor), (now - MOST_APART).astimezone(UTC).replace(microsecond=0)
    if moment is None:
        return safe.replace(tzinfo=None).isoformat() if _ENDLESS.fullmatch(cursor) else cursor
    if (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) <= now + MOST_APART:
        return cursor
    if "T" not in cursor and " " not in cursor:
        return safe.date().isoformat()
    shown = safe.replace(tzinfo=None) if moment.tzinfo is None else safe.astimezone(moment.tzinfo)
    text = shown.isoformat(sep="T" if "T" in cursor else " ")
    return text.replace("+00:00", "Z") if cursor.endswith("Z") else text


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
