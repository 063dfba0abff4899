"""What is wrong with a record, told so that a person can mend it: the frames of faults and of waiting records.

Messages name the source's field and the offending value, because that is what people can look up and correct.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import polars as pl

FAULT_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32,  # index into the frame that was mapped
        "field": pl.String,  # path at the target; null: the whole record
        "reason": pl.String,  # stable PascalCase, one page each in docs/reasons
        "message": pl.String,  # safe to show
    }
)
DEFERRED_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32,  # index into the frame that was mapped
        "field": pl.String,  # path at the target
        "system": pl.String,
        "object": pl.String,
        "value": pl.String,  # key of the record that is waited for
    }
)

SHOWN_CHARACTERS = 60
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that can be wrong; `when` is evaluated only on records that are already known to be wrong.

    Attributes:
        when: holds where this is what is wrong.
        reason: stable PascalCase.
        message: text of each record, safe to show.
    """

    when: pl.Expr
    reason: str
    message: pl.Expr


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a field can fail at: a cheap test for all records, and what to say of those that fail it.

    Attributes:
        bad: holds where the field fails; null counts as not.
        details: the first whose `when` holds is what is told.
    """

    bad: pl.Expr
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """How a value is named in messages.

    Attributes:
        name: the source's field, or what stands for it.
        value: the value as the source has it; None where there is none to show or it must not be shown.
    """

    name: str
    value: pl.Expr | None = None

    def says(self, words: str) -> pl.Expr:
        """`NAME "value" words`, or without a value `NAME words`; of empty text `NAME is empty and words`."""
        if self.value is None:
            return pl.lit(f"{self.name} {words}")
        told = pl.concat_str([self.quoted(), pl.lit(f" {words}")])
        return (
            pl.when(self.value == "")
            .then(pl.lit(f"{self.name} is empty and {words}"))
            .otherwise(told)
            .fill_null(f"{self.name} {words}")
        )

    def quoted(self) -> pl.Expr:
        """`NAME "value"`; null where there is no value."""
        if self.value is None:
            return pl.lit(self.name)
        return pl.concat_str([pl.lit(f'{self.name} "'), shown(self.value), pl.lit('"')])


def shown(value: pl.Expr) -> pl.Expr:
    """Text that is safe on a terminal, in a log and in a chat: invisible characters escaped, at most 60 characters.

    Plain Python: only values that are faulty come here.
    """
    return value.map_batches(_show_all, return_dtype=pl.String, is_elementwise=True)


def _show_all(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [None if value is None else show(value) for value in values], dtype=pl.String)


def show(text: str) -> str:
    """One value as messages show it."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return "".join(_escape(character) for character in cut)


def _escape(character: str) -> str:
    if unicodedata.category(character) in _INVISIBLE:
        return character.encode("unicode_escape").decode("ascii")
    return character


def any_bad(problems: list[Problem] | tuple[Problem, ...]) -> pl.Expr | None:
    """Whether any of the problems holds; None where nothing can."""
    if not problems:
        return None
    return pl.any_horizontal([problem.bad.fill_null(value=False) for problem in problems])


def tell(frame: pl.DataFrame, rows: str, field: str | pl.Expr | None, problems: tuple[Problem, ...]) -> pl.DataFrame:
    """The faults of one field: one per record of `frame`, which are all known to be wrong.

    Args:
        frame: the columns that the problems speak of.
        rows: the column with the index of the record.
        field: path at the target.
        problems: in order; the first that holds is told.
    """
    reason = pl.lit("ExpressionFailed")
    message = pl.lit("the value cannot be computed")
    for problem in reversed(problems):
        inner_reason, inner_message = reason, message
        for detail in reversed(problem.details):
            holds = detail.when.fill_null(value=False)
            inner_reason = pl.when(holds).then(pl.lit(detail.reason)).otherwise(inner_reason)
            inner_message = pl.when(holds).then(detail.message).otherwise(inner_message)
        bad = problem.bad.fill_null(value=False)
        reason = pl.when(bad).then(inner_reason).otherwise(reason)
        message = pl.when(bad).then(inner_message).otherwise(message)
    path = field if isinstance(field, pl.Expr) else pl.lit(field, dtype=pl.String)
    told = frame.select(row=pl.col(rows), field=path, reason=reason, message=message)
    return told.cast(FAULT_SCHEMA)
