"""Every connector is held to the same contract: memory and files; databases and web APIs have files of their own."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from python_calamine import load_workbook

from contract.conftest import Make
from contract.databases import (
    FIELDS,
)
from ponte.connectors import memory
from ponte.connectors.files.formulas import restore
from ponte.testing.contract.records import DECLARED, Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract

# Memory


class TestMemorySource(SourceContract):
    @pytest.fixture
    def open_source(self, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            memory.store("tested").put("records", records)
            system = make_system("memory", {"name": "tested"}, cursor={"field": "changed"}, fields=list(DECLARED))
            return system.source("records")

        return open_


class MemoryTargetContract(TargetContract):
    behaviour = memory.Behaviour()

    @pytest.fixture
    def open_target(self, make_system: Make) -> OpenTarget:
        memory.forget()
        store = memory.store("tested")

        async def held() -> list[Record]:
            return store.records("records")

        async def refuse() -> None:
            refused = {("0000003",): "Refused", ("0000008",): "Refused"}
            store.behave("records", replace(self.behaviour, refused=refused))

        async def lose() -> None:
            store.behave("records", replace(self.behaviour, lost_answers=frozenset({("0000001",)})))

        async def open_(records: list[Record]) -> Opened:
            store.behave("records", self.behaviour)
            store.put("records", records)
            system = make_system("memory", {"name": "tested"})
            return Opened(system.target("records"), held, refuse, lose)

        return open_


class TestMemoryTarget(MemoryTargetContract):
    pass


class TestMemoryTargetWithOwnIds(MemoryTargetContract):
    behaviour = memory.Behaviour(upserts=False, own_ids=True, takes_idempotency_keys=True)


class TestMemoryTargetThatOnlyCreates(MemoryTargetContract):
    behaviour = memory.Behaviour(upserts=False, finds=False)


# Files


def _texts(record: Record) -> dict[str, str]:
    plain = {name: "" if value is None else str(value) for name, value in record.items()}
    return {**plain, "active": plain["active"].lower()}


def _write_csv(path: Path, records: list[Record]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(map(_texts, records))


class TestCsvSource(SourceContract):
    traits = Traits(is_typed=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _write_csv(tmp_path / "records.csv", records)
            return make_system(
                "files", {"path": {"value": str(tmp_path)}}, path="records.csv", csv={}, cursor={"field": "changed"}
            ).source("records")

        return open_


def _json_value(name: str, value: Any) -> str:
    return str(value) if name == "price" and value is not None else json.dumps(value, default=str)


def _json_line(record: Record) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {_json_value(name, v)}" for name, v in record.items()) + "}\n"


class TestJsonLinesSource(SourceContract):
    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            (tmp_path / "records.jsonl").write_text("".join(map(_json_line, records)), encoding="utf-8")
            fields = {
                "path": "records.jsonl",
                "jsonLines": {},
                "fields": list(DECLARED),
                "cursor": {"field": "changed"},
            }
            return make_system("files", {"path": {"value": str(tmp_path)}}, **fields).source("records")

        return open_


class TestCsvTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        async def held() -> list[Record]:
            with (tmp_path / "records.csv").open(newline="", encoding="utf-8") as file:
                return [{name: restore(value) or None for name, value in row.items()} for row in csv.DictReader(file)]

        async def open_(records: list[Record]) -> Opened:
            _write_csv(tmp_path / "records.csv", records)
            system = make_system("files", {"path": {"value": str(tmp_path)}}, path="records.csv", csv={})
            return Opened(system.target("records"), held)

        return open_


class TestJsonLinesTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        path = tmp_path / "records.jsonl"

        async def held() -> list[Record]:
            return [json.loads(line, parse_float=str) for line in path.read_text(encoding="utf-8").splitlines()]

        async def open_(records: list[Record]) -> Opened:
            path.write_text("".join(map(_json_line, records)), encoding="utf-8")
            settings = {"path": {"value": str(tmp_path)}}
            system = make_system("files", settings, path="records.jsonl", jsonLines={}, fields=list(DECLARED))
            return Opened(system.target("records"), held)

        return open_


# Workbooks


def _write_excel(path: Path, records: list[Record]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Data")
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        moment = book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss.000"})
        sheet.write_row(0, 0, FIELDS)
        for row, record in enumerate(records, 1):
            for column, value in enumerate(record.values()):
                if isinstance(value, datetime):
                    sheet.write_datetime(row, column, value, moment)
                elif isinstance(value, date):
                    sheet.write_datetime(row, column, value, day)
                elif isinstance(value, bool):
                    sheet.write_boolean(row, column, value)
                elif isinstance(value, int):
                    sheet.write_number(row, column, value)
                elif value is not None:
                    sheet.write_string(row, column, str(value))


class TestExcelSource(SourceContract):
    traits = Traits(is_typed=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _write_excel(tmp_path / "records.xlsx", records)
            fields = {"path": "records.xlsx", "excel": {}, "cursor": {"field": "changed"}}
            return make_system("files", {"path": {"value": str(tmp_path)}}, **fields).source("records")

        return open_


class TestExcelTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        path = tmp_path / "records.xlsx"

        async def held() -> list[Record]:
            rows = iter(load_workbook(path).get_sheet_by_index(0).to_python())
            names = next(rows)
            rows = ([restore(v) or None if isinstance(v, str) else v for v in row] for row in rows)
            return [dict(zip(names, row, strict=True)) for row in rows]

        async def open_(records: list[Record]) -> Opened:
            _write_excel(path, records)
            system = make_system("files", {"path": {"value": str(tmp_path)}}, path="records.xlsx", excel={})
            return Opened(system.target("records"), held)

        return open_
