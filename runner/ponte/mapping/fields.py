"""One rule of a Mapping as expressions: where its value comes from, how it is converted, what must hold.

A field is made in layers, each a set of named columns that the next ones read: `raw` (as the source has it), `text`
(cleaned), `value` (of the target's type). Columns are named NUMBER.LAYER, so that fields never meet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import polars as pl
from ponte_api.mapping import Converted
from ponte_api.sync_source import DeclaredField

from ponte.errors import ConfigurationError
from ponte.mapping import paths
from ponte.mapping.constants import constants, literal
from ponte.mapping.conversion import Conversion
from ponte.mapping.convert import convert, target_type, to_text
from ponte.mapping.faults import Detail, Label, Problem
from ponte.mapping.forms import Form
from ponte.mapping.kinds import Kind, kind_of, parse_kind

_ALWAYS = pl.lit(value=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule can see of the source.

    Attributes:
        schema: columns of the records.
        declared: what the source's object says of its fields, by name.
        masked: fields of the source whose values must not be shown.
    """

    schema: pl.Schema
    declared: Mapping[str, DeclaredField] = field(default_factory=dict)
    masked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field of the target, compiled.

    Attributes:
        path: path at the target.
        name: prefix of its columns.
        raw, text, value: the layers.
        dtype: type at the target.
        problems: what can be wrong, in the order in which it is told.
    """

    path: str
    name: str
    raw: pl.Expr
    text: pl.Expr | None
    value: pl.Expr
    dtype: pl.DataType
    problems: tuple[Problem, ...]

    def column(self, layer: str) -> str:
        """Name of a column of this field."""
        return f"{self.name}.{layer}"


def compile_field(rule: Converted, name: str, scope: Scope) -> FieldPlan:
    """Compiles a rule without `each` and `lookup`.

    Raises:
        ConfigurationError: the rule cannot work; the message says why.
    """
    raw, source, label = _source(rule, name, scope)
    return _Steps(rule, name, source, label, _form(rule, scope)).plan(raw)


def _source(rule: Converted, name: str, scope: Scope) -> tuple[pl.Expr, pl.DataType, Label]:
    kind = parse_kind(rule.type) if rule.type else None
    if rule.from_ is not None:
        value, dtype = paths.resolve(rule.from_, scope.schema)
        return value, dtype, _label(rule, name, dtype, scope)
    if rule.value is not None:
        fixed = constants(
            [rule.value], kind, _form(rule, scope), pl.String() if kind is None else _fixed_type(kind, rule, scope)
        )
        return literal(fixed), fixed.dtype, Label(rule.to)
    raise ConfigurationError(f"{rule.to}: set one of from, sql and value")


def _fixed_type(kind: Kind, rule: Converted, scope: Scope) -> pl.DataType:
    return target_type(kind, pl.String(), _form(rule, scope))


def _label(rule: Converted, name: str, dtype: pl.DataType, scope: Scope) -> Label:
    assert rule.from_ is not None  # noqa: S101 - only called for rules with `from`
    if rule.sensitive or rule.from_ in scope.masked or paths.top_of(rule.from_, scope.schema) in scope.masked:
        return Label(rule.from_)
    return Label(rule.from_, to_text(pl.col(f"{name}.raw"), dtype).value)


def _form(rule: Converted, scope: Scope) -> Form:
    told = scope.declared.get(rule.from_ or "")
    format_, locale = rule.format, rule.locale
    if told is not None and format_ is None and locale is None:
        format_, locale = told.format, told.locale
    return Form(format_, locale, rule.time_zone, rule.round)


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps that make a field of its source."""

    rule: Converted
    name: str
    source: pl.DataType
    label: Label
    form: Form

    @property
    def kind(self) -> Kind | None:
        return parse_kind(self.rule.type) if self.rule.type else None

    @property
    def dtype(self) -> pl.DataType:
        return self.source if self.kind is None else target_type(self.kind, self.source, self.form)

    def plan(self, raw: pl.Expr) -> FieldPlan:
        text = self._text()
        given = pl.col(f"{self.name}.raw" if text is None else f"{self.name}.text")
        made = self._converted(given) if not self.rule.values else self._listed(given)
        value, too_long = self._cut(made.value)
        if self.rule.default is not None:
            fallback = literal(constants([self.rule.default], self.kind, self.form, self.dtype))
            value = pl.when(given.is_null()).then(fallback).otherwise(value)
        done = pl.col(f"{self.name}.value")
        problems = (*made.problems(self.label), *self._required(given, done), *too_long, *self._bounds(done))
        return FieldPlan(self.rule.to, self.name, raw, text, value, self.dtype, problems)

    def _text(self) -> pl.Expr | None:
        """The cleaned text; None where nothing is to be cleaned."""
        rule = self.rule
        is_text = isinstance(self.source, pl.String)
        if not is_text:
            if rule.trim or rule.case or rule.replace:
                raise ConfigurationError(
                    f"{rule.to}: trim, case and replace are for text, the source has {kind_of(self.source)}"
                )
            return None
        text = pl.col(f"{self.name}.raw")
        if rule.trim:
            text = text.str.strip_chars()
        for one in rule.replace:
            check_regex(one.pattern, rule.to)
            text = text.str.replace_all(one.pattern, one.by)
        if rule.case:
            text = text.str.to_uppercase() if rule.case == "upper" else text.str.to_lowercase()
        lists_empty = any(pair.from_ == "" for pair in rule.values)
        if (rule.required or rule.default is not None) and not lists_empty:
            text = pl.when(text != "").then(text)
        is_changed = rule.trim or rule.case or rule.replace or rule.required or rule.default is not None
        return text if is_changed else None

    def _converted(self, given: pl.Expr) -> Conversion:
        if self.kind is None or self.rule.value is not None:
            return Conversion(given, None, ())
        return convert(given, self.source, self.kind, self.form)

    def _listed(self, given: pl.Expr) -> Conversion:
        raise NotImplementedError

    def _required(self, given: pl.Expr, done: pl.Expr) -> tuple[Problem, ...]:
        if not self.rule.required:
            return ()
        empty = Detail(given.is_null(), "RequiredFieldMissing", pl.lit(f"{self.label.name} is empty"))
        lost = Detail(_ALWAYS, "RequiredFieldMissing", self.label.says("becomes no value, and one is required"))
        return (Problem(done.is_null(), (empty, lost)),)

    def _cut(self, value: pl.Expr) -> tuple[pl.Expr, tuple[Problem, ...]]:
        longest = self.rule.max_length
        if longest is None:
            return value, ()
        if not isinstance(self.dtype, pl.String):
            raise ConfigurationError(f"{self.rule.to}: maxLength is for text")
        if self.rule.on_too_long == "truncate":
            return value.str.slice(0, longest), ()
        says = self.label.says(f"is longer than {longest} characters")
        length = pl.col(f"{self.name}.value").str.len_chars()
        return value, (Problem(length > longest, (Detail(_ALWAYS, "TooLong", says),)),)

    def _bounds(self, done: pl.Expr) -> tuple[Problem, ...]:
        problems: list[Problem] = []
        if self.rule.pattern is not None:
            if not isinstance(self.dtype, pl.String):
                raise ConfigurationError(f"{self.rule.to}: pattern is for text")
            check_regex(self.rule.pattern, self.rule.to)
            whole = f"^(?:{self.rule.pattern})$"
            says = self.label.says(f"does not match {self.rule.pattern}")
            problems.append(Problem(~done.str.contains(whole), (Detail(_ALWAYS, "PatternMismatch", says),)))
        if self.rule.min is not None:
            says = self.label.says(f"is below {self.rule.min}, the smallest allowed")
            bad = done < self._bound(self.rule.min, ROUND_CEILING)
            problems.append(Problem(bad, (Detail(_ALWAYS, "OutOfRange", says),)))
        if self.rule.max is not None:
            says = self.label.says(f"is above {self.rule.max}, the greatest allowed")
            bad = done > self._bound(self.rule.max, ROUND_FLOOR)
            problems.append(Problem(bad, (Detail(_ALWAYS, "OutOfRange", says),)))
        return tuple(problems)

    def _bound(self, text: str, rounding: str) -> pl.Expr:
        number = Decimal(text)
        if self.dtype.is_integer():
            return pl.lit(int(number.to_integral_value(rounding=rounding)), dtype=pl.Int128)
        if self.dtype.is_float():
            return pl.lit(float(number), dtype=pl.Float64)
        if isinstance(self.dtype, pl.Decimal):
            return pl.lit(number)
        raise ConfigurationError(f"{self.rule.to}: min and max are for numbers; give a type")


def check_regex(pattern: str, where: str) -> None:
    """Refuses what the linear-time engine does not know: look-around and back-references.

    Raises:
        ConfigurationError: names the pattern and what is wrong with it.
    """
    if re.search(r"\(\?(?:[=!]|<[=!])", pattern):
        raise ConfigurationError(
            f"{where}: {pattern}: look-ahead and look-behind are not known to the linear-time engine"
        )
    if re.search(r"(?<!\\)(?:\\\\)*\\[1-9]", pattern) or re.search(r"\(\?P=", pattern):
        raise ConfigurationError(f"{where}: {pattern}: back-references are not known to the linear-time engine")
    try:
        pl.Series([""]).str.contains(pattern, strict=True)
    except pl.exceptions.PolarsError as error:
        raise ConfigurationError(f"{where}: {pattern} is not a regular expression ({error})") from error
