"""Runs compiled rules over a frame: layer by layer in columns, faults only for the records that have some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import polars as pl

from ponte.mapping.faults import DEFERRED_SCHEMA, FAULT_SCHEMA, Problem, any_bad, tell
from ponte.mapping.fields import FieldPlan
from ponte.mapping.lookups import LookupRef
from ponte.mapping.program import Check, Program
from ponte.mapping.scope import INTERNAL

ROW = f"{INTERNAL}row"
_PARENT, _PLACE, _START, _NONE = (f"{INTERNAL}{name}" for name in ("parent", "place", "start", "none"))

Found = Mapping[LookupRef, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Staged:
    """A frame with all that was made of it.

    Attributes:
        frame: the row index, the source's columns and those of all fields.
        faults: by FAULT_SCHEMA.
        deferred: by DEFERRED_SCHEMA; also of records that have faults.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame
    deferred: pl.DataFrame


def run(program: Program, frame: pl.DataFrame, found: Found) -> Staged:
    """Makes all fields of a frame that has a column ROW."""
    staged = prepare(program, frame)
    deferred: list[pl.DataFrame] = []
    faults: list[pl.DataFrame] = []
    for one in program.fields:
        if one.lookup is not None:
            staged = _look_up(staged, one, found.get(one.lookup.ref))
            deferred.append(_waiting(staged, one))
        elif one.elements is not None:
            staged, inner = _run_elements(staged, one, one.elements, found)
            faults.append(inner.faults)
            deferred.append(inner.deferred)
    staged = staged.with_columns(
        [one.value.alias(one.column("value")) for one in program.fields if one.value is not None]
    )
    staged = staged.with_columns([_mask(one) for one in program.fields])
    faults.extend(_tell(staged, one.column("bad"), one.path, one.problems) for one in program.fields)
    for check in program.checks:
        staged = check.condition.over(staged).with_columns(_check_mask(check))
        faults.append(_tell(staged, check.name, check.path, check.problems))
    return Staged(staged, _gather(faults, FAULT_SCHEMA), _gather(deferred, DEFERRED_SCHEMA))


def prepare(program: Program, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with raw values, cleaned text and keys to look up."""
    for level in zip_longest(*[one.before for one in program.fields], fillvalue=()):
        frame = frame.with_columns([column for columns in level for column in columns])
    frame = frame.with_columns([one.raw.alias(one.column("raw")) for one in program.fields])
    texts = [one.text.alias(one.column("text")) for one in program.fields if one.text is not None]
    frame = frame.with_columns(texts) if texts else frame
    keys = [one.lookup.key.alias(one.column("key")) for one in program.fields if one.lookup is not None]
    return frame.with_columns(keys) if keys else frame


def _mask(plan: FieldPlan) -> pl.Expr:
    bad = any_bad(plan.problems)
    if plan.elements is not None:
        inner = pl.col(plan.column("inner"))
        bad = inner if bad is None else bad | inner
    return (pl.lit(value=False) if bad is None else bad).alias(plan.column("bad"))


def _check_mask(check: Check) -> pl.Expr:
    unknown = [pl.col(one.column("bad")) for one in check.reads]
    unknown += [pl.col(one.column("waits")) for one in check.reads if waits(one)]
    bad = any_bad(check.problems)
    assert bad is not None  # noqa: S101 - a check can always fail
    return (bad & ~pl.any_horizontal(unknown)).alias(check.name)


def waits(plan: FieldPlan) -> bool:
    """Whether a field may have to wait for a look-up."""
    if plan.elements is not None:
        return any(waits(one) for one in plan.elements.fields)
    return plan.lookup is not None


def _tell(staged: pl.DataFrame, mask: str, path: str, problems: Sequence[Problem]) -> pl.DataFrame:
    if not problems or not staged[mask].any():
        return FAULT_SCHEMA.to_frame()
    bad = any_bad(tuple(problems))
    assert bad is not None  # noqa: S101 - there are problems
    return tell(staged.filter(pl.col(mask) & bad), ROW, path, tuple(problems))


def _gather(frames: Sequence[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    told = [one for one in frames if not one.is_empty()]
    return pl.concat(told).sort("row", maintain_order=True) if told else schema.to_frame()


def _look_up(staged: pl.DataFrame, plan: FieldPlan, found: pl.DataFrame | None) -> pl.DataFrame:
    key, identity = plan.column("key"), plan.column("id")
    if found is None or found.is_empty():
        joined = staged.with_columns(pl.lit(None, dtype=pl.String).alias(identity))
    else:
        known = found.select(pl.col("value").alias(key), pl.col("target_id").alias(identity)).unique(key, keep="first")
        joined = staged.join(known, on=key, how="left", maintain_order="left")
    waiting = pl.col(key).is_not_null() & pl.col(identity).is_null()
    return joined.with_columns(waiting.alias(plan.column("waits")))


def _waiting(staged: pl.DataFrame, plan: FieldPlan) -> pl.DataFrame:
    assert plan.lookup is not None  # noqa: S101 - called for fields with a look-up
    waiting = staged.filter(plan.column("waits"))
    told = waiting.select(
        row=pl.col(ROW),
        field=pl.lit(plan.path),
        system=pl.lit(plan.lookup.ref.system),
        object=pl.lit(plan.lookup.ref.object),
        value=pl.col(plan.column("key")),
    )
    return told.cast(DEFERRED_SCHEMA)


def explode(staged: pl.DataFrame, plan: FieldPlan) -> pl.DataFrame:
    """The elements of a field's lists as records: counted by ROW, with their record and their place in it."""
    raw = plan.column("raw")
    if not isinstance(staged.schema[raw], pl.List):
        return pl.DataFrame(schema={ROW: pl.UInt32, _PARENT: pl.UInt32, _PLACE: pl.UInt32, _NONE: pl.Boolean})
    size = pl.col("value").list.len()
    lists = staged.select(pl.col(ROW).alias(_PARENT), pl.col(raw).alias("value")).filter(size > 0)
    elements = lists.with_columns((size.cum_sum() - size).alias(_START)).explode("value").with_row_index(ROW)
    place = (pl.col(ROW) - pl.col(_START)).cast(pl.UInt32)
    elements = elements.with_columns(place.alias(_PLACE), pl.col("value").is_null().alias(_NONE)).drop(_START)
    return elements.unnest("value") if isinstance(elements.schema["value"], pl.Struct) else elements


def _run_elements(staged: pl.DataFrame, plan: FieldPlan, program: Program, found: Found) -> tuple[pl.DataFrame, Staged]:
    elements = explode(staged, plan)
    inner = run(program, elements, found)
    nothing = _null_elements(elements, plan)
    told = pl.concat([inner.faults.join(nothing, on="row", how="anti", maintain_order="left"), nothing])
    faults, deferred = _outward(told, elements, plan.path), _outward(inner.deferred, elements, plan.path)
    joined = _with_lists(staged, plan, inner.frame, program).with_columns(
        pl.col(ROW).is_in(faults["row"].implode()).alias(plan.column("inner")),
        pl.col(ROW).is_in(deferred["row"].implode()).alias(plan.column("waits")),
    )
    return joined, Staged(inner.frame, faults, deferred)


def _with_lists(staged: pl.DataFrame, plan: FieldPlan, elements: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The frame with the lists put together; a list without elements stays empty, none stays none."""
    value = plan.column("value")
    member = pl.struct([one.alias(path) for path, one in program.nested().items()])
    members = elements.select(pl.col(_PARENT).alias(ROW), member.alias(value))
    joined = staged.join(
        members.group_by(ROW, maintain_order=True).agg(pl.col(value)), on=ROW, how="left", maintain_order="left"
    )
    is_empty = pl.col(value).is_null() & pl.col(plan.column("raw")).is_not_null()
    empty = pl.lit([], dtype=plan.dtype)
    return joined.with_columns(pl.when(is_empty).then(empty).otherwise(pl.col(value)).cast(plan.dtype).alias(value))


def _null_elements(elements: pl.DataFrame, plan: FieldPlan) -> pl.DataFrame:
    told = elements.filter(_NONE).select(
        row=pl.col(ROW),
        field=pl.lit(None, dtype=pl.String),
        reason=pl.lit("RequiredFieldMissing"),
        message=pl.lit(f"an element of {plan.path} is null"),
    )
    return told.cast(FAULT_SCHEMA)


def _outward(told: pl.DataFrame, elements: pl.DataFrame, path: str) -> pl.DataFrame:
    """Faults of elements as faults of their records: `lines[2].sku`."""
    places = elements.select(pl.col(ROW).alias("row"), _PARENT, _PLACE)
    joined = told.join(places, on="row", how="left", maintain_order="left")
    place = pl.concat_str([pl.lit(f"{path}["), pl.col(_PLACE), pl.lit("]")])
    inner = pl.concat_str([place, pl.lit("."), pl.col("field")])
    outward = joined.with_columns(
        row=pl.col(_PARENT), field=pl.when(pl.col("field").is_null()).then(place).otherwise(inner)
    )
    return outward.select(told.columns).sort("row", maintain_order=True)
