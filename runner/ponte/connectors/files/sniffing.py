"""What kind of file it is, guessed from its name and first lines: a proposal for a person, never a decision."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

from ponte.connectors.files.errors import translated
from ponte.errors import ConfigurationError

_CSV, _JSON_LINES = (".csv", ".txt", ".tsv"), (".jsonl", ".ndjson")
_EXCEL = (".xlsx", ".xls", ".xlsb", ".ods")
_DELIMITERS = ";,\t|"
_SHORTEST_FIXED = 16  # characters of a line; shorter ones may be a list of codes
_LOOKED_AT = 256 * 1024  # bytes


def is_known(name: str) -> bool:
    """Whether the name is that of a format that can be proposed."""
    return _format_suffix(name) in (*_CSV, *_JSON_LINES) or is_workbook(name)


def _format_suffix(name: str) -> str:
    """`.csv` of `articles.csv` and of `articles.csv.gz`."""
    path = Path(name.lower())
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def is_workbook(name: str) -> bool:
    """Whether the name is that of a workbook, which may have several sheets."""
    return Path(name).suffix.lower() in _EXCEL


def sniffed(file: Path, sheet: str = "") -> dict[str, Any]:
    """What an object says of this file's format, by names as written in YAML: `{"csv": {"delimiter": ";"}}`.

    A file that is not there yet gets what its name says. `sheet` is the one that is meant, of a workbook.

    Raises:
        ConfigurationError: the name says nothing, or the file cannot be read or seems to be fixed-width text.
    """
    if not is_known(file.name):
        known = ", ".join((*_CSV, *_JSON_LINES, *_EXCEL))
        is_there = "" if file.exists() else "there is no such folder or file, and "
        raise ConfigurationError(
            f"{file}: {is_there}the name does not say what it is. Next: give it one of the known endings "
            f"({known}), or write the SyncSource by hand."
        )
    if is_workbook(file.name):
        return {"excel": _excel(file, sheet)}
    if _format_suffix(file.name) in _JSON_LINES:
        return {"jsonLines": {}}
    if not file.exists():
        return {"csv": {}}
    content = _beginning(file)
    encoding = _encoding(content)
    lines = content.decode(encoding, errors="ignore").splitlines()[:50]
    filled = [line for line in lines if line.strip()]
    if _is_fixed_width(filled):
        raise ConfigurationError(
            f"{file} seems to be fixed-width text: each line has {len(filled[0])} characters, and nothing parts them. "
            "Where each field begins only its maker knows. Next: write its layout, by "
            "docs/connect/files.md#reading-fixed-width."
        )
    delimiter = _delimiter(filled)
    options = {} if delimiter == "," else {"delimiter": delimiter}
    return {"csv": options | ({} if encoding == "utf-8" else {"encoding": encoding})}


def _excel(file: Path, sheet: str) -> dict[str, int | str]:
    from ponte.connectors.files.excel_guessing import header_row  # noqa: PLC0415 - heavy, and seldom needed

    row = header_row(file, sheet or None) if file.exists() else None
    return ({"sheet": sheet} if sheet else {}) | ({} if row is None else {"headerRow": row})


def _beginning(file: Path) -> bytes:
    with translated(str(file)), file.open("rb") as stream:
        if file.suffix.lower() != ".gz":
            return stream.read(_LOOKED_AT)
        try:
            with gzip.open(stream) as unpacked:
                return unpacked.read(_LOOKED_AT)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ConfigurationError(f"{file} is damaged, or no gzip file. Next: have it transferred anew.") from error


def _encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        content[: -4 if len(content) == _LOOKED_AT else None].decode("utf-8")  # the last character may be cut
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _is_fixed_width(lines: list[str]) -> bool:
    """Lines of one length, with blanks to fill them, and no mark that parts them all alike."""
    if len(lines) < 2 or len(lines[0]) < _SHORTEST_FIXED or len(set(map(len, lines))) > 1:
        return False
    is_parted = any(lines[0].count(mark) and len({line.count(mark) for line in lines}) == 1 for mark in _DELIMITERS)
    return not is_parted and 2 * sum("  " in line for line in lines) > len(lines)


def _delimiter(lines: list[str]) -> str:
    """The mark that parts the header, and most lines into as many cells."""
    if not lines:
        return ","

    def agreement(mark: str) -> tuple[int, int]:
        cells = lines[0].count(mark)
        return (sum(line.count(mark) == cells for line in lines) if cells else 0, cells)

    return max(_DELIMITERS, key=agreement) if any(mark in lines[0] for mark in _DELIMITERS) else ","
