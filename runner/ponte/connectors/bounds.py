"""Bounds of a reading that a person gives: one that is no value of the cursor would find nothing in silence.

Shared by the connectors that can read a range.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from ponte.engine.ports import Read
from ponte.errors import UsageError

TIME_EXAMPLE = "2026-11-23T10:15:00"
_BEYOND_ISO = re.compile(r"-?infinity|\d{5,6}-\d\d-\d\d.*")  # of databases that know them
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


def check_bounds(read: Read, fits: Callable[[str], bool], example: str, label: str) -> None:
    """Raises UsageError, with a good value, for a bound that is no value of the cursor, and a range of nothing.

    Args:
        read: the reading; only a range has bounds that people give.
        fits: whether a text stands for a value of the cursor.
        example: such a text.
        label: the object, for messages.
    """
    if read.mode != "range":
        return
    for option, text in (("--from", read.lower), ("--to", read.upper)):
        if text is not None and not fits(text):
            raise UsageError(
                f"{label}: {option} {text[:64]} is no value of the cursor. Next: give one such as {option} {example}"
            )
    if read.lower is not None and read.upper is not None and _is_reversed(read.lower, read.upper):
        raise UsageError(
            f"{label}: --from {read.lower[:64]} is later than --to {read.upper[:64]}, so that nothing lies "
            "between them. Next: exchange the two."
        )


def _is_reversed(lower: str, upper: str) -> bool:
    """Whether a range ends before it begins; bounds that are neither numbers nor times of one kind are left alone."""
    if is_number(lower) and is_number(upper):
        return Decimal(lower) > Decimal(upper)
    try:
        first, last = datetime.fromisoformat(lower), datetime.fromisoformat(upper)
        return first > last
    except (ValueError, TypeError):  # no time of ISO 8601; one with a zone and one without
        return False


def is_time(text: str) -> bool:
    """Whether it is a date or time of ISO 8601."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return _BEYOND_ISO.fullmatch(text) is not None
    return True


def is_integer(text: str) -> bool:
    """Whether it is a whole number of at most 64 bits."""
    return _INTEGER.fullmatch(text) is not None and -(2**63) <= int(text[:24]) < 2**63


def is_number(text: str) -> bool:
    """Whether it is a decimal number."""
    try:
        Decimal(text)
    except InvalidOperation:
        return False
    return "_" not in text
