"""A compiled SQL expression, as the other rules use it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.faults import Detail, Problem
from ponte.mapping.sql import tree
from ponte.mapping.sql.emitter import Emitter, Names, Tell
from ponte.mapping.sql.parser import parse
from ponte.mapping.sql.values import SqlType, Steps, Value


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression as columns.

    Attributes:
        levels: columns to add, one level after the other.
        value: the result, once they are there.
        type: its type.
        problems: what can be wrong with a record.
    """

    levels: tuple[tuple[pl.Expr, ...], ...]
    value: pl.Expr
    type: SqlType
    problems: tuple[Problem, ...]

    def over(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the columns added."""
        for level in self.levels:
            frame = frame.with_columns(level)
        return frame


def compile_sql(sql: str, names: Names, prefix: str, tell: Tell) -> Expression:
    """Compiles an expression.

    Args:
        sql: as written in the Mapping.
        names: the fields it may read.
        prefix: start of the names of its columns.
        tell: makes messages of what is wrong.

    Raises:
        ConfigurationError: it is refused; the message says what and where.
    """
    steps = Steps(prefix)
    try:
        value = Emitter(names, steps, tell).emit(parse(sql))
    except RecursionError as error:
        raise ConfigurationError("the expression is nested too deep", reason="RefusedExpression") from error
    return Expression(
        tuple(tuple(level) for level in steps.levels), value.expr, value.type, _problems(steps, value, tell)
    )


def _problems(steps: Steps, value: Value, tell: Tell) -> tuple[Problem, ...]:
    if value.bad is None:
        return ()
    rest = Detail(pl.lit(value=True), "ExpressionFailed", tell("cannot be computed"))
    return (Problem(value.bad, (*steps.details, rest)),)


def names_in(sql: str) -> tuple[str, ...]:
    """The paths that an expression reads, in order, each once.

    Raises:
        ConfigurationError: it is no expression.
    """
    found: dict[str, None] = {}
    pending: list[object] = [parse(sql)]
    while pending:
        node = pending.pop()
        if isinstance(node, tree.Name):
            found[node.path] = None
        elif isinstance(node, tuple):
            pending.extend(reversed(node))
        elif isinstance(node, tree.Node):
            pending.extend(reversed([getattr(node, name) for name in node.__slots__]))
    return tuple(found)
