"""A folder of files as a system."""

from __future__ import annotations

from pathlib import Path

from ponte.connectors.discovery import FoundField, FoundObject
from ponte.connectors.files.client import Folder
from ponte.connectors.files.errors import translated
from ponte.connectors.files.sniffing import is_known
from ponte.connectors.files.source import FileSource, WrittenFileSource
from ponte.connectors.files.target import FileTarget
from ponte.engine.ports import Clock, Probe, SchemaField, Source, Target
from ponte.errors import ConfigurationError, PonteError
from ponte_api.sync_source import ObjectSpec, SyncSource


class FilesSystem:
    """One folder."""

    def __init__(self, source: SyncSource, path: Path, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._folder = Folder(path, source.metadata.name)

    def source(self, object_name: str) -> Source:
        """The file for reading."""
        return FileSource(self._object(object_name), self._folder, self._clock)

    def written(self, object_name: str) -> Source:
        """A file that Ponte writes, without the apostrophes that were put before formulas."""
        return WrittenFileSource(self._object(object_name), self._folder, self._clock)

    def target(self, object_name: str) -> Target:
        """The file for writing."""
        return FileTarget(self._object(object_name), self._folder)

    async def probe(self) -> Probe:
        """Looks at the folder."""
        try:
            with translated(f"{self._folder.label}: {self._folder.path}"):
                next(self._folder.path.iterdir(), None)
        except PonteError as error:
            return Probe(ok=False, reason=error.reason, message=error.message)
        return Probe(ok=True, reason="Reachable", message=f"{self._folder.label}: {self._folder.path} can be read.")

    async def schema(self, object_name: str) -> list[SchemaField]:
        """The fields that the file names; CSV knows no types, so its are all strings."""
        return await FileSource(self._object(object_name), self._folder, self._clock).schema()

    async def object_names(self) -> list[str]:
        """The files that look like ones that can be read."""
        with translated(f"{self._folder.label}: {self._folder.path}"):
            return sorted(file.name for file in self._folder.path.iterdir() if is_known(file.name) and file.is_file())

    async def found_object(self, object_name: str) -> FoundObject:
        """The fields of the file; a file promises no key."""
        return FoundObject(tuple(FoundField(field.name, field.type) for field in await self.schema(object_name)))

    async def close(self) -> None:
        """Nothing is held open."""

    def _object(self, name: str) -> ObjectSpec:
        spec = self._source.spec.object(name)
        if spec is None:
            names = ", ".join(sorted(known.name for known in self._source.spec.objects))
            raise ConfigurationError(
                f"{self._folder.label}: there is no object {name!r} (has: {names}). Next: correct the name, or declare "
                "it in objects."
            )
        if spec.path is None:
            raise ConfigurationError(f"{self._folder.label}/{name} has no path. Next: name a file by path.")
        return spec
