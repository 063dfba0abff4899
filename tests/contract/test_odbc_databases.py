"""Databases by their ODBC drivers are held to the contract of all connectors."""

from __future__ import annotations

import getpass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

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
from mariadb import MariadbServer, maodbc


class _Postgresql:
    @pytest.fixture
    def database(self, postgres_url: str) -> Database:
        parts = urlsplit(postgres_url)
        place = {"Servername": parse_qs(parts.query)["host"][0], "Database": parts.path[1:]}
        options = [{"name": name, "value": value} for name, value in place.items()]
        login = {"username": {"value": getpass.getuser()}}
        return on_postgresql("odbc", {"driver": "PostgreSQL Unicode", "options": options, **login}, postgres_url)


class _Sqlite:
    @pytest.fixture
    def database(self, tmp_path: Path) -> Database:
        path = tmp_path / "records.db"
        options = [{"name": "Database", "value": str(path)}]
        return on_sqlite("odbc", {"driver": "SQLite3", "options": options}, path)


class _Mariadb:
    @pytest.fixture
    def database(self, mariadb_server: MariadbServer, mariadb_url: str) -> Database:
        return on_mariadb("odbc", maodbc(mariadb_url), mariadb_server, mariadb_url)


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcSource(_Postgresql, TableSource):
    pass


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcSourceWithUniqueKey(_Postgresql, UniqueTableSource):
    pass


@pytest.mark.needs("psqlodbc")
class TestPostgresqlOverOdbcTarget(_Postgresql, TableTarget):
    pass


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcSource(_Sqlite, TableSource):
    pass


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcSourceWithUniqueKey(_Sqlite, UniqueTableSource):
    pass


@pytest.mark.needs("sqliteodbc")
class TestSqliteOverOdbcTarget(_Sqlite, TableTarget):
    pass


@pytest.mark.needs("maodbc")
class TestMariadbOverOdbcSource(_Mariadb, TableSource):
    pass


@pytest.mark.needs("maodbc")
class TestMariadbOverOdbcSourceWithUniqueKey(_Mariadb, UniqueTableSource):
    pass


@pytest.mark.needs("maodbc")
class TestMariadbOverOdbcTarget(_Mariadb, TableTarget):
    pass
