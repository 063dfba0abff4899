"""Writes records in memory, as its behaviour says."""

from __future__ import annotations

from typing import Any

import polars as pl

from ponte.connectors.memory.behaviour import Key
from ponte.connectors.memory.store import Effect, MemoryStore, Record
from ponte.engine.ports import ANSWER_SCHEMA, FOUND_SCHEMA, Delivery, Operation, TargetCapabilities

Answer = dict[str, Any]


class MemoryTarget:
    """One object, for writing."""

    def __init__(self, name: str, store: MemoryStore) -> None:
        self._name = name
        self._store = store
        self._object = store.table(name)
        behaviour = self._object.behaviour
        self.capabilities = TargetCapabilities(
            operations=frozenset({"create", "update", "delete"}),
            upserts=behaviour.upserts,
            finds=behaviour.finds,
            takes_idempotency_keys=behaviour.takes_idempotency_keys,
            chunk=behaviour.chunk,
        )

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """Applies each record by itself."""
        answers = [
            {"row": row, **self._write(delivery, record, identity, idempotency)}
            for row, (record, identity, idempotency) in enumerate(
                zip(
                    delivery.frame.iter_rows(named=True),
                    delivery.target_ids.to_list(),
                    delivery.idempotency_keys.to_list(),
                    strict=True,
                )
            )
        ]
        return pl.DataFrame(answers, schema=ANSWER_SCHEMA)

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Ids by natural key."""
        found = [
            {"row": row, "target_id": identity if self._object.behaviour.own_ids else None}
            for row, key in enumerate(keys.iter_rows())
            for identity in self._object.find(keys.columns, key)
        ]
        return pl.DataFrame(found, schema=FOUND_SCHEMA)

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:
        """The records as they stand, by id where there is one, otherwise by natural key."""
        found: list[Record] = []
        for row, (key, identity) in enumerate(zip(keys.iter_rows(), target_ids.to_list(), strict=True)):
            known = [identity] if identity in self._object.records else self._object.find(keys.columns, key)
            found += [{"row": row, **self._object.records[i]} for i in known]
        return pl.DataFrame(found, schema_overrides={"row": pl.UInt32}, infer_schema_length=None)

    def _write(self, delivery: Delivery, record: Record, identity: str | None, idempotency: str | None) -> Answer:
        key = tuple(record[name] for name in delivery.key)
        reason = self._object.behaviour.refused.get(key)
        if reason is not None and delivery.operation != "delete":
            return {"outcome": "rejected", "reason": reason, "message": "the store refuses this key"}
        values = {name: v for name, v in record.items() if v is not None or name not in delivery.omit_null}
        answer = {"create": self._create, "update": self._update, "delete": self._delete}[delivery.operation](
            key, delivery.key, values, idempotency if delivery.operation == "create" else identity
        )
        if key in self._object.behaviour.lost_answers and key not in self._object.lost:
            self._object.lost.add(key)
            return {"outcome": "unknown", "reason": "AnswerLost", "message": "the answer did not come"}
        return answer

    def _create(self, key: Key, names: tuple[str, ...], values: Record, idempotency: str | None) -> Answer:
        behaviour = self._object.behaviour
        if behaviour.takes_idempotency_keys and idempotency in self._object.answered:
            return self._done(self._object.answered[idempotency])
        existing = self._object.find(names, key) if behaviour.upserts else []
        if existing:
            return self._change(existing[0], key, values)
        made = self._object.add(values)
        if idempotency is not None:
            self._object.answered[idempotency] = made
        self._log("create", key, values)
        return self._done(made)

    def _update(self, key: Key, names: tuple[str, ...], values: Record, identity: str | None) -> Answer:
        known = self._known(key, names, identity)
        if known is None:
            return {"outcome": "rejected", "reason": "NotFound", "message": "the store has no record with this key"}
        return self._change(known, key, values)

    def _delete(self, key: Key, names: tuple[str, ...], values: Record, identity: str | None) -> Answer:  # noqa: ARG002 - one shape for all
        known = self._known(key, names, identity)
        if known is not None:
            del self._object.records[known]
            self._log("delete", key, {})
        return self._done(known)

    def _known(self, key: Key, names: tuple[str, ...], identity: str | None) -> str | None:
        if self._object.behaviour.own_ids and identity in self._object.records:
            return identity
        return next(iter(self._object.find(names, key)), None)

    def _change(self, identity: str, key: Key, values: Record) -> Answer:
        self._object.records[identity].update(values)
        self._log("update", key, values)
        return self._done(identity)

    def _done(self, identity: str | None) -> Answer:
        return {"outcome": "done", "target_id": identity if self._object.behaviour.own_ids else None}

    def _log(self, operation: Operation, key: Key, values: Record) -> None:
        self._store.effects.append(Effect(self._name, operation, key, values))
