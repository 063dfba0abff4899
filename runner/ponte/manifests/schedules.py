"""Schedules as Kubernetes' CronJob takes them (robfig/cron, standard parser), checked without a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(?P<first>\*|\?|[0-9a-z]+)(-(?P<last>[0-9a-z]+))?(/(?P<step>[0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        if text in self.words:
            return self.low + self.words.index(text)
        if not text.isdigit() or not self.low <= int(text) <= self.high:
            hint = " (Sunday is 0)" if self.words and self.words[0] == "sun" and text == "7" else ""
            raise ValueError(f'{self.name} "{text}" is not between {self.low} and {self.high}{hint}')
        return int(text)

    def values(self, text: str) -> set[int]:
        return {value for part in text.split(",") for value in self._range(part)}

    def _range(self, text: str) -> range:
        match = _PART.fullmatch(text)
        if match is None:
            raise ValueError(f'{self.name} "{text}" is not understood: write a number, *, 1-5, 1,3 or */15')
        first, last, step = match["first"], match["last"], int(match["step"] or 1)
        if step == 0:
            raise ValueError(f'{self.name} "{text}" has a step of 0')
        if first in {"*", "?"}:
            return range(self.low, self.high + 1, step)
        low = self.number(first)
        high = self.number(last) if last else (self.high if match["step"] else low)
        if high < low:
            raise ValueError(f'{self.name} "{text}" ends before it begins')
        return range(low, high + 1, step)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _WEEKDAYS),
)


def schedule_fault(schedule: str) -> str | None:
    """What is wrong with a schedule, or None."""
    if "TZ=" in schedule:
        return "names a time zone: write it in timeZone"
    if schedule.startswith("@"):
        return f'"{schedule}" is not understood: write five fields, such as "0 2 * * *" for every day at 2:00'
    parts = schedule.lower().split()
    if len(parts) != len(_FIELDS):
        return f'"{schedule}" has {len(parts)} fields, five are wanted: minute hour day month weekday (no seconds)'
    try:
        sets = [field.values(part) for field, part in zip(_FIELDS, parts, strict=True)]
    except ValueError as error:
        return str(error)
    days, months = sets[2], sets[3]
    every_weekday = parts[4][0] in "*?"
    if every_weekday and all(min(days) > _DAYS_IN_MONTH[month - 1] for month in months):
        return f'"{schedule}" never comes: no such day in that month'
    return None


def zone_fault(zone: str) -> str | None:
    """What is wrong with the name of a time zone, or None."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f'"{zone}" is no time zone: write a name such as Europe/Rome or UTC'
    return None
