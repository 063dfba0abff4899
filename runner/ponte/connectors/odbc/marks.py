"""Bound parameters over ODBC, which knows only `?`: numbered marks, put in order here."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARK = re.compile("\x01([0-9]+)\x01")


def mark(number: int) -> str:
    """The place of a parameter, from 1. It may stand in several places of a statement."""
    return f"\x01{number}\x01"


def in_order(statement: str, parameters: Sequence[str]) -> tuple[str, list[str]]:
    """The statement with `?`, and its parameters in the order in which they stand there."""
    found = [parameters[int(number) - 1] for number in _MARK.findall(statement)]
    return _MARK.sub("?", statement), found
