"""Writing what a target is found to hold into a ledger: `ponte ledger rebuild`, after a ledger was lost.

The caller reads the source, maps it, looks its natural keys up at the target and gives what was found, batch by batch.
Nothing of it is trusted for its content: fingerprints stay unknown unless they are given, so that the next run compares
and delivers, as updates. Seeding again changes nothing.
"""

from __future__ import annotations

import polars as pl

from ponte.engine.ledger_port import Writer
from ponte.ledger import records, scopes
from ponte.ledger.database import Database, split_hash

SEED_SCHEMA = pl.Schema(
    {
        "key": pl.String,  # canonical source key
        "natural_key": pl.String,  # null: equal to `key`
        "target_id": pl.String,  # null where the target has no ids of its own
        "fingerprint": pl.UInt128,  # null: what the target holds is not known
        "version": pl.Int64,
    }
)


def seed(db: Database, writer: Writer, rows: pl.DataFrame) -> int:
    """Makes records known that are at the target, inside a transaction.

    What the ledger knows already stays as it is; a tombstone of what was found becomes a record again.

    Args:
        db: the ledger, in a transaction.
        writer: a run with the lease of the job.
        rows: SEED_SCHEMA, each key once.

    Returns:
        how many records became known.
    """
    scopes.hold(db, writer)
    if not rows.height:
        return 0
    stored = rows.select("key", "natural_key", *split_hash("fingerprint", "print"), "version")
    db.stage("ponte_staged", stored)
    found = db.execute(
        "INSERT INTO ponte_records (scope, key, natural_key, print_hi, print_lo, version)"
        " SELECT $1, key, natural_key, print_hi, print_lo, version FROM ponte_staged WHERE true"
        " ON CONFLICT (scope, key) DO UPDATE SET natural_key = excluded.natural_key, print_hi = excluded.print_hi,"
        " print_lo = excluded.print_lo, version = excluded.version, deleted_at = NULL"
        " WHERE ponte_records.deleted_at IS NOT NULL",
        (writer.scope.id,),
    )
    natural = pl.coalesce("natural_key", "key").alias("natural_key")
    ids = rows.filter(pl.col("target_id").is_not_null()).select(natural, "target_id")
    records.keep_ids(db, writer.scope, ids)
    return found
