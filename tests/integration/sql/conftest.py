"""Systems over real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from mariadb import MariadbServer, maodbc
from ponte.connectors.registry import connect
from ponte.engine.ports import System
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource

Run = Callable[[str], list[tuple[Any, ...]]]


class StillClock:
    """A clock that does not go."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        return None


def database_system(by: dict[str, Any], *objects: dict[str, Any], references: References | None = None) -> System:
    """A database with these objects, by the settings of a connector under its name."""
    source = SyncSource.model_validate(
        {
            "apiVersion": "ponte.dev/v1alpha1",
            "kind": "SyncSource",
            "metadata": {"name": "erp"},
            "spec": {**by, "objects": list(objects)},
        }
    )
    return connect(source, references or References(environment={}), StillClock())


@pytest.fixture
async def make_system() -> AsyncIterator[Callable[..., System]]:
    """Connects to a database by its URL, with these objects."""
    systems: list[System] = []

    def make(url: str, *objects: dict[str, Any], references: References | None = None, **settings: Any) -> System:
        by = {"sql": {"url": {"value": url}, **settings}}
        systems.append(database_system(by, *objects, references=references))
        return systems[-1]

    yield make
    for system in systems:
        await system.close()


@pytest.fixture(params=["sql", pytest.param("odbc", marks=pytest.mark.needs("maodbc"))])
async def make_mariadb_system(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., System]]:
    """Connects to a database by its URL: by the connector of its own, and by its ODBC driver."""
    systems: list[System] = []

    def make(url: str, *objects: dict[str, Any]) -> System:
        by = {"sql": {"url": {"value": url}}} if request.param == "sql" else {"odbc": maodbc(url)}
        systems.append(database_system(by, *objects))
        return systems[-1]

    yield make
    for system in systems:
        await system.close()


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.needs("postgresql")),
        pytest.param("mariadb", marks=pytest.mark.needs("mariadb")),
    ]
)
def database(request: pytest.FixtureRequest) -> tuple[str, str, Run]:
    """Its type for a time without a zone, its address, and a way to run a statement."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        return "timestamp", url, lambda statement: _run_on_postgresql(url, statement)
    server: MariadbServer = request.getfixturevalue("mariadb_server")
    url = request.getfixturevalue("mariadb_url")
    return "datetime", url, lambda statement: server.run(statement, database=urlsplit(url).path[1:])


def _run_on_postgresql(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
