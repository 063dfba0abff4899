"""Rejects as frames: one per record, with all its faults, in words that are safe to show."""

from __future__ import annotations

import json
from typing import Literal

import polars as pl

from ponte.engine.ledger_port import REJECT_SCHEMA

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
    words = [
        f"waits for {value!r} of {system}/{name}, which no job has delivered yet"
        for system, name, value in deferred.select("system", "object", "value").iter_rows()
    ]
    return deferred.select(
        "row", "field", pl.lit("LookupPending").alias("reason"), pl.Series("message", words, dtype=pl.String)
    )
