"""What a conversion gives: the value, where it fails, and how the failures are told apart."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ponte.mapping.faults import Detail, Label, Problem


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
        value: null where there was none or the conversion failed.
        bad: holds where there was a value and it could not be converted; None where that cannot happen.
        troubles: the first that holds is told.
    """

    value: pl.Expr
    bad: pl.Expr | None
    troubles: tuple[Trouble, ...]

    def problems(self, label: Label) -> tuple[Problem, ...]:
        """The failures, told with a name and a value."""
        if self.bad is None:
            return ()
        details = tuple(Detail(one.when, one.reason, label.says(one.says)) for one in self.troubles)
        return (Problem(self.bad, details),)
