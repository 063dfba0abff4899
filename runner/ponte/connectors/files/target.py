"""Writes records into a file by natural key: each delivery replaces the file as a whole."""

from __future__ import annotations

import asyncio
from typing import Any

import polars as pl

from ponte.connectors.files.client import Folder
from ponte.connectors.files.state import StateFile
from ponte.connectors.files.writing import Key, NotExpressibleError, Record, State
from ponte.engine.ports import ANSWER_SCHEMA, FOUND_SCHEMA, Delivery, TargetCapabilities
from ponte.threads import in_thread
from ponte_api.sync_source import ObjectSpec

CHUNK = 100_000
TIMEOUT_S = 120.0


class FileTarget:
    """One file, for writing."""

    capabilities = TargetCapabilities(
        operations=frozenset({"create", "update", "delete"}),
        upserts=True,
        finds=True,
        chunk=CHUNK,
        timeout_s=TIMEOUT_S,
        transactional=True,
    )

    def __init__(self, spec: ObjectSpec, folder: Folder) -> None:
        self._file = StateFile(spec, folder)
        self._turn = asyncio.Lock()

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """Merges a delivery into the file; records that the format cannot express are rejected."""
        async with self._turn:
            return await in_thread(lambda: self._deliver(delivery))

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Which keys the file has."""
        found = await in_thread(lambda: self._places(keys))
        return pl.DataFrame([{"row": row, "target_id": None} for row, _ in found], schema=FOUND_SCHEMA)

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:  # noqa: ARG002 - keys are enough
        """The records as they stand."""
        found = await in_thread(lambda: self._places(keys))
        records = [{**record, "row": row} for row, record in found]
        return pl.DataFrame(records, schema_overrides={"row": pl.UInt32}, infer_schema_length=None)

    def _places(self, keys: pl.DataFrame) -> list[tuple[int, Record]]:
        state = self._file.load()
        places = state.places(keys.columns)
        wanted = [tuple(record.values()) for record in self._file.writer.values(keys, frozenset())]
        return [(row, state.records[place]) for row, key in enumerate(wanted) for place in places.get(key, [])]

    def _deliver(self, delivery: Delivery) -> pl.DataFrame:
        if not delivery.frame.height:
            return ANSWER_SCHEMA.to_frame()
        state = self._file.load()
        merging = _Merging(self._file, state, delivery)
        records = self._file.writer.values(delivery.frame, delivery.json_fields)
        answers = [{"row": row, **merging.take(record)} for row, record in enumerate(records)]
        if any(answer["outcome"] == "done" for answer in answers):
            self._file.write(merging.result())
        return pl.DataFrame(answers, schema=ANSWER_SCHEMA)


class _Merging:
    """A delivery on its way into a state."""

    def __init__(self, file: StateFile, state: State, delivery: Delivery) -> None:
        self._file = file
        self._state = state
        self._delivery = delivery
        self._places = state.places(delivery.key)
        self._gone: set[int] = set()
        new = [name for name in delivery.frame.columns if name not in state.names]
        state.names = state.names + new

    def take(self, record: Record) -> dict[str, Any]:
        """Takes one record in and answers for it."""
        key = tuple(record[name] for name in self._delivery.key)
        if any(value is None or value == "" for value in key):
            return _reject("RequiredFieldMissing", "the natural key is empty", self._delivery.key[0])
        if self._delivery.operation == "delete":
            self._gone.update(self._places.pop(key, []))
            return {"outcome": "done"}
        if self._delivery.operation == "update" and key not in self._places:
            return _reject("NotFound", "the target has no record with this key")
        return self._merge(key, record)

    def result(self) -> State:
        """The state with the delivery in it."""
        kept = [record for place, record in enumerate(self._state.records) if place not in self._gone]
        return State(self._state.names, kept)

    def _merge(self, key: Key, record: Record) -> dict[str, Any]:
        sent = {n: v for n, v in record.items() if v is not None or n not in self._delivery.omit_null}
        places = self._places.get(key, [])
        merged = [{**self._state.records[place], **sent} for place in places] or [sent]
        try:
            for result in merged:
                self._file.writer.check(result, self._state.names)
        except NotExpressibleError as error:
            return _reject(error.reason, error.message, error.field)
        except ValueError as error:
            return _reject("InvalidText", f"the file's format or encoding cannot express it ({type(error).__name__})")
        for place, result in zip(places, merged, strict=False):
            self._state.records[place] = result
        if not places:
            self._places[key] = [len(self._state.records)]
            self._state.records.append(sent)
        return {"outcome": "done"}


def _reject(reason: str, message: str, field: str | None = None) -> dict[str, Any]:
    return {"outcome": "rejected", "reason": reason, "message": message, "field": field}
