"""Databases by drivers of their own are held to the contract of all connectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.databases import (
    Database,
    TableSource,
    TableTarget,
    UniqueTableSource,
    on_mariadb,
    on_postgresql,
    on_sqlite,
)
from mariadb import MariadbServer


class _Sqlite:
    @pytest.fixture
    def database(self, tmp_path: Path) -> Database:
        path = tmp_path / "records.db"
        return on_sqlite("sql", {"url": {"value": f"sqlite:///{path}"}}, path)


class _Postgresql:
    @pytest.fixture
    def database(self, postgres_url: str) -> Database:
        return on_postgresql("sql", {"url": {"value": postgres_url}}, postgres_url)


class _Mariadb:
    @pytest.fixture
    def database(self, mariadb_server: MariadbServer, mariadb_url: str) -> Database:
        return on_mariadb("sql", {"url": {"value": mariadb_url}}, mariadb_server, mariadb_url)


class TestSqliteSource(_Sqlite, TableSource):
    pass


class TestSqliteSourceWithUniqueKey(_Sqlite, UniqueTableSource):
    pass


class TestSqliteTarget(_Sqlite, TableTarget):
    pass


@pytest.mark.needs("postgresql")
class TestPostgresqlSource(_Postgresql, TableSource):
    pass


@pytest.mark.needs("postgresql")
class TestPostgresqlSourceWithUniqueKey(_Postgresql, UniqueTableSource):
    pass


@pytest.mark.needs("postgresql")
class TestPostgresqlTarget(_Postgresql, TableTarget):
    pass


@pytest.mark.needs("mariadb")
class TestMariadbSource(_Mariadb, TableSource):
    pass


@pytest.mark.needs("mariadb")
class TestMariadbSourceWithUniqueKey(_Mariadb, UniqueTableSource):
    pass


@pytest.mark.needs("mariadb")
class TestMariadbTarget(_Mariadb, TableTarget):
    pass
