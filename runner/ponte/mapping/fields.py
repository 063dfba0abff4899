"""One rule of a Mapping as expressions: where its value comes from, how it is converted, what must hold.

A field is made in layers, each a set of named columns that the next ones read: `raw` (as the source has it), `text`
(cleaned), `value` (of the target's type). Faults are found in columns too: `bad`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping.bounds import bounds
from ponte.mapping.constants import constants, literal
from ponte.mapping.conversion import Conversion
from ponte.mapping.convert import convert, target_type, to_text
from ponte.mapping.faults import Detail, Label, Problem, show
from ponte.mapping.forms import Form
from ponte.mapping.kinds import kind_of, parse_kind
from ponte.mapping.lists import listed
from ponte.mapping.lookups import LookupRef
from ponte.mapping.places import RuleError, located
from ponte.mapping.regexes import check_regex, check_replacement
from ponte.mapping.scope import Scope, teller
from ponte.mapping.sql.expression import compile_sql, names_in
from ponte_api.mapping import Converted

if TYPE_CHECKING:
    from ponte.mapping.program import Program

_ALWAYS = pl.lit(value=True)
Levels = tuple[tuple[pl.Expr, ...], ...]


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field of the target, compiled.

    Attributes:
        path: path at the target.
        name: start of the names of its columns.
        before: columns that `raw` needs, level by level.
        raw, text, value: the layers; no `text` where nothing is cleaned.
        dtype: type at the target.
        problems: what can be wrong, in the order in which it is told.
        lookup: where the value is looked up, as key text; `value` then reads what was found.
        elements: rules of the elements, of a list.
    """

    path: str
    name: str
    before: Levels
    raw: pl.Expr
    text: pl.Expr | None
    value: pl.Expr | None
    dtype: pl.DataType
    problems: tuple[Problem, ...]
    lookup: Lookup | None = None
    elements: Program | None = None

    def column(self, layer: str) -> str:
        """Name of a column of this field."""
        return f"{self.name}.{layer}"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A look-up of a field.

    Attributes:
        ref: where.
        key: the canonical text that is looked up.
        is_hidden: whether the key must not be shown.
    """

    ref: LookupRef
    key: pl.Expr
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from.

    Attributes:
        raw: the value.
        dtype: its type.
        label: its name in messages.
        before: columns it needs.
        problems: what can be wrong with it already.
    """

    raw: pl.Expr
    dtype: pl.DataType
    label: Label
    before: Levels = ()
    problems: tuple[Problem, ...] = ()


def form_of(rule: Converted, scope: Scope) -> Form:
    """How text stands for the value: as the rule says, else as the source's object declares it."""
    if rule.format is None and rule.locale is None and rule.from_ is not None:
        told = scope.form(rule.from_)
        return replace(told, time_zone=rule.time_zone, round=rule.round)
    return Form(rule.format, rule.locale, rule.time_zone, rule.round)


def origin_of(rule: Converted, name: str, scope: Scope) -> Origin:
    """Where a rule's value comes from: a field, an expression or a constant.

    Raises:
        ConfigurationError: none or several of them, an unknown field, a refused expression.
    """
    given = [one for one in ("from_", "sql", "value") if getattr(rule, one) is not None]
    if len(given) != 1:
        raise ConfigurationError(f"set exactly one of from, sql and value (found {len(given)})")
    if rule.from_ is not None:
        with located("from"):
            return _read(rule, rule.from_, scope)
    if rule.sql is not None:
        with located("sql"):
            return _computed(rule, rule.sql, name, scope)
    assert rule.value is not None  # noqa: S101 - one of the three is set
    kind = parse_kind(rule.type) if rule.type else None
    form = form_of(rule, scope)
    dtype = pl.String() if kind is None else target_type(kind, pl.String(), form)
    with located("value"):
        fixed = constants([rule.value], kind, form, dtype)
    return Origin(literal(fixed), dtype, Label(rule.to))


def _read(rule: Converted, path: str, scope: Scope) -> Origin:
    found = scope.resolve(path)
    label = scope.label(path, is_hidden=rule.sensitive is not None)
    if found.misfit is None:
        return Origin(found.value, found.dtype, label)
    return Origin(
        found.value, found.dtype, label, problems=(Problem(found.misfit, (scope.misfit(path, found.misfit),)),)
    )


def _computed(rule: Converted, sql: str, name: str, scope: Scope) -> Origin:
    read = names_in(sql)
    labels = {path: scope.label(path, is_hidden=rule.sensitive is not None) for path in read}
    made = compile_sql(sql, scope, f"{name}.sql", teller(sql, labels))
    is_hidden = rule.sensitive is not None or any(scope.is_masked(path) for path in read)
    value = None if is_hidden else to_text(made.value, made.type.polars).value
    return Origin(made.value, made.type.polars, Label(f'sql "{show(sql)}"', value), made.levels, made.problems)


def compile_value(rule: Converted, name: str, scope: Scope) -> FieldPlan:
    """Compiles a rule for one value; lists are compiled by `ponte.mapping.elements`.

    Raises:
        ConfigurationError: the rule cannot work; the message says why.
    """
    origin = origin_of(rule, name, scope)
    steps = _Steps(rule, name, origin, form_of(rule, scope))
    return steps.looked_up() if rule.lookup else steps.plan()


class _Steps:
    """The steps that make a field of where it comes from."""

    def __init__(self, rule: Converted, name: str, origin: Origin, form: Form) -> None:
        self.rule, self.name, self.origin, self.form = rule, name, origin, form
        self.label = origin.label
        self.kind = parse_kind(rule.type) if rule.type else None
        self.dtype = self._type()
        self.text = self._cleaned()
        self.given = pl.col(f"{name}.raw" if self.text is None else f"{name}.text")

    def _type(self) -> pl.DataType:
        if self.kind is not None:
            return target_type(self.kind, self.origin.dtype, self.form)
        rule = self.rule
        is_text = rule.default is not None or rule.values or rule.max_length is not None or rule.pattern is not None
        return pl.String() if is_text and isinstance(self.origin.dtype, pl.Null) else self.origin.dtype

    def plan(self) -> FieldPlan:
        """The field without a look-up."""
        made = self._made()
        value = made.value
        if self.rule.default is not None:
            with located("default"):
                fallback = literal(constants([self.rule.default], self.kind, self.form, self.dtype))
            value = pl.when(self.given.is_null()).then(fallback).otherwise(value)
        value, too_long = self._cut(value)
        done = pl.col(f"{self.name}.value")
        told = (*self.origin.problems, *made.problems(self.label, done), *self._required(done))
        problems = (*told, *too_long, *bounds(self.rule, done, self.dtype, self.label))
        return self._field(value, problems)

    def looked_up(self) -> FieldPlan:
        """The field whose value is the key of another record: `id` is what was found."""
        rule = self.rule
        assert rule.lookup is not None  # noqa: S101 - called for rules with a look-up
        if rule.values or rule.default is not None or rule.max_length is not None or rule.format or rule.locale:
            raise RuleError("lookup", "a look-up goes without values, default, maxLength, format and locale")
        self.dtype = pl.String() if self.kind is None else target_type(self.kind, pl.String(), self.form)
        found = pl.col(f"{self.name}.id")
        made = Conversion(found, None, ()) if self.kind is None else convert(found, pl.String(), self.kind, self.form)
        key = to_text(self.given, self.origin.dtype)
        hidden = self.label.value is None
        done = pl.col(f"{self.name}.value")
        missing = self._required(self.given)
        told = (
            *self.origin.problems,
            *key.problems(self.label, pl.col(f"{self.name}.key")),
            *missing,
            *made.problems(Label(rule.to, None if hidden else found), done),
        )
        problems = (*told, *bounds(rule, done, self.dtype, self.label))
        ref = LookupRef(rule.lookup.system, rule.lookup.object, rule.lookup.by or "sourceKey")
        return replace(self._field(made.value, problems), lookup=Lookup(ref, key.value, hidden))

    def _field(self, value: pl.Expr, problems: tuple[Problem, ...]) -> FieldPlan:
        origin = self.origin
        return FieldPlan(self.rule.to, self.name, origin.before, origin.raw, self.text, value, self.dtype, problems)

    def _cleaned(self) -> pl.Expr | None:
        """The cleaned text; None where nothing is to be cleaned."""
        rule = self.rule
        if not isinstance(self.origin.dtype, pl.String):
            if (rule.trim or rule.case or rule.replace) and not isinstance(self.origin.dtype, pl.Null):
                raise ConfigurationError(
                    f"trim, case and replace are for text; the source has {kind_of(self.origin.dtype)}"
                )
            return None
        text = pl.col(f"{self.name}.raw")
        if rule.trim:
            text = text.str.strip_chars()
        for one in rule.replace:
            with located("replace"):
                check_regex(one.pattern)
                check_replacement(one.pattern, one.by)
            text = text.str.replace_all(one.pattern, one.by)
        if rule.case:
            text = text.str.to_uppercase() if rule.case == "upper" else text.str.to_lowercase()
        needs_value = rule.required or rule.default is not None
        if needs_value and not any(pair.from_ == "" for pair in rule.values):
            text = pl.when(text != "").then(text)
        return text if rule.trim or rule.case or rule.replace or needs_value else None

    def _made(self) -> Conversion:
        if self.rule.value is not None:
            return Conversion(self.given, None, ())
        if self.kind is None:
            plain = Conversion(self.given.cast(self.dtype), None, ())
        else:
            plain = convert(self.given, self.origin.dtype, self.kind, self.form)
        if not self.rule.values:
            if self.rule.otherwise is not None:
                raise RuleError("otherwise", "otherwise goes with values")
            return plain
        text = to_text(self.given, self.origin.dtype).value

        def typed(texts: list[str | None]) -> pl.Series:
            return constants(texts, self.kind, self.form, self.dtype)

        with located("values"):
            return listed(self.rule, text, plain, typed)

    def _required(self, done: pl.Expr) -> tuple[Problem, ...]:
        if not self.rule.required:
            return ()
        empty = Detail(self.given.is_null(), "RequiredFieldMissing", pl.lit(f"{self.label.name} is empty"))
        lost = Detail(_ALWAYS, "RequiredFieldMissing", self.label.says("becomes no value, and one is required"))
        return (Problem(done.is_null(), (empty, lost)),)

    def _cut(self, value: pl.Expr) -> tuple[pl.Expr, tuple[Problem, ...]]:
        longest = self.rule.max_length
        if longest is None:
            if self.rule.on_too_long is not None:
                raise RuleError("onTooLong", "onTooLong goes with maxLength")
            return value, ()
        if not isinstance(self.dtype, pl.String):
            raise RuleError("maxLength", "maxLength is for text")
        if self.rule.on_too_long == "truncate":
            return value.str.slice(0, longest), ()
        says = self.label.says(f"is longer than {longest} characters")
        length = pl.col(f"{self.name}.value").str.len_chars()
        return value, (Problem(length > longest, (Detail(_ALWAYS, "TooLong", says),)),)
