"""Records: what was delivered of each key, with which fingerprint and version; and the ids that targets gave."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from ponte.engine.canonical import hash_text
from ponte.engine.ledger_port import DETAIL_SCHEMA, ID_SCHEMA, Scope
from ponte.errors import StateError
from ponte.ledger.database import Database, join_hash, split_hash
from ponte.ledger.loading import Gathering

_KNOWN = pl.Schema(
    {"key": pl.String, "natural_key": pl.String, "print_hi": pl.Int64, "print_lo": pl.Int64, "deleted_at": pl.Int64}
)
_DETAIL = pl.Schema([*_KNOWN.items(), ("version", pl.Int64())])
_VALUES = ("natural_key", "print_hi", "print_lo", "version")
_KEY = pl.Schema({"key": pl.String})


def known(db: Database, scope: Scope) -> pl.DataFrame:
    """All records of the scope by KNOWN_SCHEMA, sorted by the hash of their key."""
    sql = f"SELECT {', '.join(_KNOWN)} FROM ponte_records WHERE scope = $1"
    gathering = Gathering()
    for part in db.stream(sql, (scope.id,), _KNOWN):
        gathering.add(_hashed(part))
    return gathering.sorted()


def _hashed(rows: pl.DataFrame) -> pl.DataFrame:
    """KNOWN_SCHEMA, but for `natural`, which has the type Null where all are equal to their key."""
    has_naturals = rows["natural_key"].null_count() < rows.height
    return rows.select(
        hash_text(pl.col("key")).alias("key"),
        (hash_text(pl.col("natural_key")) if has_naturals else pl.lit(None)).alias("natural"),
        join_hash("print", "fingerprint"),
        pl.col("deleted_at").is_not_null().alias("deleted"),
    )


def details(db: Database, scope: Scope, keys: pl.Series) -> pl.DataFrame:
    """The records with these keys by DETAIL_SCHEMA."""
    db.stage("ponte_wanted", keys.to_frame("key"))
    columns = ", ".join(f"r.{column}" for column in _DETAIL)
    rows = db.query(
        f"SELECT {columns} FROM ponte_wanted s JOIN ponte_records r ON r.scope = $1 AND r.key = s.key",
        (scope.id,),
        _DETAIL,
    )
    return _detailed(rows)


def details_of_hashes(db: Database, scope: Scope, hashes: pl.Series) -> pl.DataFrame:
    """The records with these key hashes by DETAIL_SCHEMA: one pass over the scope."""
    sql = f"SELECT {', '.join(_DETAIL)} FROM ponte_records WHERE scope = $1"
    wanted = hashes.to_frame("hash")
    found = [
        part.with_columns(hash_text(pl.col("key")).alias("hash")).join(wanted, on="hash", how="semi").drop("hash")
        for part in db.stream(sql, (scope.id,), _DETAIL)
    ]
    return _detailed(pl.concat([pl.DataFrame(schema=_DETAIL), *found]))


def _detailed(rows: pl.DataFrame) -> pl.DataFrame:
    joined = rows.with_columns(join_hash("print", "fingerprint"), pl.col("deleted_at").is_not_null().alias("deleted"))
    return joined.select(DETAIL_SCHEMA.names())


def holders(db: Database, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
    """Which live record has each natural key: columns natural_key, key."""
    db.stage("ponte_wanted", naturals.to_frame("key"))
    return db.query(
        f"SELECT s.key AS natural_key, r.key FROM ponte_wanted s CROSS JOIN ponte_records r{db.by_natural_key}"
        " WHERE r.scope = $1 AND r.natural_key = s.key AND r.deleted_at IS NULL"
        " UNION ALL SELECT s.key, r.key FROM ponte_wanted s CROSS JOIN ponte_records r"
        " WHERE r.scope = $1 AND r.key = s.key AND r.deleted_at IS NULL AND r.natural_key IS NULL",
        (scope.id,),
        pl.Schema({"natural_key": pl.String, "key": pl.String}),
    )


def newer(db: Database, scope: Scope, rows: pl.DataFrame) -> pl.Series:
    """Keys of the rows (columns key, version) of which the ledger has a newer version."""
    if not rows.height:
        return rows["key"]
    db.stage("ponte_wanted", rows)
    found = db.query(
        "SELECT s.key FROM ponte_wanted s JOIN ponte_records r ON r.scope = $1 AND r.key = s.key"
        " WHERE r.version > s.version",
        (scope.id,),
        _KEY,
    )
    return found["key"]


def removed_since(db: Database, scope: Scope, keys: pl.Series, moment: datetime) -> pl.Series:
    """Those of the keys whose records left the target at that moment (ledger time) or later."""
    if keys.is_empty():
        return keys
    db.stage("ponte_wanted", keys.to_frame("key"))
    found = db.query(
        "SELECT s.key FROM ponte_wanted s JOIN ponte_records r ON r.scope = $1 AND r.key = s.key"
        " WHERE r.deleted_at >= $2",
        (scope.id, int(moment.timestamp() * 1e6)),
        _KEY,
    )
    return found["key"]


def made(db: Database, scope: Scope, rows: pl.DataFrame) -> pl.Series:
    """Keys of creates (CLAIM_SCHEMA) that would now double a record: somebody else delivered it since they were judged.

    That is: the key is live by now, or another record holds the natural key.
    """
    creates = rows.filter(pl.col("operation") == "create").select(
        "key", pl.coalesce("natural_key", "key").alias("natural")
    )
    if not creates.height:
        return creates["key"]
    live = details(db, scope, creates["key"]).filter(~pl.col("deleted"))["key"]
    held = creates.join(
        holders(db, scope, creates["natural"]), left_on="natural", right_on="natural_key", suffix="_holder"
    )
    return pl.concat([live, held.filter(pl.col("key") != pl.col("key_holder"))["key"]]).unique()


def append(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Adds records (RECORD_SCHEMA) of which the ledger certainly has no row; the quick way.

    In the order of the index: a million keys in an order of their own take half as long again.
    """
    if rows.height:
        db.append(
            "ponte_records", _stored(rows).sort("key").with_columns(pl.lit(scope.id, dtype=pl.Int64).alias("scope"))
        )


def change(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Changes records (RECORD_SCHEMA) of which the ledger certainly has a row that is not newer; the quick way.

    A tombstone gives way whatever its version: what was just delivered is there.

    Raises:
        StateError: it has not; the transaction must not commit, or a delivery would be forgotten.
    """
    if not rows.height:
        return
    db.stage("ponte_staged", _stored(rows))
    assigned = ", ".join(f"{column} = s.{column}" for column in _VALUES)
    changed = db.execute(
        f"UPDATE ponte_records AS r SET {assigned}, deleted_at = NULL FROM ponte_staged s"
        " WHERE r.scope = $1 AND r.key = s.key AND (r.version <= s.version OR r.deleted_at IS NOT NULL)",
        (scope.id,),
    )
    if changed != rows.height:
        raise StateError(
            f"The ledger's state {scope.identity.state_id!r} lacks {rows.height - changed:,} of {rows.height:,} "
            "records that this run found in it, or has newer ones. Nothing of this chunk is written. "
            "Next: ponte ledger check",
            reason="LedgerContradiction",
        )


def put(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Adds or changes records (RECORD_SCHEMA), whoever else wrote in between; what has a newer version stays."""
    _put(db, scope, rows, " WHERE ponte_records.version <= excluded.version")


def heal(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Adds or changes records (RECORD_SCHEMA), which a claim holds, whatever version the ledger has."""
    _put(db, scope, rows, "")


def _put(db: Database, scope: Scope, rows: pl.DataFrame, condition: str) -> None:
    if not rows.height:
        return
    db.stage("ponte_staged", _stored(rows))
    columns = ", ".join(_VALUES)
    assigned = ", ".join(f"{column} = excluded.{column}" for column in _VALUES)
    db.execute(
        f"INSERT INTO ponte_records (scope, key, {columns}) SELECT $1, key, {columns} FROM ponte_staged WHERE true"
        f" ON CONFLICT (scope, key) DO UPDATE SET {assigned}, deleted_at = NULL{condition}",
        (scope.id,),
    )


def remove(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Turns records (columns key, version) into tombstones."""
    if not rows.height:
        return
    db.stage("ponte_staged", rows)
    db.execute(
        "UPDATE ponte_records AS r SET print_hi = NULL, print_lo = NULL, version = s.version, deleted_at = $2"
        " FROM ponte_staged s WHERE r.scope = $1 AND r.key = s.key AND r.version <= s.version",
        (scope.id, db.now_us()),
    )


def target_ids(db: Database, scope: Scope, naturals: pl.Series) -> pl.DataFrame:
    """Ids that the target gave, by ID_SCHEMA."""
    db.stage("ponte_wanted", naturals.to_frame("key"))
    return db.query(
        "SELECT i.natural_key, i.target_id FROM ponte_wanted s JOIN ponte_ids i"
        " ON i.system = $1 AND i.object = $2 AND i.natural_key = s.key",
        scope.identity.target,
        ID_SCHEMA,
    )


def keep_ids(db: Database, scope: Scope, rows: pl.DataFrame) -> None:
    """Keeps ids that the target gave (ID_SCHEMA); a natural key's newer id replaces the older."""
    if not rows.height:
        return
    db.stage("ponte_staged", rows)
    db.execute(
        "INSERT INTO ponte_ids (system, object, natural_key, target_id)"
        " SELECT $1, $2, natural_key, target_id FROM ponte_staged WHERE true"
        " ON CONFLICT (system, object, natural_key) DO UPDATE SET target_id = excluded.target_id",
        scope.identity.target,
    )


def _stored(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("key", "natural_key", *split_hash("fingerprint", "print"), "version")
