"""Migrated tables, tables of a new ledger and their definitions are the same."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from ponte.errors import PonteError, StateError
from ponte.ledger.database import Database
from ponte.ledger.migration import VERSION_TABLE, migrate
from ponte.ledger.opening import SCHEMA_VERSION, connect, open_database, opened, version
from ponte.ledger.tables import metadata

TEXT = pl.Schema({"text": pl.String})
COLUMNS = (
    "SELECT concat_ws(' ', c.table_name, c.column_name, c.data_type, c.is_nullable, c.collation_name, c.column_default,"
    " col_description(to_regclass(c.table_name), c.ordinal_position)) AS text FROM information_schema.columns c"
    " WHERE c.table_schema = current_schema()"
)
INDEXES = "SELECT indexdef AS text FROM pg_indexes WHERE schemaname = current_schema()"


def structure(db: Database) -> set[str]:
    """What the database itself says of the tables, in its own words."""
    if db.kind == "sqlite":
        made = db.query("SELECT sql AS text FROM sqlite_master WHERE sql IS NOT NULL", (), TEXT)["text"]
        texts = {re.sub(r"[\s\"]+|IF NOT EXISTS", "", text).lower() for text in made}
    else:
        found = [*db.query(COLUMNS, (), TEXT)["text"], *db.query(INDEXES, (), TEXT)["text"]]
        texts = {re.sub(r"ledger_[0-9a-f]{32}\.", "", text) for text in found}
    return {text for text in texts if VERSION_TABLE not in text}


def test_a_migrated_ledger_is_made_like_a_new_one(url: str, new_url: Callable[[str], str]) -> None:
    other = new_url("sqlite" if url.startswith("sqlite") else "postgresql")
    before_and_after = migrate(url)

    with opened(url) as migrated, opened(other) as new:
        assert structure(migrated) == structure(new)
        assert version(migrated) == version(new) == (SCHEMA_VERSION, 1)
    assert before_and_after == (0, SCHEMA_VERSION)


def test_the_tables_are_as_they_are_defined(url: str) -> None:
    open_database(url).close()
    engine = create_engine(
        make_url(url) if url.startswith("sqlite") else make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_migrating_what_is_there_changes_nothing_and_keeps_its_identity(url: str) -> None:
    with opened(url) as db:
        before = db.query("SELECT ledger_id AS text FROM ponte_meta", (), TEXT).item()

    assert [migrate(url), migrate(url)] == [(SCHEMA_VERSION, SCHEMA_VERSION)] * 2
    with opened(url) as db:
        assert db.query("SELECT ledger_id AS text FROM ponte_meta", (), TEXT).item() == before


def test_an_older_ledger_is_migrated_when_it_is_opened(url: str) -> None:
    migrate(url)
    with opened(url) as db, db.transaction():
        db.execute("UPDATE ponte_meta SET schema_version = $1", (SCHEMA_VERSION - 1,))

    with opened(url) as db:
        assert version(db) == (SCHEMA_VERSION, 1)


@pytest.mark.parametrize(("min_reader", "is_usable"), [(1, True), (SCHEMA_VERSION + 1, False)])
def test_a_newer_ledger_is_used_until_it_says_otherwise(url: str, min_reader: int, is_usable: bool) -> None:
    with opened(url) as db, db.transaction():
        db.execute("UPDATE ponte_meta SET schema_version = 99, min_reader = $1", (min_reader,))

    if is_usable:
        open_database(url).close()
        assert migrate(url) == (99, 99)
    else:
        with pytest.raises(StateError, match="install a newer"):
            open_database(url)
        with pytest.raises(StateError, match="install a newer"):
            migrate(url)


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ponte.ledger.migration.stamp", lambda: "INSERT INTO no_such_table VALUES (1)")

    with pytest.raises(PonteError, match="it is as it was"):
        migrate(url)

    db = connect(url)
    assert version(db) is None
    db.close()


def test_statements_for_new_ledgers_are_generated_from_the_definitions() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ponte.ledger.schema.generate", "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_opening_a_ledger_imports_neither_sqlalchemy_nor_alembic(tmp_path: Path) -> None:
    code = (
        "import sys; from ponte.ledger.opening import open_database; "
        f"open_database('sqlite:///{tmp_path}/new.db').close(); open_database('sqlite:///{tmp_path}/new.db').close(); "
        "print(sorted({'sqlalchemy', 'alembic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
