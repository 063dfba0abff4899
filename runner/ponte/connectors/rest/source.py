"""A REST object as source: lists page by page, changes by a query parameter, single records by key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import polars as pl

from ponte.connectors.bounds import TIME_EXAMPLE, check_bounds
from ponte.connectors.http.client import Client
from ponte.connectors.records import JsonError, frame_records
from ponte.connectors.rest.concurrency import gather
from ponte.connectors.rest.cursors import find_upper_bound, place_of, within
from ponte.connectors.rest.listing import Listing
from ponte.connectors.rest.lookup import Lookup
from ponte.connectors.rest.pages import Parameters
from ponte.connectors.rest.paging import Step
from ponte.engine.ports import Batch, Read, ReadMode, SourceCapabilities, Unreadable
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec


class RestSource:
    """`Source` over one object of a REST system.

    Args:
        client: of the system.
        spec: the object.
        listing: its list, where it has one.
        lookup: its single records.
    """

    def __init__(self, client: Client, spec: ObjectSpec, listing: Listing | None, lookup: Lookup) -> None:
        self._client = client
        self._spec = spec
        self._listing = listing
        self._lookup = lookup
        self.capabilities = SourceCapabilities(reads=self._reads(), moves=listing is not None and listing.is_paged)

    async def upper_bound(self) -> str | None:
        """See `Source`, and `cursors.find_upper_bound`."""
        if self._spec.cursor is None or self._listing is None:
            return None
        return await find_upper_bound(self._listing, self._spec.cursor.field, self._where())

    def read(self, read: Read) -> AsyncIterator[Batch]:
        """See `Source`."""
        if read.mode not in self.capabilities.reads:
            raise ConfigurationError(f"{self._where()} cannot be read by {read.mode}. {self._advice(read.mode)}")
        if read.mode == "keys":
            return self._read_keys(read)
        return self._read_list(read)

    def _reads(self) -> frozenset[ReadMode]:
        modes: set[ReadMode] = set()
        if self._listing is not None:
            modes.add("all")
            if self._spec.cursor is not None and self._spec.cursor.parameter is not None:
                modes |= {"changes", "range"}
        names = set(self._spec.key)
        if names and (self._lookup.can_get(names) or self._lookup.can_find(names)):
            modes.add("keys")
        return frozenset(modes)

    def _advice(self, mode: ReadMode) -> str:
        if mode == "keys":
            return "Next: set key, and write.get with places for it (GET /products/{sku}) or write.find."
        return "Next: set path." if mode == "all" else "Next: set cursor.field and cursor.parameter."

    async def _read_list(self, read: Read) -> AsyncIterator[Batch]:
        assert self._listing is not None  # noqa: S101 - the capabilities say so
        if self._spec.cursor is not None:
            where = f"{self._where()}, cursor {self._spec.cursor.field}"
            check_bounds(read, lambda text: place_of(text) is not None, f"{TIME_EXAMPLE}Z", where)
        gathered = _Gathered()
        async for step in self._listing.walk(self._bounds(read), read.resume):
            elements = self._within(read, step.page.elements)
            if gathered.elements and len(gathered.elements) + len(elements) > read.batch_size:
                yield self._batch(read, gathered)
                gathered = _Gathered()
            gathered.add(step, elements)
            for whole in gathered.split(read.batch_size):
                yield self._batch(read, whole)
        if gathered.is_open:
            yield self._batch(read, gathered)

    def _bounds(self, read: Read) -> Parameters:
        cursor = self._spec.cursor
        if read.mode == "all" or cursor is None:
            return []
        bounds = [(cursor.parameter, read.lower), (cursor.upper_parameter, read.upper)]
        return [(name, value) for name, value in bounds if name is not None and value is not None]

    def _within(self, read: Read, elements: list[Any]) -> list[Any]:
        if read.mode == "all" or self._spec.cursor is None:
            return elements
        return within(elements, self._spec.cursor.field, read.lower, read.upper)

    async def _read_keys(self, read: Read) -> AsyncIterator[Batch]:
        keys = pl.DataFrame() if read.keys is None else read.keys.select(pl.all().cast(pl.String))
        rows = keys.rows(named=True)
        width = max(1, min(read.batch_size, self._client.limits.connections * 8))
        for start in range(0, len(rows), width):
            found = await gather([self._read_key(row) for row in rows[start : start + width]])
            gathered = _Gathered(elements=[record for records in found for record in records])
            gathered.is_last = start + width >= len(rows)
            yield self._batch(read, gathered)
        if not rows:
            yield self._batch(read, _Gathered(is_last=True))

    async def _read_key(self, values: dict[str, str]) -> list[dict[str, Any]]:
        if self._lookup.can_get(set(values)):
            record = await self._lookup.get(values)
            return [] if record is None else [record]
        return await self._lookup.find(values)

    def _batch(self, read: Read, gathered: _Gathered) -> Batch:
        spec = self._spec
        cursor = [spec.cursor.field] if spec.cursor else []
        version = [spec.version] if spec.version else []
        tops = [path.partition(".")[0] for path in (*spec.key, *cursor, *version)]
        try:
            framed = frame_records(gathered.elements, spec.fields, read.columns or tops)
        except JsonError as error:
            raise ConfigurationError(
                f"{self._where()}: {error.message}. Next: check list.records.", reason=error.reason
            ) from error
        return Batch(
            frame=framed.frame if read.columns is None else framed.frame.select(read.columns),
            faults=framed.faults if framed.faults.height else None,
            unreadable=tuple(
                Unreadable(
                    f"{gathered.origin}, element {index + 1}", "NotAnObject", "an element of the list is no object"
                )
                for index in framed.strays
            ),
            position=gathered.position,
            is_last=gathered.is_last,
            announced=gathered.announced,
        )

    def _where(self) -> str:
        return f"{self._client.ground.label}/{self._spec.name}"


class _Gathered:
    """Elements of pages on their way to become a batch; a batch ends with a page, so that reading can resume."""

    def __init__(self, elements: list[Any] | None = None, *, is_last: bool = False) -> None:
        self.elements = [] if elements is None else elements  # its own: pages keep theirs
        self.position: str | None = None
        self.is_last = is_last
        self.announced: int | None = None
        self.is_open = False
        self.origin = "list"

    def add(self, step: Step, elements: list[Any]) -> None:
        self.elements.extend(elements)
        self.position = step.position
        self.is_last = step.is_last
        self.announced = step.page.announced if step.page.announced is not None else self.announced
        self.is_open = True

    def split(self, size: int) -> list[_Gathered]:
        """Takes off whole batches of a page that is larger than a batch; they have no position of their own."""
        whole = []
        while len(self.elements) > size:
            piece = _Gathered(self.elements[:size])
            piece.announced = self.announced
            self.elements = self.elements[size:]
            whole.append(piece)
        return whole
