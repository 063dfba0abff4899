"""Formats of files, and how files that others drop into a folder are chosen and put away."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ponte_api.common import (
    PATTERN_MEANINGS,
    UNIQUE_NAMES,
    Broken,
    BrokenRules,
    Column,
    Duration,
    Model,
    Rule,
    Text,
    duration_seconds,
)

DELIMITER_PATTERN = r"^(.|tab)$"
ELEMENT_PATH_PATTERN = r"^(/[^/\s]+)+$"
PREFIX_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$"
READY_PATTERN = r"^[^/\x00-\x1f]*\{name\}[^/\x00-\x1f]*$"
_RANGE_NAME = r"[^\s\x00-\x1f0-9:!'\x22$][^\s\x00-\x1f:!'\x22$]{0,254}"  # in any dialect of regular expressions
RANGE_PATTERN = rf"^([A-Z]{{1,3}}([1-9][0-9]{{0,6}})?:[A-Z]{{1,3}}([1-9][0-9]{{0,6}})?|{_RANGE_NAME})$"
PATTERN_MEANINGS.update(
    {
        RANGE_PATTERN: "a range of cells, such as A3:F or B4:H200, or the name of one",
        DELIMITER_PATTERN: "one character, or the word tab",
        ELEMENT_PATH_PATTERN: "the path of elements from the root, such as /catalog/product",
        PREFIX_PATTERN: "a prefix of XML, such as c",
        READY_PATTERN: "a file name with {name} in it, such as '{name}.ok'",
    }
)
LONGEST_LINE = 32_768

Encoding = Annotated[str, Field(min_length=1, max_length=32)]
Formulas = Literal["neutralise", "keep"]
Position = Annotated[int, Field(ge=1, le=LONGEST_LINE)]
Folder = Annotated[str, Field(min_length=1, max_length=512)]


class Csv(Model):
    """Comma-separated text (RFC 4180 and its relatives)."""

    delimiter: Annotated[str, Field(min_length=1, max_length=3, pattern=DELIMITER_PATTERN)] = ","
    """The character between fields; tab for tab-separated text."""
    quote: Annotated[str, Field(max_length=1)] = '"'
    """The character around fields; empty for none."""
    encoding: Encoding = "utf-8"
    """Encoding of the text, such as utf-8, utf-16, cp1252 or iso-8859-15."""
    header: bool = True
    """Whether the first line names the fields; without it they are those of `fields`."""
    null: Text | None = None
    """Text that stands for no value, besides the empty field."""
    formulas: Formulas | None = None
    """Cells that a spreadsheet would take for a formula, when written: neutralise (default) puts ' before; or keep."""

    @property
    def separator(self) -> str:
        """The character between fields."""
        return "\t" if self.delimiter == "tab" else self.delimiter

    @property
    def neutralises(self) -> bool:
        """Whether cells that a spreadsheet would take for a formula are written with an apostrophe before them."""
        return self.formulas != "keep"


class JsonLines(Model):
    """One JSON object per line."""

    encoding: Encoding = "utf-8"
    """Encoding of the text."""


class Excel(Model):
    """A sheet of a workbook: .xlsx (read and written), .xls, .xlsb or .ods (read)."""

    sheet: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Name of the sheet; without it, the first that is visible."""
    header: bool = True
    """Whether a row names the fields; without it they are those of `fields`, from the first column on."""
    header_row: Annotated[int, Field(ge=1, le=1_048_576)] | None = None
    """Number of the row that names the fields (default: the first row of the range, or the first that is not empty)."""
    range: Annotated[str, Field(max_length=255, pattern=RANGE_PATTERN)] | None = None
    """Which cells count, such as A3:F (down to the last row) or B4:H200, or a name for them. Others are left alone."""
    formulas: Formulas | None = None
    """Texts that begin like a formula, when written: neutralise (default) puts ' before them; or keep."""

    @property
    def neutralises(self) -> bool:
        """Whether texts that begin like a formula are written with an apostrophe before them."""
        return self.formulas != "keep"


class FixedField(Model):
    """A field by its place in the line."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="set exactly one of length, end",
            cel="has(self.length) != has(self.end)",
            holds=lambda field: (field.length is None) != (field.end is None),
        ),
        Rule(
            message="end is the position of the last character, so it is not before start",
            cel="!has(self.end) || self.end >= self.start",
            holds=lambda field: field.end is None or field.end >= field.start,
        ),
    )

    name: Column
    """Name of the field."""
    start: Position
    """Position of its first character, from 1."""
    length: Position | None = None
    """How many characters it has."""
    end: Position | None = None
    """Position of its last character, instead of its length."""
    align: Literal["left", "right"] = "left"
    """When written: where the value stands."""
    fill: Annotated[str, Field(min_length=1, max_length=1)] = " "
    """When written: the character that fills a value up, such as 0; no value is all blanks."""

    @property
    def last(self) -> int:
        """Position of its last character."""
        return self.end if self.end is not None else self.start + (self.length or 1) - 1

    @property
    def width(self) -> int:
        """How many characters it has."""
        return self.last - self.start + 1


def _overlap(one: FixedField, other: FixedField) -> str:
    return f'"{other.name}" begins at {other.start}, but "{one.name}" ends only at {one.last}: correct one of them'


class RecordTypes(Model):
    """A place in the line that says what kind of line it is. A kind that is not named here is a reject."""

    start: Position
    """Position of its first character, from 1."""
    records: Annotated[list[Column], Field(min_length=1, max_length=32)]
    """What stands there in lines that are records."""
    ignore: Annotated[list[Column], Field(max_length=32)] = []
    """What stands there in lines that are none, such as headers and totals."""
    end: Column | None = None
    """What stands there in the last line: a file without it is not complete."""


class FixedWidth(Model):
    """Lines in which each field has its place; one character per position."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="a field ends behind lineLength; correct one of them",
            cel="!has(self.lineLength) || self.fields.all(f,"
            " (has(f.end) ? f.end : f.start + f.length - 1) <= self.lineLength)",
            holds=lambda layout: layout.line_length is None or layout.in_order[-1].last <= layout.line_length,
        ),
    )

    fields: Annotated[list[FixedField], Field(min_length=1, max_length=256, json_schema_extra=UNIQUE_NAMES)]
    """The layout."""
    encoding: Encoding = "utf-8"
    """Encoding of the text, such as cp1252 or cp850."""
    trim: Literal["both", "right", "none"] = "both"
    """Which blanks around a value are taken off."""
    line_length: Position | None = None
    """How many characters each line has; without it a line ends with the last field, but for blanks behind it."""
    short_lines: Literal["reject", "pad"] = "reject"
    """Lines that end too early: reject, or pad where the writing program takes off blanks at the end of lines."""
    skip_first: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many lines at the start are no records."""
    skip_last: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many lines at the end are no records."""
    types: RecordTypes | None = None
    """Where lines say what kind they are, in files with several kinds."""

    @model_validator(mode="after")
    def _fields_are_apart(self) -> FixedWidth:
        """Each pair would cost the API server more than it allows a rule, so that this one is judged only here."""
        pairs = pairwise(self.in_order)
        broken = [
            Broken(("fields", self.fields.index(other)), _overlap(one, other))
            for one, other in pairs
            if other.start <= one.last
        ]
        if broken:
            raise BrokenRules(broken)
        return self

    @property
    def in_order(self) -> list[FixedField]:
        """The fields by their place."""
        return sorted(self.fields, key=lambda field: field.start)


class Namespace(Model):
    """A prefix for a namespace of XML."""

    name: Annotated[str, Field(max_length=32, pattern=PREFIX_PATTERN)]
    """The prefix, as used in paths and fields here; the document may use others."""
    uri: Annotated[str, Field(min_length=1, max_length=512)]
    """The namespace."""


class Xml(Model):
    """XML in which each element at a path is a record. Files are only read."""

    records: Annotated[str, Field(max_length=1024, pattern=ELEMENT_PATH_PATTERN)]
    """Path of the records from the root, such as /catalog/product."""
    namespaces: Annotated[list[Namespace], Field(max_length=32, json_schema_extra=UNIQUE_NAMES)] = []
    """Prefixes; without any, namespaces do not matter."""
    lists: Annotated[list[Annotated[str, Field(min_length=1, max_length=512)]], Field(max_length=128)] = []
    """Paths below a record, such as lines/line, of elements that are a list even where there is one only."""


class WhenDone(Model):
    """What becomes of a file once all of its records are durably delivered."""

    move_to: Folder
    """The folder, below that of the system, into which it is moved. A name that is taken there gets a number."""


class Incoming(Model):
    """Files that others drop: which are read, when they are complete, and what becomes of them."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="set at most one of settle, ready",
            cel="!(has(self.settle) && has(self.ready))",
            holds=lambda incoming: incoming.settle is None or incoming.ready is None,
        ),
    )

    pick: Literal["newest", "oldest", "all"]
    """Of the files that `path` (with * and ?) matches: the newest, the oldest, or all, read as one."""
    order_by: Literal["modified", "name"] = "modified"
    """What is newer: the time of the last change (then the name), or the name, where it begins alike and has a date."""
    when_none: Literal["fail", "nothing"] = "fail"
    """No file is there: fail, or there is nothing to do."""
    settle: Duration | None = None
    """How long a file must not have changed to be complete."""
    ready: Annotated[str, Field(max_length=128, pattern=READY_PATTERN)] | None = None
    """Name of a second file that says that the first is complete; {name} stands for the name of the first."""
    when_done: WhenDone | None = None
    """What becomes of a file once all of its records are durably delivered; without it nothing."""

    @property
    def settle_s(self) -> float:
        """How long a file must not have changed, in seconds."""
        return duration_seconds(self.settle) if self.settle else 0.0
