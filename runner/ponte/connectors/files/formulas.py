"""Cells that a spreadsheet would take for a formula: an apostrophe before them makes them text again.

What leaves for a file that people open must not run there: a customer named `=HYPERLINK(...)` is a name. Plain numbers
stay, signs and all. The way there can be gone back exactly, so that a file which Ponte wrote can be merged into.

Source: OWASP, CSV Injection (the characters that begin a formula, with those that Excel treats alike).
"""

from __future__ import annotations

import re

import polars as pl

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four: full-width forms of = + - @
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?")


def neutralise(cell: str) -> str:
    """The cell as text to every spreadsheet; another text for each cell, so that `restore` can go back."""
    is_formula = _FORMULA.match(cell) is not None and _NUMBER.fullmatch(cell) is None
    return f"'{cell}" if is_formula else cell


def restore(cell: str) -> str:
    """What `neutralise` was given; any other cell as it is."""
    return cell[1:] if cell.startswith("'") and neutralise(cell[1:]) == cell else cell


def restore_column(cells: pl.Series) -> pl.Series:
    """A column of text, each cell restored."""
    if not cells.str.starts_with("'").any():
        return cells
    return pl.Series(cells.name, [None if cell is None else restore(cell) for cell in cells], dtype=pl.String)
