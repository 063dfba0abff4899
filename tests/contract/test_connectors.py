"""Every connector is held to the same contract."""

from __future__ import annotations

import csv
import getpass
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import xlsxwriter
from python_calamine import load_workbook

from mariadb import MariadbServer
from ponte.connectors import memory
from ponte.connectors.files.formulas import restore
from ponte.connectors.registry import connect
from ponte.engine.ports import System
from ponte.manifests.references import References
from ponte.testing.contract.records import DECLARED, SCHEMA, Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract
from ponte_api.sync_source import SyncSource

FIELDS = tuple(SCHEMA)
SQLITE_TABLE = (
    "CREATE TABLE records (code VARCHAR(4096), name TEXT, price DECIMAL(12,2), stock INTEGER, active BOOLEAN,"
    " day DATE, changed DATETIME{0})"
)
POSTGRESQL_TABLE = (
    "CREATE TABLE records (code text, name text, price numeric(12,2), stock bigint, active boolean,"
    " day date, changed timestamp{0})"
)
MARIADB_TABLE = (
    "CREATE TABLE records (code varchar(1000) CHARACTER SET utf8mb3, name text, price decimal(12,2), stock bigint,"
    " active boolean, day date, changed datetime(6){0})"
)
UNIQUE = ", UNIQUE (code)"


class StillClock:
    """A clock that does not go."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        return None


Make = Callable[..., System]


@pytest.fixture
async def make_system() -> AsyncIterator[Make]:
    """Connects to a system with one object, `records`, and closes it at the end."""
    systems: list[System] = []

    def make(kind: str, settings: dict[str, Any], **fields: Any) -> System:
        spec = {"name": "records", "key": ["code"], **fields}
        source = SyncSource.model_validate(
            {
                "apiVersion": "ponte.dev/v1alpha1",
                "kind": "SyncSource",
                "metadata": {"name": "tested"},
                "spec": {kind: settings, "objects": [spec]},
            }
        )
        systems.append(connect(source, References(environment={}), StillClock()))
        return systems[-1]

    yield make
    for system in systems:
        await system.close()


def _values(record: Record) -> list[Any]:
    return [record[name] for name in FIELDS]


# SQLite


def _sqlite_values(record: Record) -> list[Any]:
    stored = {"price": str, "active": int, "day": str, "changed": str}
    return [v if v is None or n not in stored else stored[n](v) for n, v in record.items()]


def _make_sqlite(path: Path, records: list[Record], constraint: str = "") -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(SQLITE_TABLE.format(constraint))
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", map(_sqlite_values, records))


class TestSqliteSource(SourceContract):
    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_sqlite(tmp_path / "erp.db", records)
            url = {"value": f"sqlite:///{tmp_path}/erp.db"}
            return make_system("sql", {"url": url}, table="records", cursor={"field": "changed"}).source("records")

        return open_


class TestSqliteSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_sqlite(tmp_path / "erp.db", records, UNIQUE)
            url = {"value": f"sqlite:///{tmp_path}/erp.db"}
            return make_system("sql", {"url": url}, table="records", cursor={"field": "changed"}).source("records")

        return open_


def _sqlite_hands(path: Path) -> tuple[Any, Any]:
    """What the table holds, and a trigger that refuses some of it."""

    async def held() -> list[Record]:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT * FROM records").fetchall()
        return [dict(zip(FIELDS, row, strict=True)) for row in rows]

    async def refuse() -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "CREATE TRIGGER t BEFORE INSERT ON records WHEN new.stock = -1 BEGIN SELECT RAISE(ABORT, 'no'); END"
            )

    return held, refuse


class TestSqliteTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        path = tmp_path / "shop.db"

        async def open_(records: list[Record]) -> Opened:
            _make_sqlite(path, records, UNIQUE)
            system = make_system("sql", {"url": {"value": f"sqlite:///{path}"}}, table="records")
            return Opened(system.target("records"), *_sqlite_hands(path))

        return open_


# PostgreSQL


def _make_postgresql(url: str, records: list[Record], constraint: str = "") -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS records")
        connection.execute(POSTGRESQL_TABLE.format(constraint).encode())
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO records VALUES (%s, %s, %s, %s, %s, %s, %s)", list(map(_values, records)))


@pytest.mark.needs("postgresql")
class TestPostgresqlSource(SourceContract):
    @pytest.fixture
    def open_source(self, postgres_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_postgresql(postgres_url, records)
            settings = {"url": {"value": postgres_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


@pytest.mark.needs("postgresql")
class TestPostgresqlSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, postgres_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_postgresql(postgres_url, records, UNIQUE)
            settings = {"url": {"value": postgres_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


def _postgresql_hands(url: str) -> tuple[Any, Any]:
    """What the table holds, and a check that refuses some of it."""

    async def held() -> list[Record]:
        with psycopg.connect(url) as connection:
            rows = connection.execute("SELECT * FROM records").fetchall()
        return [dict(zip(FIELDS, row, strict=True)) for row in rows]

    async def refuse() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE records ADD CONSTRAINT positive CHECK (stock >= 0)")

    return held, refuse


@pytest.mark.needs("postgresql")
class TestPostgresqlTarget(TargetContract):
    @pytest.fixture
    def open_target(self, postgres_url: str, make_system: Make) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            _make_postgresql(postgres_url, records, UNIQUE)
            system = make_system("sql", {"url": {"value": postgres_url}}, table="records")
            return Opened(system.target("records"), *_postgresql_hands(postgres_url))

        return open_


# ODBC to PostgreSQL, its real driver


def _psqlodbc(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    place = {"Servername": parse_qs(parts.query)["host"][0], "Database": parts.path[1:]}
    options = [{"name": name, "value": value} for name, value in place.items()]
    return {"driver": "PostgreSQL Unicode", "options": options, "username": {"value": getpass.getuser()}}


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcSource(SourceContract):
    @pytest.fixture
    def open_source(self, postgres_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_postgresql(postgres_url, records)
            fields = {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", _psqlodbc(postgres_url), **fields).source("records")

        return open_


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, postgres_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_postgresql(postgres_url, records, UNIQUE)
            fields = {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", _psqlodbc(postgres_url), **fields).source("records")

        return open_


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcTarget(TargetContract):
    @pytest.fixture
    def open_target(self, postgres_url: str, make_system: Make) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            _make_postgresql(postgres_url, records, UNIQUE)
            system = make_system("odbc", _psqlodbc(postgres_url), table="records")
            return Opened(system.target("records"), *_postgresql_hands(postgres_url))

        return open_


# MariaDB


def _make_mariadb(server: MariadbServer, url: str, records: list[Record], constraint: str = "") -> None:
    database = _database(url)
    marks = ", ".join(["%s"] * len(FIELDS))
    server.run("DROP TABLE IF EXISTS records", MARIADB_TABLE.format(constraint), database=database)
    server.insert(f"INSERT INTO records VALUES ({marks})", map(_values, records), database)


def _database(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


@pytest.mark.needs("mariadb")
class TestMariadbSource(SourceContract):
    @pytest.fixture
    def open_source(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_mariadb(mariadb_server, mariadb_url, records)
            settings = {"url": {"value": mariadb_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


@pytest.mark.needs("mariadb")
class TestMariadbSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_mariadb(mariadb_server, mariadb_url, records, UNIQUE)
            settings = {"url": {"value": mariadb_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


@pytest.mark.needs("mariadb")
class TestMariadbTarget(TargetContract):
    @pytest.fixture
    def open_target(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenTarget:
        database = _database(mariadb_url)

        async def held() -> list[Record]:
            rows = mariadb_server.run("SELECT * FROM records", database=database)
            return [dict(zip(FIELDS, row, strict=True)) for row in rows]

        async def refuse() -> None:
            mariadb_server.run("ALTER TABLE records ADD CONSTRAINT positive CHECK (stock >= 0)", database=database)

        async def open_(records: list[Record]) -> Opened:
            _make_mariadb(mariadb_server, mariadb_url, records, UNIQUE)
            system = make_system("sql", {"url": {"value": mariadb_url}}, table="records")
            return Opened(system.target("records"), held, refuse)

        return open_


# ODBC to SQLite, its real driver


def _sqliteodbc(path: Path) -> dict[str, Any]:
    return {"driver": "SQLite3", "options": [{"name": "Database", "value": str(path)}]}


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            _make_sqlite(tmp_path / "erp.db", records, UNIQUE)
            settings, fields = _sqliteodbc(tmp_path / "erp.db"), {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", settings, **fields).source("records")

        return open_


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        path = tmp_path / "shop.db"

        async def open_(records: list[Record]) -> Opened:
            _make_sqlite(path, records, UNIQUE)
            system = make_system("odbc", _sqliteodbc(path), table="records")
            return Opened(system.target("records"), *_sqlite_hands(path))

        return open_


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
