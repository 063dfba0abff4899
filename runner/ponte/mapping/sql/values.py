"""Values of SQL expressions: a column, its type as SQL sees it, and where it could not be computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal as Choice

import polars as pl

from ponte.mapping.conversion import Conversion
from ponte.mapping.faults import Detail
from ponte.mapping.kinds import MAX_PRECISION

SqlKind = Choice["number", "text", "boolean", "date", "datetime", "nothing"]


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type of SQL. There is one kind of number: an exact decimal.

    Attributes:
        kind: nothing is the type of NULL.
        whole: most digits before the point, as far as is known.
        scale: digits behind the point.
        has_zone: whether a datetime is a moment (UTC) or local.
    """

    kind: SqlKind
    whole: int = MAX_PRECISION
    scale: int = 0
    has_zone: bool = False

    @property
    def polars(self) -> pl.DataType:
        """The type of the column."""
        if self.kind == "number":
            return pl.Decimal(MAX_PRECISION, self.scale)
        if self.kind == "datetime":
            return pl.Datetime("us", "UTC" if self.has_zone else None)
        plain: dict[str, pl.DataType] = {
            "text": pl.String(),
            "boolean": pl.Boolean(),
            "date": pl.Date(),
            "nothing": pl.Null(),
        }
        return plain[self.kind]

    @property
    def written(self) -> pl.DataType:
        """The type by which it becomes text: a number that declares its scale has so many digits."""
        if self.kind == "number":
            return pl.Decimal(min(self.whole + self.scale, MAX_PRECISION), self.scale)
        return self.polars


TEXT = SqlType("text")
BOOLEAN = SqlType("boolean")
NOTHING = SqlType("nothing")
INTEGER = SqlType("number", 19, 0)


@dataclass(frozen=True, slots=True)
class Value:
    """A value at one place of an expression.

    Attributes:
        expr: null where there is none and where it is bad.
        type: its type.
        bad: holds where it could not be computed; never null; None where that cannot happen.
        level: number of steps that must have run before it can be read.
        constant: the text of a constant in quotes, which takes the type of what it is compared with.
    """

    expr: pl.Expr
    type: SqlType
    bad: pl.Expr | None = None
    level: int = 0
    constant: str | None = None


@dataclass(slots=True)
class Steps:
    """Columns that are computed one level after the other, so that nothing is computed twice.

    Attributes:
        prefix: start of the columns' names.
        levels: the columns of each level.
        details: what can be wrong, in order of evaluation.
    """

    prefix: str
    levels: list[list[pl.Expr]] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    count: int = 0

    def column(self, expr: pl.Expr, level: int) -> pl.Expr:
        """Has an expression computed at a level; the result can be read from the next one on."""
        while len(self.levels) <= level:
            self.levels.append([])
        name = f"{self.prefix}{self.count}"
        self.count += 1
        self.levels[level].append(expr.alias(name))
        return pl.col(name)

    def value(
        self, expr: pl.Expr, type_: SqlType, inputs: Sequence[Value], own: tuple[pl.Expr, Detail] | None = None
    ) -> Value:
        """The value of an operator: bad where an input is, or where its own condition holds.

        Args:
            expr: over the inputs' expressions; null where `own` holds.
            type_: of the result.
            inputs: what it reads.
            own: where it cannot be computed although the inputs can, and what is told then.
        """
        level = max((one.level for one in inputs), default=0)
        bads = [one.bad for one in inputs if one.bad is not None]
        if own is not None:
            mine = self.column(own[0].fill_null(value=False), level)
            self.details.append(Detail(mine, own[1].reason, own[1].message))
            level, bads = level + 1, [*bads, mine]
        return self.made(expr, type_, level, bads)

    def made(self, expr: pl.Expr, type_: SqlType, level: int, bads: Sequence[pl.Expr]) -> Value:
        """The value of an operator whose bad conditions are known."""
        column = self.column(expr, level)
        bad = self.column(pl.any_horizontal(bads), level) if bads else None
        return Value(column, type_, bad, level + 1)

    def converted(self, done: Conversion, type_: SqlType, level: int, troubles: Sequence[Detail]) -> Value:
        """A conversion as a value: nothing where it fails.

        Args:
            done: reads what is there at `level`.
            type_: of the result.
            level: number of steps that must have run before.
            troubles: what is told; the `when` of each is looked at only where it fails.
        """
        value = self.column(done.value.cast(type_.polars), level)
        if done.fails is None:
            return Value(value, type_, None, level + 1)
        bad = self.column(done.fails(value).fill_null(value=False), level + 1)
        self.details.extend(Detail(bad & one.when, one.reason, one.message) for one in troubles)
        return Value(self.column(pl.when(~bad).then(value), level + 2), type_, bad, level + 3)
