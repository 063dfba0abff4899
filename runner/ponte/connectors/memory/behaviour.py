"""How an object in memory behaves, so that a test can meet each kind of system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How an object behaves. The default is the friendliest: upserts, can be looked up, always answers.

    Attributes:
        upserts: a create whose key exists becomes an update; otherwise it makes a second record.
        finds: records can be looked up by natural key.
        own_ids: records get ids of the store's own, by which they are updated and deleted.
        takes_idempotency_keys: a create whose idempotency key was seen answers as the first one did.
        refused: keys whose records are refused, and why.
        lost_answers: keys whose next write happens but is answered `unknown`.
        short_read: a reading of all stops after so many records, without its end mark.
        between_batches: called with the records after each batch that is read: a source that moves under the reader.
        chunk: most records per delivery.
    """

    upserts: bool = True
    finds: bool = True
    own_ids: bool = False
    takes_idempotency_keys: bool = False
    refused: Mapping[Key, str] = field(default_factory=dict)
    lost_answers: AbstractSet[Key] = frozenset()
    short_read: int | None = None
    between_batches: Callable[[list[dict[str, object]]], None] | None = None
    chunk: int = 500
