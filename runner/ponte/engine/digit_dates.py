"""Cursors of digits that stand for times: whether 99991231 is a day in years to come or the number of a record.

Numbers tell no time by themselves, and most cursors of digits are counters. A cursor is taken for a time only where the
Mapping reads it as one, or where its values are plainly days: some are days until today (20261127), and none is a
number that no calendar has (20261132). Nothing is concluded from what stands for no day (0) or for ever (99999999).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import polars as pl

from ponte.engine.canonical import plain_text
from ponte.engine.job import Job

Form = Literal["yyyyMMdd", "epochSeconds", "epochMillis"]

_DAY = re.compile(r"[0-9]{8}")
_FOR_EVER = 22_000_000
_YEARS = (1900, 2199)
_FORMS: dict[str, Form] = {"yyyyMMdd": "yyyyMMdd", "epochSeconds": "epochSeconds", "epochMillis": "epochMillis"}


def declared(job: Job) -> Form | None:
    """How the Mapping reads the digits of the job's cursor; None where it does not say."""
    cursor = job.source_object.cursor
    formats = [rule.format for rule in job.mapping.fields if cursor is not None and rule.from_ == cursor.field]
    return next((_FORMS[text] for text in formats if text in _FORMS), None)


def shown(moment: datetime, form: Form) -> str:
    """A time in the form of the cursor."""
    if form == "yyyyMMdd":
        return moment.astimezone(UTC).strftime("%Y%m%d")
    return str(int(moment.timestamp()) * (1000 if form == "epochMillis" else 1))


def is_later(cursor: str, moment: datetime, form: Form) -> bool:
    """Whether a cursor of this form is later than a time."""
    return "." not in cursor and int(cursor) > int(shown(moment, form))


def may_be_later(cursor: str, moment: datetime) -> bool:
    """Whether a cursor would be later than a time if its digits were a day."""
    return _DAY.fullmatch(cursor) is not None and is_later(cursor, moment, "yyyyMMdd")


@dataclass(slots=True)
class Evidence:
    """What the values of a cursor say of whether they are days.

    Attributes:
        today: the last day that is no future.
        days: values that are days until then.
        others: values that no calendar has.
    """

    today: datetime
    days: int = 0
    others: int = 0

    @property
    def are_days(self) -> bool:
        """Whether the values are plainly days."""
        return self.days > 0 and self.others == 0

    def note(self, values: pl.Series) -> None:
        """Takes values into account."""
        text = plain_text(pl.col("text"), values.dtype).cast(pl.String).str.strip_chars()
        number = pl.col("text").cast(pl.Int64, strict=False)
        is_form = pl.col("text").str.contains("^[0-9]{8}$")
        date = pl.when(is_form).then(pl.col("text")).str.to_date("%Y%m%d", strict=False)
        is_day = is_form & date.dt.year().is_between(*_YEARS).fill_null(value=False)
        is_nothing = (pl.col("text") == "") | (number == 0) | (is_form & (number >= _FOR_EVER))
        judged = values.alias("text").to_frame().select(text).drop_nulls().select(
            days=(is_day & (number <= int(shown(self.today, "yyyyMMdd")))).fill_null(value=False),
            others=(~(is_day | is_nothing)).fill_null(value=True),
        )  # fmt: skip
        self.days += int(judged["days"].sum())
        self.others += int(judged["others"].sum())


def evidence_of(watermark: str | None, now: datetime) -> Evidence:
    """What is known before anything is read."""
    evidence = Evidence(now + timedelta(days=1))
    if watermark is not None:
        evidence.note(pl.Series([watermark], dtype=pl.String))
    return evidence
