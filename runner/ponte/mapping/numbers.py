"""Numbers: text to decimals without a float on the way, typed numbers to other types, each loss a fault.

A number in text is parsed as it stands or not at all. More decimals than the type has are a fault unless `round` says
what becomes of them; zeros at the end are no loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from ponte.mapping.conversion import Conversion, Fails, Trouble, lost
from ponte.mapping.forms import Form, Marks, marks_of
from ponte.mapping.kinds import MAX_PRECISION, Kind
from ponte.mapping.places import RuleError
from ponte_api.mapping import Rounding

MAX_ROUNDED_PRECISION = MAX_PRECISION - 2


def from_text(text: pl.Expr, kind: Kind, form: Form) -> Conversion:
    """Text as integer, decimal or float."""
    if form.format not in {None, "trailingMinus"}:
        raise RuleError(
            "format", f"format {form.format} is not for numbers; use trailingMinus, or locale for the marks"
        )
    shape = _Shape(marks_of(form.locale), trailing_minus=form.format == "trailingMinus")
    plain = shape.plain(text)
    if kind.name == "float":
        return _float(plain, text.str.contains(shape.regex(r"[0-9]+", exponent=form.locale is None)))
    scale = kind.scale
    is_number = text.str.contains(shape.regex("[0-9]+"))
    if form.round is None:
        fits = text.str.contains(shape.regex(f"[0-9]{{1,{scale}}}0*" if scale else "0+"))
        exact = plain.cast(pl.Decimal(MAX_PRECISION, scale), strict=False)
    else:
        _refuse_wide_rounding(kind)
        fits = is_number
        exact = rounded(
            _sticky(plain, scale).cast(pl.Decimal(MAX_PRECISION, scale + 2), strict=False), scale, form.round
        )
    return Conversion(
        value=narrow(exact, kind),
        fails=_or(~fits, lost(text)),
        troubles=(
            Trouble(~is_number, "NotConvertible", "is not a number"),
            Trouble(~fits, "TooManyDecimals", too_many(kind)),
            Trouble(pl.lit(value=True), "OutOfRange", f"is too large for {kind}"),
        ),
    )


def from_number(value: pl.Expr, source: pl.DataType, kind: Kind, form: Form) -> Conversion:
    """Typed numbers as integer, decimal or float."""
    if source.is_float():
        return _from_float(value, kind, form)
    if kind.name == "float":
        return Conversion(value.cast(pl.Float64), None, ())
    scale = source.scale if isinstance(source, pl.Decimal) else 0
    if form.round is not None and scale > kind.scale:
        _refuse_wide_rounding(kind)
        exact = rounded(value, kind.scale, form.round)
        cut = pl.lit(value=False)
    else:
        exact = value
        cut = value.truncate(kind.scale) != value if scale > kind.scale else pl.lit(value=False)
    return Conversion(
        value=narrow(exact, kind),
        fails=_or(cut, lost(value)),
        troubles=(
            Trouble(cut, "TooManyDecimals", too_many(kind)),
            Trouble(pl.lit(value=True), "OutOfRange", f"is too large for {kind}"),
        ),
    )


def narrow(value: pl.Expr, kind: Kind) -> pl.Expr:
    """An exact number with at most the kind's decimals as the kind's own type; null where it does not fit."""
    if kind.name == "integer":
        return value.cast(pl.Int64, strict=False)
    return value.cast(pl.Decimal(kind.precision, kind.scale), strict=False)


def too_many(kind: Kind) -> str:
    """What is said of a number with more decimals than its type has."""
    digits = f"more than {kind.scale} decimals" if kind.scale else "decimals"
    return f"has {digits}; say how to round, or give it a wider type"


def rounded(value: pl.Expr, scale: int, mode: Rounding) -> pl.Expr:
    """An exact decimal rounded to `scale` digits behind the point; modes as in java.math.RoundingMode."""
    if mode in {"halfUp", "halfEven"}:
        return value.round(scale, mode="half_away_from_zero" if mode == "halfUp" else "half_to_even")
    whole = value.truncate(scale)
    if mode == "down":
        return whole
    rest = value - whole
    step = pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(MAX_PRECISION, scale))
    half = pl.lit(Decimal(5).scaleb(-scale - 1), dtype=pl.Decimal(MAX_PRECISION, scale + 1))
    up = {"up": rest > 0, "ceiling": rest > 0, "floor": pl.lit(value=False), "halfDown": rest > half}[mode]
    down = {"up": rest < 0, "ceiling": pl.lit(value=False), "floor": rest < 0, "halfDown": rest < -half}[mode]
    return pl.when(up).then(whole + step).when(down).then(whole - step).otherwise(whole)


def _or(bad: pl.Expr, fails: Fails) -> Fails:
    return lambda done: bad | fails(done)


def _refuse_wide_rounding(kind: Kind) -> None:
    if kind.name == "decimal" and kind.precision > MAX_ROUNDED_PRECISION:
        raise RuleError("round", f"round works up to decimal({MAX_ROUNDED_PRECISION},s); {kind} is wider")


def _sticky(plain: pl.Expr, scale: int) -> pl.Expr:
    """A number in text cut to `scale + 2` decimals that round alike: the last stands for all that follow."""
    pattern = rf"^([+-]?[0-9]+\.[0-9]{{{scale + 1}}})0*[1-9][0-9]*$"
    return plain.str.replace(pattern, "${1}1")


def _float(plain: pl.Expr, is_number: pl.Expr) -> Conversion:
    value = plain.cast(pl.Float64, strict=False)
    return Conversion(
        value=value,
        fails=lambda done: ~is_number | (is_number & ~done.is_finite().fill_null(value=False)),
        troubles=(
            Trouble(~is_number, "NotConvertible", "is not a number"),
            Trouble(pl.lit(value=True), "OutOfRange", "is too large for float"),
        ),
    )


def _from_float(value: pl.Expr, kind: Kind, form: Form) -> Conversion:
    """A float by its shortest decimal form, the one that people see."""
    finite = value.is_finite()
    if kind.name == "float":
        told = Trouble(pl.lit(value=True), "NotConvertible", "is not a finite number")
        return Conversion(value.cast(pl.Float64), lambda _: ~finite, (told,))
    short = value.cast(pl.String)
    wide = pl.Decimal(MAX_PRECISION, MAX_PRECISION // 2)
    spelt_out = short.cast(wide, strict=False).cast(pl.String)
    text = pl.when(short.str.contains("e", literal=True)).then(spelt_out).otherwise(short)
    inner = from_text(text, kind, Form(round=form.round))
    vanishes = finite & (text.is_null() | ((value != 0) & (text.cast(wide, strict=False) == 0)))
    assert inner.fails is not None  # noqa: S101 - numbers in text can always fail
    return Conversion(
        value=inner.value,
        fails=_or(~finite | vanishes, inner.fails),
        troubles=(
            Trouble(~finite, "NotConvertible", "is not a finite number"),
            Trouble(vanishes, "OutOfRange", f"is too large or too small for {kind}"),
            *inner.troubles,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """The shape of numbers in text."""

    marks: Marks
    trailing_minus: bool

    def regex(self, decimals: str, *, exponent: bool = False) -> str:
        """Matches whole numbers, and those whose digits behind the mark match `decimals`."""
        grouping = self.marks.grouping
        whole = rf"(?:[0-9]{{1,3}}(?:{grouping}[0-9]{{3}})+|[0-9]+)" if grouping else "[0-9]+"
        body = f"{whole}(?:{self.marks.decimal}{decimals})?" + (r"(?:[eE][+-]?[0-9]{1,3})?" if exponent else "")
        return rf"^(?:[+-]?{body}|{body}[+-])$" if self.trailing_minus else rf"^[+-]?{body}$"

    def plain(self, text: pl.Expr) -> pl.Expr:
        """The number as Polars reads it: a point, no grouping, the sign in front."""
        if self.marks.grouping:
            text = text.str.replace_all(self.marks.grouping, "")
        if self.marks.decimal == ",":
            text = text.str.replace(",", ".", literal=True)
        if self.trailing_minus:
            digits = text.str.strip_suffix("-")
            text = pl.when(text.str.ends_with("-")).then("-" + digits).otherwise(text.str.strip_suffix("+"))
        return text
