"""Records to a workbook that is pleasant to open: numbers as numbers where a sheet holds them exactly, days as days.

Whatever a cell looks like, reading it back gives the text of the value that was delivered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl

from ponte.connectors.files.csv_writing import text_records
from ponte.connectors.files.excel_numbers import plain_text
from ponte.connectors.files.formulas import neutralise, restore_column
from ponte.connectors.files.writing import Record, State
from ponte.errors import ConfigurationError
from ponte.mapping.number_text import without_zeros
from ponte_api.sync_source import Excel, ObjectSpec

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

SHEET = "Data"
MOST_RECORDS = 1_048_575  # and the header
MOST_FIELDS = 16_384
LONGEST_TEXT = 32_767
_WIDEST = 60
_LOOKED_AT = 200  # records whose lengths decide on the width of a column
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?")
_FIRST_DAY = "1900-03-01"  # before, Excel's days are off by one
_FORMATS = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm:ss"}


class ExcelWriter:
    """Writes the workbook of an object."""

    def __init__(self, spec: ObjectSpec) -> None:
        excel = spec.excel or Excel()
        if not excel.header or excel.range or excel.header_row not in {None, 1}:
            raise ConfigurationError(
                f"object {spec.name}: a workbook that Ponte writes has its header in row 1 and nothing beside its"
                " records. Next: leave out header, headerRow and range.",
                reason="NotWritable",
            )
        if not (spec.path or "").lower().endswith(".xlsx"):
            raise ConfigurationError(
                f"object {spec.name}: Ponte writes .xlsx, and {spec.path} would be another kind of workbook. Next: "
                "let its name end in .xlsx.",
                reason="NotWritable",
            )
        _xlsxwriter()
        self._name = spec.name
        self._sheet = excel.sheet or SHEET
        self._neutralises = excel.neutralises
        self._types = {field.name: _declared_type(field.type) for field in spec.fields}
        self._declared = frozenset(self._types)

    def held(self, frame: pl.DataFrame) -> list[Record]:
        """Records of the file, without the apostrophes that were put before formulas."""
        return frame.select(restore_column(cells) if self._neutralises else cells for cells in frame).to_dicts()

    def values(self, frame: pl.DataFrame, json_fields: frozenset[str]) -> list[Record]:  # noqa: ARG002 - text is text
        """Delivered records as text. Raises ConfigurationError for nested fields."""
        types = {name: _type(dtype) for name, dtype in frame.schema.items() if name not in self._declared}
        self._types.update(types)
        return text_records(frame.select(_plain(values) for values in frame), f"object {self._name}: a workbook")

    def check(self, record: Record, names: Sequence[str]) -> None:
        """Raises ValueError where a sheet cannot hold the record."""
        if len(names) > MOST_FIELDS:
            raise ValueError(f"more than {MOST_FIELDS} fields")
        long = (cell for cell in record.values() if cell is not None and len(cell) >= LONGEST_TEXT)
        if any(len(self._text(cell)) > LONGEST_TEXT for cell in long):
            raise ValueError(f"a text of more than {LONGEST_TEXT} characters")

    def write(self, state: State, stream: BinaryIO) -> None:
        """Writes the whole workbook. Raises ConfigurationError for more records than a sheet holds."""
        if len(state.records) > MOST_RECORDS:
            raise ConfigurationError(
                f"object {self._name}: {len(state.records):,} records are more than a sheet holds ({MOST_RECORDS:,})."
                " Next: deliver to CSV, or fewer records by the Mapping's where.",
                reason="TooLarge",
            )
        with _xlsxwriter().Workbook(stream, {"constant_memory": True, "strings_to_urls": False}) as book:
            book.set_properties({"author": "Ponte", "created": datetime(2000, 1, 1)})  # noqa: DTZ001 - same bytes again
            sheet = book.add_worksheet(self._sheet)
            self._write_records(book, sheet, state)

    def _write_records(self, book: Workbook, sheet: Worksheet, state: State) -> None:
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(state.names):
            sheet.set_column(column, column, self._width(state.records, name))
        head = book.add_format({"bold": True, "bg_color": "#E7EBF0", "bottom": 1})
        for column, name in enumerate(state.names):
            sheet.write_string(0, column, name, head)
        put = [self._writer(book, sheet, self._types.get(name, "text")) for name in state.names]
        for row, record in enumerate(state.records, 1):
            for column, name in enumerate(state.names):
                cell = record.get(name)
                if cell:
                    put[column](row, column, cell)

    def _width(self, records: Sequence[Record], name: str) -> int:
        longest = max((len(str(record.get(name) or "")) for record in records[:_LOOKED_AT]), default=0)
        return min(max(longest, len(name), 6) + 2, _WIDEST)

    def _writer(self, book: Workbook, sheet: Worksheet, type_: str) -> Callable[[int, int, str], None]:
        kind, _, scale = type_.partition(" ")
        code = _FORMATS.get(kind) or (f"0.{'0' * int(scale)}" if scale not in {"", "0"} else "General")
        seen = book.add_format({"num_format": code})

        def put(row: int, column: int, cell: str) -> None:
            exact = _exact(kind, cell)
            if isinstance(exact, bool):
                sheet.write_boolean(row, column, exact)
            elif isinstance(exact, date):
                sheet.write_datetime(row, column, exact, seen)
            elif exact is not None:
                sheet.write_number(row, column, exact, seen)
            else:
                sheet.write_string(row, column, self._text(cell))

        return put

    def _text(self, cell: str) -> str:
        return neutralise(cell) if self._neutralises else cell


def _exact(kind: str, cell: str) -> bool | float | date | None:
    """The value of a cell that is read back as exactly this text; None where only text is."""
    if kind == "number" and _NUMBER.fullmatch(cell) and cell != "-0" and len(re.sub(r"^-?[0.]*|\D", "", cell)) <= 15:
        return float(cell)
    if kind == "boolean" and cell in {"true", "false"}:
        return cell == "true"
    if kind == "date" and _DAY.fullmatch(cell) and cell >= _FIRST_DAY:
        return _parsed(date.fromisoformat, cell)
    if kind == "datetime" and _MOMENT.fullmatch(cell) and cell >= _FIRST_DAY:
        return _parsed(datetime.fromisoformat, cell)
    return None


def _parsed(parse: Callable[[str], date], text: str) -> date | None:
    try:
        return parse(text)
    except ValueError:
        return None


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"number {dtype.scale}"
    if dtype.is_numeric():
        return "number"
    names = {pl.Boolean: "boolean", pl.Date: "date", pl.Datetime: "datetime"}
    return names.get(dtype.base_type(), "text")


def _declared_type(type_: str) -> str:
    if type_.startswith("decimal"):
        return f"number {int(type_[:-1].rpartition(',')[2])}"
    return {"integer": "number", "float": "number", "boolean": "boolean", "date": "date", "datetime": "datetime"}.get(
        type_, "text"
    )


def _plain(values: pl.Series) -> pl.Series:
    """Numbers as the shortest text that is them, as reading gives them."""
    if values.dtype.is_float():
        return pl.Series(values.name, [_float_text(value) for value in values], dtype=pl.String)
    if isinstance(values.dtype, pl.Decimal):
        text = pl.first().cast(pl.String)
        return values.to_frame().select(without_zeros(text) if values.dtype.scale else text).to_series()
    return values


def _float_text(value: float | None) -> str | None:
    if value is None:
        return None
    return plain_text(repr(value)) if value - value == 0 else str(value)  # NaN and infinity are no numbers of a sheet


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            "What writes .xlsx is not installed. Next: pip install 'ponte-sync[excel]'", reason="ExtraMissing"
        ) from error
    return xlsxwriter
