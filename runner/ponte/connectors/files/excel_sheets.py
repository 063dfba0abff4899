"""Which sheet of a workbook is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ponte.errors import ConfigurationError
from ponte.mapping.paths import nearest


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook.

    Attributes:
        name: as people see it.
        part: where it is in the archive; empty where the format has no such parts.
        is_visible: people see its tab.
    """

    name: str
    part: str
    is_visible: bool


def choose_sheet(sheets: Sequence[Sheet], name: str | None, label: str) -> Sheet:
    """The sheet of that name, hidden or not; without a name, the first that is visible.

    Raises:
        ConfigurationError: there is none (SheetMissing).
    """
    if name is None:
        chosen = next((sheet for sheet in sheets if sheet.is_visible), None)
    else:
        chosen = next((sheet for sheet in sheets if sheet.name == name), None) or next(
            (sheet for sheet in sheets if sheet.name.casefold() == name.casefold()), None
        )
    if chosen is not None:
        return chosen
    names = [sheet.name for sheet in sheets]
    if name is None:
        raise ConfigurationError(
            f"{label} has no visible sheet. Next: name a hidden one (excel.sheet): {', '.join(names[:20]) or 'none'}.",
            reason="SheetMissing",
        )
    raise ConfigurationError(
        f"{label} has no sheet {name!r} (it has: {', '.join(names[:20])}){nearest(name, names)}"
        " Next: mend excel.sheet.",
        reason="SheetMissing",
    )
