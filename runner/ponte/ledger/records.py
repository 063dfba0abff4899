"""Records: what was delivered of each key, with which fingerprint and version; and the ids that targets gave."""

from __future__ import annotations

import polars as pl

from ponte.engine.ledger_port import DETAIL_SCHEMA, KNOWN_SCHEMA, Scope
from ponte.ledger.database import Database, join_hash, split_hash

_KNOWN = pl.Schema(
    {
        "key_hi": pl.Int64,
        "key_lo": pl.Int64,
        "natural_hi": pl.Int64,
        "natural_lo": pl.Int64,
        "print_hi": pl.Int64,
        "print_lo": pl.Int64,
        "deleted_at": pl.Int64,
    }
)
_DETAIL = pl.Schema({**_KNOWN, "key": pl.String, "natural_key": pl.String, "version": pl.Int64})
_KEYS = "r.key_hi = s.key_hi AND r.key_lo = s.key_lo"


def known(db: Database, scope: Scope) -> pl.DataFrame:
    """All records of the scope by KNOWN_SCHEMA, sorted by key."""
    rows = db.query(f"SELECT {', '.join(_KNOWN)} FROM ponte_records WHERE scope = $1", (scope.id,), _KNOWN)
    return _joined(rows, KNOWN_SCHEMA).sort("key")


def details(db: Database, scope: Scope, keys: pl.Series) -> pl.DataFrame:
    """The records with these keys by DETAIL_SCHEMA."""
    stage_hashes(db, "ponte_wanted", keys.alias("key"))
    columns = ", ".join(f"r.{column}" for column in _DETAIL)
    rows = db.query(
        f"SELECT {columns} FROM ponte_wanted s JOIN ponte_records r ON r.scope = $1 AND {_KEYS}", (scope.id,), _DETAIL
    )
    return _joined(rows.rename({"key": "key_text", "natural_key": "natural_text"}), DETAIL_SCHEMA)


def holders(db: Database, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
    """Which live record has each natural key: columns natural, key."""
    stage_hashes(db, "ponte_wanted", naturals.alias("key"))
    wanted = pl.Schema({name: pl.Int64 for name in ("natural_hi", "natural_lo", "key_hi", "key_lo")})
    rows = db.query(
        "SELECT s.key_hi AS natural_hi, s.key_lo AS natural_lo, r.key_hi, r.key_lo FROM ponte_wanted s"
        " JOIN ponte_records r ON r.scope = $1 AND r.natural_hi = s.key_hi AND r.natural_lo = s.key_lo"
        " WHERE r.deleted_at IS NULL"
        " UNION ALL SELECT s.key_hi, s.key_lo, r.key_hi, r.key_lo FROM ponte_wanted s"
        f" JOIN ponte_records r ON r.scope = $1 AND {_KEYS}"
        " WHERE r.deleted_at IS NULL AND r.natural_hi IS NULL",
        (scope.id,),
        wanted,
    )
    return rows.select(join_hash("natural", "natural"), join_hash("key", "key"))


def newer(db: Database, scope: Scope, rows: pl.DataFrame) -> pl.Series:
    """Keys (UInt128) of the rows (columns key, version) of which the ledger has a newer version."""
    db.stage("ponte_wanted", rows.select(*split_hash("key", "key"), "version"))
    found = db.query(
        f"SELECT s.key_hi, s.key_lo FROM ponte_wanted s JOIN ponte_records r ON r.scope = $1 AND {_KEYS}"
        " WHERE r.version > s.version",
        (scope.id,),
        pl.Schema({"key_hi": pl.Int64, "key_lo": pl.Int64}),
    )
    return found.select(join_hash("key", "key"))["key"]


def add(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Adds records (RECORD_SCHEMA) that the ledger has no row of."""
    if rows.height:
        scoped = rows.select(pl.lit(scope.id, dtype=pl.Int64).alias("scope"), *_stored())
        db.append("ponte_records", scoped.sort("key_hi", "key_lo"))


def change(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Changes records (RECORD_SCHEMA); what has a newer version stays."""
    if not rows.height:
        return
    db.stage("ponte_staged", rows.select(_stored()))
    assigned = ", ".join(
        f"{column} = s.{column}" for column in ("natural_hi", "natural_lo", "natural_key", "print_hi", "print_lo", "version")
    )
    db.execute(
        f"UPDATE ponte_records AS r SET {assigned}, deleted_at = NULL FROM ponte_staged s"
        f" WHERE r.scope = $1 AND {_KEYS} AND r.version <= s.version",
        (scope.id,),
    )


def remove(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Turns records (columns key, version) into tombstones."""
    if not rows.height:
        return
    db.stage("ponte_staged", rows.select(*split_hash("key", "key"), "version"))
    db.execute(
        "UPDATE ponte_records AS r SET print_hi = NULL, print_lo = NULL, version = s.version, deleted_at = $2"
        f" FROM ponte_staged s WHERE r.scope = $1 AND {_KEYS} AND r.version <= s.version",
        (scope.id, db.now_us()),
    )


def target_ids(db: Database, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
    """Ids that the target gave: columns natural, target_id."""
    stage_hashes(db, "ponte_wanted", naturals.alias("key"))
    rows = db.query(
        "SELECT i.natural_hi, i.natural_lo, i.target_id FROM ponte_wanted s JOIN ponte_ids i"
        " ON i.system = $1 AND i.object = $2 AND i.natural_hi = s.key_hi AND i.natural_lo = s.key_lo",
        scope.identity.target,
        pl.Schema({"natural_hi": pl.Int64, "natural_lo": pl.Int64, "target_id": pl.String}),
    )
    return rows.select(join_hash("natural", "natural"), "target_id")


def keep_ids(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Keeps ids that the target gave (ID_SCHEMA); a natural key's newer id replaces the older."""
    if not rows.height:
        return
    db.stage("ponte_staged", rows.select(*split_hash("natural", "natural"), "natural_text", "target_id"))
    db.execute(
        "INSERT INTO ponte_ids (system, object, natural_hi, natural_lo, natural_key, target_id)"
        " SELECT $1, $2, natural_hi, natural_lo, natural_text, target_id FROM ponte_staged WHERE true"
        " ON CONFLICT (system, object, natural_hi, natural_lo) DO UPDATE SET target_id = excluded.target_id",
        scope.identity.target,
    )


def stage_hashes(db: Database, name: str, hashes: pl.Series) -> None:
    """Puts hashes (a series named key) into a temporary table with key_hi and key_lo."""
    db.stage(name, hashes.to_frame("key").select(split_hash("key", "key")))


def _stored() -> list[pl.Expr]:
    return [
        *split_hash("key", "key"),
        pl.col("key_text").alias("key"),
        *split_hash("natural", "natural"),
        pl.col("natural_text").alias("natural_key"),
        *split_hash("fingerprint", "print"),
        pl.col("version"),
    ]


def _joined(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return rows.with_columns(
        join_hash("key", "key"),
        join_hash("natural", "natural"),
        join_hash("print", "fingerprint"),
        pl.col("deleted_at").is_not_null().alias("deleted"),
    ).select(schema.names())
