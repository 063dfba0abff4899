"""Ranges of a workbook by the names that people gave them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from ponte.engine.ports import Read, System
from ponte.errors import ConfigurationError

Make = Callable[..., System]
FIXTURES = Path(__file__).parents[2] / "fixtures" / "excel"


@pytest.fixture
def workbook(drop: Path) -> Path:
    """Two sheets, each with a title, a table, and a note beside it; names of all kinds."""
    path = drop / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    for name, price in (("First", "1.50"), ("L'Ultimo foglio", "2.50")):
        sheet = book.add_worksheet(name)
        sheet.write_row("A1", ["Title"])
        sheet.write_row("B3", ["sku", "price"])
        sheet.write_row("B4", ["00012", price])
        sheet.write_row("B5", ["00013", price])
        sheet.write_row("F4", ["a note"])
    book.define_name("Prices", "='L''Ultimo foglio'!$B$3:$C$4")
    book.define_name("First!Prices_here", "=First!$B$3:$C$5")
    book.define_name("'L'Ultimo foglio'!Prices_here", "='L''Ultimo foglio'!$B$3:$C$5")
    book.define_name("First!Own", "=First!$B$3:$C$4")
    book.define_name("Own", "='L''Ultimo foglio'!$B$3:$C$4")
    book.define_name("Columns", "=First!$B:$C")
    book.define_name("Two", "=First!$B$3:$C$4,First!$B$5:$C$5")
    book.define_name("Lost", "=First!#REF!")
    book.define_name("Dynamic", "=OFFSET(First!$B$3,0,0,3,2)")
    book.define_name("Far", "=[other.xlsx]First!$B$3:$C$4")
    book.close()
    return path


async def read(system: System) -> list[tuple[Any, ...]]:
    """All rows, none of which has a fault."""
    batches = [batch async for batch in system.source("a").read(Read("all", 100))]
    assert all(batch.faults is None and not batch.unreadable for batch in batches)
    return [row for batch in batches for row in batch.frame.rows()]


@pytest.mark.parametrize(
    ("excel", "prices"),
    [
        ({"range": "Prices"}, ["2.5"]),
        ({"range": "pRICES"}, ["2.5"]),
        ({"range": "Prices_here", "sheet": "First"}, ["1.5", "1.5"]),
        ({"range": "Prices_here", "sheet": "L'Ultimo foglio"}, ["2.5", "2.5"]),
        ({"range": "Own", "sheet": "first"}, ["1.5"]),
        ({"range": "Columns", "headerRow": 3}, ["1.5", "1.5"]),
    ],
)
@pytest.mark.usefixtures("workbook")
async def test_a_name_stands_for_its_cells(make_system: Make, excel: dict[str, Any], prices: list[str]) -> None:
    rows = await read(make_system("a.xlsx", excel=excel))

    assert [(sku, float(price)) for sku, price in rows] == list(
        zip(["00012", "00013"], map(float, prices), strict=False)
    )


@pytest.mark.parametrize(
    ("excel", "told"),
    [
        ({"range": "Pricess"}, r"has no name 'Pricess' \(it has: Columns, .*\)\. Did you mean Prices\?"),
        ({"range": "B4"}, "has no name 'B4'"),
        ({"range": "Prices_here"}, "on 2 sheets: say which"),
        ({"range": "Prices", "sheet": "First"}, 'cells of "L\'Ultimo foglio", which is not the sheet'),
        ({"range": "Two"}, "which is not one range of cells"),
        ({"range": "Lost"}, "which is not one range of cells"),
        ({"range": "Dynamic"}, "which is not one range of cells"),
        ({"range": "Far"}, "which is not one range of cells"),
    ],
)
@pytest.mark.usefixtures("workbook")
async def test_a_name_that_is_no_range_of_the_sheet_is_told(
    make_system: Make, excel: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        await read(make_system("a.xlsx", excel=excel))

    assert caught.value.reason == "RangeMissing"


async def test_other_kinds_of_workbooks_want_cells(drop: Path, make_system: Make) -> None:
    kind = next(path for path in sorted(FIXTURES.iterdir()) if path.suffix == ".ods")
    (drop / "a.ods").write_bytes(kind.read_bytes())

    with pytest.raises(ConfigurationError, match=r"looked up in \.xlsx only, and this is \.ods\. Next: ") as caught:
        await read(make_system("a.ods", excel={"range": "Prices"}))

    assert caught.value.reason == "RangeMissing"


@pytest.mark.parametrize("text", ["a1:b2", "A1:", "3:5", "First!A1:B2", "$A$1", "two words", "1st", ""])
def test_what_is_neither_cells_nor_a_name_is_refused(make_system: Make, text: str) -> None:
    with pytest.raises(ValueError, match="range"):
        make_system("a.xlsx", excel={"range": text})
