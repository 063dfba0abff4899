"""Whether a workbook may be written anew: only where nothing but its records would be lost."""

from __future__ import annotations

import re

from ponte.connectors.files.client import Snapshot
from ponte.connectors.files.excel_archive import opened_archive, workbook_kind
from ponte.connectors.files.excel_parts import read_pieces
from ponte.connectors.files.excel_writing import SHEET
from ponte.connectors.files.excel_xlsx import find_sheets
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec

_KEPT_BY_NOBODY = ("drawings", "charts", "pivotTables", "vbaProject", "comments", "media", "tables", "externalLinks")
_FORMULA = re.compile(r"<f[\s>/]")


def check_replaceable(snapshot: Snapshot, spec: ObjectSpec) -> None:
    """Raises ConfigurationError where writing a workbook anew would lose more than its records."""
    label = snapshot.label
    if workbook_kind(snapshot.stream, label) != "xlsx":
        raise _lost(label, "it is no .xlsx")
    with opened_archive(snapshot.stream, label) as archive:
        sheets = find_sheets(archive, label)
        wanted = (spec.excel.sheet if spec.excel else None) or SHEET
        if len(sheets) > 1:
            raise _lost(label, f"it has {len(sheets)} sheets")
        if sheets and sheets[0].name != wanted:
            raise _lost(label, f"its sheet is {sheets[0].name!r}, not {wanted!r} (excel.sheet)")
        for kind in _KEPT_BY_NOBODY:
            if any(name.startswith(f"xl/{kind}") for name in archive.namelist()):
                raise _lost(label, f"it has {kind}")
        if any(_FORMULA.search(piece) for sheet in sheets for piece in read_pieces(archive, sheet.part, "row", label)):
            raise _lost(label, "it has formulas")


def _lost(label: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{label} is not written to: the whole file would be replaced, and {why}. Next: give Ponte a workbook of its"
        " own, and refer to it from yours.",
        reason="TargetUnreadable",
    )
