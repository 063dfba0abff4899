"""An .xlsx workbook: its sheets by name, and the rows of one, in bounded memory.

Read by our own few patterns and not by a library, because no library in reach tells an error or a formula without
result from an empty cell, or 00123 from 123 (see docs/adr/0022).
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import polars as pl

from ponte.connectors.files.excel_archive import torn
from ponte.connectors.files.excel_cells import CellReader, read_strings
from ponte.connectors.files.excel_parts import read_pieces, read_tree
from ponte.connectors.files.excel_sheets import Sheet, choose_sheet
from ponte.connectors.files.excel_styles import read_styles
from ponte.errors import ConfigurationError

MOST_TEXT_BYTES = 256 * 1024 * 1024  # of the shared strings, which are held in memory
_WORKBOOK = "xl/workbook.xml"
_RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def read_xlsx(archive: zipfile.ZipFile, sheet: str | None, label: str) -> Iterator[pl.DataFrame]:
    """Yields the cells of a sheet, some rows at a time, by CELL_SCHEMA.

    Args:
        archive: the workbook.
        sheet: its name; None for the first that is visible.
        label: how messages call the workbook.

    Raises:
        ConfigurationError: there is no such sheet, or the workbook cannot be read.
    """
    chosen = choose_sheet(find_sheets(archive, label), sheet, label)
    book = workbook_part(archive, label)
    settings = read_tree(archive, book, label).find("{*}workbookPr")
    is_1904 = settings is not None and settings.get("date1904") in {"1", "true"}
    relations = _relations(archive, book, label)
    kinds = {kind.rpartition("/")[2]: part for kind, part in relations.values()}
    styles = read_styles(read_tree(archive, kinds["styles"], label)) if "styles" in kinds else []
    strings = _strings(archive, kinds.get("sharedStrings"), label)
    reader = CellReader(strings, styles, is_1904)
    for piece in _sheet_pieces(archive, chosen.part, label):
        cells = reader.read(piece)
        if cells.height:
            yield cells


def find_sheets(archive: zipfile.ZipFile, label: str) -> list[Sheet]:
    """The sheets of a workbook that have cells."""
    book = workbook_part(archive, label)
    parts = _relations(archive, book, label)
    sheets = [
        Sheet(item.get("name", ""), parts.get(_relation(item), ("", ""))[1], item.get("state") in {None, "visible"})
        for item in read_tree(archive, book, label).iterfind("{*}sheets/{*}sheet")
    ]
    return [sheet for sheet in sheets if "chartsheet" not in sheet.part]


def _sheet_pieces(archive: zipfile.ZipFile, part: str, label: str) -> Iterator[str]:
    """The rows of a sheet; the part is read to its end, so that its checksum is proven."""
    is_inside = is_over = False
    for piece in read_pieces(archive, part, "row", label):
        rows = piece
        if not is_inside:
            start = rows.find("<sheetData")
            if start < 0:
                continue
            is_inside, rows = True, rows[start:]
        if is_over:
            continue
        end = min((place for place in (rows.find("</sheetData>"), rows.find("<sheetData/>")) if place >= 0), default=-1)
        is_over = end >= 0
        yield rows[:end] if is_over else rows
    if is_inside and not is_over:
        raise torn(label)


def workbook_part(archive: zipfile.ZipFile, label: str) -> str:
    """The part that lists sheets and names."""
    if "_rels/.rels" not in archive.namelist():
        return _WORKBOOK
    root = read_tree(archive, "_rels/.rels", label)
    targets = [item.get("Target", "") for item in root if item.get("Type", "").endswith("/officeDocument")]
    return targets[0].lstrip("/") if targets else _WORKBOOK


def _relations(archive: zipfile.ZipFile, book: str, label: str) -> dict[str, tuple[str, str]]:
    """Kind and name of each part that the workbook names, by the name it calls it; what is outside is left out."""
    folder, name = posixpath.split(book)
    root = read_tree(archive, f"{folder}/_rels/{name}.rels".lstrip("/"), label)
    return {
        item.get("Id", ""): (
            item.get("Type", ""),
            posixpath.normpath(posixpath.join("/", folder, _target(item))).lstrip("/"),
        )
        for item in root
        if item.get("TargetMode") != "External"
    }


def _target(item: ET.Element) -> str:
    return item.get("Target", "")


def _relation(item: ET.Element) -> str:
    return item.get(_RELATION_ID) or item.get(_STRICT_ID) or ""


def _strings(archive: zipfile.ZipFile, part: str | None, label: str) -> pl.Series:
    if part is None or part not in archive.namelist():
        return pl.Series([], dtype=pl.String)
    size = archive.getinfo(part).file_size
    if size > MOST_TEXT_BYTES:
        raise ConfigurationError(
            f"{label} has {size / 1024**2:,.0f} MiB of texts (limit: {MOST_TEXT_BYTES / 1024**2:,.0f} MiB)."
            " Next: split it, or export CSV.",
            reason="TooLarge",
        )
    return read_strings(read_pieces(archive, part, "si", label))
