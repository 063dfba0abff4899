"""Finds the connector of a SyncSource and connects it, loading only the one that is needed.

Connectors register by entry points of the group `ponte.connectors`; an entry point's name is the member of
`SyncSource.spec` that it serves, and it names a function `connect(source, references, clock) -> System`. This module
is all that the engine's callers need to know of connectors.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import TYPE_CHECKING, Protocol, cast

from ponte.errors import ConfigurationError
from ponte_api.common import Secret, Setting
from ponte_api.sync_source import SyncSource

if TYPE_CHECKING:
    from ponte.engine.ports import Clock, System  # brings Polars, which a connector may import while something starts

GROUP = "ponte.connectors"
_NOT_KINDS = frozenset({"objects", "limits"})


class SecretText(Protocol):
    """A secret that shows itself only when asked to."""

    def reveal(self) -> str:
        """The secret itself, for the driver and nobody else."""
        ...


class References(Protocol):
    """Values that a SyncSource names instead of holding them; `what` names the setting in messages.

    Each raises ConfigurationError where a value is missing.
    """

    def setting(self, setting: Setting, what: str) -> str:
        """The value of a connection setting."""
        ...

    def secret(self, secret: Secret, what: str) -> SecretText:
        """The value of a credential."""
        ...


class Connect(Protocol):
    """What an entry point of the group names. It checks and prepares; it reaches no network yet."""

    def __call__(self, source: SyncSource, references: References, clock: Clock) -> System:
        """The system, ready to give sources and targets."""
        ...


def connect(source: SyncSource, references: References, clock: Clock) -> System:
    """The connected system that a SyncSource describes.

    Raises:
        ConfigurationError: no or more than one kind of system is set, its connector or an extra that it needs is not
            installed, or a reference leads nowhere.
    """
    kind = _kind(source)
    found = _entry_point(kind)
    if found is None:
        raise ConfigurationError(
            f"{source.metadata.name}: no connector for {kind!r} is installed. Next: install what provides it; "
            "`ponte connectors list` shows what is there.",
            reason="ConnectorMissing",
        )
    try:
        factory = cast("Connect", found.load())
    except ImportError as error:
        raise ConfigurationError(
            f"{source.metadata.name}: the connector {kind!r} needs a package that is missing ({error.name})."
            f" Next: pip install 'ponte-sync[{found.name}]'",
            reason="ExtraMissing",
        ) from error
    return factory(source, references, clock)


def _kind(source: SyncSource) -> str:
    kinds = [name for name, value in source.spec if name not in _NOT_KINDS and value is not None]
    if len(kinds) != 1:
        raise ConfigurationError(
            f"{source.metadata.name}: found {', '.join(kinds) or 'none'} as the kind of system. Next: set exactly one."
        )
    return kinds[0]


def _entry_point(kind: str) -> EntryPoint | None:
    return next(iter(installed().select(name=kind)), None)


@functools.cache
def installed() -> EntryPoints:
    """The connectors that are installed, looked up once: it takes a look at each distribution there is."""
    return entry_points(group=GROUP)
