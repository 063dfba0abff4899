"""Paths into nested data, of the source (`address.city`, `items[0].sku`) and of the target (`address.city`)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl
from polars.datatypes import DataTypeClass

from ponte.errors import ConfigurationError
from ponte.mapping import json_text
from ponte.mapping.members import member

_STEP = re.compile(r"\[(-?[0-9]{1,6})\]|\.?([^.\[\]]+)")


def split(path: str) -> tuple[str | int, ...]:
    """`items[0].sku` as ("items", 0, "sku").

    Raises:
        ConfigurationError: brackets or dots in wrong places.
    """
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None or (position == 0 and path[0] in ".["):
            raise ConfigurationError(
                f'"{path}" is not a path; write names with dots and places in lists as items[0].sku'
            )
        steps.append(int(found[1]) if found[1] is not None else found[2])
        position = found.end()
    return tuple(steps)


def nearest(name: str, known: Iterable[str]) -> str:
    """`. Did you mean PREZZO?`, or nothing where no name is near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f". Did you mean {by_folded[found[0]]}?" if found else ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The value at a path.

    Attributes:
        value: null where any step holds none.
        dtype: its type.
        misfit: where the path reaches into JSON text that has no such shape; None where there is no such text.
    """

    value: pl.Expr
    dtype: pl.DataType
    misfit: pl.Expr | None = None


NOTHING = Resolved(pl.lit(None), pl.Null())


def is_in(path: str, schema: pl.Schema) -> bool:
    """Whether records of this schema have a value at the path, or may have one."""
    try:
        resolve(path, schema)
    except ConfigurationError:
        return False
    return True


def united(earlier: pl.Schema, schema: pl.Schema) -> pl.Schema:
    """All fields, at every depth, of records of two schemas; where they differ in type, the second's type."""
    names = dict.fromkeys([*earlier, *schema])
    return pl.Schema({name: _united(earlier.get(name), schema.get(name)) for name in names})


def _united(one: pl.DataType | None, other: pl.DataType | None) -> pl.DataType:
    if other is None or isinstance(other, pl.Null):
        return one or pl.Null()
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return pl.List(_united(_instance(one.inner), _instance(other.inner)))
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        members = [pl.Schema({member.name: member.dtype for member in each.fields}) for each in (one, other)]
        return pl.Struct(dict(united(*members)))
    return other


def resolve(path: str, schema: pl.Schema | None) -> Resolved:
    """The value at a path of the source.

    A column whose name is the whole path comes first, so that flat sources may have dots in their names. Without a
    schema (nothing but nulls was seen) every path holds nothing.

    Raises:
        ConfigurationError: there is no such field; the message names the nearest.
    """
    if schema is None:
        return NOTHING
    if path in schema:
        return Resolved(pl.col(path), schema[path])
    steps = split(path)
    top = str(steps[0])
    if top not in schema:
        raise ConfigurationError(f"there is no field {path}{nearest(top, schema.names())}", reason="UnknownField")
    value, dtype = pl.col(top), schema[top]
    for at, step in enumerate(steps[1:], 1):
        if isinstance(dtype, pl.String):
            inner, misfit = json_text.take(value, steps[at:])
            return Resolved(inner, pl.String(), misfit)
        value, dtype = _enter(value, dtype, step, path)
    return Resolved(value, dtype)


def _enter(value: pl.Expr, dtype: pl.DataType, step: str | int, path: str) -> tuple[pl.Expr, pl.DataType]:
    if isinstance(dtype, pl.Null):
        return value, dtype
    if isinstance(step, int):
        if not isinstance(dtype, pl.List):
            raise ConfigurationError(f"{path}: [{step}] needs a list, the field is no list", reason="UnknownField")
        return value.list.get(step, null_on_oob=True), _instance(dtype.inner)
    if not isinstance(dtype, pl.Struct):
        raise ConfigurationError(f"{path}: .{step} needs nested data, the field has none", reason="UnknownField")
    members = {field.name: _instance(field.dtype) for field in dtype.fields}
    if step not in members:
        raise ConfigurationError(f"there is no field {path}{nearest(step, members)}", reason="UnknownField")
    return member(value, dtype, step), members[step]


def _instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def top_of(path: str, schema: pl.Schema | None = None) -> str:
    """The top-level field that a path starts at."""
    return path if schema is not None and path in schema else str(split(path)[0])


def nest(values: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Columns by path as top-level columns: `address.city` and `address.zip` become one struct `address`."""
    tree: dict[str, pl.Expr | dict[str, pl.Expr]] = {}
    for path, value in values.items():
        head, _, rest = path.partition(".")
        if rest:
            branch = tree.setdefault(head, {})
            assert isinstance(branch, dict)  # noqa: S101 - contradicting paths are refused when the Mapping is compiled
            branch[rest] = value
        else:
            tree[head] = value
    return {
        head: pl.struct([inner.alias(name) for name, inner in nest(branch).items()])
        if isinstance(branch, dict)
        else branch
        for head, branch in tree.items()
    }


def refuse_contradictions(targets: Iterable[str]) -> None:
    """Refuses two rules for one target, and a target that is both a field and a branch.

    Raises:
        ConfigurationError: names both rules.
    """
    seen: set[str] = set()
    branches: set[str] = set()
    for path in targets:
        if any(not step or "[" in step or "]" in step for step in path.split(".")):
            raise ConfigurationError(f'"{path}" is not a path of a target; write names with dots: address.city')
        parts = path.split(".")
        above = {".".join(parts[:depth]) for depth in range(1, len(parts))}
        if path in seen:
            raise ConfigurationError(f"two rules make the field {path}; keep one")
        if path in branches or above & seen:
            raise ConfigurationError(f"{path} cannot be a value and hold other fields; rename one of the two")
        seen.add(path)
        branches |= above
