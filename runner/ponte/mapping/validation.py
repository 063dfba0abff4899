"""What can be known of a Mapping before any record is read: all that is wrong with it, with its place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping import paths
from ponte.mapping.compiler import needed, scope_of
from ponte.mapping.convert import target_type
from ponte.mapping.fields import FieldPlan
from ponte.mapping.forms import Form
from ponte.mapping.kinds import parse_kind
from ponte.mapping.places import RuleError
from ponte.mapping.program import (
    Program,
    compile_condition,
    compile_program,
    sources_or_none,
    target_scope,
)
from ponte.mapping.scope import INTERNAL, Scope, TargetScope
from ponte.mapping.sql.expression import names_in
from ponte_api.mapping import Converted, MappingSpec
from ponte_api.sync_source import DeclaredField

Finding = tuple[str, str]
"""A place in the Mapping, such as `fields[3].sql`, and what is wrong there."""


def check(spec: MappingSpec, declared: Sequence[DeclaredField]) -> list[Finding]:
    """Everything that is wrong with a Mapping.

    A declared field may come as text (from files) or typed (from databases): a rule is wrong if it works for neither.

    Args:
        spec: the Mapping.
        declared: fields of the source's object; with none, names and types of fields are not checked.
    """
    findings = [*_unique_targets(spec), *_needs(spec)]
    trials = [_Trial(spec, scope_of(spec, schema, declared)) for schema in _schemas(spec, declared)]
    for number in range(len(spec.fields)):
        findings += _in_any(trials, _rule(number))
    if spec.where is not None:
        findings += _in_any(trials, _condition("where", spec.where))
    findings += _over_target(spec, trials)
    return list(dict.fromkeys(findings))


class _Trial:
    """A Mapping over one of the schemas that its records may have. What it compiles it keeps: several ask for it."""

    def __init__(self, spec: MappingSpec, scope: Scope) -> None:
        self.scope = scope
        self._rules = spec.fields
        self._programs: dict[int, Program] = {}

    def program(self, number: int) -> Program:
        """A rule by itself, without its check. Raises ConfigurationError where it cannot work."""
        if number not in self._programs:
            rule = self._rules[number].model_copy(update={"check": None})
            self._programs[number] = compile_program([(f"fields[{number}]", rule)], self.scope)
        return self._programs[number]

    @functools.cached_property
    def targets(self) -> TargetScope:
        """The fields of the target as far as their rules work; the others hold nothing."""
        plans: list[FieldPlan] = []
        for number, rule in enumerate(self._rules):
            try:
                plans += self.program(number).fields
            except ConfigurationError:
                nothing = Converted(to=rule.to, sql="NULL")
                plans += compile_program([(f"fields[{number}]", nothing)], self.scope).fields
        return target_scope(plans, frozenset())


def _unique_targets(spec: MappingSpec) -> Iterator[Finding]:
    try:
        paths.refuse_contradictions(rule.to for rule in spec.fields)
    except ConfigurationError as error:
        yield "fields", error.message


def _needs(spec: MappingSpec) -> Iterator[Finding]:
    for audience in (None, *spec.audiences):
        try:
            needed(spec, audience)
        except RuleError as error:
            yield error.path, error.bare
        except ConfigurationError as error:
            yield "key", error.message


def _schemas(spec: MappingSpec, declared: Sequence[DeclaredField]) -> list[pl.Schema]:
    if not declared:
        names = {path for rule in spec.fields for path in _read_by(rule)} | set(_names_or_none(spec.where))
        return [pl.Schema(dict.fromkeys(names, pl.String())), pl.Schema(dict.fromkeys(names, pl.Null()))]
    typed = {one.name: _typed(one) for one in declared}
    return [pl.Schema(dict.fromkeys(typed, pl.String())), pl.Schema(typed)]


def _typed(field: DeclaredField) -> pl.DataType:
    kind = parse_kind(field.type)
    return pl.Null() if kind.name == "json" else target_type(kind, pl.String(), Form())


def _read_by(rule: Converted) -> tuple[str, ...]:
    measures = (rule.currency, rule.unit)
    return (*sources_or_none(rule), *(one.from_ for one in measures if one is not None and one.from_ is not None))


def _names_or_none(sql: str | None) -> tuple[str, ...]:
    try:
        return names_in(sql or "TRUE")
    except ConfigurationError:
        return ()


def _rule(number: int) -> Callable[[_Trial], object]:
    return lambda trial: trial.program(number)


def _condition(place: str, sql: str) -> Callable[[_Trial], object]:
    def attempt(trial: _Trial) -> object:
        try:
            return compile_condition(sql, trial.scope, f"{INTERNAL}where.")
        except ConfigurationError as error:
            raise RuleError(place, error.message, error.reason) from error

    return attempt


def _in_any(trials: Sequence[_Trial], attempt: Callable[[_Trial], object]) -> list[Finding]:
    """What is wrong in all of them; told as it is for typed fields, which knows most."""
    finding: Finding | None = None
    for trial in trials:
        try:
            attempt(trial)
        except RuleError as error:
            finding = finding if error.reason == "UnknownField" and finding else (error.path, error.bare)
        else:
            return []
    return [finding] if finding else []


def _over_target(spec: MappingSpec, trials: Sequence[_Trial]) -> Iterator[Finding]:
    conditions = [(f"fields[{number}].check", rule.check) for number, rule in enumerate(spec.fields)]
    conditions += [(f"audiences[{number}].where", one.where) for number, one in enumerate(spec.audiences)]
    for place, sql in conditions:
        if sql is None:
            continue
        found: Finding | None = None
        for trial in trials:
            try:
                compile_condition(sql, trial.targets, f"{INTERNAL}check.")
            except ConfigurationError as error:
                found = (place, error.message)
            else:
                found = None
                break
        if found:
            yield found
