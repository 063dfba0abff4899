"""A Mapping compiled for one schema: what the engine holds and applies to each batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.faults import DEFERRED_SCHEMA, FAULT_SCHEMA, any_bad, tell
from ponte.mapping.lookups import LookupRef
from ponte.mapping.program import Program
from ponte.mapping.run import ROW, Found, Staged, explode, prepare, run, waits
from ponte.mapping.sql.expression import Expression

_SHAPE_ERRORS = (
    pl.exceptions.ColumnNotFoundError,
    pl.exceptions.SchemaError,
    pl.exceptions.DuplicateError,
    pl.exceptions.ShapeError,
)


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
class AudienceFilter:
    """The audience's `where`.

    Attributes:
        condition: over the fields of the target.
        can_wait: it reads a field that may have to wait for a look-up.
    """

    condition: Expression
    can_wait: bool


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A Mapping compiled for one schema of the source and one audience.

    Attributes:
        target_schema: columns of the mapped frame; nested paths are structs.
        key: paths of the natural key.
        columns: top-level fields of the source that are needed.
        omit_null: paths that are not sent when they hold no value; of elements as `lines.note`.
        sensitive: paths of the target and fields of the source that outputs mask.
        json_fields: paths whose text is JSON, to be sent as what it holds.
        form: hash of how values are written, as `form_fingerprint` gives it.
        source_schema: what frames must look like.
        program: the rules.
        where: over the source.
        audience: over the target.
        absent: declared fields that the source's frames lack.
        shown: columns of the mapped frame, without fields that only checks and the audience read.
    """

    target_schema: pl.Schema
    key: tuple[str, ...]
    columns: tuple[str, ...] | None
    omit_null: frozenset[str]
    sensitive: frozenset[str]
    json_fields: frozenset[str]
    form: str
    source_schema: pl.Schema
    program: Program
    where: Expression | None
    audience: AudienceFilter | None
    absent: tuple[str, ...]
    shown: Mapping[str, pl.Expr]

    def lookup_values(self, frame: pl.DataFrame) -> dict[LookupRef, pl.Series]:
        """The distinct values, as canonical text, that need to be looked up before `apply`."""
        if not any(waits(one) for one in self.program.fields):
            return {}
        kept, _, _ = self._select(self._indexed(frame))
        by_ref: dict[LookupRef, list[pl.Series]] = {}
        for ref, values in _keys(self.program, kept):
            by_ref.setdefault(ref, []).append(values)
        return {ref: pl.concat(values).drop_nulls().unique(maintain_order=True) for ref, values in by_ref.items()}

    def apply(self, frame: pl.DataFrame, found: Found | None = None) -> Mapped:
        """Maps a frame of the schema that this was compiled for.

        A frame that Polars cannot compute as a whole is taken in halves until the records at fault stand alone.

        Args:
            frame: records of the source.
            found: by look-up, columns value and target_id (both String).

        Raises:
            ConfigurationError: the frame has another schema.
        """
        return self._apply_or_halve(self._indexed(frame), found or {})

    def _indexed(self, frame: pl.DataFrame) -> pl.DataFrame:
        missing = [name for name in self.columns or () if frame.schema.get(name) != self.source_schema[name]]
        if missing:
            name = missing[0]
            message = f"field {name} was {self.source_schema[name]} and came as {frame.schema.get(name) or 'nothing'}"
            raise ConfigurationError(message, reason="SchemaDrift")
        nothing = [pl.lit(None).alias(name) for name in self.absent if name not in frame.columns]
        return frame.with_row_index(ROW).with_columns(nothing)

    def _apply_or_halve(self, frame: pl.DataFrame, found: Found) -> Mapped:
        try:
            return self._apply(frame, found)
        except _SHAPE_ERRORS:
            raise
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            if len(frame) == 1:
                return self._given_up(frame)
            middle = len(frame) // 2
            return _joined(self._apply_or_halve(frame[:middle], found), self._apply_or_halve(frame[middle:], found))

    def _given_up(self, frame: pl.DataFrame) -> Mapped:
        told = frame.select(
            row=pl.col(ROW),
            field=pl.lit(None, dtype=pl.String),
            reason=pl.lit("ExpressionFailed"),
            message=pl.lit("the rules cannot be computed for this record"),
        )
        nothing = frame[ROW].head(0).alias("row")
        return Mapped(
            self.target_schema.to_frame(), nothing, nothing, told.cast(FAULT_SCHEMA), DEFERRED_SCHEMA.to_frame()
        )

    def _apply(self, frame: pl.DataFrame, found: Found) -> Mapped:
        kept, left, faults = self._select(frame)
        staged = run(self.program, kept, found)
        rejected = staged.faults["row"].unique()
        passed = staged.frame
        if len(rejected):
            passed = passed.filter(~pl.col(ROW).is_in(rejected.implode()))
        passed, out, broken = self._for_audience(passed)
        faults = pl.concat([faults, staged.faults, broken])
        return self._sorted_out(passed, [left, out], faults, staged)

    def _sorted_out(self, passed: pl.DataFrame, left: list[pl.Series], faults: pl.DataFrame, staged: Staged) -> Mapped:
        deferred = staged.deferred
        if not deferred.is_empty():
            deferred = deferred.filter(pl.col("row").is_in(passed[ROW].implode()))
            passed = passed.filter(~pl.col(ROW).is_in(deferred["row"].implode()))
        return Mapped(
            frame=passed.select(**self.shown).cast(self.target_schema),
            rows=passed[ROW].alias("row"),
            left=pl.concat(left).sort().alias("row"),
            faults=faults.sort("row", maintain_order=True),
            deferred=deferred,
        )

    def _select(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series, pl.DataFrame]:
        if self.where is None:
            return frame, frame[ROW].head(0), FAULT_SCHEMA.to_frame()
        return _partition(self.where, frame, pl.lit(value=False))

    def _for_audience(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series, pl.DataFrame]:
        if self.audience is None:
            return frame, frame[ROW].head(0), FAULT_SCHEMA.to_frame()
        waiting = [pl.col(one.column("waits")) for one in self.program.fields if waits(one)]
        undecided = pl.any_horizontal(waiting) if waiting and self.audience.can_wait else pl.lit(value=False)
        return _partition(self.audience.condition, frame, undecided)


def _partition(
    condition: Expression, frame: pl.DataFrame, undecided: pl.Expr
) -> tuple[pl.DataFrame, pl.Series, pl.DataFrame]:
    """The records for which a condition holds, the rows for which it does not, and faults where it cannot tell."""
    staged = condition.over(frame)
    bad = any_bad(condition.problems)
    faults = FAULT_SCHEMA.to_frame()
    if bad is not None:
        broken = staged.filter(bad & ~undecided)
        faults = tell(broken, ROW, None, condition.problems)
        staged = staged.filter(~bad | undecided)
    holds = condition.value.fill_null(value=False) | undecided
    return staged.filter(holds), staged.filter(~holds)[ROW], faults


def _keys(program: Program, frame: pl.DataFrame) -> Iterator[tuple[LookupRef, pl.Series]]:
    prepared = prepare(program, frame)
    for one in program.fields:
        if one.lookup is not None:
            yield one.lookup.ref, prepared[one.column("key")].alias("value")
        elif one.elements is not None and waits(one):
            yield from _keys(one.elements, explode(prepared, one))


def _joined(first: Mapped, second: Mapped) -> Mapped:
    return Mapped(
        pl.concat([first.frame, second.frame]),
        pl.concat([first.rows, second.rows]),
        pl.concat([first.left, second.left]),
        pl.concat([first.faults, second.faults]),
        pl.concat([first.deferred, second.deferred]),
    )
