"""Dates and times: text by pattern, ISO 8601 or epoch; typed values between zones.

What is not on the calendar is a fault, and so is a local time that a change of clocks skips; one that occurs twice is
taken as the earlier. Years go from 1 to 9999.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass

import polars as pl

from ponte.mapping.conversion import Conversion, Trouble
from ponte.mapping.forms import Form
from ponte.mapping.kinds import Kind
from ponte.mapping.places import RuleError

EPOCHS = {"epochSeconds": 1_000_000, "epochMillis": 1_000}
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # microseconds of the years 1 and 9999, UTC
_TOKENS = {
    "yyyy": ("%Y", "[0-9]{4}"),
    "MM": ("%m", "[0-9]{2}"),
    "dd": ("%d", "[0-9]{2}"),
    "HH": ("%H", "[0-9]{2}"),
    "mm": ("%M", "[0-5][0-9]"),
    "ss": ("%S", "[0-5][0-9]"),
    "SSS": ("%3f", "[0-9]{3}"),
}
_TOKEN = re.compile(r"yyyy|MM|dd|HH|mm|SSS|ss|'[^']*'|[A-Za-z]+|.", re.DOTALL)
_ISO_DATE = ("%Y-%m-%d", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_ISO_LOCAL = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}0*)?)?"
_OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A date pattern as Polars reads it and as a regular expression that is stricter than that."""

    polars: str
    regex: str


def utc_type() -> pl.Datetime:
    """Type of a moment: microseconds, UTC."""
    return pl.Datetime("us", "UTC")


def local_type() -> pl.Datetime:
    """Type of a date and time whose zone nobody named."""
    return pl.Datetime("us")


def check_zone(name: str | None) -> None:
    """Refuses a zone that is not in the IANA database.

    Raises:
        ConfigurationError: names it.
    """
    if name is None:
        return
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RuleError("timeZone", f"timeZone {name} is not known; use a name such as Europe/Rome") from error


def from_text(text: pl.Expr, kind: Kind, form: Form) -> Conversion:
    """Text as date or datetime."""
    if form.format in EPOCHS:
        return _from_epoch_text(text, kind, form)
    if kind.name == "date":
        return _date_from_text(text, form)
    if form.format is None:
        return _iso_datetime(text, form)
    pattern = _read_pattern(form.format)
    matches = text.str.contains(pattern.regex)
    local = text.str.to_datetime(pattern.polars, strict=False, time_unit="us")
    return _finish(text, matches, local, form, _place(local, form))


def _date_from_text(text: pl.Expr, form: Form) -> Conversion:
    pattern = _Pattern(*_ISO_DATE) if form.format is None else _read_pattern(form.format)
    value = text.str.to_date(pattern.polars, strict=False)
    matches = text.str.contains(pattern.regex)
    words = f"does not look like {form.format or 'yyyy-MM-dd'}"
    return Conversion(
        value=value,
        fails=lambda done: text.is_not_null() & ~(matches & (done.dt.year() >= 1).fill_null(value=False)),
        troubles=(
            Trouble(~matches, "NotConvertible", words),
            Trouble(pl.lit(value=True), "NotConvertible", "is not on the calendar"),
        ),
    )


def _read_pattern(pattern: str) -> _Pattern:
    polars, regex, used = "", "", set()
    for token in _TOKEN.findall(pattern):
        if token in _TOKENS:
            directive, digits = _TOKENS[token]
            used.add(token)
        elif token[0].isalpha():
            raise RuleError(
                "format",
                f"format {pattern}: {token} is not known; use yyyy MM dd HH mm ss SSS, epochSeconds or epochMillis",
            )
        else:
            literal = token[1:-1] if token[0] == "'" else token
            directive, digits = literal.replace("%", "%%"), re.escape(literal)
        polars += directive
        regex += digits
    if not {"yyyy", "MM", "dd"} <= used:
        raise RuleError("format", f"format {pattern}: a date has yyyy, MM and dd")
    return _Pattern(polars, f"^{regex}$")


def _iso_datetime(text: pl.Expr, form: Form) -> Conversion:
    names_zone = text.str.contains(f"{_OFFSET}$") & text.str.contains(":", literal=True)
    accepts = _OFFSET if form.time_zone else ""
    matches = text.str.contains(f"^{_ISO_LOCAL}{accepts + '?' if accepts else ''}$")
    bare = (
        text.str.replace(f"{_OFFSET}$", "").str.replace(" ", "T", literal=True)
        if accepts
        else text.str.replace(" ", "T", literal=True)
    )
    full = pl.when(bare.str.len_bytes() == 16).then(bare + ":00").otherwise(bare)
    local = full.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
    if not accepts:
        plain = _finish(text, matches, local, form, local)
        zoned = text.str.contains(f"^{_ISO_LOCAL}{_OFFSET}$")
        trouble = Trouble(zoned, "NotConvertible", "names a zone; add timeZone, so that times become UTC")
        return Conversion(plain.value, plain.fails, (trouble, *plain.troubles))
    named = local.dt.replace_time_zone("UTC") - _offset(text)
    value = pl.when(names_zone).then(named).otherwise(_place(local, form))
    return _finish(text, matches, local, form, value)


def _offset(text: pl.Expr) -> pl.Expr:
    digits = text.str.extract(r"([+-][0-9]{2}:?[0-9]{2})$", 1).str.replace(":", "", literal=True)
    hours = digits.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = digits.str.slice(3, 2).cast(pl.Int64, strict=False)
    sign = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)
    return pl.duration(minutes=(sign * (hours * 60 + minutes)).fill_null(0))


def _finish(text: pl.Expr, matches: pl.Expr, local: pl.Expr, form: Form, value: pl.Expr) -> Conversion:
    return Conversion(
        value=value,
        fails=lambda done: text.is_not_null() & ~(matches & _in_years(done)),
        troubles=(
            Trouble(~matches, "NotConvertible", f"does not look like {form.format or 'yyyy-MM-ddTHH:mm:ss'}"),
            Trouble(local.is_null(), "NotConvertible", "is not on the calendar"),
            Trouble(value.is_null(), "NotConvertible", f"does not exist in {form.time_zone}: clocks skip it"),
            Trouble(pl.lit(value=True), "NotConvertible", "lies outside the years 1 to 9999"),
        ),
    )


def _in_years(value: pl.Expr) -> pl.Expr:
    return value.to_physical().is_between(_FIRST, _LAST).fill_null(value=False)


def _to_utc(local: pl.Expr, zone: str) -> pl.Expr:
    placed = local.dt.replace_time_zone(zone, non_existent="null", ambiguous="earliest")
    return placed.dt.convert_time_zone("UTC")


def _from_epoch_text(text: pl.Expr, kind: Kind, form: Form) -> Conversion:
    is_number = text.str.contains(r"^-?[0-9]{1,18}$")
    inner = from_number(text.cast(pl.Int64, strict=False), kind, form)
    fails = inner.fails
    assert fails is not None  # noqa: S101 - numbers can always fail
    return Conversion(
        value=inner.value,
        fails=lambda done: ~is_number | fails(done),
        troubles=(Trouble(~is_number, "NotConvertible", "is not a whole number"), *inner.troubles),
    )


def from_number(value: pl.Expr, kind: Kind, form: Form) -> Conversion:
    """Whole seconds or milliseconds since 1970 as date or datetime, UTC."""
    if form.format not in EPOCHS:
        raise RuleError("format", f"a number becomes a {kind} by format epochSeconds or epochMillis")
    factor = EPOCHS[form.format]
    whole = value.cast(pl.Int64, strict=False)
    fits = whole.is_between(-(-_FIRST // factor), _LAST // factor) & (whole == value)
    moment = (whole * factor).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return Conversion(
        value=_as_date(moment, form.time_zone) if kind.name == "date" else moment,
        fails=lambda _: value.is_not_null() & ~fits.fill_null(value=False),
        troubles=(Trouble(pl.lit(value=True), "NotConvertible", "is no whole number within the years 1 to 9999"),),
    )


def _as_date(moment: pl.Expr, zone: str | None) -> pl.Expr:
    return (moment.dt.convert_time_zone(zone) if zone else moment).dt.date()


def from_moment(value: pl.Expr, source: pl.DataType, kind: Kind, form: Form) -> Conversion:
    """Typed dates and times as date or datetime."""
    if isinstance(source, pl.Date):
        result = value if kind.name == "date" else _place(value.cast(pl.Datetime("us")), form)
    else:
        assert isinstance(source, pl.Datetime)  # noqa: S101 - dispatched by type
        moment = value.dt.cast_time_unit("us")
        if source.time_zone is not None:
            moment = moment.dt.convert_time_zone("UTC")
            result = _as_date(moment, form.time_zone) if kind.name == "date" else moment
        else:
            result = moment.dt.date() if kind.name == "date" else _place(moment, form)
    return Conversion(
        value=result,
        fails=lambda done: value.is_not_null() & (done.is_null() | ~value.dt.year().is_between(1, 9999)),
        troubles=(
            Trouble(result.is_null(), "NotConvertible", f"does not exist in {form.time_zone}: clocks skip it"),
            Trouble(pl.lit(value=True), "NotConvertible", "lies outside the years 1 to 9999"),
        ),
    )


def _place(local: pl.Expr, form: Form) -> pl.Expr:
    return _to_utc(local, form.time_zone) if form.time_zone else local
