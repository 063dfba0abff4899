"""Runs compiled fields over a frame: layer by layer in columns, faults worked out only for the records that have some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ponte.mapping.faults import FAULT_SCHEMA, any_bad, tell
from ponte.mapping.fields import FieldPlan

ROW = "#row"


@dataclass(frozen=True, slots=True)
class Staged:
    """A frame with all that was made of it.

    Attributes:
        frame: the row index and the columns of all fields.
        faults: by FAULT_SCHEMA.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame


def run_fields(frame: pl.DataFrame, fields: Sequence[FieldPlan]) -> Staged:
    """Makes all fields of a frame with a column ROW."""
    staged = frame.select(pl.col(ROW), *[one.raw.alias(one.column("raw")) for one in fields])
    texts = [one.text.alias(one.column("text")) for one in fields if one.text is not None]
    staged = staged.with_columns(texts) if texts else staged
    staged = staged.with_columns([one.value.alias(one.column("value")) for one in fields])
    bad = [(one, any_bad(one.problems)) for one in fields if one.problems]
    masks = [mask.alias(one.column("bad")) for one, mask in bad if mask is not None]
    if not masks:
        return Staged(staged, FAULT_SCHEMA.to_frame())
    staged = staged.with_columns(masks)
    return Staged(staged, _tell_all(staged, [one for one, _ in bad]))


def _tell_all(staged: pl.DataFrame, fields: Sequence[FieldPlan]) -> pl.DataFrame:
    told = [
        tell(staged.filter(one.column("bad")), ROW, one.path, one.problems)
        for one in fields
        if staged[one.column("bad")].any()
    ]
    if not told:
        return FAULT_SCHEMA.to_frame()
    return pl.concat(told).sort(ROW.strip("#"), maintain_order=True)


__all__ = ["ROW", "Mapping", "Staged", "run_fields"]
