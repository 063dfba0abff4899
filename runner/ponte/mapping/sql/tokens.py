"""Cuts SQL text into tokens. Comments, parameters and statement ends are no tokens, so they are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ponte.errors import ConfigurationError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?![\w.]))
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")+")
  | (?P<word>[^\W\d][\w$\#@]*)
  | (?P<symbol><>|!=|<=|>=|\|\||[-+*/=<>(),.\[\]])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL.

    Attributes:
        kind: number, text, quoted, word, symbol or end.
        text: as written; of text and quoted names the content.
        position: where it starts, counted from 1.
    """

    kind: str
    text: str
    position: int

    @property
    def upper(self) -> str:
        """The word or symbol in capitals; empty for what cannot be a keyword."""
        return self.text.upper() if self.kind in {"word", "symbol"} else ""


def tokenize(sql: str) -> list[Token]:
    """The tokens, with an end mark.

    Raises:
        ConfigurationError: a character that cannot stand there.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        if found is None or sql.startswith(("--", "/*"), position):
            raise refuse(f"{sql[position : position + 10]!r} cannot stand in an expression", position + 1)
        kind = str(found.lastgroup)
        if kind != "space":
            tokens.append(Token(kind, _content(kind, found.group()), position + 1))
        position = found.end()
    return [*tokens, Token("end", "", len(sql) + 1)]


def _content(kind: str, text: str) -> str:
    if kind in {"text", "quoted"}:
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


def refuse(message: str, position: int) -> ConfigurationError:
    """An error that names the place."""
    return ConfigurationError(f"{message} (at character {position})", reason="RefusedExpression")
