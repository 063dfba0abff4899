"""`ponte doctor`: what stands in the way of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import typer

from ponte.cli import exit_codes
from ponte.cli.console import Console, console_of
from ponte.cli.options import Common
from ponte.cli.render.next_steps import MARK, with_next_step
from ponte.cli.render.text import counted, escape, pad, seconds, width_of, wrapped
from ponte.cli.workspace import is_missing, ledger_url_of, load_manifests, references_of
from ponte.connectors.registry import connect
from ponte.engine.ports import System
from ponte.errors import PonteError, TransientError
from ponte.ledger.opening import open_ledger, shown
from ponte.manifests import Manifests
from ponte.runtime.clock import SystemClock
from ponte_api.sync_job import JobSource, JobTarget
from ponte_api.sync_source import SyncSource

LONGEST_PROBE_S = 20.0
LARGEST_CLOCK_DIFFERENCE_S = 5.0
Role = Literal["read", "write"]
_NOT_LISTED = frozenset({"ReadingNotOffered"})
_MADE_BY_RUNS = _NOT_LISTED | {"FileMissing"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing."""

    about: str
    is_well: bool
    message: str


def _well(about: str, message: str) -> Finding:
    return Finding(about, is_well=True, message=message)


def _ill(about: str, message: str) -> Finding:
    return Finding(about, is_well=False, message=message)


def examine(systems: list[str], common: Common) -> None:
    """Examines the named systems, or everything; exits 1 where something is not well.

    Raises:
        UsageError: there is no such system.
    """
    console, manifests = console_of(common), load_manifests(common)
    named = [manifests.source(name).metadata.name for name in systems]
    findings = asyncio.run(_findings(named, manifests, common))
    if console.is_json:
        console.show_json([{"about": found.about, "ok": found.is_well, "message": found.message} for found in findings])
    else:
        console.show(_lines(findings, console))
    if not all(found.is_well for found in findings):
        raise typer.Exit(exit_codes.FAULTS_FOUND)


def _lines(findings: list[Finding], console: Console) -> list[str]:
    names = max(width_of(escape(found.about)) for found in findings)
    return [line for found in findings for line in _finding_lines(found, names, console)]


def _finding_lines(found: Finding, names: int, console: Console) -> list[str]:
    """A message is never cut: its end says what to do."""
    head = f"{pad(escape(found.about), names)}  {'ok    ' if found.is_well else 'FAILED'}  "
    said = found.message.replace(f" {MARK}", f"\n{MARK}") if console.width else found.message
    lines = wrapped(said, indent=len(head), width=console.width)
    told = [(" " * len(head) if place else head) + line for place, line in enumerate(lines)]
    return told if found.is_well else [console.styled(line, "red") for line in told]


async def _findings(named: list[str], manifests: Manifests, common: Common) -> list[Finding]:
    looked = await asyncio.gather(*(_system(name, manifests, common) for name in named or sorted(manifests.sources)))
    systems = [finding for findings in looked for finding in findings]
    if named:
        return systems
    return [_manifests(manifests), *systems, *await _ledger(ledger_url_of(common))]


def _manifests(manifests: Manifests) -> Finding:
    files = counted(manifests.files, "file")
    if manifests.faults:
        return _ill("manifests", f"{counted(len(manifests.faults), 'fault')} in {files}: ponte validate")
    return _well("manifests", f"{files} without faults")


async def _system(name: str, manifests: Manifests, common: Common) -> list[Finding]:
    """What was found out about a system and, where it answers, what is wrong with the objects that jobs use."""
    try:
        system = connect(manifests.source(name), references_of(common), SystemClock())
    except PonteError as error:
        return [_ill(name, _reasoned(error.reason, error.message, name))]
    try:
        answered = await _told(name, name, _probe(name, system))
        if not answered.is_well:
            return [answered]
        looked = [
            await _told(f"{name}/{used}", name, _object(used, system, roles))
            for used, roles in _used_objects(manifests.source(name), manifests).items()
        ]
        return [answered, *(finding for finding in looked if not finding.is_well)]
    finally:
        await system.close()


async def _told(about: str, name: str, question: Awaitable[Finding]) -> Finding:
    try:
        return await asyncio.wait_for(question, LONGEST_PROBE_S)
    except TimeoutError:
        return _ill(about, f"no answer within {LONGEST_PROBE_S:.0f} s")
    except PonteError as error:
        return _ill(about, _reasoned(error.reason, error.message, name))


def _without_name(message: str, name: str) -> str:
    """What stands beside the name need not begin with it."""
    return message.removeprefix(f"{name}: ")


def _reasoned(reason: str, message: str, name: str) -> str:
    return f"{reason}: {with_next_step(reason, _without_name(message, name))}"


async def _probe(name: str, system: System) -> Finding:
    probe = await system.probe()
    if probe.ok:
        return _well(name, _without_name(probe.message, name))
    return _ill(name, _reasoned(probe.reason, probe.message, name))


def _used_objects(source: SyncSource, manifests: Manifests) -> dict[str, set[Role]]:
    """The objects of a system that jobs use, and for what.

    Those that are not declared are `validate`'s to tell, and files that others drop need not be there yet.
    """
    used: dict[str, set[Role]] = {}
    for job in manifests.jobs.values():
        ends: tuple[tuple[Role, JobSource | JobTarget], ...] = (("read", job.spec.source), ("write", job.spec.target))
        for role, end in ends:
            spec = source.spec.object(end.object) if end.name == source.metadata.name else None
            if spec is not None and spec.incoming is None:
                used.setdefault(end.object, set()).add(role)
    return dict(sorted(used.items()))


async def _object(name: str, system: System, roles: set[Role]) -> Finding:
    """Whether an object is there and can be used; a target that the run will make need not be."""
    if "read" in roles:
        system.source(name)
    if "write" in roles:
        system.target(name)
    try:
        await system.schema(name)
    except PonteError as error:
        if error.reason not in (_NOT_LISTED if "read" in roles else _MADE_BY_RUNS):
            raise
    return _well(name, "can be used")


async def _ledger(url: str) -> list[Finding]:
    if is_missing(url):
        return [_well("ledger", f"{shown(url)}: not there yet, the first run makes it")]
    try:
        ledger = open_ledger(url)
    except PonteError as error:
        return [_ill("ledger", f"{error.reason}: {error.message}")]
    try:
        told = await ledger.now()
    except TransientError as error:
        return [_ill("ledger", error.message)]
    finally:
        await ledger.close()
    return [_well("ledger", shown(url)), _clock(told, SystemClock().now())]


def _clock(ledger: datetime, machine: datetime) -> Finding:
    difference = abs((ledger - machine).total_seconds())
    is_well = difference <= LARGEST_CLOCK_DIFFERENCE_S
    message = f"{seconds(difference)} from the ledger's"
    return Finding("clock", is_well, message if is_well else f"{message}. Next: set this machine's time (NTP).")
