"""Connector `files`: a folder of CSV and JSON Lines files."""

from __future__ import annotations

from pathlib import Path

from ponte.connectors.files.description import describe
from ponte.connectors.files.system import FilesSystem
from ponte.connectors.registry import References
from ponte.engine.ports import Clock, System
from ponte.errors import ConfigurationError
from ponte_api.sync_source import SyncSource

__all__ = ["connect", "describe"]


def connect(source: SyncSource, references: References, clock: Clock) -> System:
    """The folder of a SyncSource. Nothing is opened yet.

    Raises:
        ConfigurationError: the SyncSource is no folder of files.
    """
    if source.spec.files is None:
        raise ConfigurationError(f"{source.metadata.name}: this is no folder of files. Next: set spec.files.")
    folder = references.setting(source.spec.files.path, f"{source.metadata.name}: files.path")
    return FilesSystem(source, Path(folder), clock)
