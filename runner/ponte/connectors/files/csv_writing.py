"""Records to CSV text: quoted where needed, refused where the dialect or the encoding cannot express them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import BinaryIO, Literal

import polars as pl

from ponte.connectors.files.formulas import neutralise, restore_column
from ponte.connectors.files.text import write_lines
from ponte.connectors.files.writing import Record, State
from ponte.errors import ConfigurationError
from ponte.mapping.number_text import text_of_numbers
from ponte_api.sync_source import Csv, ObjectSpec


class CsvWriter:
    """Writes the CSV file of an object."""

    def __init__(self, spec: ObjectSpec) -> None:
        self._name = spec.name
        self._csv = spec.csv or Csv()

    def held(self, frame: pl.DataFrame) -> list[Record]:
        """Records of the file, without the apostrophes that were put before formulas."""
        if self._csv.neutralises:
            frame = frame.select(restore_column(cells) for cells in frame.iter_columns())
        return self.values(frame, frozenset())

    def values(self, frame: pl.DataFrame, json_fields: frozenset[str]) -> list[Record]:  # noqa: ARG002 - text is text
        """Delivered records as text. Raises ConfigurationError for nested fields."""
        return text_records(frame, f"object {self._name}: CSV")

    def check(self, record: Record, names: Sequence[str]) -> None:
        """Raises ValueError where the dialect or the encoding cannot express the record."""
        self._line(record, names).encode(self._csv.encoding)

    def write(self, state: State, stream: BinaryIO) -> None:
        """Writes header and records."""
        head = [self._row(state.names)] if self._csv.header else []
        lines = (self._line(record, state.names) for record in state.records)
        write_lines([*head, *lines], self._csv.encoding, stream)

    def _line(self, record: Record, names: Sequence[str]) -> str:
        null = self._csv.null or ""
        cells = (record.get(name) for name in names)
        if self._csv.neutralises:
            return self._row([null if cell is None else neutralise(cell) for cell in cells])
        return self._row([null if cell is None else cell for cell in cells])

    def _row(self, values: Sequence[str]) -> str:
        out = io.StringIO()
        writer = csv.writer(
            out,
            delimiter=self._csv.separator,
            quotechar=self._csv.quote or None,
            quoting=self._quoting(values),
            lineterminator="\n",
        )
        try:
            writer.writerow(values)
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if not self._csv.quote and ("\n" in out.getvalue()[:-1] or "\r" in out.getvalue()):
            raise ValueError("a line break cannot be written without quotes")
        return out.getvalue()

    def _quoting(self, values: Sequence[str]) -> Literal[0, 1, 3]:
        if not self._csv.quote:
            return csv.QUOTE_NONE
        has_return = any("\r" in value for value in values)  # a bare one would be taken for a part of the line end
        return csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL


def text_records(frame: pl.DataFrame, label: str) -> list[Record]:
    """Records whose values are text or null, times as ISO 8601. Raises ConfigurationError for nested fields."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if nested:
        raise ConfigurationError(
            f"{label} cannot hold the nested field {nested[0]!r}. Next: map its members to fields of their own, or "
            "write jsonLines."
        )
    return frame.select(_text(series) for series in frame.iter_columns()).to_dicts()


def _text(values: pl.Series) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime):
        zone = "Z" if values.dtype.time_zone else ""
        utc = values.dt.convert_time_zone("UTC") if zone else values
        return utc.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    return text_of_numbers(values)
