"""Claims: the durable marks "these keys are being delivered by this epoch".

One row per chunk holds its keys as compressed Arrow, so that a claim costs one small write however many keys it has.
A claim is live until its time is up or its writer is known to be gone; after that it is in doubt until each of its
keys has a definite answer.
"""

from __future__ import annotations

import io

import polars as pl

from ponte.engine.ledger_port import CLAIM_SCHEMA, Scope, Writer
from ponte.errors import StateError
from ponte.ledger.database import Database

_CLAIM = pl.Schema({"id": pl.Int64, "live_until": pl.Int64, "keys": pl.Binary})


def add(db: Database, writer: Writer, rows: pl.DataFrame, live_until: int) -> int:
    """Writes a claim (rows by CLAIM_SCHEMA) and gives its id."""
    made = db.query(
        "INSERT INTO ponte_claims (scope, epoch, run, live_until, keys) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        (writer.scope.id, writer.epoch, writer.run, live_until, pack(rows)),
        pl.Schema({"id": pl.Int64}),
    )
    return int(made.item())


def others(db: Database, writer: Writer, now: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keys that others claim: (live, in doubt), each by CLAIM_SCHEMA."""
    rows = db.query(
        "SELECT id, live_until, keys FROM ponte_claims WHERE scope = $1 AND epoch <> $2",
        (writer.scope.id, writer.epoch),
        _CLAIM,
    )
    live, doubtful = [pl.DataFrame(schema=CLAIM_SCHEMA)], [pl.DataFrame(schema=CLAIM_SCHEMA)]
    for _, live_until, keys in rows.iter_rows():
        (live if live_until > now else doubtful).append(unpack(keys))
    return pl.concat(live), pl.concat(doubtful)


def settle_own(db: Database, writer: Writer, claim: int, unknown: pl.Series) -> None:
    """Ends a claim of this writer; keys whose outcome is not known stay in it, in doubt at once.

    Raises:
        StateError: another epoch has settled it: this writer is too late, and its transaction must not commit.
    """
    values = (claim, writer.epoch)
    rows = db.query("SELECT id, live_until, keys FROM ponte_claims WHERE id = $1 AND epoch = $2", values, _CLAIM)
    if rows.height != 1:
        raise StateError(
            f"Run {writer.run} of SyncJob {writer.scope.identity.job} came too late: its claim was settled by another "
            "run. Nothing of this chunk is written; the other run's answer holds.",
            reason="ClaimSettledByAnother",
        )
    if unknown.is_empty():
        db.execute("DELETE FROM ponte_claims WHERE id = $1", (claim,))
    else:
        left = unpack(rows["keys"][0]).filter(pl.col("key").is_in(unknown.implode()))
        db.execute("UPDATE ponte_claims SET keys = $2, live_until = 0 WHERE id = $1", (claim, pack(left)))


def settle_others(db: Database, scope: Scope, settled: pl.Series, now: int) -> None:
    """Takes settled keys out of claims that are in doubt, and ends claims that have none left."""
    if settled.is_empty():
        return
    rows = db.query(
        "SELECT id, live_until, keys FROM ponte_claims WHERE scope = $1 AND live_until <= $2", (scope.id, now), _CLAIM
    )
    for claim, _, keys in rows.iter_rows():
        before = unpack(keys)
        left = before.filter(~pl.col("key").is_in(settled.implode()))
        if not left.height:
            db.execute("DELETE FROM ponte_claims WHERE id = $1", (claim,))
        elif left.height < before.height:
            db.execute("UPDATE ponte_claims SET keys = $2 WHERE id = $1", (claim, pack(left)))


def pack(rows: pl.DataFrame) -> bytes:
    """Rows of CLAIM_SCHEMA as compressed Arrow."""
    buffer = io.BytesIO()
    rows.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def unpack(packed: bytes) -> pl.DataFrame:
    """The reverse of `pack`."""
    return pl.read_ipc(io.BytesIO(packed))
