"""Workbooks made by real programs: what people see is what is read, and what cannot be read is said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from ponte.connectors.registry import connect
from ponte.engine.ports import Batch, Read, System, WrittenSystem
from ponte.errors import ConfigurationError
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource

FIXTURES = Path(__file__).parents[2] / "fixtures" / "excel"

Make = Callable[..., System]


class StillClock:
    """A clock that does not go."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        return None


def open_folder(folder: Path, path: str, excel: dict[str, Any], **fields: Any) -> System:
    spec = {
        "files": {"path": {"value": str(folder)}},
        "objects": [{"name": "a", "path": path, "excel": excel, **fields}],
    }
    source = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "drop"}, "spec": spec}
    return connect(SyncSource.model_validate(source), References(environment={}), StillClock())


async def read(folder: Path, path: str, batch_size: int = 100, **excel: Any) -> list[Batch]:
    system = open_folder(folder, path, excel)
    return [batch async for batch in system.source("a").read(Read("all", batch_size))]


async def records(path: str, **excel: Any) -> list[dict[str, Any]]:
    return [row for batch in await read(FIXTURES, path, **excel) for row in batch.frame.to_dicts()]


def faults(batches: list[Batch]) -> list[tuple[str, str, str]]:
    return [fault[1:] for batch in batches if batch.faults is not None for fault in batch.faults.rows()]


FIRST = {
    "CODICE": "00123",
    "DESCRIZIONE": "Vite M6",
    "PREZZO": "19.99",
    "ATTIVO": "true",
    "DATA": "2026-03-15",
    "CREATO": "2026-03-15T18:30:00",
    "ORA": "12:00:00",
    "DURATA": "36:00:00",
    "TOTALE": "39.98",
}
SECOND = {
    "CODICE": "00124",
    "DESCRIZIONE": "Però è «così» & <così>",
    "PREZZO": "1234567890123",
    "ATTIVO": "false",
    **dict.fromkeys(("DATA", "CREATO", "ORA", "DURATA", "TOTALE")),
}
NO_ZEROS = {"CODICE": "124"}  # its format is 00000, which calamine does not tell
NUMBERS = {"ATTIVO": "1"}  # LibreOffice saved the boolean as a number with a format


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("articles-xlsxwriter.xlsx", FIRST, SECOND),
        ("articles-1904-xlsxwriter.xlsx", FIRST, SECOND),
        ("articles-libreoffice.xlsx", FIRST, SECOND),
        ("articles-libreoffice.xls", FIRST, {**SECOND, **NO_ZEROS}),
        ("articles-libreoffice.ods", {**FIRST, **NUMBERS}, {**SECOND, **NO_ZEROS, "ATTIVO": "0"}),
    ],
)
async def test_one_list_of_articles_is_the_same_in_every_kind(
    path: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    batches = await read(FIXTURES, path, headerRow=3)

    assert [row for batch in batches for row in batch.frame.to_dicts()] == [first, second]
    assert faults(batches) == [("TOTALE", "CellError", "I6: #DIV/0!")]
    assert batches[-1].is_last


async def test_a_workbook_of_excel_is_the_same_as_xlsx_xls_and_xlsb() -> None:
    xlsx = await records("test-columnar.xlsx")

    assert len(xlsx) == 11
    assert xlsx[10]["datetime"] == "2276-11-19T17:46:40"
    assert await records("test-columnar.xls") == xlsx
    assert await records("test-columnar.xlsb") == xlsx


async def test_an_error_in_an_xlsb_of_excel_is_a_fault() -> None:
    batches = await read(FIXTURES, "testEXCEL_various.xlsb", range="A1:B20")

    assert faults(batches) == [("This is a string", "CellError", "B14: #NAME?")]


async def test_a_strict_workbook_is_read_as_any_other() -> None:
    assert await records("testEXCEL.strict.xlsx", range="A1:A3") == [
        {"Test spreadsheet": "2nd row"},
    ]


async def test_numbers_of_sixteen_digits_are_what_the_workbook_has() -> None:
    assert await records("testEXCEL_big_numbers.xlsx") == [
        {"123456789012345": "1234567890123450", "123456789012346": "1234567890123451"}
    ]


async def test_a_formula_without_result_is_a_fault_of_its_record() -> None:
    batches = await read(FIXTURES, "formulas-openpyxl.xlsx")

    assert [row for batch in batches for row in batch.frame.rows()] == [
        ("00123", "19.99", None),
        ("00124", "0.1", None),
    ]
    assert faults(batches) == [("TOTALE", "FormulaNotCalculated", "C2: a formula whose result was not saved")]


async def test_a_day_that_an_xls_does_not_tell_for_certain_is_a_fault() -> None:
    batches = await read(FIXTURES, "articles-xlwt.xls")

    rows = [row for batch in batches for row in batch.frame.rows()]
    assert rows == [("00123", "19.99", "2026-03-15"), ("00124", "3", None)]
    assert [fault[:2] for fault in faults(batches)] == [("DATA", "InvalidDate")]


async def test_a_hidden_sheet_is_read_when_it_is_named() -> None:
    assert await records("articles-xlsxwriter.xlsx", sheet="Nascosto") == [{"SEGRETO": "sì"}]
    assert await records("articles-libreoffice.xls", sheet="nascosto") == [{"SEGRETO": "sì"}]


async def test_a_range_cuts_rows_and_columns() -> None:
    assert await records("articles-xlsxwriter.xlsx", range="B3:C4") == [{"DESCRIZIONE": "Vite M6", "PREZZO": "19.99"}]


async def test_faults_stay_with_their_rows_in_small_batches() -> None:
    batches = await read(FIXTURES, "articles-xlsxwriter.xlsx", 1, headerRow=3)

    assert [batch.frame["CODICE"].to_list() for batch in batches if batch.frame.height] == [["00123"], ["00124"]]
    assert [batch.faults["row"].to_list() for batch in batches if batch.faults is not None] == [[0]]


@pytest.mark.parametrize(
    ("path", "excel", "reason", "words"),
    [
        ("articles-xlsxwriter.xlsx", {"sheet": "Articolo"}, "SheetMissing", "Did you mean Articoli?"),
        ("articles-xlsxwriter.xlsx", {"headerRow": 2}, "InvalidHeader", "row 2 is empty"),
        ("merged-openpyxl.xlsx", {"range": "A1:C"}, "InvalidHeader", "C1 should name a field, and is empty or merged"),
        ("testEXCEL_protected_passtika.xlsx", {}, "EncryptedWorkbook", "password"),
        ("testEXCEL_protected_passtika.xls", {}, "UnreadableWorkbook", "password"),
        ("testEXCEL.xlsb", {}, "UnreadableWorkbook", "save it as .xlsx"),  # calamine panics
        ("shortcells-sheetjs.xlsb", {}, "UnreadableWorkbook", "saved as .xlsx"),  # calamine would lose its cells
    ],
)
async def test_what_cannot_be_read_is_said(path: str, excel: dict[str, Any], reason: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as error:
        await read(FIXTURES, path, **excel)

    assert error.value.reason == reason


async def test_older_kinds_name_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ConfigurationError, match=r"ponte-sync\[excel\]") as error:
        await read(FIXTURES, "articles-xlwt.xls")

    assert error.value.reason == "ExtraMissing"


async def test_a_value_beside_the_table_costs_its_row_unless_a_range_leaves_it_out(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate([["CODE", "NAME"], ["1", "a"], ["2", "b", "a note"], ["3", "c"]]):
            sheet.write_row(row, 0, cells)

    batches = await read(tmp_path, "a.xlsx")
    assert [row for batch in batches for row in batch.frame.rows()] == [("1", "a"), ("3", "c")]
    assert [item.position for batch in batches for item in batch.unreadable] == ["row 3"]

    bounded = await read(tmp_path, "a.xlsx", range="A1:B")
    assert [row for batch in bounded for row in batch.frame.rows()] == [("1", "a"), ("2", "b"), ("3", "c")]


async def test_a_header_names_each_field_once(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        book.add_worksheet().write_row(0, 0, ["CODE", "Net price", "Net\nprice"])

    with pytest.raises(ConfigurationError, match="names Net price more than once"):
        await read(tmp_path, "a.xlsx")


async def test_without_a_header_the_declared_fields_name_the_columns(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        book.add_worksheet().write_row(1, 1, ["00123", "Vite"])
    fields = [{"name": "code", "type": "string"}, {"name": "name", "type": "string"}]
    system = open_folder(tmp_path, "a.xlsx", {"header": False, "range": "B2:C"}, fields=fields)

    batches = [batch async for batch in system.source("a").read(Read("all", 10))]

    assert batches[-1].frame.to_dicts() == [{"code": "00123", "name": "Vite"}]


async def test_text_with_every_sort_of_character_is_read_as_it_was_typed(tmp_path: Path) -> None:
    texts = ["a\nb", " x ", "_x0041_", "<&>'\"", "tab\there", "日本語", "€", "=1+1", "#N/A", "bold and plain", "\x01"]
    with xlsxwriter.Workbook(tmp_path / "a.xlsx", {"strings_to_formulas": False}) as book:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        sheet.write_row(0, 0, ["CODE", "TEXT"])
        for row, text in enumerate(texts, 1):
            sheet.write_string(row, 0, str(row))
            if text == "bold and plain":
                sheet.write_rich_string(row, 1, bold, "bold", " and plain")
            else:
                sheet.write_string(row, 1, text)

    batches = await read(tmp_path, "a.xlsx")

    assert [text for batch in batches for text in batch.frame["TEXT"]] == texts


async def test_what_ponte_wrote_is_read_back_as_it_was_given(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx", {"strings_to_formulas": False}) as book:
        book.add_worksheet().write_column(0, 0, ["CODE", "'=1+1", "plain"])
    system = open_folder(tmp_path, "a.xlsx", {})
    assert isinstance(system, WrittenSystem)

    batches = [batch async for batch in system.written("a").read(Read("all", 10))]

    assert [code for batch in batches for code in batch.frame["CODE"]] == ["=1+1", "plain"]


async def test_the_schema_of_a_sheet_names_its_fields() -> None:
    system = open_folder(FIXTURES, "articles-xlsxwriter.xlsx", {"headerRow": 3})

    assert [field.name for field in await system.schema("a")] == list(FIRST)
