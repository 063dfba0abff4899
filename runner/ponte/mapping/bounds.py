"""What must hold of a value: pattern, smallest and greatest."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import polars as pl

from ponte.mapping.faults import Detail, Label, Problem
from ponte.mapping.places import RuleError, located
from ponte.mapping.regexes import check_regex
from ponte_api.mapping import Converted

_ALWAYS = pl.lit(value=True)


def bounds(rule: Converted, done: pl.Expr, dtype: pl.DataType, label: Label) -> tuple[Problem, ...]:
    """The problems of a value that does not keep to pattern, min and max; no value keeps to all.

    Raises:
        ConfigurationError: the bound is not for values of this type.
    """
    problems: list[Problem] = []
    if rule.pattern is not None:
        if not isinstance(dtype, pl.String):
            raise RuleError("pattern", "pattern is for text")
        with located("pattern"):
            check_regex(rule.pattern)
        says = label.says(f"does not match {rule.pattern}")
        problems.append(_problem(~done.str.contains(f"^(?:{rule.pattern})$"), "PatternMismatch", says))
    if rule.min is not None:
        says = label.says(f"is below {rule.min}, the smallest allowed")
        problems.append(_problem(done < _bound(rule.min, dtype, ROUND_CEILING), "OutOfRange", says))
    if rule.max is not None:
        says = label.says(f"is above {rule.max}, the greatest allowed")
        problems.append(_problem(done > _bound(rule.max, dtype, ROUND_FLOOR), "OutOfRange", says))
    return tuple(problems)


def _problem(bad: pl.Expr, reason: str, says: pl.Expr) -> Problem:
    return Problem(bad, (Detail(_ALWAYS, reason, says),))


def _bound(text: str, dtype: pl.DataType, rounding: str) -> pl.Expr:
    number = Decimal(text)
    if dtype.is_integer():
        return pl.lit(int(number.to_integral_value(rounding=rounding)), dtype=pl.Int128)
    if dtype.is_float():
        return pl.lit(float(number), dtype=pl.Float64)
    if isinstance(dtype, pl.Decimal):
        scale = max(0, -int(number.as_tuple().exponent))
        return pl.lit(f"{number:f}").cast(pl.Decimal(38, scale))
    raise RuleError("min", "min and max are for numbers; give the field a type")
