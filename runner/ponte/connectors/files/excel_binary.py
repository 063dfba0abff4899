"""Cells of .xls and .xlsb that calamine gives as empty although they hold something: errors, above all.

Only the records' heads are looked at, one after the other; the values come from calamine.

Source: MS-XLS 2.4.24 (BoolErr), 2.4.127 (Formula), 2.4.28 (BoundSheet8); MS-XLSB 2.3.1 (records), 2.4 (their numbers).
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ponte.connectors.files.excel_archive import encrypted, opened_archive, torn
from ponte.connectors.files.excel_parts import read_tree
from ponte.errors import ConfigurationError

_ERRORS = {
    0: "#NULL!",
    7: "#DIV/0!",
    15: "#VALUE!",
    23: "#REF!",
    29: "#NAME?",
    36: "#NUM!",
    42: "#N/A",
    43: "#GETTING_DATA",
}
_BOUND_SHEET, _FILE_PASS, _BOOL_ERR, _FORMULA, _END = 0x85, 0x2F, 0x205, 0x06, 0x0A
_XLSB_BUNDLE, _XLSB_ROW, _XLSB_ERRORS, _XLSB_RICH_TEXT, _XLSB_SHORT = 156, 0, (3, 11), 62, range(12, 20)


class LostCell(NamedTuple):
    """A cell whose value calamine does not give.

    Attributes:
        row: from 1.
        column: from 1.
        reason: stable PascalCase.
        message: what it holds.
    """

    row: int
    column: int
    reason: str
    message: str


def find_lost_xls(stream: BinaryIO, position: int, label: str) -> list[LostCell]:
    """The lost cells of a sheet of an .xls, by its position among the sheets that have cells.

    Raises:
        ConfigurationError: it is locked with a password, or damaged.
    """
    data = _xls_records(stream, label)
    try:
        starts = []
        for kind, place in _biff(data, 0):
            if kind == _FILE_PASS:
                raise encrypted(label)
            if kind == _BOUND_SHEET and data[place + 5] == 0:
                starts.append(struct.unpack_from("<I", data, place)[0])
        return list(_lost_xls(data, starts[position])) if position < len(starts) else []
    except (struct.error, IndexError) as error:
        raise torn(label) from error


def find_lost_xlsb(stream: BinaryIO, position: int, label: str) -> list[LostCell]:
    """The lost cells of a sheet of an .xlsb, by its position among the sheets that have cells.

    Raises:
        ConfigurationError: it has cells in a form that cannot be read at all, or it is damaged.
    """
    with opened_archive(stream, label) as archive:
        try:
            book = next(name for name in archive.namelist() if name.endswith("workbook.bin"))
            folder, name = posixpath.split(book)
            relations = read_tree(archive, f"{folder}/_rels/{name}.rels".lstrip("/"), label)
            targets = {item.get("Id", ""): item.get("Target", "") for item in relations}
            parts = [
                targets.get(_relation_id(body), "") for kind, body in _xlsb(archive.read(book)) if kind == _XLSB_BUNDLE
            ]
            sheets = [part for part in parts if "worksheet" in part]
            part = posixpath.normpath(posixpath.join("/", folder, sheets[position])).lstrip("/")
            return list(_lost_xlsb(archive.read(part), label))
        except (struct.error, IndexError, KeyError, UnicodeDecodeError, zipfile.BadZipFile, OSError) as error:
            raise torn(label) from error


def _xls_records(stream: BinaryIO, label: str) -> bytes:
    try:
        import olefile  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            f"{label}: what reads .xls is not installed. Next: pip install 'ponte-sync[excel]'", reason="ExtraMissing"
        ) from error
    stream.seek(0)
    try:
        with olefile.OleFileIO(stream.read()) as ole:
            name = next((name for name in ("Workbook", "Book") if ole.exists(name)), None)
            if name is None:
                raise torn(label)
            return bytes(ole.openstream(name).read())
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise torn(label) from error


def _biff(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Kind and place of the records of a part, up to its end."""
    place = start
    while place + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, place)
        yield kind, place + 4
        if kind == _END:
            return
        place += 4 + length


def _lost_xls(data: bytes, start: int) -> Iterator[LostCell]:
    for kind, place in _biff(data, start):
        if kind == _BOOL_ERR and data[place + 7] == 1:
            row, column = struct.unpack_from("<HH", data, place)
            yield _lost(row, column, data[place + 6])
        elif kind == _FORMULA and data[place + 12 : place + 14] == b"\xff\xff" and data[place + 6] == 2:
            row, column = struct.unpack_from("<HH", data, place)
            yield _lost(row, column, data[place + 8])


def _xlsb(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        kind = data[place]
        place += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | (data[place] & 0x7F) << 7
            place += 1
        length = shift = 0
        for _ in range(4):
            byte = data[place]
            place += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield kind, data[place : place + length]
        place += length


def _lost_xlsb(data: bytes, label: str) -> Iterator[LostCell]:
    row = 0
    for kind, body in _xlsb(data):
        if kind == _XLSB_ROW:
            row = struct.unpack_from("<I", body)[0]
        elif kind in _XLSB_ERRORS:
            yield _lost(row, struct.unpack_from("<I", body)[0], body[8])
        elif kind == _XLSB_RICH_TEXT:
            column = struct.unpack_from("<I", body)[0]
            yield LostCell(
                row + 1, column + 1, "UnreadableCell", "text in several fonts, which cannot be read in .xlsb"
            )
        elif kind in _XLSB_SHORT:
            raise ConfigurationError(
                f"{label} has cells in a short form that cannot be read. Next: have it saved as .xlsx.",
                reason="UnreadableWorkbook",
            )


def _relation_id(body: bytes) -> str:
    length = struct.unpack_from("<I", body, 8)[0]
    return body[12 : 12 + 2 * length].decode("utf-16-le")


def _lost(row: int, column: int, code: int) -> LostCell:
    return LostCell(row + 1, column + 1, "CellError", _ERRORS.get(code, "an error"))
