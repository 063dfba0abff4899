"""Fields of nested records by their very names: to Polars, `*` and `^...$` would be patterns that name several."""

from __future__ import annotations

import polars as pl


def member(value: pl.Expr, dtype: pl.Struct, name: str) -> pl.Expr:
    """The field of this name, whatever characters it is made of.

    Args:
        value: a record of the type `dtype`.
        dtype: has the field.
        name: of the field.
    """
    if not _is_pattern(name):
        return value.struct.field(name)
    places = {field.name: str(place) for place, field in enumerate(dtype.fields)}
    return value.struct.rename_fields(list(places.values())).struct.field(places[name])


def _is_pattern(name: str) -> bool:
    return name == "*" or (name.startswith("^") and name.endswith("$"))
