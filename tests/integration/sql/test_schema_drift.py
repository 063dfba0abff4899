"""A table that loses a column: a declared field that is gone is said, never read as empty."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import polars as pl
import psycopg
import pytest

from ponte.engine.ports import Read, ReadMode, System
from ponte.errors import ConfigurationError

Make = Callable[..., System]

CREATE = "CREATE TABLE articles (sku varchar(9) PRIMARY KEY, price numeric(10,2), n integer)"
RENAME = "ALTER TABLE articles RENAME COLUMN price TO prize"
NAMES = (("sku", "string"), ("price", "decimal(10,2)"), ("n", "integer"))
LOCKED = [{"name": name, "type": type_} for name, type_ in NAMES]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database whose table was changed after its schema was locked."""
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "erp.db")) as lite, lite:
            lite.execute(CREATE)
            lite.execute(RENAME)
        return f"sqlite:///{tmp_path}/erp.db"
    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url) as connection:
        connection.execute(CREATE.encode())
        connection.execute(RENAME.encode())
    return url


def articles(**fields: Any) -> dict[str, Any]:
    return {"name": "articles", "table": "articles", "key": ["sku"], "cursor": {"field": "n"}, **fields}


@pytest.mark.parametrize("mode", get_args(ReadMode))
async def test_a_declared_column_that_is_gone_is_refused_in_each_way_of_reading(
    url: str, make_system: Make, mode: ReadMode
) -> None:
    source = make_system(url, articles(fields=LOCKED)).source("articles")
    keys = pl.DataFrame({"sku": ["A"]}) if mode == "keys" else None

    with pytest.raises(ConfigurationError, match=r"field price.*Did you mean prize.*--lock") as failure:
        _ = [batch async for batch in source.read(Read(mode, 10, columns=("sku", "n"), keys=keys))]

    assert failure.value.reason == "SchemaDrift"


async def test_so_is_one_that_a_query_gives_no_more(url: str, make_system: Make) -> None:
    query = {"query": "SELECT sku, prize, n FROM articles", "table": None}
    source = make_system(url, articles(fields=LOCKED, **query)).source("articles")

    with pytest.raises(ConfigurationError, match="field price") as failure:
        await source.upper_bound()

    assert failure.value.reason == "SchemaDrift"


async def test_the_schema_can_be_locked_anew(url: str, make_system: Make) -> None:
    system = make_system(url, articles(fields=LOCKED))

    assert [field.name for field in await system.schema("articles")] == ["sku", "prize", "n"]


async def test_new_columns_are_no_drift(url: str, make_system: Make) -> None:
    source = make_system(url, articles(fields=[LOCKED[0], LOCKED[2]])).source("articles")

    (batch,) = [batch async for batch in source.read(Read("all", 10))]

    assert batch.is_last
    assert batch.frame.columns == ["sku", "prize", "n"]
