"""Records to fixed-width text: each value in its place, refused where it would not fit or not come back the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import polars as pl

from ponte.connectors.files.csv_writing import text_records
from ponte.connectors.files.text import write_lines
from ponte.connectors.files.writing import NotExpressibleError, Record, State
from ponte.errors import ConfigurationError
from ponte_api.sync_source import FixedField, ObjectSpec


class FixedWidthWriter:
    """Writes the fixed-width file of an object.

    Raises:
        ConfigurationError: the layout has lines that are no records, which Ponte would have to make up.
    """

    def __init__(self, spec: ObjectSpec) -> None:
        layout = spec.fixed_width
        assert layout is not None  # noqa: S101 - the format was chosen by it
        if layout.types is not None or layout.skip_first or layout.skip_last:
            raise ConfigurationError(
                f"object {spec.name}: a fixed-width file with lines that are no records (types, skipFirst, skipLast)"
                " is only read. Next: write to another object, without them.",
                reason="NotWritable",
            )
        self._layout = layout
        self._name = spec.name

    def held(self, frame: pl.DataFrame) -> list[Record]:
        """Records of the file, without the blanks around values."""
        frame = frame.with_columns(pl.all().str.strip_chars(" "))
        return text_records(frame, f"object {self._name}: fixed width")

    def values(self, frame: pl.DataFrame, json_fields: frozenset[str]) -> list[Record]:  # noqa: ARG002 - text is text
        """Delivered records as text, filled up as in the file. Raises ConfigurationError for fields without a place."""
        fields = {field.name: field for field in self._layout.fields}
        strange = [name for name in frame.columns if name not in fields]
        if strange:
            raise ConfigurationError(
                f"object {self._name}: the layout has no place for the field {strange[0]!r}. Next: give it one in "
                "fixedWidth.fields, or leave it out of the Mapping.",
                reason="UnknownField",
            )
        return [
            {name: _filled(fields[name], value) for name, value in record.items()}
            for record in text_records(frame, f"object {self._name}: fixed width")
        ]

    def check(self, record: Record, names: Sequence[str]) -> None:  # noqa: ARG002 - the layout has the names
        """Raises NotExpressibleError where a value does not fit, or UnicodeError where the encoding lacks it."""
        for field in self._layout.fields:
            value = record.get(field.name)
            if value is not None:
                _check(field, value)
        self._line(record).encode(self._layout.encoding)

    def write(self, state: State, stream: BinaryIO) -> None:
        """Writes the records."""
        write_lines(map(self._line, state.records), self._layout.encoding, stream)

    def _line(self, record: Record) -> str:
        line, at = [], 1
        for field in self._layout.in_order:
            value = record.get(field.name) or ""
            placed = value.rjust(field.width) if field.align == "right" else value.ljust(field.width)
            line += [" " * (field.start - at), placed]
            at = field.last + 1
        return "".join(line).ljust(self._layout.line_length or 0) + "\n"


def _filled(field: FixedField, value: str | None) -> str | None:
    if value is None or field.fill == " ":
        return value
    if field.align == "left":
        return value.ljust(field.width, field.fill)
    return (
        value.zfill(field.width) if field.fill == "0" else value.rjust(field.width, field.fill)
    )  # the sign goes first


def _check(field: FixedField, value: str) -> None:
    if len(value) > field.width:
        raise NotExpressibleError(
            "TooLong", f"{len(value)} characters, but there is room for {field.width}", field.name
        )
    if any(character in value for character in "\n\r\f\0\x1a"):
        raise NotExpressibleError(
            "NotExpressible", "a line break or control character has no place in a line", field.name
        )
    if not value.strip(" ") or value.strip(" ") != value:
        raise NotExpressibleError(
            "NotExpressible", "blanks at its edge would be lost: trim it in the Mapping", field.name
        )
