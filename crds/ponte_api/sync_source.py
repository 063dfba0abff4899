"""SyncSource: a connected system. How to reach it, credentials by reference, its objects, its limits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from ponte_api.common import UNIQUE_NAMES, Metadata, Model, Rule, exactly_one, is_set
from ponte_api.conditions import Status
from ponte_api.objects import Bulk, Csv, DeclaredField, FieldType, Find, ListRequest, ObjectSpec, Part, Write
from ponte_api.systems import (
    ApiKeyAuth,
    CursorPagination,
    Files,
    LinkPagination,
    Memory,
    OAuth2ClientCredentials,
    Odbc,
    OdbcOption,
    OffsetPagination,
    PagePagination,
    Pagination,
    Rest,
    RestAuth,
    SqlSystem,
    Tls,
)

DEFAULT_CONNECTIONS = 8


class Limits(Model):
    """What the system can bear."""

    runs: Annotated[int, Field(ge=1, le=100)] | None = None
    """Runs at once."""
    connections: Annotated[int, Field(ge=1, le=100)] | None = None
    """Connections at once (default 8)."""
    requests_per_second: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Requests per second, all runs of this process together."""

    @property
    def resolved_connections(self) -> int:
        """Connections at once."""
        return self.connections or DEFAULT_CONNECTIONS


class Fit(NamedTuple):
    """What an object of one kind of system has and has not, by names as written in YAML."""

    system: str
    one_of: tuple[tuple[str, ...], ...]
    none_of: tuple[str, ...]
    words: str


FITS = (
    Fit("rest", (("path",),), ("table", "query", "parts", "csv", "jsonLines"), "path"),
    Fit("sql", (("table", "query"),), ("path", "csv", "jsonLines", "list"), "either table or query"),
    Fit("odbc", (("table", "query"),), ("path", "csv", "jsonLines", "list"), "either table or query"),
    Fit("files", (("path",), ("csv", "jsonLines")), ("table", "query", "parts", "list"), "path, and csv or jsonLines"),
    Fit("memory", (), ("path", "table", "query", "parts", "csv", "jsonLines", "list"), "name"),
)
_REST_WRITES = ("create", "update", "upsert", "delete", "get", "bulk", "find", "id", "idempotencyHeader")
_OBJECT_FIELDS = {
    "path": "path",
    "table": "table",
    "query": "query",
    "parts": "parts",
    "csv": "csv",
    "jsonLines": "json_lines",
    "list": "list_",
}


def _fit_rule(fit: Fit) -> Rule:
    needs = [" + ".join(f"(has(o.{name}) ? 1 : 0)" for name in names) + " == 1" for names in fit.one_of]
    conditions = " && ".join([*needs, *(f"!has(o.{name})" for name in fit.none_of)])

    def holds(spec: SyncSourceSpec, item: ObjectSpec) -> bool:
        if getattr(spec, fit.system) is None:
            return True
        present = {name for name in _OBJECT_FIELDS if getattr(item, _OBJECT_FIELDS[name])}
        return not present & {*fit.none_of} and all(len(present & {*names}) == 1 for names in fit.one_of)

    return Rule(
        message=f"an object of a {fit.system} system has {fit.words}, and none of {', '.join(fit.none_of)}",
        cel=f"!has(self.{fit.system}) || self.objects.all(o, {conditions})",
        holds=holds,
        items="objects",
    )


class SyncSourceSpec(Model):
    """How a system is reached and what it holds."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("rest", "sql", "odbc", "files", "memory"),
        *(_fit_rule(fit) for fit in FITS),
        Rule(
            message=f"only an object of a rest system has {', '.join(_REST_WRITES)} in write",
            cel="has(self.rest) || self.objects.all(o, !has(o.write) || !("
            + " || ".join(f"has(o.write.{name})" for name in _REST_WRITES)
            + "))",
            holds=lambda spec, item: (
                spec.rest is not None
                or item.write is None
                or not any(is_set(item.write, name) for name in _REST_WRITES)
            ),
            items="objects",
        ),
        Rule(
            message="parts belong to a table: give table instead of query",
            cel="self.objects.all(o, !has(o.parts) || has(o.table))",
            holds=lambda _, item: not item.parts or item.table is not None,
            items="objects",
        ),
    )

    rest: Rest | None = None
    """A system with a JSON web API."""
    sql: SqlSystem | None = None
    """A SQL database."""
    odbc: Odbc | None = None
    """A database that has an ODBC driver."""
    files: Files | None = None
    """A folder of files."""
    memory: Memory | None = None
    """Records in memory, for tests."""
    objects: Annotated[list[ObjectSpec], Field(min_length=1, max_length=128, json_schema_extra=UNIQUE_NAMES)]
    """What the system holds."""
    limits: Limits | None = None
    """What the system can bear."""

    def object(self, name: str) -> ObjectSpec | None:
        """The object of that name, or None."""
        return next((candidate for candidate in self.objects if candidate.name == name), None)


class SyncSource(Model):
    """A connected system: how to reach it, credentials by reference, its objects, its limits."""

    api_version: Literal["ponte.dev/v1alpha1"]
    """Version of this API."""
    kind: Literal["SyncSource"]
    """SyncSource."""
    metadata: Metadata
    """Name and labels."""
    spec: SyncSourceSpec
    """How the system is reached and what it holds."""
    status: Status | None = None
    """What is known of the system; written by the operator."""


__all__ = [
    "ApiKeyAuth",
    "Bulk",
    "Csv",
    "CursorPagination",
    "DeclaredField",
    "FieldType",
    "Files",
    "Find",
    "Limits",
    "LinkPagination",
    "ListRequest",
    "Memory",
    "OAuth2ClientCredentials",
    "ObjectSpec",
    "Odbc",
    "OdbcOption",
    "OffsetPagination",
    "PagePagination",
    "Pagination",
    "Part",
    "Rest",
    "RestAuth",
    "SqlSystem",
    "SyncSource",
    "SyncSourceSpec",
    "Tls",
    "Write",
]
