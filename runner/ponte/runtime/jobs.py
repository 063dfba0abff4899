"""A SyncJob with all that it refers to, resolved into the engine's Job."""

from __future__ import annotations

from datetime import timedelta

from ponte.engine.job import DeleteRules, Job, RejectLimits
from ponte.errors import ConfigurationError
from ponte.ledger.retention import Retention
from ponte.manifests import Manifests
from ponte_api.common import duration_seconds
from ponte_api.mapping import Converted, MappingSpec
from ponte_api.sync_source import ObjectSpec


def resolve_job(manifests: Manifests, name: str) -> Job:
    """The engine's view of a job.

    Raises:
        UsageError: there is no such job; the nearest name is offered.
        ConfigurationError: something that it refers to is not there.
    """
    manifest = manifests.job(name)
    spec = manifest.spec
    source_object = object_of(manifests, spec.source.name, spec.source.object)
    object_of(manifests, spec.target.name, spec.target.object)
    deletes, rejects = spec.resolved_deletes, spec.resolved_rejects
    overlap = source_object.cursor.overlap if source_object.cursor is not None else None
    return Job(
        name=name,
        state_id=manifest.state_id,
        source_system=spec.source.name,
        source_object=source_object,
        target_system=spec.target.name,
        target_object=spec.target.object,
        mapping=manifests.mapping(spec.mapping).spec,
        audience=spec.target.audience,
        operations=spec.resolved_operations,
        on_existing=spec.target.resolved_on_existing,
        owns_whole_record=spec.target.owns_whole_record,
        deletes=DeleteRules(
            policy=deletes.policy,
            set_fields=tuple((field.field, field.value) for field in deletes.set),
            max_percent=deletes.resolved_max_percent,
            min_count=deletes.resolved_min_count,
        ),
        rejects=RejectLimits(max=rejects.max, max_percent=rejects.resolved_max_percent),
        batch_size=spec.resolved_batch_size,
        overlap_s=None if overlap is None else duration_seconds(overlap),
        patience_s=spec.resolved_patience_s,
        after=tuple(spec.after),
    )


def kept_by_job(manifests: Manifests) -> dict[str, Retention]:
    """How long each job keeps what is over, by its state id."""
    kept = {}
    for job in manifests.jobs.values():
        wanted = job.spec.resolved_retention
        kept[job.state_id] = Retention(
            runs=timedelta(seconds=wanted.resolved_runs_s),
            rejects=timedelta(seconds=wanted.resolved_rejects_s),
            tombstones=timedelta(seconds=wanted.resolved_tombstones_s),
        )
    return kept


def object_of(manifests: Manifests, system: str, name: str) -> ObjectSpec:
    """An object of a SyncSource. Raises ConfigurationError with what it has instead."""
    found = manifests.source(system).spec.object(name)
    if found is None:
        offered = ", ".join(sorted(candidate.name for candidate in manifests.source(system).spec.objects))
        raise ConfigurationError(
            f'{system}: there is no object "{name}" (has: {offered}). Next: correct the name, or declare it in '
            "objects.",
            reason="UnknownObject",
        )
    return found


def sensitive_fields(mapping: MappingSpec) -> frozenset[str]:
    """Top-level target fields whose values are masked in outputs: they, or something inside them, are sensitive."""
    return frozenset(rule.to.partition(".")[0] for rule in mapping.fields if _is_sensitive(rule))


def _is_sensitive(rule: Converted) -> bool:
    inner = getattr(rule, "each", None) or ()
    return rule.sensitive is not None or any(_is_sensitive(part) for part in inner)
