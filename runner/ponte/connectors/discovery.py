"""What a system can tell of its objects before anybody has written them down: for `ponte init` and `ponte schema`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class FoundField:
    """One field of an object.

    Attributes:
        name: as the system has it.
        type: as in `objects[].fields`; `decimal` alone where no scale is declared.
        is_required: whether a record must have it, because nothing else fills it.
        length: most characters of a text; None for any.
        samples: values of some records as text, for guesses only: never shown, never written.
    """

    name: str
    type: str
    is_required: bool = False
    length: int | None = None
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object. `keys` are the fields that hold each combination once, the primary key first."""

    fields: tuple[FoundField, ...]
    keys: tuple[tuple[str, ...], ...] = ()


@runtime_checkable
class Discovers(Protocol):
    """A System that knows more than `schema` says. Optional: without it an object has fields, and no keys."""

    async def object_names(self) -> list[str]:
        """What there is, as `table` or `path` of an object would name it; empty where the system does not say."""
        ...

    async def found_object(self, object_name: str) -> FoundObject:
        """A declared object as the system has it."""
        ...
