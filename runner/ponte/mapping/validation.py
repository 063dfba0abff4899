"""What can be known of a Mapping before any record is read: all that is wrong with it, with its place."""

from __future__ import annotations

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
    scopes = [scope_of(spec, schema, declared) for schema in _schemas(spec, declared)]
    for number, rule in enumerate(spec.fields):
        findings += _in_any(scopes, _rule(f"fields[{number}]", rule.model_copy(update={"check": None})))
    if spec.where is not None:
        findings += _in_any(scopes, _condition("where", spec.where))
    findings += _over_target(spec, scopes)
    return list(dict.fromkeys(findings))


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


def _rule(place: str, rule: Converted) -> Callable[[Scope], object]:
    return lambda scope: compile_program([(place, rule)], scope)


def _condition(place: str, sql: str) -> Callable[[Scope], object]:
    def attempt(scope: Scope) -> object:
        try:
            return compile_condition(sql, scope, f"{INTERNAL}where.")
        except ConfigurationError as error:
            raise RuleError(place, error.message, error.reason) from error

    return attempt


def _in_any(scopes: Sequence[Scope], attempt: Callable[[Scope], object]) -> list[Finding]:
    """What is wrong in all of the scopes; told as it is for typed fields, which knows most."""
    finding: Finding | None = None
    for scope in scopes:
        try:
            attempt(scope)
        except RuleError as error:
            finding = finding if error.reason == "UnknownField" and finding else (error.path, error.bare)
        else:
            return []
    return [finding] if finding else []


def _over_target(spec: MappingSpec, scopes: Sequence[Scope]) -> Iterator[Finding]:
    conditions = [(f"fields[{number}].check", rule.check) for number, rule in enumerate(spec.fields)]
    conditions += [(f"audiences[{number}].where", one.where) for number, one in enumerate(spec.audiences)]
    for place, sql in conditions:
        if sql is None:
            continue
        found: Finding | None = None
        for scope in scopes:
            try:
                compile_condition(sql, _targets(spec, scope), f"{INTERNAL}check.")
            except ConfigurationError as error:
                found = (place, error.message)
            else:
                found = None
                break
        if found:
            yield found


def _targets(spec: MappingSpec, scope: Scope) -> TargetScope:
    """The fields of the target as far as their rules work; the others hold nothing."""
    plans: list[FieldPlan] = []
    for number, rule in enumerate(spec.fields):
        placed = (f"fields[{number}]", rule.model_copy(update={"check": None}))
        try:
            plans += compile_program([placed], scope).fields
        except ConfigurationError:
            plans += compile_program([(placed[0], Converted(to=rule.to, sql="NULL"))], scope).fields
    return target_scope(plans, frozenset())
