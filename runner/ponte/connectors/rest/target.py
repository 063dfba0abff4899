"""A REST object as target: each record gets a definite answer or is unknown; what could act twice is sent once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from ponte.connectors.http.client import Client
from ponte.connectors.http.deadline import work_until
from ponte.connectors.records import frame_records
from ponte.connectors.rest.answers import take_text
from ponte.connectors.rest.bulk import BulkDelivery
from ponte.connectors.rest.concurrency import gather
from ponte.connectors.rest.jobs import Jobs
from ponte.connectors.rest.lookup import Lookup, Values
from ponte.connectors.rest.outcomes import answer_frame, column_texts
from ponte.connectors.rest.record_delivery import RecordDelivery
from ponte.connectors.rest.templates import ID
from ponte.connectors.rest.writing import Writing
from ponte.engine.ports import FOUND_SCHEMA, Delivery, Operation, TargetCapabilities
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec


class RestTarget:
    """`Target` over one object of a REST system.

    Args:
        client: of the system.
        spec: the object.
        writing: how it is written.
        lookup: its single records.
        per_second: requests that may start per second.
    """

    def __init__(
        self, client: Client, spec: ObjectSpec, writing: Writing, lookup: Lookup, per_second: int | None
    ) -> None:
        self._client = client
        self._spec = spec
        self._writing = writing
        self._lookup = lookup
        self._admitted: set[Operation] = set()
        bulk = writing.bulk
        self._jobs = Jobs(client, bulk.job, bulk.answers) if bulk and bulk.job else None
        finds = lookup.finds
        self.capabilities: TargetCapabilities = writing.capabilities(
            client.limits.connections, per_second, client.ground.timeout_s, finds=finds
        )

    async def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """See `Target`."""
        if delivery.operation not in self.capabilities.operations:
            raise ConfigurationError(
                f"{self._where()} offers no {delivery.operation}. Next: declare it in its `write`, or take it out of "
                "the job's operations."
            )
        if not delivery.frame.height:
            return answer_frame([])
        latest = self.capabilities.timeout_s - self._client.ground.timeout_s
        with work_until(self._client.clock.now() + timedelta(seconds=latest)):
            work = self._delivery(delivery)
            return answer_frame(await work.run())

    async def find(self, keys: pl.DataFrame) -> pl.DataFrame:
        """See `Target`. The field that `write.id` names is the target id."""
        found = await gather([self._find(values) for values in _rows(keys)])
        rows = [(row, self._id_of(record)) for row, records in enumerate(found) for record in records]
        return pl.DataFrame(rows, schema=FOUND_SCHEMA, orient="row")

    async def fetch(self, keys: pl.DataFrame, target_ids: pl.Series) -> pl.DataFrame:
        """See `Target`."""
        rows = zip(_rows(keys), target_ids.to_list(), strict=True)
        found = await gather([self._fetch(values, target_id) for values, target_id in rows])
        there = [(row, record) for row, record in enumerate(found) if record is not None]
        framed = frame_records([record for _, record in there], self._spec.fields).frame.drop("row", strict=False)
        places = pl.Series("row", [row for row, _ in there], dtype=pl.UInt32)
        return pl.DataFrame([places, *framed.iter_columns()])  # records may hold no field at all

    def _delivery(self, delivery: Delivery) -> RecordDelivery | BulkDelivery:
        if delivery.operation in self._writing.bulk_operations and self._writing.bulk is not None:
            return BulkDelivery(self._client, self._writing, self._lookup, delivery, self._admitted, self._jobs)
        return RecordDelivery(self._client, self._writing, self._lookup, delivery, self._admitted)

    async def _find(self, values: Values) -> list[dict[str, Any]]:
        if self._lookup.can_find(set(values)):
            return await self._lookup.find(values)
        if self._lookup.can_get(set(values)):
            record = await self._lookup.get(values)
            return [] if record is None else [record]
        raise ConfigurationError(
            f"{self._where()}: records cannot be looked up by {', '.join(values)}. Next: set write.find with these "
            "fields, or write.get with places for them."
        )

    async def _fetch(self, key: Values, target_id: str | None) -> dict[str, Any] | None:
        values = key if ID in key or target_id is None else {**key, ID: target_id}
        if self._lookup.can_get(set(values)):
            return await self._lookup.get(values)
        found = await self._find(key)
        return found[0] if len(found) == 1 else None

    def _id_of(self, record: dict[str, Any]) -> str | None:
        return take_text(record, self._writing.id_path or (ID if self._writing.needs_ids else None))

    def _where(self) -> str:
        return f"{self._client.ground.label}/{self._spec.name}"


def _rows(keys: pl.DataFrame) -> list[dict[str, str]]:
    texts = column_texts(keys, keys.columns)
    return [{path: texts[path][row] or "" for path in texts} for row in range(keys.height)]
