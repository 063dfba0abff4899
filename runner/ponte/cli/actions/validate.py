"""`ponte validate`: every fault of the manifests, with its file and line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import typer

from ponte.cli import exit_codes
from ponte.cli.console import Console, console_of
from ponte.cli.options import Common
from ponte.cli.render.text import counted, hanging
from ponte.cli.workspace import load_manifests
from ponte.errors import UsageError
from ponte.manifests import Manifests

_WARNING = "warning: "


def validate_manifests(common: Common) -> None:
    """Shows all faults and warnings; exits 78 where there are faults.

    Raises:
        UsageError: nothing of Ponte's is there: "no faults" would be a slip of the pen in -f told as good news.
    """
    console, manifests = console_of(common), load_manifests(common)
    if not (manifests.documents or manifests.faults):
        raise UsageError(
            f"There is nothing of Ponte's in {manifests.origin} ({counted(manifests.files, 'file')} read). "
            "Next: name the folder of the manifests by -f DIR."
        )
    if console.is_json:
        console.show_json(_document(manifests))
    else:
        console.show(_lines(manifests, console))
    if manifests.faults:
        raise typer.Exit(exit_codes.CONFIGURATION)


def _lines(manifests: Manifests, console: Console) -> list[str]:
    yellow = console.styled(_WARNING, "yellow")
    warnings = _wrapped([f"{_WARNING}{warning}" for warning in manifests.warnings], console)
    lines = _wrapped(map(str, manifests.faults), console)
    lines += [line.replace(_WARNING, yellow, 1) if line.startswith(_WARNING) else line for line in warnings]
    lines += _wrapped(map(str, manifests.replaced), console)
    files = counted(manifests.files, "file")
    if manifests.faults:
        return [*lines, f"{counted(len(manifests.faults), 'fault')} in {files}."]
    return [*lines, *_wrapped([f"{files}: {_contents(manifests)}. No faults."], console)]


def _wrapped(statements: Iterable[str], console: Console) -> list[str]:
    return [line for said in statements for line in hanging(said, width=console.width)]


def _contents(manifests: Manifests) -> str:
    kinds = (
        (manifests.sources, "SyncSource"),
        (manifests.mappings, "Mapping"),
        (manifests.jobs, "SyncJob"),
        (manifests.runs, "SyncRun"),
        (manifests.channels, "NotificationChannel"),
    )
    return ", ".join(counted(len(found), kind) for found, kind in kinds if found) or "nothing of Ponte's"


def _document(manifests: Manifests) -> dict[str, object]:
    return {
        "files": manifests.files,
        "faults": [dataclasses.asdict(fault) for fault in manifests.faults],
        "warnings": [dataclasses.asdict(warning) for warning in manifests.warnings],
        "replaced": [dataclasses.asdict(replaced) for replaced in manifests.replaced],
    }
