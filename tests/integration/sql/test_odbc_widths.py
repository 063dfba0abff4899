"""Texts of every width come over ODBC whole: buffers must be wide enough, and drivers do not always say when not."""

from __future__ import annotations

import getpass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import psycopg
import pytest

from integration.sql.conftest import database_system
from mariadb import MariadbServer, maodbc
from ponte.engine.ports import Read, System

LENGTHS = [*range(60, 71), 120, 128, 129, 249, 250]
"""Of characters. A driver cut a text in silence that was one octet wider than its buffer, and failed at wider ones."""
TEXTS = [letter * length for letter in "xż" for length in LENGTHS]
TABLES = {"told": "varchar(250)", "fixed": "char(250)", "untold": "varchar(2000)", "text": "text"}


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.needs("psqlodbc")),
        pytest.param("mariadb", marks=pytest.mark.needs("maodbc")),
    ]
)
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of the connector, for a database with these texts in tables that have nothing else."""
    statements: list[str] = []
    for name, kind in TABLES.items():
        values = ", ".join(f"({number}, '{text}')" for number, text in enumerate(TEXTS))
        statements += [f"CREATE TABLE {name} (id int PRIMARY KEY, v {kind})", f"INSERT INTO {name} VALUES {values}"]
    if request.param == "mariadb":
        server: MariadbServer = request.getfixturevalue("mariadb_server")
        url = request.getfixturevalue("mariadb_url")
        server.run(*statements, database=urlsplit(url).path[1:])
        return maodbc(url)
    url = request.getfixturevalue("postgres_url")
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())
    place = {"Servername": parse_qs(urlsplit(url).query)["host"][0], "Database": urlsplit(url).path[1:]}
    options = [{"name": name, "value": value} for name, value in place.items()]
    return {"driver": "PostgreSQL Unicode", "options": options, "username": {"value": getpass.getuser()}}


async def test_no_text_is_cut_whatever_its_column_says_of_widths(settings: dict[str, Any]) -> None:
    objects = [{"name": name, "table": name, "key": ["id"]} for name in TABLES]
    queries = [{"name": f"{name}-query", "query": f"SELECT id, v FROM {name}", "key": ["id"]} for name in TABLES]
    system: System = database_system({"odbc": settings}, *objects, *queries)

    for name in (spec["name"] for spec in (*objects, *queries)):
        batches = [batch async for batch in system.source(name).read(Read("all", 1_000))]
        frame = pl.concat(batch.frame for batch in batches).sort("id")
        assert frame["v"].to_list() == TEXTS, name

    await system.close()
