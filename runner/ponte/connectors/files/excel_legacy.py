"""Workbooks of the older and other kinds (.xls, .xlsb, .ods), read by calamine in a process of its own.

A file can make calamine lay out billions of empty cells. The process has a limit on its memory, so that it ends, and
not the run.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.excel_archive import Kind
from ponte.connectors.files.excel_binary import LostCell, find_lost_xls, find_lost_xlsb
from ponte.connectors.files.excel_cells import CELL_SCHEMA, column_letters
from ponte.connectors.files.excel_ods import find_lost_ods
from ponte.connectors.files.excel_sheets import Sheet, choose_sheet
from ponte.errors import ConfigurationError

MOST_MEMORY = 1536 * 1024**2  # bytes of address space: about 10 million cells
_FINDERS = {"xls": find_lost_xls, "xlsb": find_lost_xlsb, "ods": find_lost_ods}
_CHILD = Path(__file__).with_name("excel_child.py")


def read_legacy(snapshot: Snapshot, kind: Kind, sheet: str | None) -> Iterator[pl.DataFrame]:
    """Yields the cells of a sheet, some rows at a time, by CELL_SCHEMA.

    Args:
        snapshot: the open workbook.
        kind: what it is.
        sheet: its name; None for the first that is visible.

    Raises:
        ConfigurationError: calamine is not installed, there is no such sheet, or the workbook cannot be read.
    """
    _require_calamine(snapshot.label, kind)
    with _child(snapshot, kind) as child:
        sheets = [Sheet(name, "", is_visible) for name, is_visible in _heard(child, snapshot.label)["sheets"]]
        position = sheets.index(choose_sheet(sheets, sheet, snapshot.label))
        _tell(child, f"{position}\n")
        heard = iter(lambda: _heard(child, snapshot.label), {})
        yield from _with_lost(
            (_cells(said) for said in heard), _FINDERS[kind](snapshot.stream, position, snapshot.label)
        )


def legacy_sheets(snapshot: Snapshot, kind: Kind) -> list[Sheet]:
    """The sheets of a workbook; raises as `read_legacy`."""
    _require_calamine(snapshot.label, kind)
    with _child(snapshot, kind) as child:
        return [Sheet(name, "", is_visible) for name, is_visible in _heard(child, snapshot.label)["sheets"]]


def _require_calamine(label: str, kind: Kind) -> None:
    if importlib.util.find_spec("python_calamine") is None:
        raise ConfigurationError(
            f"{label}: what reads .{kind} is not installed. Next: pip install 'ponte-sync[excel]'",
            reason="ExtraMissing",
        )


def _with_lost(frames: Iterator[pl.DataFrame], lost: list[LostCell]) -> Iterator[pl.DataFrame]:
    """The cells, and among them those that calamine gives as empty, each with its flaw."""
    flaws = [(cell.row, column_letters(cell.column), None, cell.reason, cell.message) for cell in lost]
    waiting = pl.DataFrame(flaws, CELL_SCHEMA, orient="row")
    for frame in frames:
        last = frame.get_column("row").max()
        is_due = waiting.get_column("row") <= last
        yield pl.concat([frame, waiting.filter(is_due)])
        waiting = waiting.filter(~is_due)
    if waiting.height:
        yield waiting


@contextmanager
def _child(snapshot: Snapshot, kind: Kind) -> Iterator[subprocess.Popen[str]]:
    snapshot.stream.seek(0)
    descriptor = snapshot.stream.fileno()
    child = subprocess.Popen(  # noqa: S603 - our own script, with numbers as arguments
        [sys.executable, "-I", str(_CHILD), str(descriptor), str(MOST_MEMORY), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        text=True,
        encoding="utf-8",
    )
    try:
        yield child
    finally:
        child.kill()
        for pipe in (_pipe(child.stdin), _pipe(child.stdout)):
            with suppress(OSError):
                pipe.close()
        child.wait()


def _tell(child: subprocess.Popen[str], text: str) -> None:
    with suppress(BrokenPipeError):  # what it says next tells why
        _pipe(child.stdin).write(text)
        _pipe(child.stdin).flush()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    return cast("IO[str]", pipe)  # it was asked for


def _heard(child: subprocess.Popen[str], label: str) -> dict[str, Any]:
    """What the process says next; nothing at its end."""
    line = _pipe(child.stdout).readline()
    if not line:
        if child.wait() != 0:
            raise _too_large(label)
        return {}
    said: dict[str, Any] = json.loads(line)
    if said.get("error") == "memory":
        raise _too_large(label)
    if "error" in said:
        raise ConfigurationError(
            f"{label} cannot be read: it is damaged, locked with a password, has a value very far from the others, or"
            " is written in a way that calamine does not know. Next: open it with the program that made it, and save it"
            " as .xlsx, without a password.",
            reason="UnreadableWorkbook",
        )
    return said


def _too_large(label: str) -> ConfigurationError:
    return ConfigurationError(
        f"{label} would take more than {MOST_MEMORY / 1024**2:,.0f} MiB to read: the sheet is too large, or one value"
        " stands very far from the others. Next: have it saved as .xlsx, which is read row by row.",
        reason="TooLarge",
    )


def _cells(said: dict[str, Any]) -> pl.DataFrame:
    rows = said["rows"]
    names = [column_letters(said["column"] + place) for place in range(len(rows[0]))]
    texts = (
        pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        .with_row_index("row", offset=said["row"])
        .unpivot(index="row", variable_name="column", value_name="text")
        .filter(pl.col("text").is_not_null())
        .with_columns(reason=pl.lit(None, pl.String), message=pl.lit(None, pl.String))
    )
    flaws = [(row, column_letters(column), None, reason, message) for row, column, reason, message in said["flaws"]]
    return pl.concat([texts, pl.DataFrame(flaws, CELL_SCHEMA, orient="row")])
