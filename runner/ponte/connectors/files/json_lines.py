"""JSON Lines to frames and back: one object per line, exact numbers; a line that is no object is named and skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import polars as pl

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.formats import Format
from ponte.connectors.files.tables import Lines, Table
from ponte.connectors.files.text import read_lines, write_lines
from ponte.connectors.files.writing import Record, State
from ponte.connectors.json_columns import json_text
from ponte.connectors.records import JsonError, decode, decode_all, frame_records
from ponte.engine.ports import Unreadable
from ponte.errors import ConfigurationError
from ponte.mapping.json_rows import Said, render_rows
from ponte_api.sync_source import JsonLines, ObjectSpec


def read_json_lines(snapshot: Snapshot, spec: ObjectSpec, batch_size: int) -> Iterator[Table]:
    """Yields tables of at most `batch_size` records.

    Raises:
        ConfigurationError: the encoding is wrong, or data stand as names.
    """
    lines = Lines(read_lines(snapshot, _options(spec).encoding))
    yield _table(snapshot.label, [], [], spec)
    while lines.fill(batch_size):
        ahead, first = lines.ahead(batch_size), lines.number
        lines.take(len(ahead))
        numbered = [(first + index, line) for index, line in enumerate(ahead) if line.strip()]
        yield _table(snapshot.label, [number for number, _ in numbered], [line for _, line in numbered], spec)


def _table(label: str, numbers: list[int], lines: list[str], spec: ObjectSpec) -> Table:
    elements: list[Any] = []
    kept: list[int] = []
    unreadable: list[Unreadable] = []
    for number, value in zip(numbers, decode_all(lines), strict=True):
        if isinstance(value, JsonError):
            unreadable.append(Unreadable(f"line {number}", value.reason, _placed(number, value.message)))
        else:
            elements.append(value)
            kept.append(number)
    needed = [*spec.key, *([spec.cursor.field] if spec.cursor else [])]
    try:
        framed = frame_records(elements, spec.fields, [name for name in needed if "." not in name and "[" not in name])
    except JsonError as error:
        told = f"{label}: {error.message}. Next: have it written with data as values, not as names."
        raise ConfigurationError(told, reason=error.reason) from error
    unreadable += [
        Unreadable(f"line {kept[index]}", "NotAnObject", f"line {kept[index]}: this is no JSON object")
        for index in framed.strays
    ]
    return Table(framed.frame, tuple(unreadable), framed.faults if framed.faults.height else None)


def _placed(number: int, message: str) -> str:
    """A fault with the line of the file; the parser, which was given one line, has called it the first."""
    is_placed = message.startswith("line 1,")
    return message.replace("line 1,", f"line {number},", 1) if is_placed else f"line {number}: {message}"


class JsonLinesWriter:
    """Writes the JSON Lines file of an object."""

    def __init__(self, spec: ObjectSpec) -> None:
        self._encoding = _options(spec).encoding

    def held(self, frame: pl.DataFrame) -> list[Record]:
        """Records of the file, decoded."""
        return self.values(frame, frozenset())

    def values(self, frame: pl.DataFrame, json_fields: frozenset[str]) -> list[Record]:
        """Delivered records, decoded; text of JSON fields as what it says."""
        return [decode(text) for text in render_rows(frame, Said(json_fields=json_fields))]

    def check(self, record: Record, names: Sequence[str]) -> None:  # noqa: ARG002 - each line has its own names
        """Raises ValueError where JSON or the encoding cannot express the record."""
        json_text(record).encode(self._encoding)

    def write(self, state: State, stream: BinaryIO) -> None:
        """Writes the records."""
        write_lines((json_text(record) + "\n" for record in state.records), self._encoding, stream)


def _options(spec: ObjectSpec) -> JsonLines:
    return spec.json_lines or JsonLines()


FORMAT = Format(read_json_lines, has_fixed_fields=False, writer=JsonLinesWriter)
