"""What a connector says of itself, for people: which systems, what it can do, what must be installed, an example.

A connector's package has a function `describe() -> Description` beside its `connect`; one without is listed by its name
alone. Nothing is connected and no driver is loaded for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module, resources
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Literal

from ponte.connectors.registry import GROUP
from ponte.engine.ports import Operation, ReadMode

DriverState = Literal["installed", "missing"]


@dataclass(frozen=True, slots=True)
class Driver:
    """Something that must be installed for a kind of system, or for a part of it.

    Attributes:
        name: what it is for, such as PostgreSQL.
        modules: the Python modules that must be there; empty where nothing has to be installed.
        install: the command that installs it.
    """

    name: str
    modules: tuple[str, ...] = ()
    install: str = ""

    @property
    def state(self) -> DriverState:
        """Whether it is there, without loading it."""
        return "installed" if all(_is_there(module) for module in self.modules) else "missing"


@dataclass(frozen=True, slots=True)
class Description:
    """One kind of system.

    Attributes:
        summary: what it is, in a line.
        reads: the modes that its sources may offer.
        operations: what its targets may offer.
        notes: what else decides whether it fits, a sentence each.
        drivers: what must be installed, part by part.
        example: a complete SyncSource, as YAML.
        docs: the page for users.
    """

    summary: str
    reads: tuple[ReadMode, ...]
    operations: tuple[Operation, ...]
    drivers: tuple[Driver, ...]
    example: str
    docs: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """A connector that is registered, by the entry point's name.

    Attributes:
        provider: the distribution that brings it.
        description: None where it gives none, or cannot be loaded.
    """

    name: str
    provider: str
    description: Description | None


def installed_connectors() -> list[Installed]:
    """All registered connectors, those of other distributions too, by name."""
    found = []
    for point in entry_points(group=GROUP):
        provider = point.dist.name if point.dist is not None else "unknown"
        found.append(Installed(point.name, provider, _description(point.module)))
    return sorted(found, key=lambda connector: connector.name)


def example_of(package: str) -> str:
    """The SyncSource in the file `example.yaml` of a connector's package."""
    return resources.files(package).joinpath("example.yaml").read_text(encoding="utf-8")


def _description(module: str) -> Description | None:
    try:
        describe = getattr(import_module(module), "describe", None)
    except ImportError:
        return None
    described = describe() if callable(describe) else None
    return described if isinstance(described, Description) else None


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # a package above it is missing
        return False
