"""CSV text to frames of strings, without losing or shifting a record.

Batches whose lines are all proper records (a regular expression says so) go through Polars. From the first line on
that is not, records are made one by one: a quoted line break, a wrong number of fields, a quote that is never closed.
What is no record becomes `Unreadable`, and reading goes on at the next line.

Source: RFC 4180, with delimiter and quote as declared and blank lines ignored.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.csv_writing import CsvWriter
from ponte.connectors.files.formats import Format
from ponte.connectors.files.tables import Lines, Table
from ponte.connectors.files.text import read_lines
from ponte.engine.ports import Unreadable
from ponte.errors import ConfigurationError, TransientError
from ponte_api.sync_source import Csv, ObjectSpec

LONGEST_RECORD = 256 * 1024  # characters of a record that spans lines; beyond, its quote was never closed
WORTH_IT = 256  # lines, below which Polars is not worth calling
LIKELY_DELIMITERS = (";", "\t", "|", ",")
SINGLY = 1024  # records made one by one before Polars is tried again


def read_csv(snapshot: Snapshot, spec: ObjectSpec, batch_size: int) -> Iterator[Table]:
    """Yields tables of at most `batch_size` records. Without a header, the fields are the declared ones.

    Raises:
        ConfigurationError: the header is no header, the encoding is wrong.
        TransientError: the file is empty although a header should be there.
    """
    options = spec.csv or Csv()
    lines = Lines(read_lines(snapshot, options.encoding))
    shape = Shape(options, tuple(field.name for field in spec.fields))
    if options.header:
        shape = Shape(options, _header(snapshot.label, lines, options))
        _check_delimiter(snapshot.label, spec, shape)
    yield Table(shape.frame_records([]))
    while lines.fill(batch_size):
        yield shape.take(lines, batch_size)


def _header(label: str, lines: Lines, options: Csv) -> tuple[str, ...]:
    while lines.fill(1) and not lines.ahead(1)[0].strip():
        lines.take(1)
    if not lines.fill(1):
        raise TransientError(
            f"{label} is empty: not even a header line is there yet. Next: run again when it is "
            "written; if it stays so, look at what writes it.",
            reason="FileEmpty",
        )
    record = _one_record(lines, options)
    if isinstance(record, str):
        raise ConfigurationError(
            f"{label}: the header line cannot be read: {record}. Next: mend it, or set csv.delimiter and csv.quote as "
            "the file has them.",
            reason="InvalidHeader",
        )
    names = tuple(name.strip() or f"column_{position}" for position, name in enumerate(record.fields, 1))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"{label}: the header names {', '.join(twice)} more than once. Next: give each column a name of its own.",
            reason="InvalidHeader",
        )
    lines.take(record.lines)
    return names


def _check_delimiter(label: str, spec: ObjectSpec, shape: Shape) -> None:
    """Raises ConfigurationError for a header of one field that lacks the object's key and holds another delimiter."""
    (name,) = shape.names if len(shape.names) == 1 else ("",)
    likely = next((mark for mark in LIKELY_DELIMITERS if mark in name), None)
    if likely is not None and name not in spec.key:
        raise ConfigurationError(
            f"{label}: the header is one field, {name[:100]!r}, where the delimiter is {shape.options.delimiter!r}. "
            f"Next: set csv.delimiter of the object {spec.name} (perhaps {likely!r}).",
            reason="InvalidHeader",
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """What each record of a file looks like."""

    options: Csv
    names: tuple[str, ...]

    def take(self, lines: Lines, count: int) -> Table:
        """The records of the next lines."""
        ahead = lines.ahead(count)
        proper = self._count_proper(ahead)
        if proper >= min(WORTH_IT, len(ahead)):
            lines.take(proper)
            return Table(self._parse(ahead[:proper]))
        return self._take_singly(lines, count)

    def _count_proper(self, ahead: list[str]) -> int:
        """How many of the lines, from the first, are a whole record each."""
        is_proper = pl.Series(ahead, dtype=pl.String).str.contains(self._pattern())
        first_bad = (~is_proper).arg_max()
        return len(ahead) if is_proper.all() or first_bad is None else first_bad

    def _pattern(self) -> str:
        delimiter, quote = re.escape(self.options.separator), re.escape(self.options.quote)
        plain = f"[^{delimiter}{quote}\\r\\x00]*"
        cell = f"(?:{quote}(?:[^{quote}\\r\\x00]|{quote}{quote})*{quote}|{plain})" if quote else plain
        return f"^{cell}(?:{delimiter}{cell}){{{len(self.names) - 1}}}\\r?$"

    def _parse(self, lines: list[str]) -> pl.DataFrame:
        if self._is_beyond_polars or lines[0].startswith("\ufeff"):  # which it would take for the mark of a file
            return self.frame_records(_split(lines, self.options))
        return pl.read_csv(  # which leaves out a \r before \n itself
            "\n".join(lines).encode(),
            has_header=False,
            schema=dict.fromkeys(self.names, pl.String),
            separator=self.options.separator,
            quote_char=self.options.quote or None,
            null_values=["", *([self.options.null] if self.options.null else [])],
        )

    @property
    def _is_beyond_polars(self) -> bool:
        """Blank lines are records to it where there is one field; its delimiter and quote are one byte."""
        marks = (self.options.separator, self.options.quote)
        return len(self.names) == 1 or any(len(mark.encode()) > 1 for mark in marks)

    def _take_singly(self, lines: Lines, count: int) -> Table:
        records: list[list[str]] = []
        unreadable: list[Unreadable] = []
        for _ in range(min(count, SINGLY)):
            if not lines.fill(1):
                break
            number = lines.number
            record = _one_record(lines, self.options)
            fault = record if isinstance(record, str) else self._fault(record)
            lines.take(1 if isinstance(record, str) else record.lines)
            if fault is not None:
                unreadable.append(Unreadable(f"line {number}", "BrokenRecord", f"line {number}: {fault}"))
            elif not isinstance(record, str) and record.fields:
                records.append(record.fields)
        return Table(self.frame_records(records), tuple(unreadable))

    def _fault(self, record: _Record) -> str | None:
        if record.fields and len(record.fields) != len(self.names):
            return f"{len(record.fields)} fields, but {len(self.names)} are expected"
        if any("\0" in value for value in record.fields):
            return "a field holds a NUL character"
        return None

    def frame_records(self, records: list[list[str]]) -> pl.DataFrame:
        """Records of the right number of fields, as strings."""
        columns = list(zip(*records, strict=True)) if records else [()] * len(self.names)
        none = {"", self.options.null or ""}
        return pl.DataFrame(
            {
                name: pl.Series([None if value in none else value for value in values], dtype=pl.String)
                for name, values in zip(self.names, columns, strict=True)
            }
        )


@dataclass(frozen=True, slots=True)
class _Record:
    fields: list[str]
    lines: int


def _one_record(lines: Lines, options: Csv) -> _Record | str:
    """The next record and how many lines it takes, or why the next line begins none."""
    taken = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        length = 0
        while (line := lines.peek(taken)) is not None:
            taken += 1
            length += len(line) + 1
            if length > LONGEST_RECORD and taken > 1:
                return
            yield line + "\n"

    try:
        fields = next(_reader(feed(), options))
    except (csv.Error, StopIteration) as error:
        return _why_broken(str(error), taken)
    return _Record(fields, taken)


def _why_broken(told: str, taken: int) -> str:
    if "unexpected end" in told or taken > 1:
        return "a quote is never closed"
    if "new-line character" in told:
        return "a carriage return stands inside the line: this file has line ends of several kinds"
    return f"no CSV ({told})"


def _split(lines: list[str], options: Csv) -> list[list[str]]:
    return [record for record in _reader(iter(lines), options) if record]


def _reader(lines: Iterator[str], options: Csv) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_RECORD * 64))
    return csv.reader(
        lines,
        delimiter=options.separator,
        quotechar=options.quote or None,
        quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
        doublequote=True,
        strict=True,
    )


FORMAT = Format(read_csv, has_fixed_fields=True, writer=CsvWriter)
