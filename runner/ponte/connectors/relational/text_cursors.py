"""Cursors of text: whether their order as text is the order in which they came about. Pure.

`9` stands behind `10`, and `31/12/2025` behind `01/01/2026`: what a database says is greater then is not what is newer,
and records would be missed in silence. So a cursor of text is taken only where its values are written in one form that
sorts: year first, or as numbers that are filled up with zeros. Everything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Rows
from ponte.engine.ports import Read
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

_TIME = re.compile(r"(0000([-/.]?)00\2(?:00))(?:([T -])(00([:.]?)00(?:\5(?:00))?)(?:[.,]0+)?)?Z?")
_COUNTED = re.compile(r"(?:[^0]*[^\W\d_][^0]*|0000[-/. ])?0+")
_NUMBER = re.compile(r"-?0+(?:\.0+)?")
_MONTH, _DAY, _YEAR = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])", "(?:19|20|21)[0-9]{2}"
_YEAR_FIRST = re.compile(
    rf"{_YEAR}{_MONTH}{_DAY}(?:[0-2][0-9][0-5][0-9](?:[0-5][0-9]+)?)?|[01][0-9][0-9]{_MONTH}{_DAY}|{_YEAR}[0-3][0-9]{{2}}"
)
_DAY_FIRST = re.compile(rf"(?:{_DAY}{_MONTH}|{_MONTH}{_DAY})(?:{_YEAR}(?:[0-9]{{4}}|[0-9]{{6}})?|[0-9]{{2}})")
_EPOCH = re.compile(r"[12][0-9]{9}(?:[0-9]{3}){0,3}")
_UTC = r"([0-9]) ?(?:Z|\+00(?::?00)?)$"
_DIVIDED_DAY = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1(?:[0-9]{2}){1,2}(?:[^0-9].*)?")
_DAY_OF_T = re.compile(r"[0-9]{4}[-/.]?[0-9]{2}[-/.]?[0-9]{2}T")


class TextCursor:
    """Watches over the values of one cursor while they are read.

    Args:
        column: the cursor, of text.
        label: for messages.
        value: one that the others must be like; None takes the first one.
    """

    def __init__(self, column: Column, label: str, value: str | None = None) -> None:
        self._column = column
        self._label = label
        self._form = None if value is None else self._form_of(value)
        self._seen = value

    def check(self, frame: pl.DataFrame) -> None:
        """Raises ConfigurationError (InvalidCursor) for a value whose place in the order is not known."""
        values = frame.get_column(self._column.name).str.strip_chars()
        values = values.filter(values != "")
        shape = values.str.replace(_UTC, "${1}Z").str.replace_all("[0-9]", "0")
        shapes = pl.DataFrame({"value": values, "shape": shape}).drop_nulls().unique("shape")
        for value in shapes.get_column("value").sort():
            self.take(value)

    def take(self, value: str) -> None:
        """Raises ConfigurationError (InvalidCursor) for a value that is not like the ones before."""
        form = self._form_of(value)
        if self._form is not None and not _are_alike(self._form, form):
            raise refusal(self._label, f"it holds {_shown(self._seen or '')} and {_shown(value)}, written differently")
        if self._form is None or len(form) > len(self._form):
            self._form, self._seen = form, value

    def _form_of(self, value: str) -> str:
        """What two values must share for their texts to sort as they should."""
        shape = _shape(value)
        if time := _TIME.fullmatch(shape):
            if self._column.holds_times:
                return "time"  # the database's own statement compares them in one form
            separator = "" if time[4] is None else time[3].replace("T", " ") + time[4]
            return time[1] + separator
        known = _NUMBER if self._column.holds_times else _COUNTED
        if known.fullmatch(shape) is None:
            raise refusal(self._label, f"{_shown(value)} is neither written year first nor a number filled with zeros")
        return "number" if self._column.holds_times else shape


def check_ends(relation: Relation, column: Column, smallest: str | None, greatest: str) -> None:
    """Raises ConfigurationError (InvalidCursor) where these values tell that the order as text cannot be trusted.

    Args:
        relation: for messages.
        column: the cursor.
        smallest: its smallest value that is not blank, if there is one.
        greatest: its greatest value.
    """
    label, last = f"{relation.label}, cursor {column.name}", greatest.strip()
    first = (smallest or "").strip() or last
    if not last:
        return
    TextCursor(column, label, last).take(first)
    if not column.holds_times and (last.isdigit() or _TIME.fullmatch(_shape(last)) is None):
        _check_numbers(label, first, last)


def _check_numbers(label: str, first: str, last: str) -> None:
    if _DAY_FIRST.fullmatch(last) and (_DAY_FIRST.fullmatch(first) or not first.strip("0")):
        raise refusal(label, f"{_shown(last)} may be written with the day or the month first")
    if any(form.fullmatch(first) and form.fullmatch(last) for form in (_YEAR_FIRST, _EPOCH)):
        return
    if not any(re.search(r"(?:^|[^0-9])0[0-9]*$", text) for text in (first, last)):
        raise refusal(label, f"numbers such as {_shown(last)} seem not to be filled with zeros, and 9 is behind 10")


def check_day_first(label: str, greatest: str) -> None:
    """Raises ConfigurationError (InvalidCursor) for a range of days that are not written year first."""
    if _DIVIDED_DAY.fullmatch(greatest.strip()):
        raise refusal(label, f"{_shown(greatest)} is not written year first")


def check_lower(label: str, lower: str, upper: str) -> None:
    """Raises ConfigurationError where the source began to write its cursor in another way than the watermark."""
    shapes = [_shape(text) for text in (lower, upper)]
    is_alike = shapes[0] == shapes[1] or all(_TIME.fullmatch(shape) for shape in shapes)
    if not is_alike:
        raise ConfigurationError(
            f"{label}: the last reading came to {_shown(lower)}, and the source has {_shown(upper)} now, written"
            " differently: what is newer cannot be told. Next: ponte run JOB --read all",
            reason="InvalidCursor",
        )


def watch(relation: Relation, spec: ObjectSpec, read: Read) -> TextCursor | None:
    """Who watches over the cursor in this reading; None where it is not of text, or does not matter."""
    if spec.cursor is None or read.mode not in ("all", "changes"):
        return None
    column = relation.column(spec.cursor.field)
    if column.kind != "string":
        return None
    label = f"{relation.label}, cursor {column.name}"
    if read.mode == "changes" and read.lower is not None and read.upper is not None and not column.holds_times:
        check_lower(label, read.lower, read.upper)
    return TextCursor(column, label, read.upper if read.mode == "changes" else None)


def widened(read: Read) -> Read:
    """The reading with a lower bound that is before both ways to write a time: a blank sorts before T."""
    if read.mode != "changes" or read.lower is None or _DAY_OF_T.match(read.lower) is None:
        return read
    return replace(read, lower=read.lower.replace("T", " ", 1))


def watched(watch: TextCursor | None, pages: Generator[Rows, None, None]) -> Iterator[Rows]:
    """The pages, each looked at before it is passed on; a refusal ends the statement that gives them."""
    with closing(pages):
        for rows in pages:
            if watch is not None:
                watch.check(rows.frame)
            yield rows


def refusal(label: str, why: str) -> ConfigurationError:
    """That the cursor cannot be followed, and what can be."""
    return ConfigurationError(
        f"{label}: it is text, and {why}: the order of such texts is not the order of the changes, and records would be"
        " missed. Next: choose a cursor that is a time or a number, or read from a query that makes it one, or makes it"
        " text of one length, year first.",
        reason="InvalidCursor",
    )


def _shape(value: str) -> str:
    """The value with each digit as 0, and with one way to say UTC."""
    return re.sub("[0-9]", "0", re.sub(_UTC, r"\1Z", value.strip()))


def _are_alike(one: str, other: str) -> bool:
    """The same form, or one of them the day alone."""
    return one == other or one.startswith(f"{other} ") or other.startswith(f"{one} ")


def _shown(value: str) -> str:
    return value[:40]
