"""Exact arithmetic: decimals of at most 38 digits. What does not fit or divides by zero is bad, never wrapped.

Scales: `+` and `-` keep the larger one; `*` adds them, up to 18; `/` has at least 12, up to 18. Where digits must go,
they are rounded half to even.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import polars as pl

from ponte.mapping.faults import Detail
from ponte.mapping.kinds import MAX_PRECISION
from ponte.mapping.sql.values import SqlType, Steps, Value

MAX_SCALE = 18
QUOTIENT_SCALE = 12
_ALMOST = 0.999


def add(steps: Steps, left: Value, right: Value, operator: str, too_large: pl.Expr) -> Value:
    """`left + right` or `left - right`."""
    scale = max(left.type.scale, right.type.scale)
    whole = max(left.type.whole, right.type.whole) + 1

    def compute(one: pl.Expr, two: pl.Expr) -> pl.Expr:
        return _wide(one, scale) + _wide(two, scale) if operator == "+" else _wide(one, scale) - _wide(two, scale)

    result = _Result(whole, scale, _size(left.expr) + _size(right.expr), compute)
    return _guarded(steps, left, right, result, too_large)


def multiply(steps: Steps, left: Value, right: Value, too_large: pl.Expr) -> Value:
    """`left * right`."""
    scale = min(left.type.scale + right.type.scale, max(MAX_SCALE, left.type.scale, right.type.scale))
    whole = left.type.whole + right.type.whole
    estimate = pl.max_horizontal(_size(left.expr), _size(left.expr) * _size(right.expr))
    result = _Result(whole, scale, estimate, lambda one, two: _wide(one, scale) * two)
    return _guarded(steps, left, right, result, too_large)


def divide(steps: Steps, left: Value, right: Value, too_large: pl.Expr, by_zero: pl.Expr) -> Value:
    """`left / right`, bad where the right is zero."""
    scale = max(left.type.scale, right.type.scale, QUOTIENT_SCALE)
    told = Detail(right.expr == 0, "DivisionByZero", by_zero)
    divisor = steps.value(
        pl.when(right.expr != 0).then(right.expr),
        right.type,
        (right, left),
        (left.expr.is_not_null() & told.when, told),
    )
    estimate = pl.max_horizontal(_size(left.expr), _size(left.expr) / _size(divisor.expr))
    result = _Result(left.type.whole + right.type.scale, scale, estimate, lambda one, two: _wide(one, scale) / two)
    return _guarded(steps, left, divisor, result, too_large)


def negate(steps: Steps, value: Value) -> Value:
    """`- value`."""
    return steps.value(-value.expr, value.type, (value,))


@dataclass(frozen=True, slots=True)
class _Result:
    """What an operation gives.

    Attributes:
        whole: most digits before the point, as far as the operands' types tell.
        scale: digits behind the point.
        size: how large the largest number on the way is, about.
        compute: the operation.
    """

    whole: int
    scale: int
    size: pl.Expr
    compute: Callable[[pl.Expr, pl.Expr], pl.Expr]


def _guarded(steps: Steps, left: Value, right: Value, result: _Result, too_large: pl.Expr) -> Value:
    """The operation, kept from records whose result does not fit 38 digits; unguarded where all results do."""
    type_ = SqlType("number", min(result.whole, MAX_PRECISION - result.scale), result.scale)
    if result.whole + result.scale <= MAX_PRECISION:
        return steps.value(result.compute(left.expr, right.expr), type_, (left, right))
    level = max(left.level, right.level)
    limit = _ALMOST * 10.0 ** (MAX_PRECISION - result.scale)
    fits = steps.column(left.expr.is_not_null() & right.expr.is_not_null() & (result.size < limit), level)
    safe = replace(left, expr=steps.column(pl.when(fits).then(left.expr), level + 1), level=level + 2)
    overflows = left.expr.is_not_null() & right.expr.is_not_null() & ~fits
    value = result.compute(safe.expr, right.expr)
    return steps.value(value, type_, (safe, right), (overflows, Detail(overflows, "OutOfRange", too_large)))


def _wide(value: pl.Expr, scale: int) -> pl.Expr:
    return value.cast(pl.Decimal(MAX_PRECISION, scale), strict=False)


def _size(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.Float64).abs()
