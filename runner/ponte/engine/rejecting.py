"""Rejects as frames: one per record, with all its faults, in words that are safe to show."""

from __future__ import annotations

import json
from typing import Literal

import polars as pl

from ponte.engine.canonical import split_key
from ponte.engine.examine import Examined
from ponte.engine.ledger_port import REJECT_SCHEMA, Scope
from ponte.engine.ports import Unreadable

Stage = Literal["extract", "map", "lookup", "deliver"]
RejectKind = Literal["open", "deferred", "ambiguous"]


def rejects_of(rows: pl.DataFrame, faults: pl.DataFrame, stage: Stage, kind: RejectKind = "open") -> pl.DataFrame:
    """REJECT_SCHEMA: one reject per record that has faults.

    Args:
        rows: columns row, key; a row without a key is named by its position.
        faults: FAULT_SCHEMA, over the same rows.
        stage: where the faults were found.
        kind: what is to become of the rejects.
    """
    if not faults.height:
        return pl.DataFrame(schema=REJECT_SCHEMA)
    named = faults.join(rows.select("row", "key"), on="row", how="inner").sort("row", maintain_order=True)
    if not named.height:
        return pl.DataFrame(schema=REJECT_SCHEMA)
    groups: dict[str, list[dict[str, str | None]]] = {}
    for key, field, reason, message in named.select("key", "field", "reason", "message").iter_rows():
        groups.setdefault(key, []).append({"field": field, "reason": reason, "message": message})
    made = [
        (
            key,
            stage,
            first[0]["reason"],
            first[0]["field"],
            first[0]["message"],
            json.dumps(first, ensure_ascii=False),
            kind,
        )
        for key, first in groups.items()
    ]
    return pl.DataFrame(made, schema=REJECT_SCHEMA, orient="row")


def single_fault(rows: pl.Series, field: str | None, reason: str, message: str) -> pl.DataFrame:
    """FAULT_SCHEMA: the same fault for each of the rows."""
    return (
        rows.cast(pl.UInt32)
        .to_frame("row")
        .with_columns(
            pl.lit(field, dtype=pl.String).alias("field"),
            pl.lit(reason).alias("reason"),
            pl.lit(message).alias("message"),
        )
    )


def deferral_faults(deferred: pl.DataFrame) -> pl.DataFrame:
    """FAULT_SCHEMA for records that wait for a record of another job."""
    return _lookup_faults(deferred, "LookupPending", "waits for {}, which no job has delivered yet")


def overdue_faults(deferred: pl.DataFrame) -> pl.DataFrame:
    """FAULT_SCHEMA for records that have waited too long."""
    message = "waited for {} longer than the job's patience; no job has delivered it"
    return _lookup_faults(deferred, "LookupNotFound", message)


def _lookup_faults(deferred: pl.DataFrame, reason: str, message: str) -> pl.DataFrame:
    """The same fault for each look-up; {} in the message stands for what was looked up."""
    words = [
        message.replace("{}", f"{value!r} of {system}/{name}")
        for system, name, value in deferred.select("system", "object", "value").iter_rows()
    ]
    return deferred.select("row", "field", pl.lit(reason).alias("reason"), pl.Series("message", words, dtype=pl.String))


def count_fresh(rejects: pl.DataFrame, open_rejects: pl.DataFrame, scope: Scope) -> int:
    """How many rejects are new since the job's last success: a run that was stopped does not make them old.

    What a person has set aside is never new.

    Args:
        rejects: by REJECT_SCHEMA; those that are deferred do not count.
        open_rejects: those that were open when the run began, by OPEN_REJECT_SCHEMA.
        scope: the job's place in the ledger.
    """
    if not rejects.height:
        return 0
    success = -1 if scope.succeeded_at_us is None else scope.succeeded_at_us
    is_known = (pl.col("state") != "deferred") & (pl.col("first_seen") <= success)
    known = open_rejects.filter(is_known | (pl.col("state") == "skipped"))["key"]
    return rejects.filter((pl.col("state") != "deferred") & ~pl.col("key").is_in(known.implode())).height


def rejects_of_batch(examined: Examined, read_before: int, *, is_final: bool) -> pl.DataFrame:
    """REJECT_SCHEMA of an examined batch.

    Args:
        examined: the batch.
        read_before: records read before it, by which those without a key are numbered.
        is_final: records that came twice are not read again: only now are they rejects.
    """
    keyless = examined.rows.filter(pl.col("outcome") == "keyless")
    position = pl.concat_str(pl.lit("record "), (pl.col("row") + read_before + 1).cast(pl.String))
    without = "the source key has no value, is longer than 1,024 bytes or holds a NUL character"
    parts = [
        rejects_of(examined.rows, examined.faults, "map"),
        rejects_of(examined.rows, deferral_faults(examined.deferred), "lookup", "deferred"),
        rejects_of(
            keyless.with_columns(position.alias("key")),
            single_fault(keyless["row"], None, "SourceKeyMissing", without),
            "extract",
        ),
    ]
    return pl.concat([*parts, _duplicates(examined)] if is_final else parts)


def _duplicates(examined: Examined) -> pl.DataFrame:
    """Named after the key, not by it: the first record of the key did get through."""
    twice = examined.rows.filter(pl.col("outcome") == "duplicate")
    names = [f"duplicate of {', '.join(split_key(key))}" for key in twice["key"]]
    named = twice.with_columns(pl.Series("key", names, dtype=pl.String))
    message = "the source has several records with this key; the first one counts. Make the key unique"
    return rejects_of(named, single_fault(twice["row"], None, "DuplicateKey", message), "extract")


def rejects_of_pieces(pieces: tuple[Unreadable, ...]) -> pl.DataFrame:
    """REJECT_SCHEMA of what is no record."""
    if not pieces:
        return pl.DataFrame(schema=REJECT_SCHEMA)
    rows = pl.DataFrame({"key": [piece.position for piece in pieces]}).with_row_index("row")
    faults = rows.select(
        "row",
        pl.lit(None, dtype=pl.String).alias("field"),
        pl.Series("reason", [piece.reason for piece in pieces]),
        pl.Series("message", [piece.message for piece in pieces]),
    )
    return rejects_of(rows, faults, "extract")
