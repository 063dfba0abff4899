"""Where records in memory live: by name of the store and of the object, with a log of every effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ponte.connectors.memory.behaviour import Behaviour, Key
from ponte.engine.ports import Operation

Record = dict[str, object]


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that really happened to a record.

    Attributes:
        operation: what was done; an upsert counts as what it turned out to be.
        key: the natural key.
        values: the fields that were sent; none for a delete.
    """

    object_name: str
    operation: Operation
    key: Key
    values: Mapping[str, object]


@dataclass(slots=True)
class MemoryObject:
    """One set of records.

    Attributes:
        records: by the store's own id, in the order of their making.
        answered: ids by idempotency key.
        lost: keys whose answer was already lost.
    """

    behaviour: Behaviour = field(default_factory=Behaviour)
    records: dict[str, Record] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    lost: set[Key] = field(default_factory=set)
    made: int = 0

    def add(self, record: Mapping[str, object]) -> str:
        """Makes a record and gives its id."""
        self.made += 1
        identity = str(self.made)
        self.records[identity] = dict(record)
        return identity

    def find(self, names: Iterable[str], key: Key) -> list[str]:
        """Ids of the records with that key."""
        wanted = list(names)
        return [i for i, record in self.records.items() if tuple(record.get(name) for name in wanted) == key]


@dataclass(slots=True)
class MemoryStore:
    """Objects by name, and what was done to them."""

    objects: dict[str, MemoryObject] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)

    def table(self, name: str) -> MemoryObject:
        """The object of that name; made when it is new."""
        return self.objects.setdefault(name, MemoryObject())

    def put(self, name: str, records: Iterable[Mapping[str, object]]) -> None:
        """Replaces the records of an object, as somebody else would: nothing is logged."""
        target = self.table(name)
        target.records.clear()
        for record in records:
            target.add(record)

    def records(self, name: str) -> list[Record]:
        """Copies of the records of an object."""
        return [dict(record) for record in self.table(name).records.values()]

    def behave(self, name: str, behaviour: Behaviour) -> None:
        """Sets how an object behaves."""
        self.table(name).behaviour = behaviour


_STORES: dict[str, MemoryStore] = {}


def store(name: str = "memory") -> MemoryStore:
    """The store of that name in this process; made when it is new."""
    return _STORES.setdefault(name, MemoryStore())


def forget() -> None:
    """Forgets all stores: for the end of a test."""
    _STORES.clear()
