"""Cells of a sheet to tables of records: which row names the fields, which cells count, which rows are records.

A row without any value is none. A value beside the table costs its row, for it would be lost: some header is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from ponte.connectors.files.excel_cells import column_letters, column_number
from ponte.connectors.files.tables import Table
from ponte.engine.ports import FAULT_SCHEMA, Unreadable
from ponte.errors import ConfigurationError
from ponte_api.sync_source import Excel, ObjectSpec

_RANGE = re.compile(r"([A-Z]+)([0-9]*):([A-Z]+)([0-9]*)")
_LAST_ROW = 1_048_576
_LAST_COLUMN = 16_384


@dataclass(frozen=True, slots=True)
class Area:
    """The cells that count: rows and columns from 1, both ends among them."""

    first_row: int = 1
    last_row: int = _LAST_ROW
    first_column: int = 1
    last_column: int = _LAST_COLUMN


def parse_range(text: str | None) -> Area:
    """The area of a range such as A3:F."""
    found = _RANGE.fullmatch(text or "")
    if found is None:
        return Area()
    return Area(
        int(found[2] or 1),
        int(found[4] or _LAST_ROW),
        column_number(found[1]),
        min(column_number(found[3]), _LAST_COLUMN),
    )


def read_records(cells: Iterable[pl.DataFrame], spec: ObjectSpec, batch_size: int, label: str) -> Iterator[Table]:
    """Yields tables of at most `batch_size` records; the first comes even when it is empty.

    Args:
        cells: of the sheet, some rows at a time, by CELL_SCHEMA.
        spec: the object.
        batch_size: most records per table.
        label: how messages call the workbook.

    Raises:
        ConfigurationError: the header is no header.
    """
    excel = spec.excel or Excel()
    area = parse_range(excel.range)
    rows: Iterator[pl.DataFrame] = (part for frame in cells if (part := _inside(frame, area)).height)
    if excel.header:
        layout, rows = _find_header(rows, excel, area, label)
    else:
        names = [field.name for field in spec.fields]
        layout = Layout(names, area.first_column, area.first_row - 1, is_bounded=excel.range is not None)
    yield Table(pl.DataFrame(schema=dict.fromkeys(layout.names, pl.String)))
    for part in rows:
        yield from _slices(layout.table(part), batch_size)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the records of a sheet are.

    Attributes:
        names: of the fields, from the first column on.
        first_column: its number.
        header_row: the records are below.
        is_bounded: a range was declared, so that what is beside the fields is meant to be left out.
    """

    names: list[str]
    first_column: int
    header_row: int
    is_bounded: bool

    def table(self, cells: pl.DataFrame) -> Table:
        """The records of some rows."""
        cells = cells.filter(pl.col("row") > self.header_row)
        is_beside = (pl.col("number") < self.first_column) | (pl.col("number") >= self.first_column + len(self.names))
        beside = cells.filter(is_beside)
        cells = cells.filter(~is_beside)
        unreadable: tuple[Unreadable, ...] = ()
        if beside.height and not self.is_bounded:
            cells = cells.join(beside.select("row").unique(), on="row", how="anti")
            unreadable = tuple(self._stray(*place) for place in _first_places(beside))
        rows = cells.select("row").unique().sort("row")
        columns = {number: part for (number,), part in cells.partition_by("number", as_dict=True).items()}
        found = [
            _column(columns.get(self.first_column + place), rows).alias(name) for place, name in enumerate(self.names)
        ]
        return Table(pl.DataFrame(found), unreadable, self._faults(cells, rows))

    def _stray(self, row: int, column: str) -> Unreadable:
        last = column_letters(self.first_column + len(self.names) - 1)
        return Unreadable(
            f"row {row}",
            "BrokenRecord",
            f"row {row}: {column}{row} has a value, and no header is above it (headers: "
            f"{column_letters(self.first_column)} to {last}). Name it, or declare the range",
        )

    def _faults(self, cells: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame | None:
        flawed = cells.filter(pl.col("reason").is_not_null())
        if not flawed.height:
            return None
        names = {self.first_column + place: name for place, name in enumerate(self.names)}
        places = rows.with_row_index("index")
        return (
            flawed.join(places, on="row", how="left", maintain_order="left")
            .sort("row", "number")
            .select(
                row=pl.col("index").cast(pl.UInt32),
                field=pl.col("number").replace_strict(names, return_dtype=pl.String),
                reason="reason",
                message=pl.format("{}{}: {}", "column", "row", "message"),
            )
            .cast(FAULT_SCHEMA)
        )


def _column(cells: pl.DataFrame | None, rows: pl.DataFrame) -> pl.Series:
    """The texts of one column in these rows; of two cells with one address the last one counts."""
    if cells is None:
        return pl.Series([None] * rows.height, dtype=pl.String)
    texts = cells.select("row", "text").sort("row", maintain_order=True)
    if not texts["row"].equals(rows["row"]):  # a cell is empty, or stands twice
        texts = rows.join(texts.unique("row", keep="last"), on="row", how="left", maintain_order="left")
    return texts["text"]


def _inside(cells: pl.DataFrame, area: Area) -> pl.DataFrame:
    """The cells of the area that hold something, with the number of their column."""
    letters = cells.get_column("column").unique().to_list()
    numbers = {column: column_number(column) for column in letters}
    return cells.with_columns(
        number=pl.col("column").replace_strict(numbers, return_dtype=pl.UInt32), text=pl.col("text").replace("", None)
    ).filter(
        pl.col("row").is_between(area.first_row, area.last_row)
        & pl.col("number").is_between(area.first_column, area.last_column)
        & (pl.col("text").is_not_null() | pl.col("reason").is_not_null())
    )


def _find_header(
    rows: Iterator[pl.DataFrame], excel: Excel, area: Area, label: str
) -> tuple[Layout, Iterator[pl.DataFrame]]:
    """The layout that the header says, and the rows from there on."""
    wanted = excel.header_row or (area.first_row if excel.range else None)
    for part in rows:
        numbers: list[int] = part.get_column("row").unique().sort().to_list()
        row = wanted or numbers[0]
        if numbers[-1] < row:
            continue
        header = part.filter(pl.col("row") == row).sort("number")
        if not header.height:
            break
        names, first = _header_names(header, excel, area, label)
        return Layout(names, first, row, is_bounded=excel.range is not None), _chained(part, rows)
    where = f"row {wanted} is empty, and should name the fields" if wanted else "the sheet is empty"
    raise ConfigurationError(
        f"{label}: {where}. Next: name the row of the headers (excel.headerRow), or the right sheet (excel.sheet).",
        reason="InvalidHeader",
    )


def _header_names(header: pl.DataFrame, excel: Excel, area: Area, label: str) -> tuple[list[str], int]:
    texts = {number: text for number, text in header.select("number", "text").iter_rows() if text and text.strip()}
    numbers = header.get_column("number").to_list()
    is_whole = excel.range is not None and area.last_column < _LAST_COLUMN
    first, last = (area.first_column, area.last_column) if is_whole else (numbers[0], numbers[-1])
    row = header["row"][0]
    empty = [number for number in range(first, last + 1) if number not in texts]
    if empty:
        raise ConfigurationError(
            f"{label}: cell {column_letters(empty[0])}{row} should name a field, and is empty or merged with another."
            " Next: write a name there, or declare the range that has names (excel.range).",
            reason="InvalidHeader",
        )
    names = [" ".join(texts[number].split()) for number in range(first, last + 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"{label}: the header in row {row} names {', '.join(twice)} more than once. Next: give each column a "
            "name of its own.",
            reason="InvalidHeader",
        )
    return names, first


def _chained(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first
    yield from rest


def _first_places(cells: pl.DataFrame) -> Iterator[tuple[int, str]]:
    yield from (
        cells.sort("row", "number").unique("row", keep="first", maintain_order=True).select("row", "column").rows()
    )


def _slices(table: Table, size: int) -> Iterator[Table]:
    if table.frame.height <= size:
        yield table
        return
    for start in range(0, table.frame.height, size):
        faults = None
        if table.faults is not None:
            inside = table.faults.filter(pl.col("row").is_between(start, start + size - 1))
            faults = inside.with_columns(pl.col("row") - start) if inside.height else None
        yield Table(table.frame.slice(start, size), table.unreadable if start == 0 else (), faults)
