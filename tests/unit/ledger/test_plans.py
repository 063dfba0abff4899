"""SQLite finds wanted keys by its indexes: never each wanted key by each record, which takes minutes for a million."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from ponte.engine.ledger_port import Scope, ScopeIdentity
from ponte.ledger import lookups, records
from ponte.ledger.database import Value
from ponte.ledger.opening import open_database
from ponte.ledger.sqlite import SqliteDatabase

SCOPE = Scope(1, ScopeIdentity("s", "j", ("erp", "a"), ("shop", "p")), None, None, has_succeeded=False)
KEYS = pl.Series("key", ["1:a", "1:b"])
LOOKUPS: dict[str, Callable[[SqliteDatabase], object]] = {
    "details": lambda db: records.details(db, SCOPE, KEYS),
    "holders": lambda db: records.holders(db, SCOPE, KEYS),
    "newer": lambda db: records.newer(db, SCOPE, KEYS.to_frame().with_columns(version=pl.lit(1, dtype=pl.Int64))),
    "target ids": lambda db: records.target_ids(db, SCOPE, KEYS),
    "look-ups by source key": lambda db: lookups.resolve(db, "shop", "p", "sourceKey", KEYS),
    "look-ups by natural key": lambda db: lookups.resolve(db, "shop", "p", "naturalKey", KEYS),
}


class Explaining(SqliteDatabase):
    """Keeps the plan of each query."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.plans: list[str] = []

    def query(self, sql: str, values: Sequence[Value], schema: pl.Schema) -> pl.DataFrame:
        steps = self.connection.execute("EXPLAIN QUERY PLAN " + sql.replace("$", "?"), values).fetchall()
        self.plans += [step[3] for step in steps]
        return super().query(sql, values, schema)


@pytest.mark.parametrize("name", LOOKUPS)
def test_wanted_keys_are_found_by_their_whole_key(tmp_path: Path, name: str) -> None:
    open_database(f"sqlite:///{tmp_path}/ledger.db").close()
    db = Explaining(tmp_path / "ledger.db")

    LOOKUPS[name](db)

    steps = [step for step in db.plans if step.split()[1] in ("r", "i", "s")]
    assert any(step.startswith("SCAN s") for step in steps), steps
    assert all("key=?" in step for step in steps if not step.startswith("SCAN s")), steps
    db.close()
