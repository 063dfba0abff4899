"""How a chunk gets to the database: as one JSON text that the database takes apart, or as bound rows of text.

Either way numbers and times travel as text, so that no driver converts them. Which is quicker is measured by
`tests/bench/test_odbc_speed.py`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

ROWS_OF_JSON = 10_000
MOST_ROWS_AT_ONCE = 5_000
MOST_BYTES_AT_ONCE = 512 * 1024  # servers take so much at once, and drop a connection that sends more than they take
_SLICE = 25_000
_BESIDE_VALUE = 10  # bytes: its length, and whether it is there


@dataclass(frozen=True, slots=True)
class Staging:
    """A stage that is filled by a statement.

    Attributes:
        statements: to run before it is filled.
        insert: fills it from parameter 1, a JSON array of objects with ponte_row, c0, c1 ...
    """

    statements: tuple[str, ...]
    insert: str

    def texts(self, frame: pl.DataFrame) -> Iterator[str]:
        """Parameters, one for each time that `insert` is to be run."""
        for piece in _json_texts(frame).iter_slices(ROWS_OF_JSON):
            yield piece.write_json()


@dataclass(frozen=True, slots=True)
class RowStaging:
    """A stage that is filled by rows, many at a time.

    Attributes:
        statements: to run before it is filled.
        into: its name, quoted.
        names: of its columns, quoted.
        texts: makes texts of all values but bytes.
        count: the query for how many rows the statement before it took, by which it is seen that none is missing.
    """

    statements: tuple[str, ...]
    into: str
    names: tuple[str, ...]
    texts: Callable[[pl.DataFrame], pl.DataFrame] = field(repr=False)
    count: str | None = None

    def pieces(self, frame: pl.DataFrame, most_bytes: int) -> Iterator[tuple[int, bytes]]:
        """How many rows to send at once, and the rows as an Arrow IPC stream, which has the stage's column names."""
        for piece in self.texts(frame).iter_slices(_SLICE):
            buffer = io.BytesIO()
            named = pl.DataFrame([s.alias(n) for s, n in zip(piece.iter_columns(), self.names, strict=True)])
            named.write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
            yield _rows_at_once(piece, most_bytes), buffer.getvalue()


def _rows_at_once(frame: pl.DataFrame, most_bytes: int) -> int:
    """How many rows fit into buffers that are as wide as the widest value of each column."""
    widths = (_width(series) + _BESIDE_VALUE for series in frame.iter_columns())
    return max(1, min(MOST_ROWS_AT_ONCE, most_bytes // sum(widths)))


def _width(values: pl.Series) -> int:
    sizes = values.bin.size() if values.dtype == pl.Binary else values.str.len_bytes()
    return int(str(sizes.max() or 0))


def _json_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as texts that JSON carries and the database casts: numbers as written, times in ISO form."""
    number, *values = frame.iter_columns()
    named = [_staged_text(series).alias(f"c{index}") for index, series in enumerate(values)]
    return pl.DataFrame([number.alias("ponte_row"), *named])


def _staged_text(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Binary:
        return "\\x" + values.bin.encode("hex")
    if isinstance(values.dtype, pl.Datetime):
        zone = "+00:00" if values.dtype.time_zone else ""
        return values.dt.replace_time_zone(None).dt.strftime(f"%Y-%m-%d %H:%M:%S%.6f{zone}")
    return values.cast(pl.String)
