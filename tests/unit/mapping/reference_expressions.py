"""Expressions of a Mapping for one record, in plain Python: what the vectorised ones must agree with.

Written from the guide alone. An expression is a tuple: its operator and its operands. It has its text, its number of
decimals, and its value for a record; the value of what cannot be computed is a Fault, which counts only where needed.
"""

from __future__ import annotations

import decimal
import operator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Expression = tuple[Any, ...]
Record = dict[str, Decimal | str | None]

_COMPARISONS = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_CONTEXT = decimal.Context(prec=200)


@dataclass(frozen=True)
class Fault:
    """Why a value cannot be computed."""

    reason: str


def text(e: Expression) -> str:  # noqa: PLR0911 - one case after the other
    """The expression as it is written in a Mapping."""
    head, *rest = e
    if head in ("column", "number"):
        return str(rest[0])
    if head == "text":
        return "'" + rest[0].replace("'", "''") + "'"
    parts = [text(one) for one in rest]
    if head == "case":
        return f"CASE WHEN {parts[0]} THEN {parts[1]} ELSE {parts[2]} END"
    if head == "not":
        return f"(NOT {parts[0]})"
    if head == "null":
        return f"({parts[0]} IS NULL)"
    if head == "between":
        return f"({parts[0]} BETWEEN {parts[1]} AND {parts[2]})"
    if head in ("coalesce", "nullif", "abs", "length", "upper"):
        return f"{head.upper()}({', '.join(parts)})"
    return f"({parts[0]} {head.upper()} {parts[1]})"


def scale(e: Expression) -> int:  # noqa: PLR0911 - one case after the other
    """How many decimals the numbers of an expression have; 0 for what is no number."""
    head, *rest = e
    if head == "column":
        return 2 if rest[0] in ("M", "N") else 0
    if head == "number":
        return len(str(rest[0]).partition(".")[2])
    if head in ("+", "-", "coalesce"):
        return max(scale(one) for one in rest)
    if head == "*":
        first, second = (scale(one) for one in rest)
        return min(first + second, max(18, first, second))
    if head == "/":
        return max(12, *(scale(one) for one in rest))
    if head == "case":
        return max(scale(one) for one in rest[1:])
    return scale(rest[0]) if head in ("abs", "nullif") else 0


def value(e: Expression, record: Record) -> Any:  # noqa: PLR0911 - one case after the other
    """The value for a record: a Decimal, a text, a boolean, None for NULL, or a Fault."""
    head, *rest = e
    if head == "column":
        return record[rest[0]]
    if head == "number":
        return Decimal(rest[0])
    if head == "text":
        return rest[0]
    if head == "between":
        return value(("and", (">=", rest[0], rest[1]), ("<=", rest[0], rest[2])), record)
    if head in ("and", "or"):
        return _logic([value(one, record) for one in rest], decisive=head == "or")
    if head == "case":
        condition = value(rest[0], record)
        return condition if isinstance(condition, Fault) else value(rest[1 if condition else 2], record)
    if head == "coalesce":
        first = value(rest[0], record)
        return value(rest[1], record) if first is None else first
    return _computed(e, [value(one, record) for one in rest])


def _logic(values: list[Any], *, decisive: bool) -> Any:
    if decisive in values:
        return decisive
    faults = [one for one in values if isinstance(one, Fault)]
    if faults:
        return faults[0]
    return None if None in values else not decisive


def _computed(e: Expression, values: list[Any]) -> Any:  # noqa: PLR0911 - one case after the other
    head = e[0]
    faults = [one for one in values if isinstance(one, Fault)]
    if faults:
        return faults[0]
    if head == "null":
        return values[0] is None
    if head == "nullif":
        return None if values[0] is not None and values[0] == values[1] else values[0]
    if None in values:
        return None
    if head in ("+", "-", "*", "/"):
        return _arithmetic(head, *values, scale(e))
    if head in _COMPARISONS:
        return _COMPARISONS[head](*values)
    single = {"not": lambda x: not x, "abs": abs, "length": lambda x: Decimal(len(x)), "upper": str.upper}
    return values[0] + values[1] if head == "||" else single[head](values[0])


def _arithmetic(sign: str, first: Decimal, second: Decimal, decimals: int) -> Decimal | Fault:
    if sign == "/" and not second:
        return Fault("DivisionByZero")
    compute = {"+": _CONTEXT.add, "-": _CONTEXT.subtract, "*": _CONTEXT.multiply, "/": _CONTEXT.divide}[sign]
    return compute(first, second).quantize(Decimal(1).scaleb(-decimals), decimal.ROUND_HALF_EVEN, _CONTEXT)
