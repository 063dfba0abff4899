"""A number of a workbook as the text that people mean by it: exact, never scientific, times as ISO 8601.

Excel counts days: from 1 January 1900, with a 29 February 1900 that never was, or from 1 January 1904.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal

from ponte.connectors.files.excel_styles import Style

_DAY_MS = 86_400_000
_EPOCH_1900 = datetime(1899, 12, 31)  # noqa: DTZ001 - times of workbooks have no zone
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001 - as above
_LONGEST_INTEGER = 400


class NoValueError(ValueError):
    """A number that does not stand for what its format says. `reason` is stable PascalCase."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def number_text(text: str, style: Style, *, is_1904: bool) -> str:
    """The text that a number is seen as, times and dates in ISO 8601.

    Args:
        text: the number as the workbook has it.
        style: of its cell.
        is_1904: the workbook counts days from 1904.

    Raises:
        NoValueError: it is no number (NotANumber), or no day that was (InvalidDate).
    """
    if style.sight == "number":
        return plain_text(text)
    if style.sight == "zeros":
        plain = plain_text(text)
        sign, digits = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
        return sign + digits.zfill(style.width) if digits.isdigit() else plain
    serial = _float(text)
    try:
        if style.sight == "duration":
            return duration_text(timedelta(milliseconds=round(serial * _DAY_MS)))
        return _moment_text(serial, style, is_1904=is_1904)
    except OverflowError as error:
        raise NoValueError("InvalidDate", "beyond the year 9999") from error


def plain_text(text: str) -> str:
    """The shortest decimal text of a number, without exponent; an integer written in full stays as it is."""
    stripped = text.strip()
    unsigned = stripped.removeprefix("-")
    if unsigned.isascii() and unsigned.isdigit() and len(unsigned) < _LONGEST_INTEGER:
        return ("-" if stripped != unsigned and unsigned.strip("0") else "") + (unsigned.lstrip("0") or "0")
    plain = format(Decimal(repr(_float(stripped))), "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


def duration_text(duration: timedelta) -> str:
    """Hours, minutes and seconds, as [h]:mm:ss shows them."""
    total = round(abs(duration) / timedelta(milliseconds=1))
    sign = "-" if duration < timedelta() else ""
    seconds, thousandths = divmod(total, 1000)
    fraction = f".{thousandths:03d}" if thousandths else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def _moment_text(serial: float, style: Style, *, is_1904: bool) -> str:
    if style.sight == "time" and 0 <= serial < 1:
        return duration_text(timedelta(milliseconds=min(round(serial * _DAY_MS), _DAY_MS - 1)))
    first = 0 if is_1904 else 1
    if style.sight == "datetime" and not is_1904 and 0 <= serial < 1:
        raise NoValueError("InvalidDate", "a time without a day, in a cell for days")
    if serial < first:
        raise NoValueError("InvalidDate", f"{plain_text(repr(serial))} is no day in a workbook")
    milliseconds = round(serial * _DAY_MS)
    days = milliseconds // _DAY_MS
    if not is_1904 and days == 60:
        raise NoValueError("InvalidDate", "29 February 1900 never was")
    if not is_1904 and days > 60:
        milliseconds -= _DAY_MS
    moment = (_EPOCH_1904 if is_1904 else _EPOCH_1900) + timedelta(milliseconds=milliseconds)
    is_day = milliseconds % _DAY_MS == 0 and style.sight == "date"
    return moment.date().isoformat() if is_day else moment_text(moment)


def moment_text(moment: datetime) -> str:
    """Day and time; thousandths only where there are some."""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _float(text: str) -> float:
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise NoValueError("NotANumber", "no number")
    return number
