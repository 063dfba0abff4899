"""What becomes of each record of a batch: pure, columns in and columns out.

`identify` gives the records their source keys, `ponte.mapping` maps them, `consider` gives what it passed a natural key
and a fingerprint, `decide` compares that with what the ledger knows. Every row ends with exactly one outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ponte.engine.canonical import hash_text, key_text
from ponte.engine.job import Job, Order
from ponte.engine.ports import FAULT_SCHEMA
from ponte.mapping import Mapped

OUTCOMES = pl.Enum(["keyless", "duplicate", "rejected", "deferred", "skipped", "left", "unchanged", "create", "update"])
MAX_KEY_BYTES = 1024
"""Longest canonical key; PostgreSQL cannot index one of more than 2,700 bytes."""


@dataclass(frozen=True, slots=True)
class Considered:
    """The records that the Mapping passed and that are the first of their key.

    Attributes:
        rows: as `identify` gives them, with natural_key (text), natural (hash) and fingerprint.
        records: the mapped records, row by row beside `rows`.
    """

    rows: pl.DataFrame
    records: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Examined:
    """A batch, decided.

    Attributes:
        rows: row, key, hash, version, exists, live, known, holds, outcome; one per record of the batch, in order.
        work: what must be delivered: the same with natural_key, natural, fingerprint and is_doubtful.
        records: the mapped records of `work`, row by row beside it.
        faults: FAULT_SCHEMA over the batch.
        deferred: row, field, system, object, value over the batch.
    """

    rows: pl.DataFrame
    work: pl.DataFrame
    records: pl.DataFrame
    faults: pl.DataFrame
    deferred: pl.DataFrame

    def counts(self) -> dict[str, int]:
        """How many rows have each outcome."""
        return dict(self.rows["outcome"].cast(pl.String).value_counts().iter_rows())


def identify(frame: pl.DataFrame, key_fields: Sequence[str], versions: pl.Series) -> pl.DataFrame:
    """Columns row, key, hash, version: the canonical source key of each record, taken before `where` and Mapping.

    A key that is missing, empty, too long or holds a NUL is null.
    """
    rows = pl.DataFrame({"key": key_text(frame, key_fields), "version": versions}).with_row_index("row")
    named = rows.with_columns(_if_usable("key"))
    return named.select("row", "key", hash_text(pl.col("key")).alias("hash"), "version")


def _if_usable(key: str) -> pl.Expr:
    """A canonical key that every ledger can hold, else null."""
    is_usable = (pl.col(key).str.len_bytes() <= MAX_KEY_BYTES) & ~pl.col(key).str.contains("\0", literal=True)
    return pl.when(is_usable).then(pl.col(key)).alias(key)


def first_of_key(rows: pl.DataFrame) -> pl.Series:
    """Which rows are the first of their key in this reading, and not erased; `seen` marks keys of earlier batches."""
    is_first = pl.col("hash").is_first_distinct() & pl.col("key").is_not_null() & ~pl.col("seen") & ~pl.col("erased")
    return rows.select(is_first.alias("first")).to_series()


def consider(rows: pl.DataFrame, first: pl.Series, mapped: Mapped, identity: pl.DataFrame) -> Considered:
    """The mapped records that are the first of their key, with their natural key and fingerprint (`identity`)."""
    wanted = first.gather(mapped.rows)
    records = mapped.frame.filter(wanted)
    named = rows[mapped.rows.filter(wanted)].hstack(identity.filter(wanted))
    usable = named.with_columns(_if_usable("natural_key"))
    return Considered(usable.with_columns(hash_text(pl.col("natural_key")).alias("natural")), records)


def decide(
    considered: Considered, taken: pl.Series, doubtful: pl.Series, unknown: str, job: Job, order: Order
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Compares the records with what is known of them.

    Args:
        considered: the records; `live`, `known` (fingerprint) and `holds` (natural) are what the ledger knows.
        taken: whether another record holds the natural key.
        doubtful: whether a claim of the key is not settled: such a record is never "unchanged".
        unknown: what becomes of a record that the ledger does not know.
        job: the job.
        order: the order.

    Returns:
        the rows with `outcome` and `is_doubtful`; and faults of their natural keys.
    """
    rows = considered.rows.with_columns(taken.alias("taken"), doubtful.alias("is_doubtful"))
    claimants = pl.struct("natural", "taken") if taken.any() else pl.col("natural")
    is_repeated = ~claimants.is_first_distinct() | pl.col("taken")
    reason = (
        pl.when(pl.col("natural").is_null())
        .then(pl.lit("NaturalKeyMissing"))
        .when(pl.col("live") & (pl.col("holds") != pl.col("natural")))
        .then(pl.lit("NaturalKeyChanged"))
        .when(is_repeated)
        .then(pl.lit("DuplicateTargetKey"))
    )
    is_same = pl.col("known").eq_missing(pl.col("fingerprint")) & ~pl.col("is_doubtful")
    outcome = (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.lit("rejected"))
        .when(pl.col("live") & is_same & (order.write == "differences"))
        .then(pl.lit("unchanged"))
        .when("live")
        .then(pl.lit("update" if "update" in job.operations else "skipped"))
        .otherwise(pl.lit(unknown))
    )
    decided = rows.with_columns(reason.alias("reason")).with_columns(outcome.cast(OUTCOMES).alias("outcome"))
    return decided.drop("reason", "taken"), _key_faults(decided, job)


_KEY_MESSAGES = {
    "NaturalKeyMissing": "the natural key has no value, is longer than 1,024 bytes or holds a NUL character",
    "DuplicateTargetKey": (
        "another record of the source has this natural key, or was delivered under it; change one of the two"
    ),
    "NaturalKeyChanged": "the record was delivered under another natural key; remove it there, then retry the reject",
}
_EXCHANGED = (
    "the record was delivered under another natural key, and another record holds the one that it has now; where two "
    "exchanged theirs, remove both there, then retry both rejects at once"
)


def _key_faults(decided: pl.DataFrame, job: Job) -> pl.DataFrame:
    faulty = decided.filter(pl.col("reason").is_not_null()).select(
        "row",
        pl.lit(", ".join(job.mapping.key)).alias("field"),
        "reason",
        pl.when((pl.col("reason") == "NaturalKeyChanged") & pl.col("taken"))
        .then(pl.lit(_EXCHANGED))
        .otherwise(pl.col("reason").replace_strict(_KEY_MESSAGES, return_dtype=pl.String))
        .alias("message"),
    )
    return faulty.cast(dict(FAULT_SCHEMA))  # type: ignore[arg-type]  # polars' stub wants invariant keys


def assemble(
    rows: pl.DataFrame,
    first: pl.Series,
    mapped: Mapped,
    considered: Considered,
    decision: tuple[pl.DataFrame, pl.DataFrame],
) -> Examined:
    """The whole batch, decided: one outcome per row. `decision` is what `decide` gave."""
    decided, key_faults = decision
    said = pl.concat(
        [
            decided.select("row", "outcome"),
            _said(mapped.faults["row"].unique(), "rejected"),
            _said(mapped.deferred["row"].unique(), "deferred"),
            _said(mapped.left, "left"),
        ]
    )
    outcome = (
        pl.when(pl.col("key").is_null())
        .then(pl.lit("keyless"))
        .when("erased")
        .then(pl.lit("skipped"))
        .when(~pl.col("first"))
        .then(pl.lit("duplicate"))
        .when((pl.col("outcome") == "left") & ~pl.col("live"))
        .then(pl.lit("skipped"))
        .otherwise(pl.col("outcome").cast(pl.String))
    )
    joined = rows.with_columns(first.alias("first")).join(said, on="row", how="left", maintain_order="left")
    every = joined.with_columns(outcome.cast(OUTCOMES).alias("outcome"))
    counted = every.filter(pl.col("first"))["row"]
    is_work = decided["outcome"].is_in(["create", "update"])
    faults = pl.concat([mapped.faults, key_faults]).filter(pl.col("row").is_in(counted.implode()))
    return Examined(
        rows=every,
        work=decided.filter(is_work),
        records=considered.records.filter(is_work),
        faults=faults,
        deferred=mapped.deferred.filter(pl.col("row").is_in(counted.implode())),
    )


def _said(rows: pl.Series, outcome: str) -> pl.DataFrame:
    return rows.cast(pl.UInt32).to_frame("row").with_columns(pl.lit(outcome, dtype=OUTCOMES).alias("outcome"))
