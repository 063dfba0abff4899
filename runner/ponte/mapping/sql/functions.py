"""The closed list of functions. What is not here is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.faults import Detail
from ponte.mapping.kinds import MAX_PRECISION
from ponte.mapping.paths import nearest
from ponte.mapping.sql.emitter import Emitter
from ponte.mapping.sql.tree import Call, Literal, Node, Unary
from ponte.mapping.sql.values import BOOLEAN, INTEGER, TEXT, SqlType, Value

Emit = Callable[[Emitter, tuple[Node, ...]], Value]


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes:
        fewest, most: number of arguments.
        emit: makes its value.
    """

    fewest: int
    most: int
    emit: Emit


def call(emitter: Emitter, node: Call) -> Value:
    """The value of a function call.

    Raises:
        ConfigurationError: the function is not in the list, or has too few or too many arguments.
    """
    function = FUNCTIONS.get(node.function)
    if function is None:
        message = f"{node.function} is not in the list of functions{nearest(node.function, FUNCTIONS)}"
        raise ConfigurationError(message, reason="RefusedExpression")
    if not function.fewest <= len(node.arguments) <= function.most:
        wanted = str(function.fewest) if function.fewest == function.most else f"{function.fewest} to {function.most}"
        raise ConfigurationError(f"{node.function} takes {wanted} arguments", reason="RefusedExpression")
    return function.emit(emitter, node.arguments)


def _on_text(change: Callable[[pl.Expr], pl.Expr], name: str) -> Function:
    def emit(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
        value = emitter.text(arguments[0], name)
        return emitter.steps.value(change(value.expr), TEXT, (value,))

    return Function(1, 1, emit)


def _length(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    value = emitter.text(arguments[0], "LENGTH")
    return emitter.steps.value(value.expr.str.len_chars().cast(pl.Decimal(MAX_PRECISION, 0)), INTEGER, (value,))


def _replace(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    value = emitter.text(arguments[0], "REPLACE")
    what, by = (_constant_text(one, "REPLACE") for one in arguments[1:])
    result = value.expr.str.replace_all(what, by, literal=True) if what else value.expr
    return emitter.steps.value(result, TEXT, (value,))


def _substr(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    """Places count from 1; those before the text hold nothing (SQL:2016 6.32)."""
    value = emitter.text(arguments[0], "SUBSTR")
    start = _constant_integer(arguments[1], "SUBSTR") - 1
    if len(arguments) == 2:
        return emitter.steps.value(value.expr.str.slice(max(start, 0)), TEXT, (value,))
    length = _constant_integer(arguments[2], "SUBSTR")
    if length < 0:
        raise ConfigurationError("SUBSTR: a length is not negative", reason="RefusedExpression")
    visible = max(0, length + min(start, 0))
    return emitter.steps.value(value.expr.str.slice(max(start, 0), visible), TEXT, (value,))


def _side(name: str) -> Function:
    def emit(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
        value = emitter.text(arguments[0], name)
        length = _constant_integer(arguments[1], name)
        if length < 0:
            raise ConfigurationError(f"{name}: a length is not negative", reason="RefusedExpression")
        cut = value.expr.str.slice(0, length) if name == "LEFT" else value.expr.str.tail(length)
        return emitter.steps.value(cut, TEXT, (value,))

    return Function(2, 2, emit)


def _pad(name: str) -> Function:
    def emit(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
        value = emitter.text(arguments[0], name)
        length = _constant_integer(arguments[1], name)
        fill = _constant_text(arguments[2], name) if len(arguments) == 3 else " "
        if len(fill) != 1 or not 0 <= length <= 1000:
            raise ConfigurationError(f"{name} fills up to 1,000 places with one character", reason="RefusedExpression")
        padded = value.expr.str.pad_start(length, fill) if name == "LPAD" else value.expr.str.pad_end(length, fill)
        return emitter.steps.value(padded, TEXT, (value,))

    return Function(2, 3, emit)


def _concat(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    values = [emitter.text(one, "CONCAT") for one in arguments]
    return emitter.steps.value(pl.concat_str([one.expr.fill_null("") for one in values]), TEXT, values)


def _coalesce(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    values = emitter.alike([emitter.emit(one) for one in arguments], "COALESCE")
    conditions = []
    for one in values[:-1]:
        level = one.level
        present = one.expr.is_not_null() if one.bad is None else one.expr.is_not_null() | one.bad
        conditions.append(Value(emitter.steps.column(present, level), BOOLEAN, None, level + 1))
    return emitter.choose(conditions, values)


def _nullif(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    value, other = (emitter.emit(one) for one in arguments)
    same = emitter.compare("=", value, other)
    nothing = Value(pl.lit(None, dtype=value.type.polars), value.type)
    return emitter.choose([same], [nothing, value])


def _abs(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    value = emitter.number(arguments[0], "ABS")
    return emitter.steps.value(value.expr.abs(), value.type, (value,))


def _round(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
    """Half away from zero, as in PostgreSQL's numeric."""
    value = emitter.number(arguments[0], "ROUND")
    scale = _constant_integer(arguments[1], "ROUND") if len(arguments) == 2 else 0
    if not 0 <= scale <= MAX_PRECISION:
        raise ConfigurationError("ROUND: the number of decimals is 0 to 38", reason="RefusedExpression")
    if scale >= value.type.scale:
        return value
    return _narrowed(emitter, value, scale, lambda number: number.round(scale, mode="half_away_from_zero"))


def _whole(name: str) -> Function:
    def change(number: pl.Expr) -> pl.Expr:
        return number.floor() if name == "FLOOR" else number.ceil()

    def emit(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
        value = emitter.number(arguments[0], name)
        return value if value.type.scale == 0 else _narrowed(emitter, value, 0, change)

    return Function(1, 1, emit)


def _narrowed(emitter: Emitter, value: Value, scale: int, change: Callable[[pl.Expr], pl.Expr]) -> Value:
    """A number made shorter; kept from records at the edge of 38 digits, which rounding up could leave."""
    type_ = SqlType("number", min(value.type.whole + 1, MAX_PRECISION - scale), scale)
    if value.type.whole + value.type.scale < MAX_PRECISION:
        return emitter.steps.value(change(value.expr).cast(type_.polars), type_, (value,))
    limit = pl.lit(Decimal(10) ** (MAX_PRECISION - value.type.scale) - 1, dtype=value.type.polars)
    edge = value.expr.abs() > limit
    safe = pl.when(~edge).then(value.expr)
    told = Detail(edge, "OutOfRange", emitter.tell("exceeds 38 digits"))
    return emitter.steps.value(change(safe).cast(type_.polars), type_, (value,), (edge, told))


def _extreme(name: str) -> Function:
    """The largest or smallest of the arguments; nothing among them is passed over, as in PostgreSQL."""

    def emit(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
        values = emitter.alike([emitter.number(one, name) for one in arguments], name)
        best = pl.max_horizontal if name == "GREATEST" else pl.min_horizontal
        return emitter.steps.value(best([one.expr for one in values]), values[0].type, values)

    return Function(2, 16, emit)


def _part(name: str) -> Function:
    def emit(emitter: Emitter, arguments: tuple[Node, ...]) -> Value:
        value = emitter.emit(arguments[0])
        if value.type.kind not in {"date", "datetime"}:
            raise ConfigurationError(f"{name} needs a date", reason="RefusedExpression")
        part = {"YEAR": value.expr.dt.year(), "MONTH": value.expr.dt.month(), "DAY": value.expr.dt.day()}[name]
        return emitter.steps.value(part.cast(pl.Decimal(MAX_PRECISION, 0)), SqlType("number", 4, 0), (value,))

    return Function(1, 1, emit)


def _constant_text(node: Node, where: str) -> str:
    if not isinstance(node, Literal) or not isinstance(node.value, str):
        raise ConfigurationError(f"{where}: this argument is a text in quotes", reason="RefusedExpression")
    return node.value


def _constant_integer(node: Node, where: str) -> int:
    if isinstance(node, Unary) and node.operator == "-":
        return -_constant_integer(node.operand, where)
    if (
        isinstance(node, Literal)
        and isinstance(node.value, Decimal)
        and node.value == int(node.value)
        and abs(node.value) < 10**6
    ):
        return int(node.value)
    raise ConfigurationError(f"{where}: this argument is a whole number, written out", reason="RefusedExpression")


FUNCTIONS: dict[str, Function] = {
    "UPPER": _on_text(lambda text: text.str.to_uppercase(), "UPPER"),
    "LOWER": _on_text(lambda text: text.str.to_lowercase(), "LOWER"),
    "TRIM": _on_text(lambda text: text.str.strip_chars(), "TRIM"),
    "LTRIM": _on_text(lambda text: text.str.strip_chars_start(), "LTRIM"),
    "RTRIM": _on_text(lambda text: text.str.strip_chars_end(), "RTRIM"),
    "LENGTH": Function(1, 1, _length),
    "CHAR_LENGTH": Function(1, 1, _length),
    "REPLACE": Function(3, 3, _replace),
    "SUBSTR": Function(2, 3, _substr),
    "SUBSTRING": Function(2, 3, _substr),
    "LEFT": _side("LEFT"),
    "RIGHT": _side("RIGHT"),
    "LPAD": _pad("LPAD"),
    "RPAD": _pad("RPAD"),
    "CONCAT": Function(1, 32, _concat),
    "COALESCE": Function(1, 32, _coalesce),
    "IFNULL": Function(2, 2, _coalesce),
    "NULLIF": Function(2, 2, _nullif),
    "ABS": Function(1, 1, _abs),
    "ROUND": Function(1, 2, _round),
    "FLOOR": _whole("FLOOR"),
    "CEIL": _whole("CEIL"),
    "CEILING": _whole("CEILING"),
    "GREATEST": _extreme("GREATEST"),
    "LEAST": _extreme("LEAST"),
    "YEAR": _part("YEAR"),
    "MONTH": _part("MONTH"),
    "DAY": _part("DAY"),
}
