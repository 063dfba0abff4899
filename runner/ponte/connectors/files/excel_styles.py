"""What a number in a workbook stands for: its number format tells whether people see a date, a time or 00123.

Source: ECMA-376, 18.8.30 (number formats and those that are built in).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

Sight = Literal["number", "date", "datetime", "time", "duration", "zeros"]


class Style(NamedTuple):
    """How a number is seen.

    Attributes:
        sight: as what.
        width: zeros: how many digits are seen at least.
    """

    sight: Sight
    width: int = 0


NUMBER = Style("number")
_BUILT_IN: dict[int, Style] = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), Style("date")),
    **dict.fromkeys((18, 19, 20, 21, *range(32, 36), 45, 47), Style("time")),
    22: Style("datetime"),
    46: Style("duration"),
}
_LITERAL = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[\$[^\]]*\]|\[(?:[A-Za-z]+ ?[0-9]*|[<>=][^\]]*)\]', re.DOTALL)
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_HALVES = re.compile(r"AM/PM|A/P", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,}")


def read_styles(root: ET.Element) -> list[Style]:
    """The style of each cell format, by its index, out of styles.xml."""
    formats = {
        int(item.get("numFmtId", "0")): item.get("formatCode", "") for item in root.iterfind("{*}numFmts/{*}numFmt")
    }
    numbers = [int(item.get("numFmtId", "0")) for item in root.iterfind("{*}cellXfs/{*}xf")]
    return [parse_format(formats[number]) if number in formats else _BUILT_IN.get(number, NUMBER) for number in numbers]


def parse_format(code: str) -> Style:
    """What a number with this format code is seen as."""
    if _ELAPSED.search(re.sub(r'"[^"]*"', "", code)):
        return Style("duration")
    first = _LITERAL.sub("", code).partition(";")[0].strip()
    if _ZEROS.fullmatch(first) and not re.search(r'["\\]', code.partition(";")[0]):
        return Style("zeros", len(first))
    if first.lower() == "general" or "@" in first or re.search(r"[0#?]", re.sub(r"s\.?0+", "s", first)):
        return NUMBER
    letters = _HALVES.sub("h", first).lower()
    has_time = bool(re.search(r"[hs]", letters))
    has_date = bool(re.search(r"[yd]", letters)) or ("m" in letters and not has_time)
    if has_date:
        return Style("datetime" if has_time else "date")
    return Style("time") if has_time else NUMBER
