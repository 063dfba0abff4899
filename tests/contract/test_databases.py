"""Databases by drivers of their own are held to the contract of all connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from mariadb import MariadbServer
from ponte.testing.contract.records import Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract
from ponte.testing.contract.targets import Opened, OpenTarget, TargetContract


class TestSqliteSource(SourceContract):
    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_sqlite(tmp_path / "erp.db", records)
            url = {"value": f"sqlite:///{tmp_path}/erp.db"}
            return make_system("sql", {"url": url}, table="records", cursor={"field": "changed"}).source("records")

        return open_


class TestSqliteSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_sqlite(tmp_path / "erp.db", records, UNIQUE)
            url = {"value": f"sqlite:///{tmp_path}/erp.db"}
            return make_system("sql", {"url": url}, table="records", cursor={"field": "changed"}).source("records")

        return open_


class TestSqliteTarget(TargetContract):
    @pytest.fixture
    def open_target(self, tmp_path: Path, make_system: Make) -> OpenTarget:
        path = tmp_path / "shop.db"

        async def open_(records: list[Record]) -> Opened:
            make_sqlite(path, records, UNIQUE)
            system = make_system("sql", {"url": {"value": f"sqlite:///{path}"}}, table="records")
            return Opened(system.target("records"), *sqlite_hands(path))

        return open_


@pytest.mark.needs("postgresql")
class TestPostgresqlSource(SourceContract):
    @pytest.fixture
    def open_source(self, postgres_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_postgresql(postgres_url, records)
            settings = {"url": {"value": postgres_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


@pytest.mark.needs("postgresql")
class TestPostgresqlSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, postgres_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_postgresql(postgres_url, records, UNIQUE)
            settings = {"url": {"value": postgres_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


@pytest.mark.needs("postgresql")
class TestPostgresqlTarget(TargetContract):
    @pytest.fixture
    def open_target(self, postgres_url: str, make_system: Make) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            make_postgresql(postgres_url, records, UNIQUE)
            system = make_system("sql", {"url": {"value": postgres_url}}, table="records")
            return Opened(system.target("records"), *postgresql_hands(postgres_url))

        return open_


@pytest.mark.needs("mariadb")
class TestMariadbSource(SourceContract):
    @pytest.fixture
    def open_source(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_mariadb(mariadb_server, mariadb_url, records)
            settings = {"url": {"value": mariadb_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


@pytest.mark.needs("mariadb")
class TestMariadbSourceWithUniqueKey(SourceContract):
    traits = Traits(allows_repeated_keys=False)

    @pytest.fixture
    def open_source(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenSource:
        async def open_(records: list[Record]) -> Any:
            make_mariadb(mariadb_server, mariadb_url, records, UNIQUE)
            settings = {"url": {"value": mariadb_url}}
            return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

        return open_


@pytest.mark.needs("mariadb")
class TestMariadbTarget(TargetContract):
    @pytest.fixture
    def open_target(self, mariadb_server: MariadbServer, mariadb_url: str, make_system: Make) -> OpenTarget:
        async def open_(records: list[Record]) -> Opened:
            make_mariadb(mariadb_server, mariadb_url, records, UNIQUE)
            system = make_system("sql", {"url": {"value": mariadb_url}}, table="records")
            return Opened(system.target("records"), *mariadb_hands(mariadb_server, mariadb_url))

        return open_
