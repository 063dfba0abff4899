"""Look-ups: the key of another record becomes that record's id at the target."""

from __future__ import annotations

from typing import Literal

import polars as pl

from ponte.engine.canonical import split_key
from ponte.ledger.database import Database

_FOUND = pl.Schema({"value": pl.String, "natural_key": pl.String, "target_id": pl.String})
_SCOPES = "c.id = r.scope AND c.target_system = $1 AND c.target_object = $2"
_IDS = "LEFT JOIN ponte_ids i ON i.system = $1 AND i.object = $2 AND i.natural_key = COALESCE(r.natural_key, r.key)"
_LIVE = "r.deleted_at IS NULL"


def resolve(
    db: Database, system: str, object_name: str, by: Literal["sourceKey", "naturalKey"], keys: pl.Series
) -> pl.DataFrame:
    """For canonical keys delivered to an object: columns value (the canonical key), target_id.

    A target without ids of its own is referred to by the natural key, whose fields are joined by a tab.
    """
    db.stage("ponte_wanted", keys.to_frame("key"))
    by_key = (
        "SELECT s.key AS value, COALESCE(r.natural_key, r.key) AS natural_key, i.target_id"
        f" FROM ponte_wanted s CROSS JOIN ponte_scopes c CROSS JOIN ponte_records r {_IDS}"
        f" WHERE {_SCOPES} AND r.key = s.key AND {_LIVE}"
    )
    by_natural = (
        "SELECT s.key AS value, r.natural_key, i.target_id"
        f" FROM ponte_wanted s CROSS JOIN ponte_scopes c CROSS JOIN ponte_records r{db.by_natural_key} {_IDS}"
        f" WHERE {_SCOPES} AND r.natural_key = s.key AND {_LIVE}"
        f" UNION ALL {by_key} AND r.natural_key IS NULL"
    )
    sql = by_key if by == "sourceKey" else by_natural
    found = db.query(sql, (system, object_name), _FOUND).unique("value", keep="first", maintain_order=True)
    ids = [own or "\t".join(split_key(natural)) for _, natural, own in found.iter_rows()]
    return found.select("value", pl.Series("target_id", ids, dtype=pl.String))
