"""`ponte test`: runs the tests that stand in the Mappings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer

from ponte.cli import exit_codes
from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.cli.render.outcomes import MappingTestOutcome, outcome_lines
from ponte.cli.workspace import load_manifests, require_sound
from ponte.manifests import Manifests
from ponte.manifests.nodes import find
from ponte.mapping import run_tests
from ponte_api.sync_source import DeclaredField


def test_mappings(names: Sequence[str], common: Common) -> None:
    """Runs the tests of the named Mappings, or of all; exits 1 where one does not hold.

    Raises:
        UsageError: there is no such Mapping.
        ConfigurationError: a Mapping has faults.
    """
    console, manifests = console_of(common), load_manifests(common)
    wanted = [manifests.mapping(name).metadata.name for name in names] or sorted(manifests.mappings)
    require_sound(manifests, [("Mapping", name) for name in names or _all_mappings(manifests)])
    outcomes = {name: _outcomes(manifests, name) for name in wanted}
    if console.is_json:
        console.show_json({name: [_document(one) for one in found] for name, found in outcomes.items()})
    else:
        for name, found in outcomes.items():
            console.show(outcome_lines(name, found, width=console.width))
        if not outcomes:
            console.say([f"There is no Mapping in {manifests.origin}: no tests."])
    if not all(one.holds for found in outcomes.values() for one in found):
        raise typer.Exit(exit_codes.FAULTS_FOUND)


def _all_mappings(manifests: Manifests) -> list[str]:
    """Those that could be read and those that could not."""
    return [name for kind, name in manifests.documents if kind == "Mapping"]


def _outcomes(manifests: Manifests, mapping: str) -> list[MappingTestOutcome]:
    document = manifests.documents["Mapping", mapping]
    found: dict[int, MappingTestOutcome] = {}
    for declared in _declared(manifests, mapping):
        for place, outcome in enumerate(run_tests(manifests.mappings[mapping].spec, declared)):
            line = find(document.node, ("spec", "tests", place))[0]
            if place not in found or found[place].holds:
                found[place] = MappingTestOutcome(outcome.name, f"{document.file}:{line}", outcome.message)
    return list(found.values())


def _declared(manifests: Manifests, mapping: str) -> Iterator[Sequence[DeclaredField]]:
    """The fields of each source object that a job maps by this Mapping; none at all where no job uses it."""
    sources = {
        (job.spec.source.name, job.spec.source.object)
        for job in manifests.jobs.values()
        if job.spec.mapping == mapping and job.spec.source.name in manifests.sources
    }
    objects = [manifests.source(system).spec.object(name) for system, name in sorted(sources)]
    declared = [spec.fields for spec in objects if spec is not None]
    yield from declared or [[]]


def _document(outcome: MappingTestOutcome) -> dict[str, object]:
    return {
        "name": outcome.name,
        "place": outcome.place,
        "holds": outcome.holds,
        "differences": outcome.differences,
    }
