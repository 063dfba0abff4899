"""Turns the tree of an expression into columns, with SQL's types and its three-valued logic.

A fault counts only where SQL would have needed the value: not in a branch of CASE that is not taken, not behind the
first value of COALESCE, not beside FALSE in an AND.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.constants import constants, literal
from ponte.mapping.conversion import Conversion
from ponte.mapping.convert import convert
from ponte.mapping.faults import Detail
from ponte.mapping.forms import Form
from ponte.mapping.kinds import MAX_PRECISION, Kind, parse_kind
from ponte.mapping.places import RuleError
from ponte.mapping.sql import arithmetic, tree
from ponte.mapping.sql.values import BOOLEAN, NOTHING, TEXT, SqlType, Steps, Value

Tell = Callable[[str], pl.Expr]
"""Makes a message of what is wrong."""


class Names(Protocol):
    """The fields that an expression may read."""

    def read(self, path: str, steps: Steps) -> Value:
        """The value of a field. Raises ConfigurationError where there is none, with the nearest name."""
        ...


class Emitter:
    """Emits one expression; one per rule.

    Args:
        names: the fields it may read.
        steps: takes the columns.
        tell: makes messages.
    """

    def __init__(self, names: Names, steps: Steps, tell: Tell) -> None:
        self.names = names
        self.steps = steps
        self.tell = tell

    def emit(self, node: tree.Node) -> Value:
        """The value of a node.

        Raises:
            ConfigurationError: types that do not go together, unknown fields and functions.
        """
        emitters: dict[type, Callable[[Any], Value]] = {
            tree.Literal: self._literal,
            tree.Name: self._name,
            tree.Unary: self._unary,
            tree.Binary: self._binary,
            tree.Is: self._is,
            tree.In: self._in,
            tree.Like: self._like,
            tree.Case: self._case,
            tree.Cast: self._cast,
            tree.Call: self._call,
        }
        return emitters[type(node)](node)

    def _name(self, node: tree.Name) -> Value:
        return self.names.read(node.path, self.steps)

    def _unary(self, node: tree.Unary) -> Value:
        if node.operator == "NOT":
            value = self.condition(node.operand, "NOT")
            return self.steps.value(~value.expr, BOOLEAN, (value,))
        return arithmetic.negate(self.steps, self.number(node.operand, "-"))

    def _cast(self, node: tree.Cast) -> Value:
        return self.cast(self.emit(node.operand), parse_kind(node.type))

    def _call(self, node: tree.Call) -> Value:
        from ponte.mapping.sql.functions import call  # noqa: PLC0415 - functions emit their arguments here

        return call(self, node)

    def condition(self, node: tree.Node, where: str) -> Value:
        """A value that must be true, false or nothing."""
        return self._of_kind(self.emit(node), "boolean", where)

    def number(self, node: tree.Node, where: str) -> Value:
        """A value that must be a number."""
        return self._of_kind(self.emit(node), "number", where)

    def text(self, node: tree.Node, where: str) -> Value:
        """A value as text; numbers, dates and truth values become their canonical text."""
        return self.cast(self.emit(node), Kind("string"), where)

    def _of_kind(self, value: Value, kind: str, where: str) -> Value:
        if value.type.kind == "nothing":
            type_ = SqlType("number", 1, 0) if kind == "number" else BOOLEAN
            return Value(value.expr.cast(type_.polars), type_, value.bad, value.level)
        if value.type.kind != kind:
            hint = "; declare its type in objects[].fields, or CAST it" if value.type.kind == "text" else ""
            raise ConfigurationError(
                f"{where} needs a {kind} and finds a {value.type.kind}{hint}", reason="RefusedExpression"
            )
        return value

    def _literal(self, node: tree.Literal) -> Value:
        if node.value is None:
            return Value(pl.lit(None), NOTHING)
        if isinstance(node.value, bool):
            return Value(pl.lit(node.value), BOOLEAN)
        if isinstance(node.value, Decimal):
            return self._number(node.value)
        if node.kind is not None:
            return self._dated(node.value, node.kind, has_zone=False)
        return Value(pl.lit(node.value), TEXT, constant=node.value)

    def _number(self, number: Decimal) -> Value:
        scale = max(0, -int(number.as_tuple().exponent))
        whole = max(1, len(number.as_tuple().digits) - scale)
        if whole + scale > MAX_PRECISION:
            raise ConfigurationError(f"{number} has more than {MAX_PRECISION} digits", reason="RefusedExpression")
        type_ = SqlType("number", whole, scale)
        # by its text: a literal made of a Decimal makes Polars look for numpy
        return Value(pl.lit(f"{number:f}").cast(type_.polars), type_)

    def _dated(self, text: str, kind: str, *, has_zone: bool) -> Value:
        type_ = SqlType("date" if kind == "date" else "datetime", has_zone=has_zone)
        form = Form(time_zone="UTC" if has_zone else None)
        return Value(literal(constants([text], Kind(kind), form, type_.polars)), type_)

    def _binary(self, node: tree.Binary) -> Value:
        if node.operator in {"AND", "OR"}:
            return self._logic(node)
        if node.operator in {"+", "-", "*", "/"}:
            left, right = self.number(node.left, node.operator), self.number(node.right, node.operator)
            too_large = self.tell("exceeds 38 digits")
            if node.operator in {"+", "-"}:
                return arithmetic.add(self.steps, left, right, node.operator, too_large)
            if node.operator == "*":
                return arithmetic.multiply(self.steps, left, right, too_large)
            return arithmetic.divide(self.steps, left, right, too_large, self.tell("divides by zero"))
        if node.operator == "||":
            left, right = self.text(node.left, "||"), self.text(node.right, "||")
            return self.steps.value(left.expr + right.expr, TEXT, (left, right))
        return self.compare(node.operator, self.emit(node.left), self.emit(node.right))

    def compare(self, operator: str, left: Value, right: Value) -> Value:
        """A comparison; constants in quotes take the type of the other side."""
        left, right = self.alike((left, right), operator)
        one, two = left.expr, right.expr
        compared = {
            "=": one == two,
            "<>": one != two,
            "<": one < two,
            "<=": one <= two,
            ">": one > two,
            ">=": one >= two,
        }[operator]
        return self.steps.value(compared, BOOLEAN, (left, right))

    def alike(self, values: Sequence[Value], where: str) -> list[Value]:
        """The values as one type: dates in quotes become dates, NULL becomes anything, numbers take the largest scale.

        Raises:
            ConfigurationError: they have no type in common.
        """
        leading = next((one for one in values if one.type.kind != "nothing" and one.constant is None), None)
        leading = leading or next((one for one in values if one.type.kind != "nothing"), values[0])
        if leading.type.kind == "number":
            scale = max(one.type.scale for one in values)
            whole = max(one.type.whole for one in values if one.type.kind == "number")
            type_ = SqlType("number", min(whole, MAX_PRECISION - scale), scale)
        else:
            type_ = leading.type
        return [self._as(one, type_, where) for one in values]

    def _as(self, value: Value, type_: SqlType, where: str) -> Value:
        if value.type.kind == "nothing":
            return Value(value.expr.cast(type_.polars), type_, value.bad, value.level)
        if value.constant is not None and type_.kind in {"date", "datetime"}:
            return self._dated(value.constant, type_.kind, has_zone=type_.has_zone)
        if value.type.kind != type_.kind or value.type.has_zone != type_.has_zone:
            message = f"{where} cannot bring a {type_.kind} and a {value.type.kind} together; CAST one of them"
            raise ConfigurationError(message, reason="RefusedExpression")
        if type_.kind == "number" and type_.scale > value.type.scale:
            return self._widened(value, type_)
        return value

    def _widened(self, value: Value, type_: SqlType) -> Value:
        wide = value.expr.cast(type_.polars, strict=False)
        if value.type.whole + type_.scale <= MAX_PRECISION:
            return Value(wide, type_, value.bad, value.level)
        lost = value.expr.is_not_null() & wide.is_null()
        return self.steps.value(
            wide, type_, (value,), (lost, Detail(lost, "OutOfRange", self.tell("exceeds 38 digits")))
        )

    def cast(self, value: Value, kind: Kind, where: str = "CAST") -> Value:
        """The value as another type; what cannot be converted is bad."""
        if value.type.kind == "nothing":
            type_ = sql_type(kind)
            return Value(value.expr.cast(type_.polars), type_, value.bad, value.level)
        try:
            done = convert(value.expr, value.type.written, kind, Form())
        except RuleError as error:
            raise ConfigurationError(f"{where}: {error.bare}", reason="RefusedExpression") from error
        return self._converted(done, sql_type(kind, has_zone=value.type.has_zone), value, where)

    def _converted(self, done: Conversion, type_: SqlType, value: Value, where: str) -> Value:
        troubles = tuple(
            Detail(one.when, one.reason, self.tell(f"{where}: a value {one.says}")) for one in done.troubles
        )
        made = self.steps.converted(done, type_, value.level, troubles)
        if value.bad is None:
            return made
        bads = [one for one in (made.bad, value.bad) if one is not None]
        return self.steps.made(made.expr, type_, made.level, bads)

    def _logic(self, node: tree.Binary) -> Value:
        left, right = self.condition(node.left, node.operator), self.condition(node.right, node.operator)
        decides = node.operator == "OR"
        result = left.expr | right.expr if decides else left.expr & right.expr
        level = max(left.level, right.level)
        bads = [
            one.bad & (other.expr != decides).fill_null(value=True)
            for one, other in ((left, right), (right, left))
            if one.bad is not None
        ]
        return self.steps.made(result, BOOLEAN, level, bads)

    def _is(self, node: tree.Is) -> Value:
        if node.what == "NULL":
            value = self.emit(node.operand)
            result = value.expr.is_null()
        else:
            value = self.condition(node.operand, f"IS {node.what}")
            result = (value.expr == (node.what == "TRUE")).fill_null(value=False)
        return self.steps.value(~result if node.negated else result, BOOLEAN, (value,))

    def _in(self, node: tree.In) -> Value:
        operand, *items = self.alike([self.emit(one) for one in (node.operand, *node.items)], "IN")
        result = operand.expr == items[0].expr
        for item in items[1:]:
            result = result | (operand.expr == item.expr)
        return self.steps.value(~result if node.negated else result, BOOLEAN, (operand, *items))

    def _like(self, node: tree.Like) -> Value:
        value = self._of_kind_text(self.emit(node.operand), "LIKE")
        result = value.expr.str.contains(_like_regex(node.pattern, node.escape))
        return self.steps.value(~result if node.negated else result, BOOLEAN, (value,))

    def _of_kind_text(self, value: Value, where: str) -> Value:
        if value.type.kind not in {"text", "nothing"}:
            raise ConfigurationError(
                f"{where} needs a text and finds a {value.type.kind}; CAST it", reason="RefusedExpression"
            )
        return self._as(value, TEXT, where)

    def _case(self, node: tree.Case) -> Value:
        conditions = [self._when(node.operand, condition) for condition, _ in node.branches]
        results = [self.emit(result) for _, result in node.branches]
        results.append(self.emit(node.otherwise) if node.otherwise else Value(pl.lit(None), NOTHING))
        results = self.alike(results, "CASE")
        return self.choose(conditions, results)

    def _when(self, operand: tree.Node | None, condition: tree.Node) -> Value:
        if operand is None:
            return self.condition(condition, "WHEN")
        return self.compare("=", self.emit(operand), self.emit(condition))

    def choose(self, conditions: Sequence[Value], results: Sequence[Value]) -> Value:
        """The result of the first condition that holds, else the last one; only what is chosen can be bad."""
        value, bad = results[-1].expr, _bad(results[-1])
        for condition, result in zip(reversed(conditions), reversed(results[:-1]), strict=True):
            holds = condition.expr.fill_null(value=False)
            value = pl.when(holds).then(result.expr).otherwise(value)
            bad = pl.when(holds).then(_bad(result)).otherwise(bad) | _bad(condition)
        level = max(one.level for one in (*conditions, *results))
        can_fail = any(one.bad is not None for one in (*conditions, *results))
        return self.steps.made(value, results[-1].type, level, [bad] if can_fail else [])


def sql_type(kind: Kind, *, has_zone: bool = False) -> SqlType:
    """The type in SQL of a type of the API. There are no floats: they are read as decimals."""
    if kind.name == "integer":
        return SqlType("number", 19, 0)
    if kind.name == "decimal":
        return SqlType("number", kind.precision - kind.scale, kind.scale)
    if kind.name == "datetime":
        return SqlType("datetime", has_zone=has_zone)
    if kind.name == "date":
        return SqlType("date")
    return BOOLEAN if kind.name == "boolean" else TEXT


def _bad(value: Value) -> pl.Expr:
    return pl.lit(value=False) if value.bad is None else value.bad


def _like_regex(pattern: str, escape: str | None) -> str:
    regex, characters = "", iter(pattern)
    for character in characters:
        if character == escape:
            following = next(characters, None)
            if following is None:
                raise ConfigurationError(f"LIKE '{pattern}' ends with its escape character", reason="RefusedExpression")
            regex += re.escape(following)
        else:
            regex += {"%": ".*", "_": "."}.get(character) or re.escape(character)
    return f"(?s)^{regex}$"
