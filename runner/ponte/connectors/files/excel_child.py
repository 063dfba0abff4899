"""The process that reads an .xls, .xlsb or .ods: run as a script, with the workbook as an open file.

A sheet is laid out whole there, from its first cell to its last, however few there are between them; the limit on the
memory of this process is what bounds it. Nothing of Ponte is imported here, so that it starts at once.

What is said are lines of JSON: `{"sheets": [[name, is visible] ...]}`; then, for the number of a sheet on the standard
input, any number of `{"row": first, "column": first, "rows": [[text or null ...] ...], "flaws": [[row, column, reason,
message] ...]}` with rows and columns from 1. Or, at any time, `{"error": kind}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_ROWS = 2000
_SPAN = re.compile(r"PT([0-9]+)H([0-9]{2})M([0-9]{2})S")
_MARCH_1900 = date(1900, 3, 1)


class _Flaw(str):
    """What is wrong with a cell, in place of its text."""

    __slots__ = ()


def main() -> None:
    """Reads the workbook of the file descriptor that is the first argument, within the memory of the second."""
    descriptor, memory, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _read(descriptor, kind)
    except MemoryError:
        _say({"error": "memory"})
    except BaseException as error:  # noqa: BLE001 - whatever calamine raises is told to the parent, panics too
        _say({"error": type(error).__name__})


def _read(descriptor: int, kind: str) -> None:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum, load_workbook  # noqa: PLC0415 - within the limit

    book = load_workbook(os.fdopen(descriptor, "rb"))
    sheets = [item for item in book.sheets_metadata if item.typ == SheetTypeEnum.WorkSheet]
    _say({"sheets": [[item.name, item.visible == SheetVisibleEnum.Visible] for item in sheets]})
    line = sys.stdin.readline()
    if not line.strip():
        return
    sheet = book.get_sheet_by_name(sheets[int(line)].name)
    if sheet.start is None:
        return
    top, left = sheet.start
    rows = sheet.to_python(skip_empty_area=True)
    texts = _texts_of(is_ods=kind == "ods")
    for start in range(0, len(rows), _ROWS):
        _say_rows(rows[start : start + _ROWS], top + start + 1, left + 1, texts)


def _say_rows(rows: list[list[Any]], row: int, column: int, texts: dict[type, Callable[[Any], str]]) -> None:
    said: list[list[str | None]] = [[texts.get(type(cell), str)(cell) or None for cell in cells] for cells in rows]
    flaws = []
    for height, cells in enumerate(said):
        for width, cell in enumerate(cells):
            if type(cell) is _Flaw:
                cells[width] = None
                flaws.append([row + height, column + width, *cell.split(" ", 1)])
    _say({"row": row, "column": column, "rows": said, "flaws": flaws})


def _texts_of(*, is_ods: bool) -> dict[type, Callable[[Any], str]]:
    def day(value: date) -> str:
        if value < _MARCH_1900 and not is_ods:
            return _Flaw("InvalidDate a day before 1 March 1900, which this kind of workbook does not tell for certain")
        return value.isoformat()

    def moment(value: datetime) -> str:
        said = day(value.date())
        if type(said) is _Flaw:
            return said
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")

    return {
        str: _span if is_ods else str,
        bool: lambda value: "true" if value else "false",
        int: str,
        float: _number,
        date: day,
        datetime: moment,
        time: lambda value: _duration(
            timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
        ),
        timedelta: _duration,
    }


def _span(text: str) -> str:
    """Text; a day or more in an .ods comes as its ISO 8601 duration."""
    found = _SPAN.fullmatch(text)
    return f"{int(found[1]):02d}:{found[2]}:{found[3]}" if found else text


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def _duration(value: timedelta) -> str:
    total = round(abs(value) / timedelta(milliseconds=1))
    seconds, thousandths = divmod(total, 1000)
    fraction = f".{thousandths:03d}" if thousandths else ""
    sign = "-" if value < timedelta() else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
