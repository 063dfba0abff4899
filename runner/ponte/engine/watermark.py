"""Watermarks: up to where changes are durably delivered or kept, and from where the next reading starts.

A watermark is a cursor as canonical text. The next reading starts at or before it, never after: `>=` and an overlap
catch what was committed late or has the same cursor, and fingerprints make reading it again cheap.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ponte.engine import digit_dates
from ponte.engine.digit_dates import Form

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MOST_APART = timedelta(days=1)
_ENDLESS = re.compile(r"\+?infinity|\+?[0-9]{5,6}-[0-9]{2}-[0-9]{2}.*")
_SLASHED = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}")
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
    return _in_form_of(watermark, earlier)


def later(one: str | None, other: str | None) -> str | None:
    """The greater of two cursors; a watermark never goes back.

    Where the cursor was times and is numbers now, or the other way round, the later finding is all that counts.
    """
    if one is None or other is None:
        return one or other
    if {_order(one)[0], _order(other)[0]} == {0, 1}:
        return other
    return max(one, other, key=_order)


def capped(cursor: str, now: datetime, digits: Form | None = None) -> str:
    """What a watermark may be where a source has come to this cursor: never a time in the future.

    It would hide every change until then. Where nothing better is known it is a day ago, in the cursor's form: what is
    later is read again each time. Up to a day ahead is no future: times without a zone are those of some place on
    earth, and clocks differ. Numbers tell no time by themselves and stay as they are.

    Args:
        cursor: the greatest of the source, or that of a record.
        now: the ledger's time.
        digits: the times that numbers stand for; None for counters.
    """
    moment, safe = _moment(cursor), (now - MOST_APART).astimezone(UTC).replace(microsecond=0)
    if _is_number(cursor):
        is_later = digits is not None and digit_dates.is_later(cursor, now + MOST_APART, digits)
        return digit_dates.shown(safe, digits) if digits is not None and is_later else cursor
    if moment is None:
        return safe.replace(tzinfo=None).isoformat() if _ENDLESS.fullmatch(cursor) else cursor
    if (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) <= now + MOST_APART:
        return cursor
    return _in_form_of(cursor, safe.replace(tzinfo=None) if moment.tzinfo is None else safe.astimezone(moment.tzinfo))


def _in_form_of(cursor: str, moment: datetime) -> str:
    """A moment as text in the form of a cursor that is one."""
    if "T" not in cursor and " " not in cursor:
        text = moment.date().isoformat()
    else:
        text = moment.isoformat(sep="T" if "T" in cursor else " ")
        text = text.replace("+00:00", "Z") if cursor.endswith("Z") else text
    return text[:10].replace("-", "/") + text[10:] if _SLASHED.match(cursor) else text


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
    """A time of ISO 8601, whose date may be written with slashes."""
    text = text[:10].replace("/", "-") + text[10:] if _SLASHED.match(text) else text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
