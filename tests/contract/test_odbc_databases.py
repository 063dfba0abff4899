"""Databases by their ODBC drivers are held to the contract of all connectors."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from contract.conftest import Make
from contract.databases import (
    UNIQUE,
    make_mariadb,
    make_postgresql,
    make_sqlite,
    mariadb_hands,
    postgresql_hands,
    sqlite_hands,
)
from mariadb import MariadbServer, maodbc
from ponte.testing.contract.records import Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract


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
            make_postgresql(postgres_url, records)
            fields = {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", _psqlodbc(postgres_url), **fields).source("records")

        return open_


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, postgres_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_postgresql(postgres_url, records, UNIQUE)
            fields = {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", _psqlodbc(postgres_url), **fields).source("records")

        return open_


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcTarget(TargetContract):
    @pytest.fixture
    def open_target(self, postgres_url: str, make_system: Make) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            make_postgresql(postgres_url, records, UNIQUE)
            system = make_system("odbc", _psqlodbc(postgres_url), table="records")
            return Opened(system.target("records"), *postgresql_hands(postgres_url))

        return open_


def _sqliteodbc(path: Path) -> dict[str, Any]:
    return {"driver": "SQLite3", "options": [{"name": "Database", "value": str(path)}]}


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcSource(SourceContract):
    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_sqlite(tmp_path / "erp.db", records)
            settings, fields = _sqliteodbc(tmp_path / "erp.db"), {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", settings, **fields).source("records")

        return open_


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_sqlite(tmp_path / "erp.db", records, UNIQUE)
            settings, fields = _sqliteodbc(tmp_path / "erp.db"), {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", settings, **fields).source("records")

        return open_


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        path = tmp_path / "shop.db"

        async def open_(records: list[Record]) -> Opened:
            make_sqlite(path, records, UNIQUE)
            system = make_system("odbc", _sqliteodbc(path), table="records")
            return Opened(system.target("records"), *sqlite_hands(path))

        return open_


@pytest.mark.needs("maodbc")
class TestMariadbOverOdbcSource(SourceContract):
    @pytest.fixture
    def open_source(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_mariadb(mariadb_server, mariadb_url, records)
            fields = {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", maodbc(mariadb_url), **fields).source("records")

        return open_


@pytest.mark.needs("maodbc")
class TestMariadbOverOdbcSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_mariadb(mariadb_server, mariadb_url, records, UNIQUE)
            fields = {"table": "records", "cursor": {"field": "changed"}}
            return make_system("odbc", maodbc(mariadb_url), **fields).source("records")

        return open_


@pytest.mark.needs("maodbc")
class TestMariadbOverOdbcTarget(TargetContract):
    @pytest.fixture
    def open_target(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            make_mariadb(mariadb_server, mariadb_url, records, UNIQUE)
            system = make_system("odbc", maodbc(mariadb_url), table="records")
            return Opened(system.target("records"), *mariadb_hands(mariadb_server, mariadb_url))

        return open_
