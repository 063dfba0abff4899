"""All rules of one record, compiled: fields, their companions, elements of lists, and the checks over what was made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping import json_text, paths
from ponte.mapping.faults import Detail, Problem
from ponte.mapping.fields import FieldPlan, Origin, compile_value, origin_of
from ponte.mapping.places import RuleError, located
from ponte.mapping.scope import INTERNAL, Scope, TargetScope, teller
from ponte.mapping.sql.emitter import Tell
from ponte.mapping.sql.expression import Expression, compile_sql, names_in
from ponte_api.mapping import Converted, ElementField, FieldRule, Measure

_ALWAYS = pl.lit(value=True)
_CURRENCY = re.compile("[A-Z]{3}")
Placed = tuple[str, Converted]
"""A rule with its place in the Mapping, such as `fields[3]`."""


@dataclass(frozen=True, slots=True)
class Check:
    """A condition over fields of the target.

    Attributes:
        path: field that carries it.
        name: start of the names of its columns.
        condition: the expression.
        reads: fields it is about; it is not asked where one of them is bad or waits.
        problems: it does not hold, or cannot be computed.
    """

    path: str
    name: str
    condition: Expression
    reads: tuple[FieldPlan, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """The rules of one record.

    Attributes:
        fields: all fields that are made.
        checks: what must hold of them.
    """

    fields: tuple[FieldPlan, ...]
    checks: tuple[Check, ...]

    def nested(self) -> dict[str, pl.Expr]:
        """The made values as top-level columns."""
        return paths.nest({one.path: pl.col(one.column("value")) for one in self.fields})

    def schema(self) -> pl.Schema:
        """Columns that are made, nested."""
        empty = pl.DataFrame(schema={one.column("value"): one.dtype for one in self.fields})
        return empty.select(**self.nested()).schema


def compile_program(rules: Sequence[Placed], scope: Scope) -> Program:
    """Compiles rules.

    Args:
        rules: each with its place in the Mapping, such as `fields[3]`.
        scope: the fields of the source.

    Raises:
        RuleError: a rule cannot work.
    """
    rules = list(with_companions(rules))
    paths.refuse_contradictions(rule.to for _, rule in rules)
    scope = replace(scope, masked=scope.masked | sensitive_sources((rule for _, rule in rules), scope.schema))
    fields = []
    for number, (place, rule) in enumerate(rules):
        with located(place):
            fields.append(_compile(rule, f"{INTERNAL}{number}", scope))
    fields = list(_tied(fields, rules))
    checks = tuple(_checks(rules, fields, masked_targets((rule for _, rule in rules), scope)))
    return Program(tuple(fields), checks)


def with_companions(rules: Iterable[Placed]) -> Iterator[Placed]:
    """The rules, and behind each amount its currency and each quantity its unit.

    Raises:
        RuleError: a fixed currency is none.
    """
    for place, rule in rules:
        yield place, rule
        if rule.currency is not None:
            fixed = rule.currency.value
            if fixed is not None and not _CURRENCY.fullmatch(fixed):
                raise RuleError(f"{place}.currency", f"{fixed} is not a currency of ISO 4217, such as EUR")
            yield f"{place}.currency", _companion(rule.to + "Currency", rule.currency, _CURRENCY.pattern)
        if rule.unit is not None:
            yield f"{place}.unit", _companion(rule.to + "Unit", rule.unit, None)


def _companion(path: str, measure: Measure, pattern: str | None) -> Converted:
    pattern = pattern if measure.from_ is not None else None
    return Converted(to=path, from_=measure.from_, value=measure.value, pattern=pattern)


def _tied(fields: Sequence[FieldPlan], rules: Sequence[Placed]) -> Iterator[FieldPlan]:
    """The fields; a currency or unit is missed where there is an amount."""
    amount = fields[0]
    for (place, rule), one in zip(rules, fields, strict=True):
        if not place.endswith((".currency", ".unit")):
            amount = one
            yield one
            continue
        value, label = pl.col(one.column("value")), rule.from_ or rule.to
        missing = pl.col(amount.column("value")).is_not_null() & (value.is_null() | (value.cast(pl.String) == ""))
        told = Detail(_ALWAYS, "RequiredFieldMissing", pl.lit(f"{label} is empty beside {amount.path}"))
        yield replace(one, problems=(Problem(missing, (told,)), *one.problems))


def sensitive_sources(rules: Iterable[Converted], schema: pl.Schema | None) -> frozenset[str]:
    """Top-level fields of the source that feed sensitive fields."""
    return frozenset(
        paths.top_of(path, schema) for rule in rules if rule.sensitive is not None for path in sources_or_none(rule)
    )


def masked_targets(rules: Iterable[Converted], scope: Scope) -> frozenset[str]:
    """Fields of the target that are sensitive, or made of what is."""
    return frozenset(
        rule.to
        for rule in rules
        if rule.sensitive is not None or any(scope.is_masked(path) for path in sources_or_none(rule))
    )


def sources_or_none(rule: Converted) -> tuple[str, ...]:
    """The fields of the source that a rule reads; none of a rule that is refused where it is compiled."""
    try:
        return sources_of(rule)
    except ConfigurationError:
        return ()


def sources_of(rule: Converted) -> tuple[str, ...]:
    """The fields of the source that a rule reads."""
    if rule.sql is not None:
        with located("sql"):
            return names_in(rule.sql)
    return (rule.from_,) if rule.from_ is not None else ()


def _compile(rule: Converted, name: str, scope: Scope) -> FieldPlan:
    inner = rule.each if isinstance(rule, FieldRule | ElementField) else None
    return compile_value(rule, name, scope) if inner is None else _compile_list(rule, inner, name, scope)


def _compile_list(rule: Converted, inner: Sequence[Converted], name: str, scope: Scope) -> FieldPlan:
    allowed = {"to", "from_", "each", "required", "on_null", "sensitive", "check"}
    if extra := sorted(rule.model_fields_set - allowed):
        raise ConfigurationError(f"{extra[0]} is for single values; put it on a field inside each")
    origin = _as_list(origin_of(rule, name, scope))
    elements = compile_program(
        [(f"each[{number}]", one) for number, one in enumerate(inner)], _element_scope(origin, scope, rule)
    )
    dtype = pl.List(pl.Struct(dict(elements.schema())))
    problems = list(origin.problems)
    if rule.required:
        told = Detail(_ALWAYS, "RequiredFieldMissing", pl.lit(f"{origin.label.name} is empty"))
        problems.append(Problem(pl.col(f"{name}.raw").is_null(), (told,)))
    return FieldPlan(rule.to, name, origin.before, origin.raw, None, None, dtype, tuple(problems), elements=elements)


def _as_list(origin: Origin) -> Origin:
    """A list that came as JSON text, since other records of the column held something else, as a list."""
    if not isinstance(origin.dtype, pl.String):
        return origin
    raw, misfit = json_text.elements(origin.raw)
    told = Detail(_ALWAYS, "NotConvertible", origin.label.says("is not a list"))
    return replace(origin, raw=raw, dtype=pl.List(pl.String), problems=(*origin.problems, Problem(misfit, (told,))))


def _element_scope(origin: Origin, scope: Scope, rule: Converted) -> Scope:
    if isinstance(origin.dtype, pl.Null):
        return Scope(None)
    if not isinstance(origin.dtype, pl.List):
        raise RuleError("each", f"each needs a list; {origin.label.name} is {origin.dtype}")
    inner = origin.dtype.inner
    if isinstance(inner, pl.Null):
        return Scope(None)
    is_masked = rule.sensitive is not None or (rule.from_ is not None and scope.is_masked(rule.from_))
    if isinstance(inner, pl.Struct):
        schema = pl.Schema({member.name: member.dtype for member in inner.fields})
    else:
        schema = pl.Schema({"value": inner})
    inside = "value" if inner == pl.String else None
    masked = frozenset(schema) if is_masked else frozenset()
    return Scope(schema, masked=masked, inside=inside, earlier=scope.elements_of(rule.from_))


def _checks(rules: Sequence[Placed], fields: Sequence[FieldPlan], masked: frozenset[str]) -> Iterator[Check]:
    scope = target_scope(fields, masked)
    for (place, rule), plan in zip(rules, fields, strict=True):
        if rule.check is None:
            continue
        with located(f"{place}.check"):
            yield _check(rule.check, plan, scope, fields)


def _check(sql: str, plan: FieldPlan, scope: TargetScope, fields: Sequence[FieldPlan]) -> Check:
    read = set(names_in(sql))
    condition, tell = compile_condition(sql, scope, plan.column("check"))
    fails = Problem(~condition.value, (Detail(_ALWAYS, "CheckFailed", tell("does not hold")),))
    reads = (plan, *(one for one in fields if one.path in read and one is not plan))
    return Check(plan.path, plan.column("check"), condition, reads, (*condition.problems, fails))


def compile_condition(sql: str, scope: Scope | TargetScope, prefix: str) -> tuple[Expression, Tell]:
    """An expression that must be true, false or nothing, and what makes messages about it.

    Raises:
        ConfigurationError: it is something else.
    """
    tell = teller(sql, {path: scope.label(path) for path in names_in(sql)})
    condition = compile_sql(sql, scope, prefix, tell)
    if condition.type.kind not in {"boolean", "nothing"}:
        raise ConfigurationError(f'"{sql}" is a {condition.type.kind}, not a condition', reason="RefusedExpression")
    return condition, tell


def target_scope(fields: Sequence[FieldPlan], masked: frozenset[str]) -> TargetScope:
    """The fields of the target as expressions see them."""
    return TargetScope({one.path: (one.column("value"), one.dtype) for one in fields}, masked)
