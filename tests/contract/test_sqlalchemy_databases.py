"""Databases behind SQLAlchemy, two of them, are held to the contract of all connectors that read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.conftest import Make
from contract.databases import FIELDS, values_of
from firebird_server import USER, FirebirdDatabase
from ponte.testing.contract.records import Record, Traits
from ponte.testing.contract.sources import OpenSource, SourceContract

FIREBIRD_TABLE = (
    "RECREATE TABLE records (code varchar(200){0}, name varchar(4096), price decimal(12,2), stock bigint,"
    ' active boolean, "day" date, changed timestamp{1})'
)
DUCKDB_TABLE = (
    "CREATE OR REPLACE TABLE records (code varchar, name varchar, price decimal(12,2), stock bigint, active boolean,"
    " day date, changed timestamp{0})"
)
MARKS = ", ".join("?" * len(FIELDS))
PRIMARY = ", PRIMARY KEY (code)"


def _open_firebird(database: FirebirdDatabase, make_system: Make, *constraint: str) -> OpenSource:
    async def open_(records: list[Record]) -> Any:
        database.run(FIREBIRD_TABLE.format(*constraint))
        database.insert(f"INSERT INTO records VALUES ({MARKS})", list(map(values_of, records)))
        login = {"username": {"value": USER}, "password": {"secretRef": {"name": "firebird", "key": "password"}}}
        settings = {"url": {"value": database.url}, **login}
        return make_system("sql", settings, table="records", cursor={"field": "changed"}).source("records")

    return open_


@pytest.mark.needs("firebird")
class TestFirebirdSource(SourceContract):
    @pytest.fixture
    def open_source(self, firebird: FirebirdDatabase, make_system: Make) -> OpenSource:
        return _open_firebird(firebird, make_system, "", "")


@pytest.mark.needs("firebird")
class TestFirebirdSourceWithPrimaryKey(SourceContract):
    traits = Traits(allows_repeated_keys=False, allows_missing_keys=False)

    @pytest.fixture
    def open_source(self, firebird: FirebirdDatabase, make_system: Make) -> OpenSource:
        return _open_firebird(firebird, make_system, " NOT NULL", PRIMARY)


def _open_duckdb(path: Path, make_system: Make, constraint: str, **fields: Any) -> OpenSource:
    async def open_(records: list[Record]) -> Any:
        import duckdb  # noqa: PLC0415 - only where it is there

        with duckdb.connect(str(path)) as connection:
            connection.execute(DUCKDB_TABLE.format(constraint))
            if records:
                connection.executemany(f"INSERT INTO records VALUES ({MARKS})", list(map(values_of, records)))
        settings = {"url": {"value": f"duckdb:///{path}"}}
        return make_system("sql", settings, cursor={"field": "changed"}, **fields).source("records")

    return open_


@pytest.mark.needs("duckdb_sqlalchemy")
class TestDuckdbSource(SourceContract):
    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        return _open_duckdb(tmp_path / "dwh.duckdb", make_system, "", table="records")


@pytest.mark.needs("duckdb_sqlalchemy")
class TestDuckdbSourceWithPrimaryKey(SourceContract):
    traits = Traits(allows_repeated_keys=False, allows_missing_keys=False)

    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        return _open_duckdb(tmp_path / "dwh.duckdb", make_system, PRIMARY, table="records")


@pytest.mark.needs("duckdb_sqlalchemy")
class TestDuckdbQuerySource(SourceContract):
    @pytest.fixture
    def open_source(self, tmp_path: Path, make_system: Make) -> OpenSource:
        query = "SELECT * FROM records WHERE ':x' <> '%s';"
        return _open_duckdb(tmp_path / "dwh.duckdb", make_system, "", query=query)
