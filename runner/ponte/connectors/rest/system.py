"""A REST system: its client and its objects."""

from __future__ import annotations

import re

import polars as pl

from ponte.connectors.http.client import Client
from ponte.connectors.http.opening import Opening
from ponte.connectors.records import frame_records
from ponte.connectors.registry import References
from ponte.connectors.rest.calls import find_endpoint, list_endpoint
from ponte.connectors.rest.listing import Listing
from ponte.connectors.rest.lookup import Lookup
from ponte.connectors.rest.source import RestSource
from ponte.connectors.rest.target import RestTarget
from ponte.connectors.rest.writing import plan_writing
from ponte.engine.ports import Clock, Probe, SchemaField
from ponte.errors import ConfigurationError, PonteError
from ponte_api.sync_source import ObjectSpec, SyncSource, SyncSourceSpec

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_DATETIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"


def open_system(source: SyncSource, references: References, clock: Clock) -> RestSystem:
    """The system that a SyncSource describes; no network is reached yet.

    Raises:
        ConfigurationError: a setting is missing, malformed or not allowed.
    """
    assert source.spec.rest is not None  # noqa: S101 - the registry chose this connector by it
    client = Opening(source.metadata.name, references, clock).open(source.spec.rest, source.spec.limits)
    return RestSystem(client, source.spec)


class RestSystem:
    """`System` over a JSON web API.

    Args:
        client: shared by all objects.
        spec: what the system holds.
    """

    def __init__(self, client: Client, spec: SyncSourceSpec) -> None:
        self._client = client
        self._spec = spec
        self._errors = spec.rest.errors if spec.rest else None

    def source(self, object_name: str) -> RestSource:
        """See `System`."""
        spec = self._object(object_name)
        listing = self._listing(spec)
        source = RestSource(self._client, spec, listing, self._lookup(spec, listing))
        if not source.capabilities.reads:
            raise ConfigurationError(
                f"{self._where(spec)} cannot be read. Next: set path, and a call for list where it has calls,"
                " or key and a way to get one record."
            )
        return source

    def target(self, object_name: str) -> RestTarget:
        """See `System`."""
        spec = self._object(object_name)
        limits = self._spec.limits
        return RestTarget(
            self._client,
            spec,
            plan_writing(spec, self._where(spec), self._errors),
            self._lookup(spec, self._listing(spec)),
            limits.requests_per_second if limits else None,
        )

    async def probe(self) -> Probe:
        """See `System`: the first page of the first object that has a list, or the base URL."""
        try:
            listed = next((listing for spec in self._spec.objects if (listing := self._listing(spec))), None)
            if listed is not None:
                await listed.first()
            else:
                await self._client.get(self._client.ground.base_url)
        except PonteError as error:
            return Probe(ok=False, reason=error.reason, message=error.message)
        return Probe(ok=True, reason="Reachable", message=f"{self._client.ground.label}: the server answers.")

    async def schema(self, object_name: str) -> list[SchemaField]:
        """See `System`: from the records of the first page."""
        spec = self._object(object_name)
        listing = self._listing(spec)
        if listing is None:
            raise ConfigurationError(
                f"{self._where(spec)} has no list to learn its fields from. Next: set path.", reason="ReadingNotOffered"
            )
        page = await listing.first()
        frame = frame_records(page.elements).frame
        return [SchemaField(column.name, _field_type(column)) for column in frame.iter_columns()]

    async def close(self) -> None:
        """See `System`."""
        await self._client.close()

    def _object(self, name: str) -> ObjectSpec:
        spec = self._spec.object(name)
        if spec is None:
            known = ", ".join(sorted(candidate.name for candidate in self._spec.objects))
            label = self._client.ground.label
            raise ConfigurationError(
                f'{label}: there is no object "{name}" (has: {known}). Next: correct the name, or declare it in '
                "objects.",
                reason="UnknownObject",
            )
        return spec if spec.xml_body is None else _as_text(spec)

    def _listing(self, spec: ObjectSpec) -> Listing | None:
        rest = self._spec.rest
        endpoint = list_endpoint(spec, self._errors, self._where(spec))
        return Listing(self._client, endpoint, spec.list_, rest.pagination if rest else None) if endpoint else None

    def _lookup(self, spec: ObjectSpec, listing: Listing | None) -> Lookup:
        get = find_endpoint(spec, "get", self._errors, self._where(spec))
        return Lookup(self._client, get, listing, spec.write.find if spec.write else None)

    def _where(self, spec: ObjectSpec) -> str:
        return f"{self._client.ground.label}/{spec.name}"


def _as_text(spec: ObjectSpec) -> ObjectSpec:
    """An object of XML, whose values are text whatever they stand for: Mappings cast them, as those of text files."""
    texts = [field if field.type == "json" else field.model_copy(update={"type": "string"}) for field in spec.fields]
    return spec.model_copy(update={"fields": texts})


def _field_type(column: pl.Series) -> str:
    """A sample's type, in the words of `objects[].fields`."""
    dtype = column.dtype
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_nested():
        return "json"
    if isinstance(dtype, pl.Decimal):
        return f"decimal(38,{dtype.scale})" if dtype.scale else "integer"
    if dtype.is_integer():
        return "integer"
    texts = column.drop_nulls().cast(pl.String)
    for type_, pattern in (("date", _DATE), ("datetime", _DATETIME)):
        if len(texts) and all(re.match(pattern, text) for text in texts):
            return type_
    return "string"
