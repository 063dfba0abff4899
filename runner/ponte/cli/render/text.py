"""Text for terminals: numbers, durations, columns, and data that cannot harm who looks at it."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

from ponte.engine.wording import counted

__all__ = [
    "clock",
    "count",
    "counted",
    "escape",
    "fit",
    "flow",
    "hanging",
    "pad",
    "seconds",
    "table",
    "told_table",
    "width_of",
    "wrapped",
]

_ELLIPSIS = "…"
_COMMAND_AT_THE_END = re.compile(r"(?<=: )ponte( [^ ,;]+)+(?<!\.)$")
_NARROWEST_TEXT = 24  # columns in which sentences can still be read
_HARMFUL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_HARMLESS = frozenset({"\u00ad", "\u200c", "\u200d"})  # soft hyphen and joiners, part of ordinary words


def escape(text: str) -> str:
    """The text with every character shown that would move the cursor, colour the screen or turn the writing round.

    Source: CWE-150 (escape sequences), CWE-1007 and CVE-2021-42574 (directional overrides).
    """
    return "".join(
        character if not _is_harmful(character) else character.encode("unicode_escape").decode() for character in text
    )


def _is_harmful(character: str) -> bool:
    return unicodedata.category(character) in _HARMFUL_CATEGORIES and character not in _HARMLESS


def count(number: int) -> str:
    """50000 as `50,000`."""
    return f"{number:,}"


def seconds(value: float) -> str:
    """A duration as people say it: `0.6 s`, `41 s`, `3 min 20 s`, `2 h 5 min`."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def clock(value: float) -> str:
    """A duration as `0:00:01`."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def width_of(text: str) -> int:
    """Columns that a text takes on a terminal (Unicode Annex 11; combining marks take none)."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def fit(text: str, width: int) -> str:
    """The text, cut with an ellipsis where it is wider than `width` columns."""
    if width_of(text) <= width:
        return text
    kept = ""
    for character in text:
        if width_of(kept + character) > width - 1:
            break
        kept += character
    return kept + _ELLIPSIS


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled with blanks to `width` columns; `right` puts the text at the right."""
    blanks = " " * max(width - width_of(text), 0)
    return blanks + text if right else text + blanks


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), width: int | None = None) -> list[str]:
    """Rows as aligned columns, two blanks apart; the last column is cut where the line would not fit.

    Args:
        rows: cells, already escaped; all rows have the same number.
        right: indexes of columns that hold numbers.
        width: columns of the terminal; None for no limit.
    """
    if not rows:
        return []
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(pad(cell, widths[column], right=column in right) for column, cell in enumerate(row)).rstrip()
        for row in rows
    ]
    return [fit(line, width) for line in lines] if width else lines


def told_table(
    rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), width: int | None = None
) -> list[str]:
    """A table, with a header, whose last column is text of which no word may be lost.

    It goes on below itself where the line would be too long; where hardly any room is left beside the other columns
    it stands below them. The arguments are those of `table`.
    """
    if not rows or not width:
        return table(rows, right=right)
    heads = table([row[:-1] for row in rows], right=right, width=width)
    indent = max(map(width_of, heads)) + 2
    if width - indent >= _NARROWEST_TEXT:
        told = [wrapped(row[-1], indent=indent, width=width) for row in rows]
        return [
            (pad(head if not place else "", indent) + part).rstrip()
            for head, parts in zip(heads, told, strict=True)
            for place, part in enumerate(parts)
        ]
    below = [wrapped(row[-1], indent=4, width=width) if row[-1] else [] for row in rows[1:]]
    lines = zip(heads[1:], below, strict=True)
    return [heads[0], *(line for head, parts in lines for line in (head, *(f"    {part}" for part in parts)))]


def flow(parts: Sequence[str], *, separator: str = " · ", indent: str = "", width: int | None = None) -> list[str]:
    """Parts set one behind the other; a part that does not fit goes to a new line with `indent`."""
    lines: list[str] = []
    for part in parts:
        joined = lines[-1] + separator + part if lines else part
        if lines and width and width_of(joined) > width:
            lines.append(indent + part.lstrip())
        elif lines:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def wrapped(message: str, *, indent: int = 0, width: int | None = None) -> list[str]:
    """A message as lines, safe to show, each with `indent` columns of room before it; at least one line."""
    lines = [escape(line) for line in message.splitlines()] or [""]
    if not width:
        return lines
    room = max(width - indent, 20)
    return [part for line in lines for part in _broken(line, room) or [""]]


def _broken(line: str, room: int) -> list[str]:
    """A line broken between words; a command at its end stays whole where it fits, to be copied."""
    found = _COMMAND_AT_THE_END.search(line)
    if found is None or width_of(found[0]) > room:
        return textwrap.wrap(line, room, break_on_hyphens=False)
    *before, last = textwrap.wrap(line[: found.start()], room, break_on_hyphens=False)
    joined = f"{last} {found[0]}"
    return [*before, joined] if width_of(joined) <= room else [*before, last, found[0]]


def hanging(statement: str, *, width: int | None = None) -> list[str]:
    """One statement among others: where it goes on below, it is indented, so that each can be told apart."""
    if not width or width_of(escape(statement)) <= width:
        return [escape(statement)]
    first, *others = wrapped(statement, indent=2, width=width)
    return [first, *(f"  {line}" for line in others)]
