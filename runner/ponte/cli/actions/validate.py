"""`ponte validate`: every fault of the manifests, with its file and line."""

from __future__ import annotations

import dataclasses

import typer

from ponte.cli import exit_codes
from ponte.cli.console import Console, console_of
from ponte.cli.options import Common
from ponte.cli.render.text import counted, escape
from ponte.cli.workspace import load_manifests
from ponte.errors import UsageError
from ponte.manifests import Manifests


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
    lines = [escape(str(fault)) for fault in manifests.faults]
    lines += [console.styled("warning: ", "yellow") + escape(str(warning)) for warning in manifests.warnings]
    lines += [escape(str(replaced)) for replaced in manifests.replaced]
    files = counted(manifests.files, "file")
    if manifests.faults:
        return [*lines, f"{counted(len(manifests.faults), 'fault')} in {files}."]
    return [*lines, f"{files}: {_contents(manifests)}. No faults."]


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
