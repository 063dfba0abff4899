"""What became of each record of a delivery: done unless it was rejected, or all unknown."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from ponte.connectors.relational.client import RefusedError
from ponte.engine.ports import ANSWER_SCHEMA

_REJECTED = {"row": pl.UInt32, "field": pl.String, "reason": pl.String, "message": pl.String}


@dataclass(slots=True)
class Answers:
    """Answers for a frame of so many records."""

    height: int
    _rejected: dict[int, tuple[str | None, str, str]] = field(default_factory=dict)

    def reject(self, row: int, reason: str, message: str, blamed: str | None = None) -> None:
        """The record was not written; the first reason counts."""
        self._rejected.setdefault(row, (blamed, reason, message))

    def refuse(self, row: int, refused: RefusedError) -> None:
        """The database refused the record."""
        self.reject(row, refused.reason, refused.message, refused.field)

    def reject_all(self, faulty: pl.DataFrame | None) -> None:
        """Records with faults, by FAULT_SCHEMA."""
        for fault in () if faulty is None else faulty.iter_rows(named=True):
            self.reject(fault["row"], fault["reason"], fault["message"], fault["field"])

    def open_rows(self) -> pl.Series:
        """Numbers of the records that are not rejected."""
        rows = pl.Series("ponte_row", range(self.height), dtype=pl.Int32)
        return rows.filter(~rows.is_in(list(self._rejected))) if self._rejected else rows

    def done(self) -> pl.DataFrame:
        """By ANSWER_SCHEMA: what is not rejected is done."""
        return self._frame("done", None, None)

    def unknown(self) -> pl.DataFrame:
        """By ANSWER_SCHEMA: nobody knows what became of what is not rejected."""
        return self._frame("unknown", "CommitLost", "the connection broke while the commit was in flight")

    def _frame(self, outcome: str, reason: str | None, message: str | None) -> pl.DataFrame:
        rows = [(row, *why) for row, why in self._rejected.items()]
        rejected = pl.DataFrame(rows, schema=_REJECTED, orient="row").with_columns(outcome=pl.lit("rejected"))
        others = self.open_rows().cast(pl.UInt32).alias("row").to_frame()
        answered = others.with_columns(
            outcome=pl.lit(outcome), reason=pl.lit(reason, pl.String), message=pl.lit(message, pl.String)
        )
        every = pl.concat([rejected, answered], how="diagonal").with_columns(target_id=pl.lit(None, pl.String))
        return every.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items()).sort("row")
