"""What a conversion gives: the value, where it fails, and how the failures are told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from ponte.mapping.faults import Detail, Label, Problem

Fails = Callable[[pl.Expr], pl.Expr]
"""Where a conversion failed, given the column with its value: so nothing is converted twice."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One way in which a conversion fails.

    Attributes:
        when: holds where this is the way; looked at only where the conversion failed.
        reason: stable PascalCase.
        says: what is said of the value, after its name and itself: `is not a number`.
    """

    when: pl.Expr
    reason: str
    says: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted value.

    Attributes:
        value: null where there was none; where the conversion failed it counts for nothing.
        fails: where there was a value and it could not be converted; None where that cannot happen.
        troubles: the first that holds is told.
    """

    value: pl.Expr
    fails: Fails | None
    troubles: tuple[Trouble, ...]

    def problems(self, label: Label, done: pl.Expr) -> tuple[Problem, ...]:
        """The failures, told with a name and a value.

        Args:
            label: name and value.
            done: the column that holds `value`.
        """
        if self.fails is None:
            return ()
        details = tuple(Detail(one.when, one.reason, label.says(one.says)) for one in self.troubles)
        return (Problem(self.fails(done), details),)


def lost(given: pl.Expr) -> Fails:
    """Fails where a value became none."""
    return lambda done: given.is_not_null() & done.is_null()
