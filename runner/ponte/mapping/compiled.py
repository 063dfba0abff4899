"""A Mapping compiled for one schema: what the engine holds and applies to each batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ponte.mapping import paths
from ponte.mapping.faults import DEFERRED_SCHEMA
from ponte.mapping.fields import FieldPlan
from ponte.mapping.lookups import LookupRef
from ponte.mapping.program import ROW, run_fields


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of a frame: each of its rows is in exactly one of frame, left, faults and deferred.

    Attributes:
        frame: the records that passed, in the order of the input: columns of the target only.
        rows: UInt32, index into the input of each row of `frame`.
        left: UInt32, rows that `where` or the audience leaves out.
        faults: by FAULT_SCHEMA, all faults of each rejected record.
        deferred: by DEFERRED_SCHEMA, records that only wait for a look-up.
    """

    frame: pl.DataFrame
    rows: pl.Series
    left: pl.Series
    faults: pl.DataFrame
    deferred: pl.DataFrame


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A Mapping compiled for one schema of the source and one audience.

    Attributes:
        target_schema: columns of the mapped frame; nested paths are structs.
        key: paths of the natural key.
        columns: top-level fields of the source that are needed.
        omit_null: paths that are not sent when they hold no value.
        sensitive: paths of the target and fields of the source that outputs mask.
        fields: the compiled rules.
    """

    target_schema: pl.Schema
    key: tuple[str, ...]
    columns: tuple[str, ...] | None
    omit_null: frozenset[str]
    sensitive: frozenset[str]
    fields: tuple[FieldPlan, ...]

    def lookup_values(self, frame: pl.DataFrame) -> dict[LookupRef, pl.Series]:
        """The distinct values, as canonical text, that need to be looked up before `apply`."""
        del frame
        return {}

    def apply(self, frame: pl.DataFrame, found: Mapping[LookupRef, pl.DataFrame] | None = None) -> Mapped:
        """Maps a frame of the schema that this was compiled for.

        Args:
            frame: records of the source.
            found: by look-up, columns value and target_id (both String).
        """
        del found
        staged = run_fields(frame.with_row_index(ROW), self.fields)
        good = (
            staged.frame.join(staged.faults, left_on=ROW, right_on="row", how="anti")
            if len(staged.faults)
            else staged.frame
        )
        values = {one.path: pl.col(one.column("value")) for one in self.fields}
        return Mapped(
            frame=good.select(**paths.nest(values)),
            rows=good[ROW].alias("row"),
            left=pl.Series("row", [], dtype=pl.UInt32),
            faults=staged.faults,
            deferred=DEFERRED_SCHEMA.to_frame(),
        )
