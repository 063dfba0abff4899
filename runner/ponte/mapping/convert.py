"""The one door to conversions: any value of a source to any type of a target."""

from __future__ import annotations

import json

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping import dates, numbers
from ponte.mapping.conversion import Conversion, Trouble, lost
from ponte.mapping.forms import Form
from ponte.mapping.json_rows import render_value
from ponte.mapping.kinds import Kind, kind_of
from ponte.mapping.number_text import number_text
from ponte.mapping.places import RuleError

_ALWAYS = pl.lit(value=True)
_DATED = {"date", "datetime"}


def target_type(kind: Kind, source: pl.DataType, form: Form) -> pl.DataType:
    """The Polars type that a conversion gives.

    Moments are UTC where a zone is known (`timeZone`, the source's own, or an epoch); else they stay local.
    """
    if kind.name == "decimal":
        return pl.Decimal(kind.precision, kind.scale)
    if kind.name == "datetime":
        has_zone = isinstance(source, pl.Datetime) and source.time_zone is not None
        is_known = has_zone or form.time_zone is not None or form.format in dates.EPOCHS
        return dates.utc_type() if is_known else dates.local_type()
    plain: dict[str, pl.DataType] = {
        "string": pl.String(),
        "integer": pl.Int64(),
        "float": pl.Float64(),
        "boolean": pl.Boolean(),
        "date": pl.Date(),
        "json": pl.String(),
    }
    return plain[kind.name]


def convert(value: pl.Expr, source: pl.DataType, kind: Kind, form: Form) -> Conversion:
    """A value of one type as another.

    Raises:
        ConfigurationError: no rule leads from the one type to the other, or the form is none of the type.
    """
    dates.check_zone(form.time_zone)
    if kind.name == "string":
        return to_text(value, source)
    if kind.name == "json":
        return _to_json(value, source)
    given = kind_of(source)
    if given.name == "string":
        done = _from_text(value.cast(pl.String), kind, form)
        return Conversion(done.value, None, ()) if isinstance(source, pl.Null) else done
    return _from_typed(value, source, kind, form)


def _from_typed(value: pl.Expr, source: pl.DataType, kind: Kind, form: Form) -> Conversion:
    given = kind_of(source)
    if kind.is_number and given.is_number:
        return numbers.from_number(value, source, kind, form)
    if kind.is_number and given.name == "boolean":
        return numbers.from_number(value.cast(pl.Int64), pl.Int64(), kind, form)
    if kind.name in _DATED and given.name in _DATED:
        return dates.from_moment(value, source, kind, form)
    if kind.name in _DATED and given.name in {"integer", "decimal"}:
        return dates.from_number(value, kind, form)
    if kind.name == "boolean" and given.name in {"boolean", "integer", "decimal"}:
        return _truth(value, given)
    raise RuleError("type", f"a {given} ({source}) cannot become a {kind}")


def _truth(value: pl.Expr, given: Kind) -> Conversion:
    if given.name == "boolean":
        return Conversion(value, None, ())
    bad = ~((value == 0) | (value == 1))
    return Conversion(value == 1, lambda _: bad, (Trouble(_ALWAYS, "NotConvertible", "is neither 0 nor 1"),))


def _from_text(text: pl.Expr, kind: Kind, form: Form) -> Conversion:
    if kind.is_number:
        return numbers.from_text(text, kind, form)
    if kind.name == "boolean":
        return _boolean(text, form)
    return dates.from_text(text, kind, form)


def _boolean(text: pl.Expr, form: Form) -> Conversion:
    words = (form.format or "true|false").split("|")
    if len(words) != 2 or words[0] == words[1]:
        raise RuleError("format", f"format {form.format}: a boolean has the words for true and false as yes|no")
    told = text if form.format else text.str.to_lowercase()
    is_true, is_false = told == words[0], told == words[1]
    bad = ~(is_true | is_false)
    return Conversion(
        is_true, lambda _: bad, (Trouble(_ALWAYS, "NotConvertible", f"is neither {words[0]} nor {words[1]}"),)
    )


def to_text(value: pl.Expr, source: pl.DataType) -> Conversion:
    """The canonical text of a value: digits with a point, true and false, ISO 8601."""
    if isinstance(source, pl.Binary):
        text = value.map_batches(_decode_all, return_dtype=pl.String, is_elementwise=True)
        return Conversion(text, lost(value), (Trouble(_ALWAYS, "NotConvertible", "holds bytes that are no text"),))
    if isinstance(source, pl.Datetime):
        ending = "Z" if source.time_zone is not None else ""
        moment = value.dt.convert_time_zone("UTC") if ending else value
        return Conversion(moment.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.f{ending}"), None, ())
    if isinstance(source, pl.Struct | pl.List | pl.Array):
        return _to_json(value, source)
    return Conversion(number_text(value, source), None, ())


def _decode_all(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [_decode(value) for value in values], dtype=pl.String)


def _decode(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _to_json(value: pl.Expr, source: pl.DataType) -> Conversion:
    """JSON text; text of the source is JSON already, or a fault."""
    if isinstance(source, pl.String):
        bad = value.map_batches(_is_no_json, return_dtype=pl.Boolean, is_elementwise=True)
        return Conversion(value, lambda _: bad, (Trouble(_ALWAYS, "NotConvertible", "is not JSON"),))
    try:
        text = render_value(value, source, "value")
    except ConfigurationError as error:
        raise RuleError("type", f"a {kind_of(source)} ({source}) cannot become json") from error
    return Conversion(text, lost(value), (Trouble(_ALWAYS, "NotConvertible", "holds what JSON cannot express"),))


def _is_no_json(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [value is not None and not _parses(value) for value in values], dtype=pl.Boolean)


def _parses(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
