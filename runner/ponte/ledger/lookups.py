"""Look-ups: the key of another record becomes that record's id at the target."""

from __future__ import annotations

from typing import Literal

import polars as pl

from ponte.engine.canonical import hash_text, split_key
from ponte.ledger.database import Database
from ponte.ledger.records import stage_hashes

_FOUND = pl.Schema({"value": pl.String, "natural_key": pl.String, "target_id": pl.String})
_ID = (
    " LEFT JOIN ponte_ids i ON i.system = $1 AND i.object = $2"
    " AND i.natural_hi = COALESCE(r.natural_hi, r.key_hi) AND i.natural_lo = COALESCE(r.natural_lo, r.key_lo)"
)


def resolve(
    db: Database, system: str, object_name: str, by: Literal["sourceKey", "naturalKey"], keys: pl.Series
) -> pl.DataFrame:
    """For canonical keys delivered to an object: columns value (the canonical key), target_id.

    A target without ids of its own is referred to by the natural key, whose fields are joined by a tab.
    """
    hashed = keys.to_frame("text").select(hash_text(pl.col("text")).alias("key"))["key"]
    stage_hashes(db, "ponte_wanted", hashed)
    scopes = "JOIN ponte_scopes c ON c.id = r.scope AND c.target_system = $1 AND c.target_object = $2"
    if by == "sourceKey":
        sql = (
            "SELECT r.key AS value, COALESCE(r.natural_key, r.key) AS natural_key, i.target_id FROM ponte_wanted s"
            f" JOIN ponte_records r ON r.key_hi = s.key_hi AND r.key_lo = s.key_lo AND r.deleted_at IS NULL {scopes}{_ID}"
        )
    else:
        sql = (
            "SELECT r.natural_key AS value, r.natural_key, i.target_id FROM ponte_wanted s JOIN ponte_records r"
            f" ON r.natural_hi = s.key_hi AND r.natural_lo = s.key_lo AND r.deleted_at IS NULL {scopes}{_ID}"
            " UNION ALL SELECT r.key AS value, r.key AS natural_key, i.target_id FROM ponte_wanted s JOIN ponte_records r"
            " ON r.key_hi = s.key_hi AND r.key_lo = s.key_lo AND r.natural_hi IS NULL AND r.deleted_at IS NULL"
            f" {scopes}{_ID}"
        )
    found = db.query(sql, (system, object_name), _FOUND).unique("value", keep="first", maintain_order=True)
    ids = [own or "\t".join(split_key(natural)) for _, natural, own in found.iter_rows()]
    return found.select("value", pl.Series("target_id", ids, dtype=pl.String))
