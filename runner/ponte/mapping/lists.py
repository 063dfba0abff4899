"""Lists of values: what each becomes, and what becomes of those that are not listed."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.constants import literal
from ponte.mapping.conversion import Conversion, Trouble
from ponte_api.mapping import Converted

_ALWAYS = pl.lit(value=True)
Typed = Callable[[list[str | None]], pl.Series]


def listed(rule: Converted, text: pl.Expr, plain: Conversion, typed: Typed) -> Conversion:
    """The value by the list.

    Args:
        rule: has `values`.
        text: the value as text, which the list is compared with.
        plain: the value without the list, for `otherwise: keep`.
        typed: makes constants of the field's type.

    Raises:
        ConfigurationError: a value is listed twice.
    """
    froms = [pair.from_ for pair in rule.values]
    if twice := {one for one in froms if froms.count(one) > 1}:
        raise ConfigurationError(f'"{min(twice)}" is listed twice')
    targets = typed([pair.to for pair in rule.values])
    becomes = text.replace_strict(froms, targets, default=None, return_dtype=targets.dtype)
    is_listed = text.is_in(froms)
    choice, member = rule.otherwise.chosen if rule.otherwise else ("reject", None)
    if choice == "null":
        return Conversion(becomes, None, ())
    if choice == "value":
        other = literal(typed([member]))
        return Conversion(pl.when(text.is_null() | is_listed).then(becomes).otherwise(other), None, ())
    if choice == "keep":
        fails = plain.fails
        kept = pl.when(is_listed).then(becomes).otherwise(plain.value)
        return Conversion(kept, None if fails is None else lambda done: ~is_listed & fails(done), plain.troubles)
    return Conversion(
        becomes, lambda _: ~is_listed, (Trouble(_ALWAYS, "UnknownValue", "is not in the list of values"),)
    )
