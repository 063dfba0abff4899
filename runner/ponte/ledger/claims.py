"""Claims: the durable marks "these keys are being delivered by this epoch".

One row per chunk holds its keys as compressed Arrow, so that a claim costs one small write however many keys it has.
A claim is live until its time is up or its writer is known to be gone; after that it is in doubt until each of its
keys has a definite answer. Who claims or settles a key of a claim in doubt takes that claim away from its writer, whose
late commit is then refused whole.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import polars as pl

from ponte.engine.ledger_port import CLAIM_SCHEMA, Scope, Writer
from ponte.errors import StateError
from ponte.ledger.database import Database

_CLAIM = pl.Schema({"id": pl.Int64, "live_until": pl.Int64, "keys": pl.Binary})
_NOBODY = 0
"""Epoch of claims that were taken away from their writer; those of writers start at 1."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What others claim of the rows that a writer wants: `lost` is live, `doubtful` may be had."""

    lost: pl.Series
    doubtful: pl.Series


def add(db: Database, writer: Writer, rows: pl.DataFrame, live_until: int) -> int:
    """Writes a claim (rows by CLAIM_SCHEMA) and gives its id."""
    made = db.query(
        "INSERT INTO ponte_claims (scope, epoch, run, live_until, keys) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        (writer.scope.id, writer.epoch, writer.run, live_until, pack(rows)),
        pl.Schema({"id": pl.Int64}),
    )
    return int(made.item())


def doubts(db: Database, writer: Writer, now: int) -> pl.DataFrame:
    """Keys of others' claims that are in doubt, by CLAIM_SCHEMA."""
    rows = _others(db, writer).filter(pl.col("live_until") <= now)
    return pl.concat([pl.DataFrame(schema=CLAIM_SCHEMA), *(unpack(keys) for keys in rows["keys"])])


def live(db: Database, writer: Writer, now: int) -> pl.Series:
    """Keys that others are delivering now."""
    rows = _others(db, writer).filter(pl.col("live_until") > now)
    return pl.concat([pl.Series("key", [], dtype=pl.String), *(unpack(keys)["key"] for keys in rows["keys"])])


def contest(db: Database, writer: Writer, rows: pl.DataFrame, now: int) -> Contest:
    """Holds rows (CLAIM_SCHEMA) against the claims of others, by source key and by natural key.

    Claims in doubt that hold one of the rows are taken away from their writers. Called with the scope locked.
    """
    none = rows["key"].clear()
    lost, doubtful = [none], [none]
    for claim, live_until, keys in _others(db, writer).iter_rows():
        shared = _sharing(rows, unpack(keys))
        (lost if live_until > now else doubtful).append(shared)
        if live_until <= now and not shared.is_empty():
            db.execute("UPDATE ponte_claims SET epoch = $2 WHERE id = $1", (claim, _NOBODY))
    return Contest(pl.concat(lost).unique(), pl.concat(doubtful).unique())


def creating_elsewhere(db: Database, scope: Scope, rows: pl.DataFrame, now: int) -> pl.Series:
    """Keys of creates (CLAIM_SCHEMA) whose natural keys other jobs create now at the same object of the target."""
    creates = rows.filter(pl.col("operation") == "create")
    claimed = db.query(
        "SELECT c.id, c.live_until, c.keys FROM ponte_claims c JOIN ponte_scopes s ON s.id = c.scope"
        " WHERE s.target_system = $1 AND s.target_object = $2 AND s.id <> $3 AND c.live_until > $4",
        (*scope.identity.target, scope.id, now),
        _CLAIM,
    )
    natural = pl.coalesce("natural_key", "key")
    theirs = [unpack(keys).filter(pl.col("operation") == "create").select(natural) for keys in claimed["keys"]]
    return creates.filter(natural.is_in(pl.concat([creates.select(natural).clear(), *theirs]).to_series().implode()))[
        "key"
    ]


def _others(db: Database, writer: Writer) -> pl.DataFrame:
    return db.query(
        "SELECT id, live_until, keys FROM ponte_claims WHERE scope = $1 AND epoch <> $2",
        (writer.scope.id, writer.epoch),
        _CLAIM,
    )


def _sharing(rows: pl.DataFrame, claimed: pl.DataFrame) -> pl.Series:
    natural = pl.coalesce("natural_key", "key")
    by_key = pl.col("key").is_in(claimed["key"].implode())
    by_natural = natural.is_in(claimed.select(natural).to_series().implode())
    return rows.filter(by_key | by_natural)["key"]


def settle_own(db: Database, writer: Writer, claim: int, unknown: pl.Series) -> None:
    """Ends a claim of this writer; keys whose outcome is not known stay in it, in doubt at once.

    Raises:
        StateError: another writer has taken or settled it: this one is too late, its transaction must not commit.
    """
    values = (claim, writer.epoch)
    rows = db.query("SELECT id, live_until, keys FROM ponte_claims WHERE id = $1 AND epoch = $2", values, _CLAIM)
    if rows.height != 1:
        raise StateError(
            f"Run {writer.run} of SyncJob {writer.scope.identity.job} came too late: its claim was settled by another "
            "run. Nothing of this chunk is written; the other run's answer holds. Next: run it again.",
            reason="ClaimSettledByAnother",
        )
    if unknown.is_empty():
        db.execute("DELETE FROM ponte_claims WHERE id = $1", (claim,))
    else:
        left = unpack(rows["keys"][0]).filter(pl.col("key").is_in(unknown.implode()))
        db.execute("UPDATE ponte_claims SET keys = $2, live_until = 0 WHERE id = $1", (claim, pack(left)))


def settle_others(db: Database, scope: Scope, settled: pl.Series, now: int) -> pl.DataFrame:
    """Takes settled keys out of claims that are in doubt, ends claims that have none left, and gives what it took."""
    taken = [pl.DataFrame(schema=CLAIM_SCHEMA)]
    if settled.is_empty():
        return taken[0]
    rows = db.query(
        "SELECT id, live_until, keys FROM ponte_claims WHERE scope = $1 AND live_until <= $2", (scope.id, now), _CLAIM
    )
    for claim, _, keys in rows.iter_rows():
        before = unpack(keys)
        is_settled = pl.col("key").is_in(settled.implode())
        left = before.filter(~is_settled)
        if left.height == before.height:
            continue
        taken.append(before.filter(is_settled))
        if left.height:
            db.execute("UPDATE ponte_claims SET keys = $2, epoch = $3 WHERE id = $1", (claim, pack(left), _NOBODY))
        else:
            db.execute("DELETE FROM ponte_claims WHERE id = $1", (claim,))
    return pl.concat(taken)


def pack(rows: pl.DataFrame) -> bytes:
    """Rows as compressed Arrow."""
    buffer = io.BytesIO()
    rows.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def unpack(packed: bytes) -> pl.DataFrame:
    """The reverse of `pack`."""
    return pl.read_ipc(io.BytesIO(packed))
