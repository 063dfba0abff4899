"""When a request is sent again: pure decisions about answers and failures.

Sources: RFC 9110 (9.2.2 idempotent methods, 10.2.3 Retry-After, 15 status codes), RFC 6585 (429).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

ATTEMPTS = 4
LONGEST_WAIT_S = 60.0
_FIRST_DELAY_S = 0.5
_WITHOUT_EFFECT = frozenset({425, 429})
_PASSING = frozenset({408, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529})


def is_passing(status: int) -> bool:
    """Whether the answer says: not now, perhaps later."""
    return status in _WITHOUT_EFFECT or status in _PASSING


def is_without_effect(status: int) -> bool:
    """Whether a refusal that passes certainly changed nothing. A 5xx may come from a proxy after the work was done."""
    return status in _WITHOUT_EFFECT


def backoff(attempt: int) -> float:
    """Seconds before the next attempt, 1 for the first retry: doubling, with jitter (half to whole)."""
    longest = min(_FIRST_DELAY_S * 2.0 ** (attempt - 1), LONGEST_WAIT_S)
    return longest * (0.5 + secrets.randbelow(500) / 1000)


def long_wait(asked: float | None) -> str:
    """In words for messages: that the other side asked for a longer pause than a run waits; empty where it did not."""
    if asked is None or asked <= LONGEST_WAIT_S:
        return ""
    return f" It asks for a pause of {timedelta(seconds=round(asked))}, longer than a run waits. Next: run it then."


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the answer asks to wait, as a number or as a date; None where it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None
