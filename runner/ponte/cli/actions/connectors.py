"""`ponte connectors`: which kinds of systems there are and what they can do."""

from __future__ import annotations

from typing import Any

from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.cli.render.connectors import connector_lines, connector_table
from ponte.connectors.description import Description, Installed, installed_connectors
from ponte.errors import UsageError
from ponte.manifests.faults import suggestion


def list_connectors(common: Common) -> None:
    """Shows all kinds of systems, those of other distributions too."""
    console, found = console_of(common), installed_connectors()
    if console.is_json:
        console.show_json([_document(connector) for connector in found])
    else:
        console.show(connector_table(found, width=console.width))


def describe_connector(name: str, common: Common) -> None:
    """Shows one kind. Raises UsageError with the nearest name where there is none."""
    console, found = console_of(common), _named(name)
    if console.is_json:
        console.show_json(_document(found))
    else:
        console.show(connector_lines(found, width=console.width))


def show_example(name: str, common: Common) -> None:
    """Shows the SyncSource alone, to be written into a file. Raises UsageError where there is none."""
    found = _named(name)
    if found.description is None:
        raise UsageError(
            f'The connector "{name}" ({found.provider}) gives no example. Next: see its own documentation.'
        )
    console_of(common).show(found.description.example.splitlines())


def _named(name: str) -> Installed:
    found = {connector.name: connector for connector in installed_connectors()}
    if name not in found:
        raise UsageError(f'There is no connector "{name}". {suggestion(name, found)}', reason="NotFound")
    return found[name]


def _document(found: Installed) -> dict[str, Any]:
    return {"name": found.name, "provider": found.provider, **_described(found.description)}


def _described(description: Description | None) -> dict[str, Any]:
    if description is None:
        return {}
    return {
        "summary": description.summary,
        "reads": description.reads,
        "operations": description.operations,
        "notes": description.notes,
        "drivers": [
            {"name": driver.name, "state": driver.state, "install": driver.install} for driver in description.drivers
        ],
        "docs": description.docs,
        "example": description.example,
    }
