"""Names that people give to ranges of a workbook (Formulas, Name Manager): where one of them is.

Source: ECMA-376, 18.2.5 definedName. A name belongs to the workbook or to one of its sheets; case does not matter.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass

from ponte.connectors.files.excel_parts import read_tree
from ponte.connectors.files.excel_sheets import Sheet
from ponte.connectors.files.excel_xlsx import find_sheets, workbook_part
from ponte.errors import ConfigurationError
from ponte.mapping.paths import nearest
from ponte_api.sync_source import Excel

_AREA = re.compile(
    r"(?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>[^'!,\[\]()]+))!"
    r"\$?(?P<first>[A-Z]{1,3})(?:\$?(?P<top>[0-9]{1,7}))?:\$?(?P<last>[A-Z]{1,3})(?:\$?(?P<bottom>[0-9]{1,7}))?"
)


@dataclass(frozen=True, slots=True)
class _Name:
    text: str
    refers_to: str
    sheet: str | None


def with_named_range(archive: zipfile.ZipFile, excel: Excel, label: str) -> Excel:
    """The settings with sheet and range of a name in place of the name; as they are where they hold none.

    Raises:
        ConfigurationError: there is no such name, or it is not one range of cells (RangeMissing).
    """
    if not _has_name(excel):
        return excel
    sheets = find_sheets(archive, label)
    names = _names(archive, label)
    wanted = (excel.range or "").casefold()
    found = [name for name in names if name.text.casefold() == wanted]
    if excel.sheet is not None:
        at = excel.sheet.casefold()
        found = [name for name in found if name.sheet is None or name.sheet.casefold() == at]
    found.sort(key=lambda name: name.sheet is None)  # a sheet's own name hides the workbook's
    own = {name.sheet for name in found if name.sheet is not None}
    if not found:
        known = sorted({name.text for name in names})
        hint = nearest(excel.range or "", known)
        raise _missing(f"{label} has no name {excel.range!r} (it has: {', '.join(known[:20]) or 'none'}){hint or '.'}")
    if len(own) > 1:
        raise _missing(f"{label} has the name {excel.range!r} on {len(own)} sheets: say which (excel.sheet).")
    return _placed(found[0], sheets, excel, label)


def refuse_name(excel: Excel, kind: str, label: str) -> None:
    """Raises ConfigurationError where a name is declared for a workbook of another kind, in which none is looked up."""
    if _has_name(excel):
        raise ConfigurationError(
            f"{label}: names of ranges are looked up in .xlsx only, and this is .{kind}. Next: write excel.range as"
            " cells, such as A3:F, or save the workbook as .xlsx.",
            reason="RangeMissing",
        )


def _has_name(excel: Excel) -> bool:
    return excel.range is not None and ":" not in excel.range


def _placed(name: _Name, sheets: list[Sheet], excel: Excel, label: str) -> Excel:
    area = _AREA.fullmatch(name.refers_to)
    if area is None or (area["top"] is None) != (area["bottom"] is None):
        told = name.refers_to[:60]
        raise _missing(f"{label} has the name {name.text!r} for {told!r}, which is not one range of cells.")
    place = area["plain"] or area["quoted"].replace("''", "'")
    sheet = next((sheet.name for sheet in sheets if sheet.name.casefold() == place.casefold()), None)
    if sheet is None or (excel.sheet or sheet).casefold() != sheet.casefold():
        raise _missing(f"{label} has the name {name.text!r} for cells of {place!r}, which is not the sheet.")
    cells = f"{area['first']}{area['top'] or ''}:{area['last']}{area['bottom'] or ''}"
    return excel.model_copy(update={"sheet": sheet, "range": cells})


def _names(archive: zipfile.ZipFile, label: str) -> list[_Name]:
    """All names of a workbook; those of a sheet number it among all sheets."""
    book = read_tree(archive, workbook_part(archive, label), label)
    places = [item.get("name", "") for item in book.iterfind("{*}sheets/{*}sheet")]
    found = []
    for item in book.iterfind("{*}definedNames/{*}definedName"):
        number = item.get("localSheetId")
        is_known = number is not None and number.isdecimal() and int(number) < len(places)
        sheet = places[int(number or 0)] if is_known else None
        text = item.get("name", "")
        if (number is None or is_known) and not text.startswith("_xlnm."):  # Excel's own, such as print areas
            found.append(_Name(text, (item.text or "").strip(), sheet))
    return found


def _missing(why: str) -> ConfigurationError:
    told = f"{why} Next: mend excel.range, or write it as cells, such as A3:F."
    return ConfigurationError(told, reason="RangeMissing")
