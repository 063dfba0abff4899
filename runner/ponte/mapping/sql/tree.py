"""The tree of a scalar SQL expression: nothing else can be written, so nothing else can run."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, TRUE, FALSE or NULL; `kind` is set for DATE '...' and TIMESTAMP '...'."""

    value: Decimal | str | bool | None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A field, as a path."""

    path: str


@dataclass(frozen=True, slots=True)
class Unary:
    """`- x` or `NOT x`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, `||`, a comparison, AND or OR."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Is:
    """`x IS [NOT] NULL | TRUE | FALSE`."""

    operand: Node
    what: str
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    """`x [NOT] IN (a, b, ...)`."""

    operand: Node
    items: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Like:
    """`x [NOT] LIKE 'pattern' [ESCAPE 'c']`."""

    operand: Node
    pattern: str
    escape: str | None
    negated: bool


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE [x] WHEN a THEN b ... [ELSE c] END`."""

    operand: Node | None
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Cast:
    """`CAST(x AS type)`; the type as in a Mapping."""

    operand: Node
    type: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the closed list."""

    function: str
    arguments: tuple[Node, ...]


Node = Literal | Name | Unary | Binary | Is | In | Like | Case | Cast | Call
