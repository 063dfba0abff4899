"""Which sheets there are, and which row of one names the fields: proposals for a person.

Exports often have a title above the header.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from ponte.connectors.files.client import Snapshot, identity_of
from ponte.connectors.files.errors import translated
from ponte.connectors.files.excel import first_cells, visible_sheets

_LOOKED_AT = 100  # rows


def header_row(file: Path, sheet: str | None) -> int | None:
    """The number of the row of the headers; None where it is the first row that is not empty, or none is likely.

    Raises:
        ConfigurationError, TransientError: the file cannot be read, or has no such sheet.
    """
    with _opened(file) as snapshot:
        return likely_header(first_cells(snapshot, sheet))


def sheets_of(file: Path) -> list[str]:
    """Names of the sheets of a workbook that people see; raises as `header_row`."""
    with _opened(file) as snapshot:
        return visible_sheets(snapshot)


@contextmanager
def _opened(file: Path) -> Iterator[Snapshot]:
    with translated(str(file)), file.open("rb") as stream:
        yield Snapshot(file, stream, identity_of(os.fstat(stream.fileno())), str(file))


def likely_header(cells: pl.DataFrame) -> int | None:
    """The first row with more than half as many filled cells as the fullest one: a title has fewer.

    Args:
        cells: the first ones of a sheet, by CELL_SCHEMA.
    """
    filled = cells.filter(pl.col("text").str.strip_chars().str.len_chars() > 0)
    rows = filled.group_by("row").len("filled").sort("row").head(_LOOKED_AT)
    if not rows.height:
        return None
    likely = rows.filter(2 * pl.col("filled") > pl.col("filled").max())["row"]
    return None if likely[0] == rows["row"][0] else int(likely[0])
