"""SyncSource: a connected system. How to reach it, credentials by reference, its objects, its limits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from ponte_api.common import UNIQUE_NAMES, Metadata, Model, Rule, exactly_one, is_set
from ponte_api.conditions import Status
from ponte_api.file_formats import Csv, Excel, FixedField, FixedWidth, Incoming, JsonLines, RecordTypes, Xml
from ponte_api.objects import Bulk, DeclaredField, FieldType, Find, ListRequest, ObjectSpec, Part, Write
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


FORMATS = ("csv", "jsonLines", "fixedWidth", "xml", "excel")
"""Formats of files, by names as written in YAML."""
_FILES = f"path, and {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"

FITS = (
    Fit("rest", (("path",),), ("table", "query", "parts", *FORMATS, "incoming"), "path"),
    Fit("sql", (("table", "query"),), ("path", *FORMATS, "incoming", "list"), "either table or query"),
    Fit("odbc", (("table", "query"),), ("path", *FORMATS, "incoming", "list"), "either table or query"),
    Fit("files", (("path",), FORMATS), ("table", "query", "parts", "list"), _FILES),
    Fit("memory", (), ("path", "table", "query", "parts", *FORMATS, "incoming", "list"), "name"),
)
_REST_WRITES = ("create", "update", "upsert", "delete", "get", "bulk", "find", "id", "idempotencyHeader")
_OBJECT_FIELDS = {
    "path": "path",
    "table": "table",
    "query": "query",
    "parts": "parts",
    "csv": "csv",
    "jsonLines": "json_lines",
    "fixedWidth": "fixed_width",
    "xml": "xml",
    "excel": "excel",
    "incoming": "incoming",
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


def _has_wildcard(item: ObjectSpec) -> bool:
    return any(character in (item.path or "") for character in "*?")


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
            message="a path with * or ? names several files; say by incoming.pick which are read",
            cel="!has(self.files) || self.objects.all(o, !o.path.matches('[*?]') || has(o.incoming))",
            holds=lambda spec, item: spec.files is None or not _has_wildcard(item) or item.incoming is not None,
            items="objects",
        ),
        Rule(
            message="files that are moved when done are each read once and whole; leave cursor out",
            cel="self.objects.all(o, !has(o.cursor) || !has(o.incoming) || !has(o.incoming.whenDone))",
            holds=lambda _, item: item.cursor is None or item.incoming is None or item.incoming.when_done is None,
            items="objects",
        ),
        Rule(
            message="only an object of a rest system has xmlBody",
            cel="has(self.rest) || self.objects.all(o, !has(o.xmlBody))",
            holds=lambda spec, item: spec.rest is not None or item.xml_body is None,
            items="objects",
        ),
        Rule(
            message="only an object of a rest system has calls",
            cel="has(self.rest) || self.objects.all(o, !has(o.calls))",
            holds=lambda spec, item: spec.rest is not None or not item.calls,
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
    "Excel",
    "FieldType",
    "Files",
    "Find",
    "FixedField",
    "FixedWidth",
    "Incoming",
    "JsonLines",
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
    "RecordTypes",
    "Rest",
    "RestAuth",
    "SqlSystem",
    "SyncSource",
    "SyncSourceSpec",
    "Tls",
    "Write",
    "Xml",
]
