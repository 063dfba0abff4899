"""Articles from a text file and from a workbook into PostgreSQL, first load."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from bench.rivals import articles, dlt, ingestr, ponte, sling
from bench.rivals.databases import Database
from bench.rivals.expected_articles import TABLE, ExpectedArticles
from bench.rivals.place import Place
from bench.rivals.race import Race
from bench.rivals.results import Aim
from bench.rivals.table_world import TARGET, TableWorld
from ponte_api.sync_source import ObjectSpec

CSV_STEPS = {"first": "first load"}
READS = {"first": "all"}
NOT_CHECKED = "rewrites all rows; guesses types; no rules, no rejects"


def has_excel() -> bool:
    """Whether this Ponte reads workbooks."""
    return "excel" in ObjectSpec.model_fields


def run_text(place: Place) -> None:
    """The race from a CSV file."""
    records = place.records(50_000)
    results = place.results("csv", records, CSV_STEPS, [Aim("first", 0.9, "sling")])
    path = place.folder / "articles.csv"
    _write_text(path, records)
    world = _world(place, records)
    _admit_ponte(world, place, {"path": path.name, "csv": {}})
    world.admit(lambda to: sling.entrant(NOT_CHECKED, {"first": sling.file_load(path.as_uri(), {}, to, "sku")}))
    world.admit(
        lambda to: ingestr.entrant(NOT_CHECKED, {"first": ingestr.load(f"csv://{path}", "articles", to, "sku")})
    )
    _admit_dlt(world, place, path, "csv_text", "filesystem, read_csv, csv files")
    _admit_dlt(world, place, path, "csv_arrow", "own line of pyarrow, Parquet, ADBC")
    place.run(Race(world, world.entrants, list(CSV_STEPS), place.folder), results)


def run_workbook(place: Place) -> None:
    """The race from an .xlsx file."""
    records = place.records(50_000)
    aims = [Aim("first", 0.2, "sling")]
    results = place.results("xlsx", records, CSV_STEPS, aims)
    path = place.folder / "articles.xlsx"
    _write_workbook(path, records)
    world = _world(place, records)
    _admit_ponte(world, place, {"path": path.name, "excel": {}})
    world.admit(lambda to: sling.entrant(NOT_CHECKED, {"first": sling.file_load(path.as_uri(), {}, to, "sku")}))
    _admit_dlt(world, place, path, "workbook", "own line of pandas (openpyxl), Parquet, ADBC")
    place.run(Race(world, world.entrants, list(CSV_STEPS), place.folder), results)


def _world(place: Place, records: int) -> TableWorld:
    source = place.database("source")
    expected = ExpectedArticles(source, records)
    return TableWorld(place, source, TABLE, articles.FIELDS, expected.change)


def _admit_ponte(world: TableWorld, place: Place, listed: dict[str, Any]) -> None:
    ledger = place.database("ledger")
    read = {
        "files": {"path": {"value": str(place.folder)}},
        "objects": [{"name": "records", "key": ["sku"], **listed}],
    }

    def integration(to: Database) -> ponte.Integration:
        return ponte.Integration(read, ponte.sql_target(to, TARGET, "sku"), ponte.article_rules())

    world.admit(lambda to: ponte.in_file(integration(to), place.folder / "ponte_file", READS))
    world.admit(lambda to: ponte.in_database(integration(to), place.folder / "ponte_database", ledger, READS))


def _admit_dlt(world: TableWorld, place: Place, path: Path, source: str, words: str) -> None:
    order = {"source": source, "path": str(path), "key": "sku", "format": "csv" if source == "csv_text" else "parquet"}
    state = place.folder / f"dlt_{source}"
    world.admit(lambda to: dlt.load(words, NOT_CHECKED, state, {"first": {**order, "target_url": dlt.target_url(to)}}))


def _write_text(path: Path, records: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(articles.NAMES)
        writer.writerows(articles.texts(record) for record in articles.articles(records, 0))


def _write_workbook(path: Path, records: int) -> None:
    import xlsxwriter  # noqa: PLC0415 - comes with the extra for workbooks

    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("articles")
        sheet.write_row(0, 0, articles.NAMES)
        for n, record in enumerate(articles.articles(records, 0), 1):
            sheet.write_row(n, 0, list(record.values()))
