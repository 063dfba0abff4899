"""Copies of few rows, so that the many that they were taken from can be let go of."""

from __future__ import annotations

from io import BytesIO

import polars as pl


def copied(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory of their own.

    A filtered or sliced frame keeps the buffers of all texts that it was taken from; `rechunk` and `shrink_to_fit` keep
    them too (measured), only writing and reading it again does not.
    """
    return pl.DataFrame.deserialize(BytesIO(frame.serialize()))
