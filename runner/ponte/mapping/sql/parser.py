"""Reads scalar SQL expressions into a tree. The grammar is closed: what is not in it is refused, with its place.

Why not Polars' own SQL: it also reads aggregates, windows, subqueries, clocks and dice, computes with floats, wraps
integers and stops a whole batch at one bad record. Each of these would have to be found and taken out again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ponte.mapping.sql.tokens import Token, refuse, tokenize
from ponte.mapping.sql.tree import Binary, Call, Case, Cast, In, Is, Like, Literal, Name, Node, Unary

_Level = Callable[[], Node]

MAX_DEPTH = 40
"""Deepest nesting of brackets and operators that stand before their operand."""
MAX_CHAIN = 100
"""Most operators of one level in a row."""
_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RESERVED = {
    *("AND", "OR", "NOT", "IS", "IN", "LIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "ESCAPE", "NULL"),
    *("TRUE", "FALSE", "AS", "SELECT", "FROM", "WHERE", "OVER", "DISTINCT", "EXISTS", "UNION", "FILTER", "COLLATE"),
}
_TYPES = {
    **dict.fromkeys(("STRING", "TEXT", "VARCHAR", "CHAR"), "string"),
    **dict.fromkeys(("INTEGER", "INT", "BIGINT"), "integer"),
    **dict.fromkeys(("BOOLEAN", "BOOL"), "boolean"),
    **dict.fromkeys(("TIMESTAMP", "DATETIME"), "datetime"),
    "DATE": "date",
}


def parse(sql: str) -> Node:
    """Reads an expression.

    Raises:
        ConfigurationError: it is not one; names the place and what was found there.
    """
    parser = _Parser(tokenize(sql))
    tree = parser.expression()
    parser.expect_end()
    return tree


class _Parser:
    """Recursive descent; each method reads one level of precedence."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _accept(self, *words: str) -> str | None:
        if self._next.upper in words:
            return self._take().upper
        return None

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self._unexpected(f"{word} is missing")

    def _unexpected(self, wanted: str) -> Exception:
        token = self._next
        found = "the expression ends" if token.kind == "end" else f'"{token.text}" stands there'
        return refuse(f"{wanted}: {found}", token.position)

    def expect_end(self) -> None:
        """Refuses anything that follows."""
        if self._next.kind != "end":
            raise self._unexpected("the expression should end")

    def expression(self) -> Node:
        """OR, the loosest level."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise refuse(f"brackets are nested more than {MAX_DEPTH} deep", self._next.position)
        left = self._chain(("OR",), self._conjunction)
        self._depth -= 1
        return left

    def _conjunction(self) -> Node:
        return self._chain(("AND",), self._negation)

    def _chain(self, operators: tuple[str, ...], operand: _Level) -> Node:
        left = operand()
        for _ in range(MAX_CHAIN):
            operator = self._accept(*operators)
            if operator is None:
                return left
            left = Binary(operator, left, operand())
        raise refuse(f"more than {MAX_CHAIN} {operators[0]} in a row; use IN, or split the rule", self._next.position)

    def _negation(self) -> Node:
        negations = 0
        while self._accept("NOT"):
            negations += 1
        tree = self._comparison()
        return Unary("NOT", tree) if negations % 2 else (Unary("NOT", Unary("NOT", tree)) if negations else tree)

    def _comparison(self) -> Node:
        left = self._concatenation()
        if self._next.text in _COMPARISONS and self._next.kind == "symbol":
            operator = _COMPARISONS[self._take().text]
            left = Binary(operator, left, self._concatenation())
            if self._next.text in _COMPARISONS and self._next.kind == "symbol":
                raise self._unexpected("comparisons do not chain; use AND")
        while self._next.upper in {"IS", "IN", "BETWEEN", "LIKE", "NOT"}:
            left = self._predicate(left)
        return left

    def _predicate(self, left: Node) -> Node:
        if self._accept("IS"):
            negated = self._accept("NOT") is not None
            what = self._accept("NULL", "TRUE", "FALSE")
            if what is None:
                raise self._unexpected("IS is followed by NULL, TRUE or FALSE")
            return Is(left, what, negated)
        negated = self._accept("NOT") is not None
        if self._accept("IN"):
            return In(left, self._list(), negated)
        if self._accept("LIKE"):
            return self._like(left, negated)
        self._expect("BETWEEN")
        low = self._concatenation()
        self._expect("AND")
        inside = Binary("AND", Binary(">=", left, low), Binary("<=", left, self._concatenation()))
        return Unary("NOT", inside) if negated else inside

    def _list(self) -> tuple[Node, ...]:
        self._expect("(")
        if self._next.upper == "SELECT":
            raise self._unexpected("subqueries are refused")
        items = [self.expression()]
        while self._accept(","):
            items.append(self.expression())
        self._expect(")")
        return tuple(items)

    def _like(self, left: Node, negated: bool) -> Node:  # noqa: FBT001 - a part of the grammar, not a switch
        pattern = self._take()
        if pattern.kind != "text":
            raise refuse("LIKE is followed by a text in quotes", pattern.position)
        escape = None
        if self._accept("ESCAPE"):
            token = self._take()
            if token.kind != "text" or len(token.text) != 1:
                raise refuse("ESCAPE is followed by one character in quotes", token.position)
            escape = token.text
        return Like(left, pattern.text, escape, negated)

    def _concatenation(self) -> Node:
        return self._chain(("||",), self._sum)

    def _sum(self) -> Node:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._chain(("*", "/"), self._signed)

    def _signed(self) -> Node:
        is_negative = False
        while sign := self._accept("+", "-"):
            is_negative ^= sign == "-"
        operand = self._primary()
        return Unary("-", operand) if is_negative else operand

    def _primary(self) -> Node:
        token = self._next
        if token.kind in {"number", "text"}:
            self._take()
            return Literal(Decimal(token.text) if token.kind == "number" else token.text)
        if token.kind == "quoted":
            return self._name(self._take().text)
        if self._accept("("):
            if self._next.upper == "SELECT":
                raise self._unexpected("subqueries are refused")
            inner = self.expression()
            self._expect(")")
            return inner
        if token.kind == "word":
            return self._word()
        raise self._unexpected("a value is missing")

    def _word(self) -> Node:
        token = self._take()
        word = token.upper
        constants: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}
        if word in constants:
            return Literal(constants[word])
        if word == "CASE":
            return self._case()
        if word in {"DATE", "TIMESTAMP"} and self._next.kind == "text":
            return Literal(self._take().text, _TYPES[word])
        if word == "CAST":
            return self._cast()
        if word in _RESERVED:
            self._at -= 1
            raise self._unexpected("a value is missing")
        if self._next.text == "(" and self._next.kind == "symbol":
            return self._call(token)
        return self._name(token.text)

    def _name(self, path: str) -> Node:
        while self._next.kind == "symbol" and self._next.text in {".", "["}:
            if self._accept("."):
                step = self._take()
                if step.kind not in {"word", "quoted"}:
                    raise refuse("a name is missing after the dot", step.position)
                path += f".{step.text}"
            else:
                self._expect("[")
                place = self._take()
                if place.kind != "number" or not place.text.isdigit():
                    raise refuse("a place in a list is a whole number", place.position)
                self._expect("]")
                path += f"[{place.text}]"
        return Name(path)

    def _call(self, function: Token) -> Node:
        self._expect("(")
        if self._next.text == "*":
            raise refuse(f"{function.upper}(*) is refused: expressions are about one record", function.position)
        arguments: list[Node] = []
        while not self._accept(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.expression())
        if self._next.upper in {"OVER", "FILTER"}:
            raise self._unexpected("windows are refused: expressions are about one record")
        return Call(function.upper, tuple(arguments))

    def _case(self) -> Node:
        operand = None if self._next.upper == "WHEN" else self.expression()
        branches: list[tuple[Node, Node]] = []
        while self._accept("WHEN"):
            condition = self.expression()
            self._expect("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            raise self._unexpected("CASE has no WHEN")
        otherwise = self.expression() if self._accept("ELSE") else None
        self._expect("END")
        return Case(operand, tuple(branches), otherwise)

    def _cast(self) -> Node:
        self._expect("(")
        operand = self.expression()
        self._expect("AS")
        kind = self._type()
        self._expect(")")
        return Cast(operand, kind)

    def _type(self) -> str:
        token = self._take()
        if token.upper in {"DECIMAL", "NUMERIC"}:
            self._expect("(")
            digits = self._take().text
            scale = self._take().text if self._accept(",") else "0"
            self._expect(")")
            if not (digits.isdigit() and scale.isdigit()):
                raise refuse("DECIMAL is followed by (digits, decimals)", token.position)
            return f"decimal({digits},{scale})"
        if token.upper not in _TYPES:
            raise refuse(
                f"CAST to {token.text} is refused; use {', '.join(sorted({*_TYPES, 'DECIMAL'}))}", token.position
            )
        return _TYPES[token.upper]
