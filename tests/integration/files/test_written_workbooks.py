"""Workbooks that Ponte writes: what is read back is what was delivered, whatever it looks like in the sheet."""

from __future__ import annotations

import sqlite3
import sys
import zipfile
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import load_workbook

from ponte.connectors.files.client import Folder
from ponte.connectors.files.target import FileTarget
from ponte.engine.ports import Delivery
from ponte.errors import ConfigurationError
from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime
from ponte_api.sync_source import ObjectSpec


def target(folder: Path, path: str = "a.xlsx", excel: dict[str, Any] | None = None, **fields: Any) -> FileTarget:
    spec = ObjectSpec.model_validate({"name": "a", "path": path, "key": ["code"], "excel": excel or {}, **fields})
    return FileTarget(spec, Folder(folder, "shop"))


def delivery(frame: pl.DataFrame) -> Delivery:
    none = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery("create", frame, ("code",), none, none)


def sheet(path: Path) -> list[list[Any]]:
    return load_workbook(path).get_sheet_by_index(0).to_python()


MOMENT = datetime.fromisoformat("2026-03-15T18:30:00")
CELLS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(
        st.fixed_dictionaries(
            {
                "name": CELLS,
                "price": st.decimals(-(10**14), 10**14, places=4),
                "ratio": st.floats(allow_nan=False, allow_infinity=False),
                "stock": st.integers(-(2**62), 2**62),
                "active": st.booleans(),
                "day": st.dates(),
                "changed": st.datetimes(),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
async def test_what_is_read_back_is_what_was_delivered(tmp_path: Path, values: list[dict[str, Any]]) -> None:
    (tmp_path / "a.xlsx").unlink(missing_ok=True)
    records = [{"code": f"{place:05d}", **value} for place, value in enumerate(values)]
    schema = {"price": pl.Decimal(38, 4), "name": pl.String}
    frame = pl.DataFrame(records, schema_overrides=schema)
    opened = target(tmp_path)

    answers = await opened.deliver(delivery(frame))
    found = (await opened.fetch(frame.select("code"), pl.Series([None] * len(records), dtype=pl.String))).to_dicts()

    assert set(answers["outcome"]) == {"done"}
    for record, held in zip(records, found, strict=True):
        assert (held["name"] or "") == record["name"]
        assert Decimal(held["price"]) == record["price"]
        assert float(held["ratio"]) == record["ratio"]
        assert int(held["stock"]) == record["stock"]
        assert held["active"] == str(record["active"]).lower()
        assert date.fromisoformat(held["day"]) == record["day"]
        assert datetime.fromisoformat(held["changed"]) == record["changed"]


async def test_cells_have_the_types_that_people_calculate_with(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "code": ["00123"],
            "price": pl.Series([Decimal("19.90")], dtype=pl.Decimal(12, 2)),
            "stock": [3],
            "account": [1234567890123456],
            "active": [True],
            "day": [date(2026, 3, 15)],
            "changed": [MOMENT],
            "name": ['=HYPERLINK("http://x.example")'],
        }
    )

    await target(tmp_path).deliver(delivery(frame))

    assert sheet(tmp_path / "a.xlsx")[1] == [
        "00123",
        19.9,
        3,
        "1234567890123456",  # sixteen digits: a number would be rounded
        True,
        date(2026, 3, 15),
        MOMENT,
        '\'=HYPERLINK("http://x.example")',
    ]
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
        assert b'state="frozen"' in archive.read("xl/worksheets/sheet1.xml")


async def test_declared_types_hold_for_what_was_written_before(tmp_path: Path) -> None:
    fields = [{"name": "code", "type": "string"}, {"name": "stock", "type": "integer"}]
    await target(tmp_path, fields=fields).deliver(delivery(pl.DataFrame({"code": ["1"], "stock": [7]})))
    await target(tmp_path, fields=fields).deliver(delivery(pl.DataFrame({"code": ["2"]})))

    assert sheet(tmp_path / "a.xlsx") == [["code", "stock"], ["1", 7], ["2", ""]]


async def test_a_text_that_no_cell_holds_rejects_its_record_only(tmp_path: Path) -> None:
    frame = pl.DataFrame({"code": ["1", "2", "3"], "name": ["x" * 32_767, "x" * 32_768, "=" * 32_767]})

    answers = await target(tmp_path).deliver(delivery(frame))

    assert answers["outcome"].to_list() == ["done", "rejected", "rejected"]  # the third gets an apostrophe


@pytest.mark.parametrize(
    ("path", "excel", "words"),
    [
        ("a.xls", {}, "writes .xlsx"),
        ("a.xlsx", {"headerRow": 3}, "header in row 1"),
        ("a.xlsx", {"range": "B2:C"}, "header in row 1"),
        ("a.xlsx", {"header": False}, "header in row 1"),
    ],
)
def test_a_workbook_that_cannot_be_written_is_said_before_the_run(
    tmp_path: Path, path: str, excel: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        target(tmp_path, path, excel)


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)

    with pytest.raises(ConfigurationError, match=r"ponte-sync\[excel\]") as error:
        target(tmp_path)

    assert error.value.reason == "ExtraMissing"


def _second_sheet(book: Any, _: Any) -> None:
    book.add_worksheet("Totals")


def _formula(_: Any, page: Any) -> None:
    page.write_formula(1, 1, "=A2*2", None, 2)


def _chart(book: Any, page: Any) -> None:
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=Data!$A$2:$A$3"})
    page.insert_chart("D2", chart)


@pytest.mark.parametrize(
    ("add", "words"), [(_second_sheet, "it has 2 sheets"), (_formula, "it has formulas"), (_chart, "it has drawings")]
)
async def test_a_workbook_with_more_than_records_is_left_alone(tmp_path: Path, add: Any, words: str) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        page = book.add_worksheet("Data")
        page.write_row(0, 0, ["code", "name"])
        add(book, page)
    before = (tmp_path / "a.xlsx").read_bytes()

    with pytest.raises(ConfigurationError, match=words):
        await target(tmp_path).deliver(delivery(pl.DataFrame({"code": ["1"]})))

    assert (tmp_path / "a.xlsx").read_bytes() == before


MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: supplier}
spec:
  files: {path: {value: "%(folder)s"}}
  objects:
  - {name: articles, path: listino.xlsx, key: [CODICE], excel: {sheet: Articoli, headerRow: 3, range: "A3:F"}}
  - {name: out, path: out.xlsx, key: [sku], excel: {sheet: Prezzi}}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  sql: {url: {value: "sqlite:///%(folder)s/shop.db"}}
  objects: [{name: products, table: products, key: [sku]}]
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: inward}
spec:
  key: [sku]
  fields:
  - {to: sku, from: CODICE}
  - {to: name, from: DESCRIZIONE}
  - {to: price, from: PREZZO, type: "decimal(18,2)"}
  - {to: since, from: DATA, type: date}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: outward}
spec:
  key: [sku]
  fields: [{to: sku, from: sku}, {to: name, from: name}, {to: price, from: price}, {to: since, from: since, type: date}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: inward}
spec: {source: {name: supplier, object: articles}, target: {name: shop, object: products}, mapping: inward}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: outward}
spec: {source: {name: shop, object: products}, target: {name: supplier, object: out}, mapping: outward}
"""


async def test_a_price_list_goes_into_a_database_and_out_again(tmp_path: Path) -> None:
    fixtures = Path(__file__).parents[2] / "fixtures" / "excel"
    (tmp_path / "listino.xlsx").write_bytes((fixtures / "articles-libreoffice.xlsx").read_bytes())
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE products (sku TEXT PRIMARY KEY, name TEXT, price DECIMAL(18,2), since DATE)")
    (tmp_path / "jobs.yaml").write_text(MANIFESTS.lstrip() % {"folder": tmp_path})
    manifests = load([tmp_path / "jobs.yaml"])
    assert manifests.faults == ()
    runtime = Runtime(manifests, References(environment={}), f"sqlite:///{tmp_path}/ledger.db")

    inward = await runtime.run(RunRequest("inward"))
    outward = await runtime.run(RunRequest("outward"))

    assert (inward.account.created, inward.account.rejected) == (2, 0)
    assert outward.account.created == 2
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        held = database.execute("SELECT sku, name, CAST(price AS TEXT), since FROM products ORDER BY sku").fetchall()
    assert held[0] == ("00123", "Vite M6", "19.99", "2026-03-15")
    assert held[1][0] == "00124"
    assert sheet(tmp_path / "out.xlsx") == [
        ["sku", "name", "price", "since"],
        ["00123", "Vite M6", 19.99, date(2026, 3, 15)],
        ["00124", "Però è «così» & <così>", 1234567890123.0, ""],
    ]
    again = await runtime.run(RunRequest("outward"))
    assert (again.account.created, again.account.updated, again.account.unchanged) == (0, 0, 2)
