"""Cells of an .ods that hold an error: calamine gives them as empty.

Source: OpenDocument 1.3, 9.1 (tables, repeated rows and cells).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from ponte.connectors.files.excel_archive import opened_archive
from ponte.connectors.files.excel_binary import LostCell
from ponte.connectors.files.excel_parts import read_pieces

_MARK = 'calcext:value-type="error"'
_TOKEN = re.compile(r"<table:(table|table-row|table-cell|covered-table-cell)(?=[\s>/])([^>]*)>")
_REPEATED = re.compile(r"table:number-(?:rows|columns)-repeated=\"([0-9]{1,7})\"")
_SHOWN = re.compile(r"<text:p>(#[A-Z0-9/!?]{1,20}|Err:[0-9]{3})</text:p>")


def find_lost_ods(stream: BinaryIO, position: int, label: str) -> list[LostCell]:
    """The cells with errors of a table, by its position.

    Raises:
        ConfigurationError: it is damaged.
    """
    with opened_archive(stream, label) as archive:
        if not _has_errors(archive, label):
            return []
        return list(_find(archive, position, label))


def _has_errors(archive: zipfile.ZipFile, label: str) -> bool:
    return any(_MARK in piece for piece in read_pieces(archive, "content.xml", "table:table-row", label))


def _find(archive: zipfile.ZipFile, position: int, label: str) -> Iterator[LostCell]:
    table, row, next_row, column = -1, 0, 1, 1
    for piece in read_pieces(archive, "content.xml", "table:table-row", label):
        for token in _TOKEN.finditer(piece):
            kind, attributes = token[1], token[2]
            found = _REPEATED.search(attributes)
            count = int(found[1]) if found else 1
            if kind == "table":
                table, next_row = table + 1, 1
            elif kind == "table-row":
                row, next_row, column = next_row, next_row + count, 1
            else:
                if _MARK in attributes and table == position:
                    shown = _SHOWN.search(piece, token.end(), token.end() + 200)
                    yield LostCell(row, column, "CellError", shown[1] if shown else "an error")
                column += count
