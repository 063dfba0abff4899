"""JSON Lines to frames: one object per line, exact numbers; a line that is no object is named and skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.tables import Lines, Table
from ponte.connectors.files.text import read_lines
from ponte.connectors.records import JsonError, decode, frame_records
from ponte.engine.ports import Unreadable
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec


def read_json_lines(snapshot: Snapshot, spec: ObjectSpec, encoding: str, batch_size: int) -> Iterator[Table]:
    """Yields tables of at most `batch_size` records.

    Raises:
        ConfigurationError: the encoding is wrong, or data stand as names.
    """
    lines = Lines(read_lines(snapshot, encoding))
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
    for number, line in zip(numbers, lines, strict=True):
        try:
            elements.append(decode(line))
            kept.append(number)
        except JsonError as error:
            unreadable.append(Unreadable(f"line {number}", error.reason, f"line {number}: {error.message}"))
    needed = [*spec.key, *([spec.cursor.field] if spec.cursor else [])]
    try:
        framed = frame_records(elements, spec.fields, [name for name in needed if "." not in name and "[" not in name])
    except JsonError as error:
        raise ConfigurationError(f"{label}: {error.message}.", reason=error.reason) from error
    unreadable += [
        Unreadable(f"line {kept[index]}", "NotAnObject", f"line {kept[index]}: this is no JSON object")
        for index in framed.strays
    ]
    return Table(framed.frame, tuple(unreadable), framed.faults if framed.faults.height else None)
