"""The cursor of a REST list: which records lie within its bounds, and how far it reaches now.

A bound is canonical text: digits, or ISO 8601 with a zone in UTC or without one. Bounds go to the server as query
parameters and are checked again here, since servers ignore parameters that they do not know.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ponte.connectors.rest.listing import Listing
from ponte.errors import ConfigurationError

Place = tuple[str, int | datetime]


def place_of(value: Any) -> Place | None:
    """A cursor's value as something that can be compared, with its kind; None for what is no cursor."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "number", value
    if not isinstance(value, str):
        return None
    if value.lstrip("-").isdigit() and value.isascii():
        return "number", int(value)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return ("time", time.astimezone(UTC)) if time.tzinfo else ("local time", time)


def text_of(place: Place) -> str:
    """Canonical text of a cursor's value."""
    value = place[1]
    return value.isoformat() if isinstance(value, datetime) else str(value)


def within(elements: Iterable[Any], field: str, lower: str | None, upper: str | None) -> list[Any]:
    """Elements whose cursor lies within both bounds; those without a comparable cursor stay, so that none is lost."""
    least, most = place_of(lower), place_of(upper)
    return [element for element in elements if _is_within(element, field, least, most)]


def _is_within(element: Any, field: str, least: Place | None, most: Place | None) -> bool:
    place = place_of(element.get(field)) if isinstance(element, dict) else None
    if place is None:
        return True
    is_above = least is None or least[0] != place[0] or _compare(least, place) <= 0
    return is_above and (most is None or most[0] != place[0] or _compare(place, most) <= 0)


def _compare(one: Place, other: Place) -> int:
    """-1, 0 or 1 for two places of one kind."""
    return (one > other) - (one < other)


async def find_upper_bound(listing: Listing, field: str, where: str) -> str | None:
    """How far the cursor reaches now.

    For times with a zone it is the server's own clock (the Date header of RFC 9110, in whole seconds). For numbers and
    for times without a zone the whole list is read for its greatest value, because no request is known that gives it.

    Raises:
        ConfigurationError: the values are of several kinds.
    """
    greatest: Place | None = None
    async for step in listing.walk():
        for element in step.page.elements:
            place = place_of(element.get(field)) if isinstance(element, dict) else None
            if place is None:
                continue
            if place[0] == "time" and (clock := _server_time(step.page.headers)) is not None:
                return clock.isoformat()
            if greatest is not None and greatest[0] != place[0]:
                raise ConfigurationError(
                    f"{where}: the cursor {field} holds both {greatest[0]}s and {place[0]}s, which have no common "
                    "order. Next: choose another cursor."
                )
            greatest = place if greatest is None or _compare(place, greatest) > 0 else greatest
    return None if greatest is None else text_of(greatest)


def _server_time(headers: dict[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except (TypeError, ValueError):
        return None
