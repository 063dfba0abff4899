"""Records in memory as a system."""

from __future__ import annotations

from ponte.connectors.memory.source import MemorySource
from ponte.connectors.memory.store import MemoryStore
from ponte.connectors.memory.target import MemoryTarget
from ponte.engine.ports import Probe, SchemaField, Source, Target
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec, SyncSource


class MemorySystem:
    """One store."""

    def __init__(self, source: SyncSource, store: MemoryStore) -> None:
        self._source = source
        self._store = store

    def source(self, object_name: str) -> Source:
        """The object for reading."""
        return MemorySource(self._object(object_name), self._store.table(object_name))

    def target(self, object_name: str) -> Target:
        """The object for writing."""
        self._object(object_name)
        return MemoryTarget(object_name, self._store)

    async def probe(self) -> Probe:
        """Always there."""
        return Probe(ok=True, reason="Reachable", message=f"{self._source.metadata.name}: held in memory.")

    async def schema(self, object_name: str) -> list[SchemaField]:
        """The declared fields."""
        return [SchemaField(field.name, field.type) for field in self._object(object_name).fields]

    async def close(self) -> None:
        """Nothing is held open."""

    def _object(self, name: str) -> ObjectSpec:
        spec = self._source.spec.object(name)
        if spec is None:
            names = ", ".join(sorted(known.name for known in self._source.spec.objects))
            raise ConfigurationError(
                f"{self._source.metadata.name}: there is no object {name!r} (has: {names}). Next: correct the name, or "
                "declare it in objects."
            )
        return spec
