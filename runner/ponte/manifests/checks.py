"""Checks over all manifests together: what one refers to, another must have.

An object that has faults of its own counts as there, so that one slip is reported once; what is sound of it is checked
too, so that no fault has to wait until another is mended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as ReadOnly
from dataclasses import replace

from ponte.errors import ConfigurationError
from ponte.manifests.collection import Manifests, Path, Resource
from ponte.manifests.faults import Fault, suggestion
from ponte.manifests.salvaging import Salvaged, written_values
from ponte.manifests.schedules import schedule_fault, zone_fault
from ponte_api.mapping import Converted, Mapping, MappingSpec
from ponte_api.sync_job import SyncJob, Trigger
from ponte_api.sync_run import SyncRun
from ponte_api.sync_source import DeclaredField, ObjectSpec, SyncSource

Finding = tuple[Path, str]
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def check(
    manifests: Manifests, salvaged: ReadOnly[tuple[str, str], Salvaged[Resource]]
) -> tuple[list[Fault], list[Fault]]:
    """Faults and warnings that no single object shows.

    Args:
        manifests: the sound objects.
        salvaged: what is sound of the others; no warnings come of them.
    """
    return _faults(_with(manifests, salvaged), salvaged), _warnings(manifests)


def _with(manifests: Manifests, salvaged: ReadOnly[tuple[str, str], Salvaged[Resource]]) -> Manifests:
    """The manifests with what is sound of the objects that have faults."""
    rests = [(name, rest.resource) for (_, name), rest in salvaged.items() if not _is_vague(rest)]
    return replace(
        manifests,
        sources={**manifests.sources, **{name: rest for name, rest in rests if isinstance(rest, SyncSource)}},
        mappings={**manifests.mappings, **{name: rest for name, rest in rests if isinstance(rest, Mapping)}},
        jobs={**manifests.jobs, **{name: rest for name, rest in rests if isinstance(rest, SyncJob)}},
        runs={**manifests.runs, **{name: rest for name, rest in rests if isinstance(rest, SyncRun)}},
    )


def _is_vague(rest: Salvaged[Resource]) -> bool:
    """Whether others cannot be judged by what is left: of an object something is gone, nobody knows what it was."""
    return isinstance(rest.resource, SyncSource) and any(path[:2] == ("spec", "objects") for path in rest.gone)


def _faults(manifests: Manifests, salvaged: ReadOnly[tuple[str, str], Salvaged[Resource]]) -> list[Fault]:
    found: list[tuple[tuple[str, str], Finding]] = []
    for name, job in manifests.jobs.items():
        found += ((("SyncJob", name), finding) for finding in _job_faults(manifests, job))
    for name, mapping in manifests.mappings.items():
        found += ((("Mapping", name), finding) for finding in _mapping_faults(manifests, mapping))
    for name, run in manifests.runs.items():
        known = _known(manifests, "SyncJob", run.spec.job, ("spec", "job"))
        found += ((("SyncRun", name), finding) for finding in known)
    told = {(key, path) for key, (path, _) in found}
    found += [(key, finding) for key, finding in _compiled(manifests) if (key, finding[0]) not in told]
    faults: list[Fault] = []
    for key, (path, message) in found:
        rest = salvaged.get(key)
        written = rest.written(path) if rest is not None else path
        if rest is None or not rest.is_doubtful(written):
            faults.append(manifests.documents[key].fault(written, message))
    return faults


def _warnings(manifests: Manifests) -> list[Fault]:
    warnings: list[Fault] = []
    for job in manifests.jobs.values():
        warnings += _placed(manifests, "SyncJob", job.metadata.name, _job_warnings(job))
    for mapping in manifests.mappings.values():
        warnings += _placed(manifests, "Mapping", mapping.metadata.name, _undelivered_lookups(manifests, mapping))
    for channel in manifests.channels.values():
        names = channel.spec.jobs.match_names if channel.spec.jobs else []
        found = _each_known(manifests, "SyncJob", names, ("spec", "jobs", "matchNames"))
        warnings += _placed(manifests, "NotificationChannel", channel.metadata.name, found)
    return warnings


def _placed(manifests: Manifests, kind: str, name: str, findings: Iterable[Finding]) -> Iterator[Fault]:
    document = manifests.documents[kind, name]
    return (document.fault(path, message) for path, message in findings)


def _known(manifests: Manifests, kind: str, name: str, path: Path) -> Iterator[Finding]:
    names = [known for of_kind, known in manifests.documents if of_kind == kind]
    if name not in names:
        yield path, f'there is no {kind} "{name}". {suggestion(name, names)}'


def _each_known(manifests: Manifests, kind: str, names: Iterable[str], path: Path) -> Iterator[Finding]:
    for index, name in enumerate(names):
        yield from _known(manifests, kind, name, (*path, index))


def _object(manifests: Manifests, source: str, name: str) -> ObjectSpec | None:
    found = manifests.sources.get(source)
    return found.spec.object(name) if found is not None else None


def _object_known(manifests: Manifests, source: str, name: str, path: Path) -> Iterator[Finding]:
    document = manifests.documents.get(("SyncSource", source))
    if document is None:
        return
    names = written_values(document.node, ("spec", "objects"), "name")
    if name not in names:
        has = ", ".join(sorted(names))
        yield path, f'"{name}" is not in SyncSource {source} (has: {has})'


def _job_faults(manifests: Manifests, job: SyncJob) -> Iterator[Finding]:
    for side, place in (("source", job.spec.source), ("target", job.spec.target)):
        yield from _known(manifests, "SyncSource", place.name, ("spec", side, "name"))
        yield from _object_known(manifests, place.name, place.object, ("spec", side, "object"))
    yield from _known(manifests, "Mapping", job.spec.mapping, ("spec", "mapping"))
    yield from _each_known(manifests, "SyncJob", job.spec.after, ("spec", "after"))
    yield from _audience(manifests, job)
    yield from _cycle(manifests, job)
    yield from _shared_state(manifests, job)
    yield from _ends(manifests, job)
    yield from _triggers(manifests, job)


def _audience(manifests: Manifests, job: SyncJob) -> Iterator[Finding]:
    mapping, wanted = manifests.documents.get(("Mapping", job.spec.mapping)), job.spec.target.audience
    if mapping is None or wanted is None:
        return
    names = written_values(mapping.node, ("spec", "audiences"), "name")
    if wanted not in names:
        yield (
            ("spec", "target", "audience"),
            f'Mapping {job.spec.mapping} has no audience "{wanted}". {suggestion(wanted, names)}',
        )


def _cycle(manifests: Manifests, job: SyncJob) -> Iterator[Finding]:
    """A chain of `after` that comes back to the job; reported at its alphabetically first member."""
    start, seen = job.metadata.name, set[str]()
    stack: list[tuple[str, tuple[str, ...]]] = [(start, (start,))]
    while stack:
        name, chain = stack.pop()
        found = manifests.jobs.get(name)
        for following in found.spec.after if found is not None else ():
            if following == start:
                if start == min(chain):
                    yield ("spec", "after"), f"waits for itself: {' -> '.join((*chain, start))}. Remove one of them"
                return
            if following not in seen:
                seen.add(following)
                stack.append((following, (*chain, following)))


def _shared_state(manifests: Manifests, job: SyncJob) -> Iterator[Finding]:
    others = [other.metadata.name for other in manifests.jobs.values() if other.state_id == job.state_id]
    if len(others) > 1:
        path: Path = ("spec", "stateId") if job.spec.state_id else ("metadata", "name")
        yield (
            path,
            f'the state "{job.state_id}" belongs to several jobs ({", ".join(sorted(others))}): each needs its own',
        )


def _ends(manifests: Manifests, job: SyncJob) -> Iterator[Finding]:
    """What the job asks of its two objects."""
    source = _object(manifests, job.spec.source.name, job.spec.source.object)
    target = _object(manifests, job.spec.target.name, job.spec.target.object)
    if source is not None and not source.key:
        yield (
            ("spec", "source", "object"),
            f'"{source.name}" has no key: name in SyncSource {job.spec.source.name} the fields that identify a record',
        )
    if target is not None and target.query is not None:
        yield (
            ("spec", "target", "object"),
            f'"{target.name}" is a query and cannot be written: give an object with a table',
        )
    yield from _takes_in(job, source)
    target_system = manifests.sources.get(job.spec.target.name)
    if target_system is not None and target_system.spec.sql is not None and target_system.spec.sql.is_only_read:
        yield (
            ("spec", "target", "name"),
            f'"{job.spec.target.name}" is a database that Ponte only reads: name another system as the target',
        )
    if target is None or target_system is None or target_system.spec.rest is None:
        return
    if not any(map(target.offers, ("create", "update", "upsert", "bulk"))):
        yield (
            ("spec", "target", "object"),
            f'"{target.name}" has no request that writes: give it write.upsert, or write.create and write.update',
        )
    elif (
        target.write is not None
        and target.write.semantics == "replace"
        and not target.offers("get")
        and not job.spec.target.owns_whole_record
    ):
        message = f'"{target.name}" replaces whole records: give write.get to keep other fields, or say ownsWholeRecord'
        yield ("spec", "target", "object"), message
    elif job.spec.deletes is not None and job.spec.deletes.policy == "delete" and not target.offers("delete"):
        yield ("spec", "deletes", "policy"), f'"{target.name}" has no write.delete in SyncSource {job.spec.target.name}'


def _takes_in(job: SyncJob, source: ObjectSpec | None) -> Iterator[Finding]:
    """Deletes follow from what a whole reading lacks, so that a reading of some files only must never delete."""
    incoming = source.incoming if source is not None else None
    if source is None or incoming is None or job.spec.deletes is None or job.spec.deletes.policy == "ignore":
        return
    if incoming.when_none == "nothing":
        message = f'"{source.name}" may have no file (whenNone: nothing), which would look as if all records were gone'
        yield ("spec", "deletes", "policy"), f"{message}: set whenNone to fail, or the policy to ignore"
    elif incoming.pick == "oldest" or (incoming.pick == "all" and incoming.when_done is not None):
        message = f'"{source.name}" reads files that hold a part of the records each, and the others would look gone'
        yield ("spec", "deletes", "policy"), f"{message}: set the policy to ignore, or pick the newest"


def _triggers(manifests: Manifests, job: SyncJob) -> Iterator[Finding]:
    source = _object(manifests, job.spec.source.name, job.spec.source.object)
    for index, trigger in enumerate(job.spec.triggers):
        path: Path = ("spec", "triggers", index)
        yield from _fault_of(schedule_fault, trigger.schedule, (*path, "schedule"))
        yield from _fault_of(zone_fault, trigger.time_zone, (*path, "timeZone"))
        if trigger.read == "changes" and source is not None and source.cursor is None:
            yield (*path, "read"), f'"{source.name}" has no cursor, so changes cannot be read: give it one, or read all'


def _only_changes(triggers: list[Trigger]) -> bool:
    syncs = [trigger.resolved_read for trigger in triggers if trigger.resolved_action == "sync"]
    return "changes" in syncs and "all" not in syncs


def _job_warnings(job: SyncJob) -> Iterator[Finding]:
    if _only_changes(job.spec.triggers):
        message = "reads changes only, so what a reading misses stays missed: add a trigger with read: all, every night"
        yield ("spec", "triggers"), message


def _fault_of(fault: Callable[[str], str | None], text: str | None, path: Path) -> Iterator[Finding]:
    message = fault(text) if text is not None else None
    if message is not None:
        yield path, message


def _mapping_faults(manifests: Manifests, mapping: Mapping) -> Iterator[Finding]:
    node = manifests.documents["Mapping", mapping.metadata.name].node
    made = set(written_values(node, ("spec", "fields"), "to"))
    yield from _each_made(made, mapping.spec.key, ("spec", "key"))
    yield from _audiences(mapping, made, set(written_values(node, ("spec", "audiences"), "name")))
    for path, rule in _rules(mapping.spec):
        yield from _fault_of(zone_fault, rule.time_zone, (*path, "timeZone"))
        if rule.lookup is not None:
            yield from _known(manifests, "SyncSource", rule.lookup.system, (*path, "lookup", "system"))
            yield from _object_known(manifests, rule.lookup.system, rule.lookup.object, (*path, "lookup", "object"))


def _each_made(made: set[str], names: Iterable[str], path: Path) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name not in made:
            yield (*path, index), f'no rule makes the field "{name}". {suggestion(name, made)}'


def _audiences(mapping: Mapping, made: set[str], names: set[str]) -> Iterator[Finding]:
    for index, audience in enumerate(mapping.spec.audiences):
        yield from _each_made(made, audience.fields, ("spec", "audiences", index, "fields"))
    for index, test in enumerate(mapping.spec.tests):
        if test.audience is not None and test.audience not in names:
            message = f'there is no audience "{test.audience}". {suggestion(test.audience, names)}'
            yield ("spec", "tests", index, "audience"), message


def _rules(spec: MappingSpec) -> Iterator[tuple[Path, Converted]]:
    """All rules, those for elements of lists too, each with its path."""
    pending: list[tuple[Path, Converted]] = [
        (("spec", "fields", index), rule) for index, rule in enumerate(spec.fields)
    ]
    while pending:
        path, rule = pending.pop()
        yield path, rule
        each: list[Converted] = getattr(rule, "each", None) or []
        pending += [((*path, "each", index), inner) for index, inner in enumerate(each)]


def _undelivered_lookups(manifests: Manifests, mapping: Mapping) -> Iterator[Finding]:
    delivered = {(job.spec.target.name, job.spec.target.object) for job in manifests.jobs.values()}
    for path, rule in _rules(mapping.spec):
        if rule.lookup is not None and (rule.lookup.system, rule.lookup.object) not in delivered:
            wanted = f"{rule.lookup.system}/{rule.lookup.object}"
            yield (
                (*path, "lookup"),
                f"no SyncJob here delivers to {wanted}, so nothing will be found unless the ledger knows it",
            )


def _compiled(manifests: Manifests) -> Iterator[tuple[tuple[str, str], Finding]]:
    """What the Mapping's compiler says, with the fields of each source object that a job reads by it."""
    if not manifests.mappings:
        return
    from ponte.mapping import check as check_mapping  # noqa: PLC0415 - loads Polars; only where there are Mappings

    for name, mapping in manifests.mappings.items():
        for declared in _declared(manifests, name):
            try:
                found = [(_path(path), message) for path, message in check_mapping(mapping.spec, declared)]
            except ConfigurationError as error:
                found = [(("spec", "fields"), error.message)]
            yield from ((("Mapping", name), finding) for finding in found)


def _declared(manifests: Manifests, mapping: str) -> list[list[DeclaredField]]:
    """The declared fields of each object that is read by a Mapping; one empty list where nothing is known."""
    jobs = [job for job in manifests.jobs.values() if job.spec.mapping == mapping]
    objects = [_object(manifests, job.spec.source.name, job.spec.source.object) for job in jobs]
    return [found.fields for found in objects if found is not None] or [[]]


def _path(text: str) -> Path:
    """("spec", "fields", 3, "sql") of `fields[3].sql`."""
    return ("spec", *(int(index) if index else name for name, index in _STEP.findall(text)))
