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
_LOOKED_AT = 256 * 1024  # bytes


def is_known(name: str) -> bool:
    """Whether the name is that of a format that can be proposed."""
    return _format_suffix(name) in (*_CSV, *_JSON_LINES) or Path(name).suffix.lower() in _EXCEL


def _format_suffix(name: str) -> str:
    """`.csv` of `articles.csv` and of `articles.csv.gz`."""
    path = Path(name.lower())
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def sniffed(file: Path) -> dict[str, Any]:
    """What an object says of this file's format, by names as written in YAML: `{"csv": {"delimiter": ";"}}`.

    A file that is not there yet gets what its name says.

    Raises:
        ConfigurationError: the name says nothing, or the file cannot be read.
    """
    if not is_known(file.name):
        known = ", ".join((*_CSV, *_JSON_LINES, *_EXCEL))
        raise ConfigurationError(f"{file}: the name does not say what it is. Known are {known}.")
    if file.suffix.lower() in _EXCEL:
        return {"excel": _excel(file)}
    if _format_suffix(file.name) in _JSON_LINES:
        return {"jsonLines": {}}
    if not file.exists():
        return {"csv": {}}
    content = _beginning(file)
    encoding = _encoding(content)
    lines = content.decode(encoding, errors="ignore").splitlines()[:50]
    delimiter = _delimiter([line for line in lines if line.strip()])
    options = {} if delimiter == "," else {"delimiter": delimiter}
    return {"csv": options | ({} if encoding == "utf-8" else {"encoding": encoding})}


def _excel(file: Path) -> dict[str, int]:
    from ponte.connectors.files.excel_guessing import header_row  # noqa: PLC0415 - heavy, and seldom needed

    row = header_row(file) if file.exists() else None
    return {} if row is None else {"headerRow": row}


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


def _delimiter(lines: list[str]) -> str:
    """The mark that parts the header, and most lines into as many cells."""
    if not lines:
        return ","

    def agreement(mark: str) -> tuple[int, int]:
        cells = lines[0].count(mark)
        return (sum(line.count(mark) == cells for line in lines) if cells else 0, cells)

    return max(_DELIMITERS, key=agreement) if any(mark in lines[0] for mark in _DELIMITERS) else ","
