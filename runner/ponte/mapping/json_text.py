"""JSON text among other text: where a source's column holds mixed kinds, it comes as text, and paths reach into that.

Plain Python, record by record: only such columns come here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

_AMBIGUOUS = re.compile(r"-?[0-9]{1,3}\.[0-9]{3}")


class MisfitError(ValueError):
    """The text does not hold what the path asks for."""


def take(text: pl.Expr, steps: Sequence[str | int]) -> tuple[pl.Expr, pl.Expr]:
    """The value at a path inside JSON text, as text, and where the text has no such shape."""
    return _pair(text, pl.String(), lambda one: _render(_walk(_parse(one), steps)))


def elements(text: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """The elements of a JSON array, each as text, and where the text is no array."""
    return _pair(text, pl.List(pl.String()), _elements)


def unmistakable(number: str) -> str:
    """The text of a JSON number that stands beside text, in a form that no locale takes for another number.

    Rules read such a column by their locale, and to an Italian reader 1.234 is a thousand and more. One zero at its end
    makes that no number to him, hence a reject, and to everybody else leaves it what it is.
    """
    return f"{number}0" if _AMBIGUOUS.fullmatch(number) else number


def _pair(text: pl.Expr, dtype: pl.DataType, read: Callable[[str], Any]) -> tuple[pl.Expr, pl.Expr]:
    def values(series: pl.Series) -> pl.Series:
        return pl.Series(series.name, [_attempt(read, one)[0] for one in series], dtype=dtype)

    def misfits(series: pl.Series) -> pl.Series:
        return pl.Series(series.name, [_attempt(read, one)[1] for one in series], dtype=pl.Boolean)

    return (
        text.map_batches(values, return_dtype=dtype, is_elementwise=True),
        text.map_batches(misfits, return_dtype=pl.Boolean, is_elementwise=True),
    )


def _attempt(read: Callable[[str], Any], text: str | None) -> tuple[Any, bool]:
    if text is None:
        return None, False
    try:
        return read(text), False
    except (ValueError, RecursionError):
        return None, True


def _parse(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise MisfitError(name)


def _walk(value: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        if value is None:
            return None
        if isinstance(step, int) and isinstance(value, list):
            value = value[step] if -len(value) <= step < len(value) else None
        elif isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        else:
            raise MisfitError(step)
    return value


def _elements(text: str) -> list[str | None]:
    value = _parse(text)
    if not isinstance(value, list):
        raise MisfitError(text)
    return [_render(one) for one in value]


def _render(value: Any) -> str | None:
    """Strings as they are, other values as JSON text; decimals by their own digits."""
    if isinstance(value, Decimal):
        return unmistakable(str(value))
    return value if value is None or isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_json(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
