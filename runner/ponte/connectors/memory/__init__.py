"""Connector `memory`: records held in this process, for tests of your own.

A test prepares a store by name, runs a job against it and looks at what happened:

    shop = memory.store("shop")
    shop.behave("products", Behaviour(upserts=False, own_ids=True, lost_answers={("0042",)}))
    ...
    assert [effect.operation for effect in shop.effects] == ["create"]
"""

from __future__ import annotations

from ponte.connectors.memory.behaviour import Behaviour
from ponte.connectors.memory.description import describe
from ponte.connectors.memory.store import Effect, MemoryStore, forget, store
from ponte.connectors.memory.system import MemorySystem
from ponte.connectors.registry import References
from ponte.engine.ports import Clock, System
from ponte.errors import ConfigurationError
from ponte_api.sync_source import SyncSource


def connect(source: SyncSource, references: References, clock: Clock) -> System:  # noqa: ARG001 - the connectors' signature
    """The store of a SyncSource; the same one for all SyncSources that name it."""
    if source.spec.memory is None:
        raise ConfigurationError(f"{source.metadata.name}: this is not held in memory. Next: set spec.memory.")
    return MemorySystem(source, store(source.spec.memory.name))


__all__ = ["Behaviour", "Effect", "MemoryStore", "MemorySystem", "connect", "describe", "forget", "store"]
