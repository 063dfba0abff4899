"""Workbooks as a format of files: .xlsx by parts of its own, the older kinds by calamine in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.excel_archive import opened_archive, workbook_kind
from ponte.connectors.files.excel_cells import CELL_SCHEMA
from ponte.connectors.files.excel_legacy import legacy_sheets, read_legacy
from ponte.connectors.files.excel_names import refuse_name, with_named_range
from ponte.connectors.files.excel_replacing import check_replaceable
from ponte.connectors.files.excel_tables import read_records
from ponte.connectors.files.excel_writing import ExcelWriter
from ponte.connectors.files.excel_xlsx import find_sheets, read_xlsx
from ponte.connectors.files.formats import Format
from ponte.connectors.files.tables import Table
from ponte.errors import ConfigurationError
from ponte_api.sync_source import Excel, ObjectSpec


def read_excel(snapshot: Snapshot, spec: ObjectSpec, batch_size: int) -> Iterator[Table]:
    """Yields tables of at most `batch_size` records of a sheet.

    Raises:
        ConfigurationError: the file is no workbook that can be read, or it has no such sheet or header.
        TransientError: it is empty, or cannot be read and has changed meanwhile: it is still being written.
    """
    excel, label = spec.excel or Excel(), snapshot.label
    try:
        kind = workbook_kind(snapshot.stream, label)
        if kind == "xlsx":
            with opened_archive(snapshot.stream, label) as archive:
                excel = with_named_range(archive, excel, label)
                cells = read_xlsx(archive, excel.sheet, label)
                yield from read_records(cells, spec.model_copy(update={"excel": excel}), batch_size, label)
        else:
            refuse_name(excel, kind, label)
            yield from read_records(read_legacy(snapshot, kind, excel.sheet), spec, batch_size, label)
    except ConfigurationError:
        snapshot.check_unchanged()
        raise


def first_cells(snapshot: Snapshot, sheet: str | None) -> pl.DataFrame:
    """The first cells of a sheet, or of the first visible one, by CELL_SCHEMA; raises as `read_excel` does."""
    kind = workbook_kind(snapshot.stream, snapshot.label)
    if kind != "xlsx":
        return _first(read_legacy(snapshot, kind, sheet))
    with opened_archive(snapshot.stream, snapshot.label) as archive:
        return _first(read_xlsx(archive, sheet, snapshot.label))


def visible_sheets(snapshot: Snapshot) -> list[str]:
    """Names of the sheets that people see; raises as `read_excel` does."""
    kind = workbook_kind(snapshot.stream, snapshot.label)
    if kind != "xlsx":
        sheets = legacy_sheets(snapshot, kind)
    else:
        with opened_archive(snapshot.stream, snapshot.label) as archive:
            sheets = find_sheets(archive, snapshot.label)
    return [sheet.name for sheet in sheets if sheet.is_visible]


def _first(cells: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return next((frame for frame in cells if frame.height), pl.DataFrame(schema=CELL_SCHEMA))


FORMAT = Format(read_excel, has_fixed_fields=True, writer=ExcelWriter, check_replaceable=check_replaceable)
