"""Workbooks that mean harm, or were hurt: refused with a clear reason, in bounded time and memory."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponte.connectors.files import excel_archive, excel_legacy
from ponte.connectors.files.client import Folder
from ponte.connectors.files.excel import read_excel
from ponte.connectors.files.tables import Table
from ponte.errors import ConfigurationError, PonteError, TransientError
from ponte_api.sync_source import ObjectSpec

FIXTURES = Path(__file__).parents[2] / "fixtures" / "excel"
SHEET = "xl/worksheets/sheet1.xml"
HEAD = '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def tables(folder: Path, name: str) -> list[Table]:
    spec = ObjectSpec.model_validate({"name": "a", "path": name, "excel": {}})
    with Folder(folder, "drop").open(name) as snapshot:
        return list(read_excel(snapshot, spec, 1000))


def rows(folder: Path, name: str) -> list[tuple[str | None, ...]]:
    return [row for table in tables(folder, name) for row in table.frame.rows()]


@pytest.fixture
def rewrite(tmp_path: Path) -> Callable[..., Path]:
    """A workbook of two records, with a part replaced or put beside."""
    with xlsxwriter.Workbook(tmp_path / "good.xlsx") as book:
        for row, cells in enumerate([["CODE", "NAME"], ["1", "a"], ["2", "b"]]):
            (book.worksheets() or [book.add_worksheet()])[0].write_row(row, 0, cells)

    def make(changes: dict[str, str | bytes | Callable[[str], str]]) -> Path:
        with zipfile.ZipFile(tmp_path / "good.xlsx") as good, zipfile.ZipFile(tmp_path / "a.xlsx", "w", 8) as bad:
            for name in good.namelist():
                change = changes.pop(name, None)
                text = good.read(name)
                bad.writestr(name, text if change is None else change(text.decode()) if callable(change) else change)
            for name, text in changes.items():
                bad.writestr(name, text)  # type: ignore[arg-type]
        return tmp_path

    return make


def refusal(folder: Path, name: str = "a.xlsx") -> ConfigurationError:
    with pytest.raises(ConfigurationError) as error:
        tables(folder, name)
    return error.value


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/workbook.xml", "xl/styles.xml"])
def test_an_entity_bomb_is_refused_in_each_part(rewrite: Callable[..., Path], part: str) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'

    error = refusal(rewrite({part: lambda text: text.replace("?>", f"?>{bomb}", 1)}))

    assert error.reason == "NotAWorkbook"
    assert "document type" in error.message


def test_comments_and_other_encodings_are_refused(rewrite: Callable[..., Path]) -> None:
    assert "comment" in refusal(rewrite({SHEET: lambda text: text.replace("<row", "<!-- x --><row", 1)})).message
    assert "UTF-8" in refusal(rewrite({SHEET: (HEAD + "<sheetData/></worksheet>").encode("utf-16")})).message


def test_a_bomb_is_refused_by_what_its_archive_announces(
    rewrite: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel_archive, "SMALL_BYTES", 1024 * 1024)  # instead of writing hundreds of megabytes

    error = refusal(rewrite({"xl/media/image1.bin": b"\0" * 4 * 1024 * 1024}))

    assert error.reason == "TooLarge"
    assert "100 to 1" in error.message


def test_too_many_parts_are_refused(rewrite: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel_archive, "MOST_PARTS", 50)

    assert refusal(rewrite({f"xl/worksheets/x{number}.xml": "" for number in range(60)})).reason == "TooLarge"


def test_what_is_outside_is_never_opened_and_macros_are_only_bytes(
    rewrite: Callable[..., Path], tmp_path: Path
) -> None:
    link = '<Relationship Id="rId99" Type="x/externalLink" Target="file:///etc/passwd" TargetMode="External"/>'
    folder = rewrite(
        {
            "xl/_rels/workbook.xml.rels": lambda text: text.replace("</Relationships>", f"{link}</Relationships>"),
            "../../escape.txt": "x",
            "xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 not even a macro",
        }
    )

    assert rows(folder, "a.xlsx") == [("1", "a"), ("2", "b")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.xlsx", "good.xlsx"]


MEASURED = """
import sys
from pathlib import Path
from ponte.connectors.files.client import Folder
from ponte.connectors.files.excel import read_excel
from ponte_api.sync_source import ObjectSpec
with Folder(Path(sys.argv[1]), "drop").open("a.xlsx") as snapshot:
    spec = ObjectSpec.model_validate({"name": "a", "path": "a.xlsx", "excel": {}})
    print(sum(table.frame.height for table in read_excel(snapshot, spec, 1000)))
status = Path("/proc/self/status").read_text()  # ru_maxrss has that of the process that started this one in it
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


def test_a_million_empty_rows_with_a_format_cost_neither_memory_nor_records(rewrite: Callable[..., Path]) -> None:
    empty = "".join(f'<row r="{row}"><c r="A{row}" s="0"/></row>' for row in range(4, 1_048_577))
    folder = rewrite({SHEET: lambda text: text.replace("</sheetData>", f"{empty}</sheetData>")})

    said = subprocess.run([sys.executable, "-c", MEASURED, str(folder)], capture_output=True, check=True, text=True)

    count, megabytes = map(int, said.stdout.split())
    assert count == 2
    assert megabytes < 320


def test_a_value_in_the_last_cell_costs_no_memory(rewrite: Callable[..., Path]) -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    folder = rewrite({SHEET: lambda text: text.replace("</sheetData>", far)})

    read = tables(folder, "a.xlsx")

    assert [row for table in read for row in table.frame.rows()] == [("1", "a"), ("2", "b")]
    assert [item.position for table in read for item in table.unreadable] == ["row 1048576"]


ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="A">
<table:table-row><table:table-cell office:value-type="string"><text:p>CODE</text:p></table:table-cell></table:table-row>
<table:table-row table:number-rows-repeated="%d">
<table:table-cell table:number-columns-repeated="1000"/></table:table-row>
<table:table-row><table:table-cell table:number-columns-repeated="1000"/><table:table-cell office:value-type="string">
<text:p>far away</text:p></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


@pytest.mark.parametrize(
    ("count", "memory", "reason"),
    [
        (20_000, 200 * 1024**2, "TooLarge"),  # the limit of the process
        (1_000_000, excel_legacy.MOST_MEMORY, "UnreadableWorkbook"),  # calamine's own limit
    ],
)
def test_a_value_far_away_in_an_ods_ends_its_process_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, memory: int, reason: str
) -> None:
    monkeypatch.setattr(excel_legacy, "MOST_MEMORY", memory)
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", (ODS % count).replace(">\n<", "><"))
        archive.writestr("META-INF/manifest.xml", "<manifest/>")

    assert refusal(tmp_path, "a.ods").reason == reason


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"CODE;NAME\n1;a\n", "declare csv"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "is no workbook"),
        (b"PK\x03\x04 and nothing more", "not written to its end"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "cannot be read"),
    ],
)
def test_what_is_no_workbook_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)

    assert words in refusal(tmp_path).message


def test_a_workbook_that_is_still_being_written_is_read_again_later(tmp_path: Path) -> None:
    whole = (FIXTURES / "articles-xlwt.xls").read_bytes()
    (tmp_path / "a.xls").write_bytes(b"")
    with pytest.raises(TransientError, match="is empty"):
        tables(tmp_path, "a.xls")

    (tmp_path / "a.xls").write_bytes(whole[:3000])
    spec = ObjectSpec.model_validate({"name": "a", "path": "a.xls", "excel": {}})
    with Folder(tmp_path, "drop").open("a.xls") as snapshot:
        (tmp_path / "a.xls").write_bytes(whole[:4000])
        with pytest.raises(TransientError, match="still being written"):
            list(read_excel(snapshot, spec, 1000))


def test_the_first_bytes_count_and_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes((FIXTURES / "articles-xlwt.xls").read_bytes())

    assert rows(tmp_path, "a.xlsx")[0] == ("00123", "19.99", "2026-03-15")


def test_cells_without_addresses_and_with_prefixes_are_read(rewrite: Callable[..., Path]) -> None:
    cells = "<x:row><x:c t='inlineStr'><x:is><x:t>CODE</x:t></x:is></x:c><x:c t='str'><x:v>NAME</x:v></x:c></x:row>"
    cells += "<x:row><x:c><x:v>1</x:v></x:c><x:c t='b'><x:v>1</x:v></x:c></x:row>"
    sheet = f"<x:worksheet xmlns:x='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><x:sheetData>{cells}"

    assert rows(rewrite({SHEET: f"{sheet}</x:sheetData></x:worksheet>"}), "a.xlsx") == [("1", "true")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_torn_or_altered_workbook_is_refused_or_read_but_never_half(
    rewrite: Callable[..., Path], tmp_path: Path, data: st.DataObject
) -> None:
    whole = (tmp_path / "good.xlsx").read_bytes()
    cut = data.draw(st.integers(0, len(whole)), label="cut")
    place = data.draw(st.integers(0, len(whole) - 1), label="place")
    altered = bytearray(whole)
    altered[place] ^= data.draw(st.integers(1, 255), label="bits")

    for content in (whole[:cut], bytes(altered)):
        (tmp_path / "a.xlsx").write_bytes(content)
        try:
            read = rows(tmp_path, "a.xlsx")
        except PonteError:
            continue
        assert read == [("1", "a"), ("2", "b")]


def test_faults_and_strays_are_told_by_their_address(rewrite: Callable[..., Path]) -> None:
    odd = '<row r="4"><c r="A4" t="e"><v>#REF!</v></c><c r="B4" t="zz"><v>1</v></c></row></sheetData>'
    odd = '<row r="3"><c r="A3" t="s"><v>99</v></c></row>' + odd

    read = tables(rewrite({SHEET: lambda text: text.replace("</sheetData>", odd)}), "a.xlsx")

    told = pl.concat([table.faults for table in read if table.faults is not None])["message"].to_list()
    assert "A4: #REF!" in told
    assert "B4: a kind of cell that is unknown" in told
    assert "A3: its text is not in the workbook" in told
