"""The rest connector: systems with a JSON web API, as source and as target."""

from __future__ import annotations

from ponte.connectors.registry import References
from ponte.connectors.rest.description import describe
from ponte.engine.ports import Clock, System
from ponte.errors import ConfigurationError
from ponte_api.sync_source import SyncSource

__all__ = ["connect", "describe"]


def connect(source: SyncSource, references: References, clock: Clock) -> System:
    """The system that a SyncSource with `rest` describes; no network is reached yet.

    Raises:
        ConfigurationError: a setting is missing, malformed or not allowed, or the packages are not installed.
    """
    try:
        from ponte.connectors.rest.system import open_system  # noqa: PLC0415 - loads aiohttp

        return open_system(source, references, clock)  # loads httpx where tokens are fetched
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ponte"):
            raise
        raise ConfigurationError(
            f"{source.metadata.name}: {error.name} is not installed. Next: pip install 'ponte-sync[rest]'",
            reason="ExtraMissing",
        ) from error
