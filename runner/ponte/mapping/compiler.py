"""Compiles a Mapping: refuses what cannot work before a record is read, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping import paths
from ponte.mapping.compiled import AudienceFilter, CompiledMapping
from ponte.mapping.fingerprint import form_fingerprint
from ponte.mapping.places import RuleError, located
from ponte.mapping.program import (
    Program,
    compile_condition,
    compile_program,
    masked_targets,
    sensitive_sources,
    sources_or_none,
    target_scope,
)
from ponte.mapping.run import waits
from ponte.mapping.scope import INTERNAL, Scope
from ponte.mapping.sql.expression import names_in
from ponte_api.mapping import Audience, Converted, ElementField, FieldRule, MappingSpec
from ponte_api.sync_source import DeclaredField

Placed = tuple[str, FieldRule]
"""A rule with its place in the Mapping, such as `fields[3]`."""
_Holds = Callable[[Converted], bool]


def compile_mapping(
    spec: MappingSpec,
    schema: pl.Schema,
    *,
    declared: Sequence[DeclaredField] = (),
    audience: str | None = None,
    earlier: pl.Schema | None = None,
) -> CompiledMapping:
    """Compiles a Mapping for the records of one schema; once per schema, not per batch.

    Args:
        spec: the Mapping.
        schema: columns of the source's frames.
        declared: what the source's object says of its fields. Declared fields that the frames lack hold nothing.
        audience: the audience that the job's target names.
        earlier: columns of frames that came before: what they had and this one lacks holds nothing.

    Raises:
        ConfigurationError: unknown fields (with the nearest name), refused SQL, rules that contradict each other.
    """
    chosen = audience_of(spec, audience)
    rules = needed(spec, chosen)
    scope = scope_of(spec, schema, declared, earlier)
    program = compile_program(rules, scope)
    where = None
    if spec.where is not None:
        with located("where"):
            where, _ = compile_condition(spec.where, scope, f"{INTERNAL}where.")
    masked = masked_targets((rule for _, rule in rules), scope)
    shown = _shown(program, spec, chosen)
    empty = pl.DataFrame(schema={one.column("value"): one.dtype for one in program.fields})
    return CompiledMapping(
        target_schema=empty.select(**shown).schema,
        key=tuple(spec.key),
        columns=_columns(spec, rules, schema),
        omit_null=frozenset(_paths_where(rules, lambda rule: rule.on_null == "omit")),
        sensitive=frozenset(_paths_where(rules, lambda rule: rule.sensitive is not None)) | masked | scope.masked,
        json_fields=frozenset(_paths_where(rules, lambda rule: rule.type == "json")),
        form=form_fingerprint(rule for _, rule in rules),
        source_schema=schema,
        program=program,
        where=where,
        audience=_audience_filter(chosen, program, masked),
        absent=tuple(name for name in scope.schema or () if name not in schema),
        shown=shown,
    )


def audience_of(spec: MappingSpec, name: str | None) -> Audience | None:
    """The audience of that name.

    Raises:
        ConfigurationError: the Mapping has none of that name.
    """
    if name is None:
        return None
    by_name = {one.name: one for one in spec.audiences}
    if name not in by_name:
        raise ConfigurationError(f'there is no audience "{name}"{paths.nearest(name, by_name)}')
    return by_name[name]


def scope_of(
    spec: MappingSpec, schema: pl.Schema, declared: Sequence[DeclaredField], earlier: pl.Schema | None = None
) -> Scope:
    """The fields of the source, with those that are declared or came earlier and that no record has.

    Raises:
        ConfigurationError: a field's name is one that the mapping uses itself.
    """
    if taken := [name for name in schema if name.startswith(INTERNAL)]:
        raise ConfigurationError(
            f"field {taken[0]}: names that start with {INTERNAL} are taken; rename it at the source"
        )
    before = earlier or pl.Schema()
    whole = pl.Schema({**dict.fromkeys([*before, *(one.name for one in declared)], pl.Null()), **schema})
    masked = sensitive_sources(spec.fields, whole) if spec.fields else frozenset()
    return Scope(whole, {one.name: one for one in declared}, masked, earlier=before)


def needed(spec: MappingSpec, audience: Audience | None) -> list[Placed]:
    """The rules that an audience needs: its fields, the key, and what its `where` and their checks read.

    Raises:
        ConfigurationError: the key or an audience names a field that no rule makes.
    """
    placed = [(f"fields[{number}]", rule) for number, rule in enumerate(spec.fields)]
    by_path = {rule.to: rule for _, rule in placed}
    for number, path in enumerate(spec.key):
        if path not in by_path:
            raise RuleError(f"key[{number}]", f"no rule makes the field {path}{paths.nearest(path, by_path)}")
    kept = set(by_path) if audience is None else _closure(spec, audience, by_path)
    return [(place, _with_key(rule, spec)) for place, rule in placed if rule.to in kept]


def _with_key(rule: FieldRule, spec: MappingSpec) -> FieldRule:
    """A rule of the natural key: without a value there is no record."""
    if rule.to not in spec.key:
        return rule
    if rule.each is not None or rule.on_null == "omit":
        raise ConfigurationError(f"{rule.to} is of the key: it can be neither a list nor left out")
    return rule.model_copy(update={"required": True})


def _closure(spec: MappingSpec, audience: Audience, by_path: dict[str, FieldRule]) -> set[str]:
    kept = set(spec.key)
    pending = [path for path in by_path if _is_shown(path, audience.fields)]
    for number, path in enumerate(audience.fields):
        if not any(_is_shown(candidate, [path]) for candidate in by_path):
            place = f"audiences[{spec.audiences.index(audience)}].fields[{number}]"
            raise RuleError(place, f"no rule makes the field {path}{paths.nearest(path, by_path)}")
    pending += [path for path in names_in(audience.where or "TRUE") if path in by_path]
    pending += spec.key
    while pending:
        path = pending.pop()
        kept.add(path)
        check = by_path[path].check
        pending += [one for one in names_in(check or "TRUE") if one in by_path and one not in kept]
    return kept


def _is_shown(path: str, fields: Sequence[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in fields)


def _shown(program: Program, spec: MappingSpec, audience: Audience | None) -> dict[str, pl.Expr]:
    if audience is None:
        return program.nested()
    companions = {f"{rule.to}{ending}": rule.to for rule in spec.fields for ending in ("Currency", "Unit")}
    fields = [*spec.key, *audience.fields]
    return paths.nest(
        {
            one.path: pl.col(one.column("value"))
            for one in program.fields
            if _is_shown(one.path, fields) or _is_shown(companions.get(one.path, one.path), fields)
        }
    )


def _audience_filter(audience: Audience | None, program: Program, masked: frozenset[str]) -> AudienceFilter | None:
    if audience is None or audience.where is None:
        return None
    with located(f"audiences[{audience.name}].where"):
        read = names_in(audience.where)
        condition, _ = compile_condition(audience.where, target_scope(program.fields, masked), f"{INTERNAL}audience.")
    return AudienceFilter(condition, any(waits(one) for one in program.fields if one.path in read))


def _columns(spec: MappingSpec, rules: Sequence[Placed], schema: pl.Schema) -> tuple[str, ...]:
    read = [*names_in(spec.where or "TRUE")]
    for _, rule in rules:
        read += sources_or_none(rule)
        read += [one.from_ for one in (rule.currency, rule.unit) if one is not None and one.from_ is not None]
    tops = dict.fromkeys(paths.top_of(path, schema) for path in read)
    return tuple(name for name in tops if name in schema)


def _paths_where(rules: Sequence[Placed], holds: _Holds) -> Iterator[str]:
    for _, rule in rules:
        yield from _own_paths(rule, "", holds)


def _own_paths(rule: Converted, above: str, holds: _Holds) -> Iterator[str]:
    path = f"{above}{rule.to}"
    if holds(rule):
        yield path
    if isinstance(rule, FieldRule | ElementField):
        for inner in rule.each or ():
            yield from _own_paths(inner, f"{path}.", holds)
