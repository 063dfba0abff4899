"""Mapped values to the types of a table's columns: exact, or a fault of the record. Nothing is rounded or cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import polars.selectors as cs

from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.values import decimals, faults, join_faults
from ponte.errors import ConfigurationError
from ponte.mapping.json_rows import render_rows
from ponte.mapping.number_text import text_of_numbers

_PLAIN_INTEGER = r"^[+-]?[0-9]+$"
_UUID = r"(?i)^(([0-9a-f]{4}-?){7}[0-9a-f]{4}|\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\})$"  # the forms that PostgreSQL takes
_PADDED = "the key ends in blanks, which a column of fixed length does not keep: trim it in the Mapping"
_EMPTY = "the database stores an empty text as no value: map it to no value, or to a text of its own"
_NUMBER = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
_SHORTEST_NUMBER = r"^(0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[1-9])$"
_KEPT_DIGITS = 15
_MICROSECONDS = 6
_TRUE, _FALSE = ["true", "t", "1"], ["false", "f", "0"]


def encode(
    frame: pl.DataFrame, columns: Sequence[Column], row_size: int | None = None
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The columns of a frame as a table takes them, and the faults of those values that it cannot take.

    Args:
        frame: has the columns.
        columns: of the table.
        row_size: most bytes of a row's texts and bytes together.

    Raises:
        ConfigurationError: a nested field for a column that is no JSON.
    """
    series, found = [], []
    for column in columns:
        given = frame.get_column(column.name)
        if given.dtype == pl.Null:
            given = given.cast(pl.String)
        values = _encoded(given, column).alias(column.name)
        bad = given.is_not_null() & values.is_null()
        if bad.any():
            found.append(faults(bad, column.name, "NotConvertible", f"the value does not fit {_says(column)}"))
        if column.length is not None:
            long = values.str.len_chars().fill_null(0) > column.length
            found.append(faults(long, column.name, "TooLong", f"the text is longer than {column.length} characters"))
        if column.size is not None:
            found.append(faults(_is_larger(values, column.size), column.name, "TooLong", _says_larger(column.size)))
        if values.dtype == pl.String:
            found += _faults_of_texts(values, column, is_text=given.dtype == pl.String)
        if not column.is_nullable and not column.is_filled:
            found.append(faults(given.is_null(), column.name, "RequiredFieldMissing", "the column must not be empty"))
        series.append(values)
    encoded = pl.DataFrame(series)
    return encoded, join_faults(found + _too_large_rows(encoded, row_size))


def _faults_of_texts(values: pl.Series, column: Column, *, is_text: bool) -> list[pl.DataFrame]:
    """What the database would not keep of texts; `is_text` where they were none before: numbers may become numbers."""
    found = [faults(_has_nul(values), column.name, "InvalidText", "the text holds a NUL character")]
    if not column.has_empty:
        found.append(faults((values == "").fill_null(value=False), column.name, "NotConvertible", _EMPTY))
    if column.is_padded:
        found.append(faults(_ends_in_blanks(values), column.name, "NotConvertible", _PADDED))
    if not column.has_digits and is_text:
        found.append(faults(_is_altered(values), column.name, "NotConvertible", _says_altered(column)))
    return found


def _too_large_rows(encoded: pl.DataFrame, row_size: int | None) -> list[pl.DataFrame]:
    """Faults of rows that are larger than a server takes at once, for which their widest value is blamed."""
    if row_size is None:
        return []
    texts = encoded.select((cs.string() | cs.binary()).cast(pl.Binary).bin.size().fill_null(0).cast(pl.Int64))
    if not texts.width:
        return []
    is_large, widest = texts.sum_horizontal() > row_size, texts.max_horizontal()
    message = f"the values of the record are together longer than the {row_size} bytes that the server takes at once"
    blamed = ((values.name, is_large & (values == widest)) for values in texts.iter_columns())
    return [faults(mask, name, "TooLong", message) for name, mask in blamed if mask.any()]


def _encoded(values: pl.Series, column: Column) -> pl.Series:
    if column.kind == "json":
        return _json(values)
    if values.dtype.is_nested():
        raise ConfigurationError(
            f"Field {column.name} is nested, but its column is no JSON ({column.declared}). Next: map its members to "
            "columns of their own, or make the column JSON."
        )
    if column.kind == "other" and column.declared == "uuid":
        text = values.cast(pl.String)
        return text.zip_with(text.str.contains(_UUID).fill_null(value=True), pl.Series([None], dtype=pl.String))
    return _ENCODERS.get(column.kind, _plain)(values, column)


def _plain(values: pl.Series, column: Column) -> pl.Series:
    return values.cast(column.dtype or pl.String(), strict=False)


def _texts(values: pl.Series, column: Column) -> pl.Series:  # noqa: ARG001 - as all encoders
    if isinstance(values.dtype, pl.Datetime):
        zone = "%:z" if values.dtype.time_zone else ""
        utc = values.dt.convert_time_zone("UTC") if zone else values
        return utc.dt.strftime(f"%Y-%m-%d %H:%M:%S%.f{zone}")
    return text_of_numbers(values)


def _json(values: pl.Series) -> pl.Series:
    if values.dtype.is_nested():
        text = render_rows(values.to_frame("v")).str.strip_prefix('{"v":').str.strip_suffix("}")
        return text.zip_with(values.is_not_null(), pl.Series([None], dtype=pl.String))
    return values.cast(pl.String)


def _decimals(values: pl.Series, column: Column) -> pl.Series:
    if isinstance(values.dtype, pl.Decimal) and column.digits is None and _is_finer(column, values.dtype.scale):
        return values.cast(column.dtype, strict=False) if column.dtype is not None else values
    exact, bad = decimals(values.cast(pl.String), column.precision, column.scale)
    if column.digits is not None:
        bad = bad | _has_more_digits(exact, column.digits)
    return exact.zip_with(~bad, pl.Series([None], dtype=exact.dtype)) if bad.any() else exact


def _is_finer(column: Column, scale: int) -> bool:
    """Whether the column keeps at least so many decimals."""
    return column.scale is None or column.scale >= scale


def _has_more_digits(values: pl.Series, digits: int) -> pl.Series:
    """Mask of fractions that have more significant digits than the database keeps; its integers are exact."""
    text = values.cast(pl.String)
    fraction = text.str.extract(r"\.([0-9]*[1-9])", 1)
    whole = text.str.extract(r"^-?0*([0-9]*)", 1)
    count = (whole + fraction).str.strip_chars_start("0").str.len_chars()
    return (fraction.is_not_null() & (count > digits)).fill_null(value=False)


def _integers(values: pl.Series, column: Column) -> pl.Series:
    dtype = column.dtype or pl.Int64()
    if values.dtype == pl.String:
        plain = values.str.contains(_PLAIN_INTEGER)
        return values.zip_with(plain.fill_null(value=True), pl.Series([None], dtype=pl.String)).cast(
            dtype, strict=False
        )
    whole = values.cast(dtype, strict=False)
    if values.dtype.is_integer() or values.dtype == pl.Boolean:
        return whole
    same = (whole.cast(values.dtype, strict=False) == values).fill_null(value=False)
    return whole.zip_with(same, pl.Series([None], dtype=dtype))


def _booleans(values: pl.Series, column: Column) -> pl.Series:  # noqa: ARG001 - as all encoders
    if values.dtype == pl.Boolean:
        return values
    text = values.cast(pl.String).str.to_lowercase()
    return text.replace_strict(
        _TRUE + _FALSE, [True] * len(_TRUE) + [False] * len(_FALSE), default=None, return_dtype=pl.Boolean
    )


def _times(values: pl.Series, column: Column) -> pl.Series:
    dtype = column.dtype or pl.String()
    if values.dtype == pl.String:
        if column.kind == "date":
            return values.str.to_date("%Y-%m-%d", strict=False)
        return values.str.to_datetime(
            time_unit="us", strict=False, time_zone="UTC" if column.kind == "datetimetz" else None
        )
    if column.kind == "date" and isinstance(values.dtype, pl.Datetime):
        day = values.dt.date()
        midnight = values.dt.time() == pl.Series([0]).cast(pl.Time)[0]
        return day.zip_with(midnight.fill_null(value=True), pl.Series([None], dtype=pl.Date))
    if isinstance(values.dtype, pl.Datetime) and isinstance(dtype, pl.Datetime):
        utc = values.dt.convert_time_zone("UTC") if values.dtype.time_zone else values
        return utc.dt.replace_time_zone(dtype.time_zone).cast(dtype)
    return values.cast(dtype, strict=False)


def _whole(values: pl.Series, column: Column) -> pl.Series:
    """Times without a finer fraction of a second than the column keeps."""
    times = _times(values, column)
    fits = ~_is_finer_than(values, _MICROSECONDS)
    if column.scale is not None:
        fits &= (times.dt.microsecond() % 10 ** (_MICROSECONDS - column.scale) == 0).fill_null(value=True)
    return times if fits.all() else times.zip_with(fits, pl.Series([None], dtype=times.dtype))


def _others(values: pl.Series, column: Column) -> pl.Series:
    """Texts; those of times of the day without a finer fraction of a second than the column keeps."""
    text = _texts(values, column)
    if column.scale is None:
        return text
    finer = _is_finer_than(text, column.scale)
    return text.zip_with(~finer, pl.Series([None], dtype=pl.String)) if finer.any() else text


def _is_finer_than(values: pl.Series, digits: int) -> pl.Series:
    """Mask of times, or of their texts, whose fraction of a second needs more digits."""
    if values.dtype == pl.String:
        return (values.str.extract(r"\.([0-9]*[1-9])", 1).str.len_chars() > digits).fill_null(value=False)
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_unit == "ns":
        finer: pl.Series = values.dt.nanosecond() % 10 ** (9 - digits) != 0
        return finer.fill_null(value=False)
    return pl.repeat(False, values.len(), dtype=pl.Boolean, eager=True)  # noqa: FBT003 - a value


def _has_nul(values: pl.Series) -> pl.Series:
    return values.str.contains("\0", literal=True).fill_null(value=False)


def _is_altered(values: pl.Series) -> pl.Series:
    """Mask of texts that come back otherwise from where texts that look like numbers become numbers."""
    short = values.str.len_chars() <= _KEPT_DIGITS
    return (values.str.contains(_NUMBER) & ~(values.str.contains(_SHORTEST_NUMBER) & short)).fill_null(value=False)


def _says_altered(column: Column) -> str:
    return (
        f"the column is declared {column.declared}, which SQLite takes for numbers: 007 would become 7. Have it "
        "declared TEXT"
    )


def _is_larger(values: pl.Series, size: int) -> pl.Series:
    count = values.bin.size() if values.dtype == pl.Binary else values.cast(pl.String).str.len_bytes()
    return (count > size).fill_null(value=False)


def _says_larger(size: int) -> str:
    return f"the value is longer than {size} bytes"


def _ends_in_blanks(values: pl.Series) -> pl.Series:
    return values.str.ends_with(" ").fill_null(value=False)


_ENCODERS: dict[str, Callable[[pl.Series, Column], pl.Series]] = {
    "string": _texts,
    "other": _others,
    "decimal": _decimals,
    "integer": _integers,
    "boolean": _booleans,
    "date": _times,
    "datetime": _whole,
    "datetimetz": _whole,
}


def _says(column: Column) -> str:
    if column.kind == "decimal" and column.precision is not None:
        return f"decimal({column.precision},{column.scale})"
    if column.scale is not None:
        return f"{column.declared}, which keeps {column.scale} digits of a second's fraction"
    return column.declared.lower() or column.kind
