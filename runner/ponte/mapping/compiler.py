"""Compiles a Mapping: refuses what cannot work before a record is read, and says why."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from ponte_api.mapping import MappingSpec
from ponte_api.sync_source import DeclaredField

from ponte.errors import ConfigurationError
from ponte.mapping import paths
from ponte.mapping.compiled import CompiledMapping
from ponte.mapping.fields import Scope, compile_field


def compile_mapping(
    spec: MappingSpec,
    schema: pl.Schema,
    *,
    declared: Sequence[DeclaredField] = (),
    audience: str | None = None,
) -> CompiledMapping:
    """Compiles a Mapping for the records of one schema; once per schema, not per batch.

    Args:
        spec: the Mapping.
        schema: columns of the source's frames.
        declared: what the source's object says of its fields.
        audience: the audience that the job's target names.

    Raises:
        ConfigurationError: unknown fields (with the nearest name), refused SQL, rules that contradict each other.
    """
    if (
        spec.where
        or audience
        or any(r.sql or r.values or r.check or r.lookup or r.each or r.currency or r.unit for r in spec.fields)
    ):
        raise ConfigurationError(
            "where, sql, values, check, lookup, each, currency, unit and audiences come with the next commit"
        )
    paths.refuse_contradictions(rule.to for rule in spec.fields)
    sources = {rule.from_ for rule in spec.fields if rule.sensitive and rule.from_}
    masked = frozenset(paths.top_of(path, schema) for path in sources)
    scope = Scope(schema, {one.name: one for one in declared}, masked)
    fields = tuple(compile_field(rule, str(number), scope) for number, rule in enumerate(spec.fields))
    empty = pl.DataFrame(schema={one.column("value"): one.dtype for one in fields})
    target = empty.select(**paths.nest({one.path: pl.col(one.column("value")) for one in fields})).schema
    return CompiledMapping(
        target_schema=target,
        key=tuple(spec.key),
        columns=tuple(dict.fromkeys(paths.top_of(rule.from_, schema) for rule in spec.fields if rule.from_)),
        omit_null=frozenset(rule.to for rule in spec.fields if rule.on_null == "omit"),
        sensitive=frozenset(rule.to for rule in spec.fields if rule.sensitive) | masked,
        fields=fields,
    )
