"""Objects: the sets of records that a system holds, how they are read and how they are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ponte_api.calls import UNIQUE_OPERATIONS, Call
from ponte_api.common import (
    PATTERN_MEANINGS,
    UNIQUE_NAMES,
    Column,
    Duration,
    FieldPath,
    Model,
    Name,
    Text,
    duration_seconds,
)
from ponte_api.file_formats import Csv, Excel, FixedWidth, Incoming, JsonLines, Xml
from ponte_api.rest_writes import BulkJob, BulkMatch, WriteCondition
from ponte_api.systems import HeaderName, Pagination

FIELD_TYPE_PATTERN = r"^(string|integer|float|boolean|date|datetime|json|decimal\([0-9]{1,2}, ?[0-9]{1,2}\))$"
ENDPOINT_PATTERN = r"^(GET|POST|PUT|PATCH|DELETE) /.*$"
PATTERN_MEANINGS.update(
    {
        FIELD_TYPE_PATTERN: "a type: string, integer, decimal(12,2), float, boolean, date, datetime or json",
        ENDPOINT_PATTERN: "a request: method and path, such as PUT /products/{sku}",
    }
)

FieldType = Annotated[str, Field(max_length=32, pattern=FIELD_TYPE_PATTERN)]
Endpoint = Annotated[str, Field(max_length=512, pattern=ENDPOINT_PATTERN)]
DEFAULT_OVERLAP_S = 300.0
DEFAULT_SETTLE_S = 5.0


class DeclaredField(Model):
    """One field of an object, as the system has it."""

    name: Column
    """The field's name in the system."""
    type: FieldType
    """string, integer, decimal(p,s), float, boolean, date, datetime or json."""
    format: Text | None = None
    """How text stands for the type, as in a Mapping's field (for text files)."""
    locale: Annotated[str, Field(max_length=16)] | None = None
    """Which decimal and grouping marks numbers in text use, such as it or en."""


class Cursor(Model):
    """The field by which changes are read."""

    field: Column
    """A field that grows with each change: a change time or a sequence."""
    overlap: Duration | None = None
    """How far back each reading starts again (default 5m for times), to catch what was committed late."""
    parameter: Column | None = None
    """REST: the query parameter that takes the lower bound."""
    upper_parameter: Column | None = None
    """REST: the query parameter that takes the upper bound."""

    @property
    def resolved_overlap_s(self) -> float:
        """How far back each reading starts again, in seconds; only for cursors that are times."""
        return duration_seconds(self.overlap) if self.overlap else DEFAULT_OVERLAP_S


class Expect(Model):
    """What a complete reading must look like; anything less forbids deletes."""

    min_records: Annotated[int, Field(ge=0, le=1_000_000_000)]
    """Fewest records a complete reading may have."""


class JoinColumn(Model):
    """A pair of columns that are equal."""

    part: Column
    """Column of the part."""
    record: Column
    """Column of the record."""


class Part(Model):
    """Rows of another table that belong to a record: order lines of an order."""

    name: Column
    """Field of the record that holds the list."""
    table: Annotated[str, Field(min_length=1, max_length=256)]
    """Table of the parts."""
    on: Annotated[list[JoinColumn], Field(min_length=1, max_length=8, alias="join")]
    """Which columns tie a part to its record."""  # written `join`: a plain `on` is the boolean true in YAML 1.1
    key: Annotated[list[Column], Field(min_length=1, max_length=8)]
    """Columns that identify a part within its record."""
    order: Annotated[list[Column], Field(max_length=8)] = []
    """Columns that order the parts (default: the key)."""


class QueryParameter(Model):
    """One query parameter."""

    name: Column
    """Its name."""
    value: Text
    """Its value."""


class ListRequest(Model):
    """How a REST object is listed."""

    records: FieldPath | None = None
    """Path of the list in the answer; without it the answer itself is the list."""
    total: FieldPath | None = None
    """Path of the number of records that the server announces."""
    parameters: Annotated[list[QueryParameter], Field(max_length=32)] = []
    """Query parameters sent with each request."""
    element: FieldPath | None = None
    """Path of the record within each element of the list, such as `node` of a GraphQL connection."""
    pagination: Pagination | None = None
    """How this list is paged, where it differs from the system's."""


class Bulk(Model):
    """A request that carries many records."""

    request: Endpoint
    """Method and path."""
    size: Annotated[int, Field(ge=2, le=10000)] = 500
    """Records per request."""
    records: FieldPath | None = None
    """Where the list stands in the body; without it the body is the list."""
    answers: FieldPath | None = None
    """Path of the list of answers, one per record, in the answer; without it the answer itself is the list."""
    status: FieldPath = "status"
    """Path of the status of one record in its answer: an HTTP status, or ok/created/updated/error."""
    id: FieldPath | None = None
    """Path of the id that the server gave, in one record's answer."""
    message: FieldPath = "message"
    """Path of the error's text in one record's answer."""
    match: BulkMatch | None = None
    """How answers are matched to records by a key; without it the n-th answer belongs to the n-th record."""
    job: BulkJob | None = None
    """The request only starts a job; its outcome is asked for later."""


class XmlBody(Model):
    """Bodies in XML (REST). A document is taken for a record whose only member is the root element."""

    element: Column | None = None
    """Root element of a record that is written as it is, such as product; a body of its own has its own."""
    lists: Annotated[list[FieldPath], Field(max_length=64)] = []
    """Paths of elements that are a list even where there is only one, such as order.lines.line."""


class FindParameter(Model):
    """One query parameter that takes a field of the natural key."""

    name: Column
    """The parameter's name."""
    field: FieldPath
    """Field of the natural key."""


class Find(Model):
    """How an existing record is found by its natural key."""

    parameters: Annotated[list[FindParameter], Field(min_length=1, max_length=8)]
    """Query parameters of the list request that select it."""
    settle: Duration | None = None
    """How long after an unknown create the system may still come to show it (default 5s)."""

    @property
    def resolved_settle_s(self) -> float:
        """How long after an unknown create to wait before looking, in seconds."""
        return duration_seconds(self.settle) if self.settle else DEFAULT_SETTLE_S


class Write(Model):
    """How records are written."""

    semantics: Literal["merge", "replace"] = "merge"
    """merge: fields that are not sent stay as they are. replace: they are lost, so Ponte reads the record first."""
    create: Endpoint | None = None
    """REST: request that creates a record, such as POST /products."""
    update: Endpoint | None = None
    """REST: request that changes a record, such as PATCH /products/{id}."""
    upsert: Endpoint | None = None
    """REST: request that creates or changes a record by our key, such as PUT /products/{sku}."""
    delete: Endpoint | None = None
    """REST: request that removes a record, such as DELETE /products/{id}."""
    get: Endpoint | None = None
    """REST: request for one record, such as GET /products/{id}."""
    bulk: Bulk | None = None
    """REST: request for many records at once."""
    find: Find | None = None
    """REST: how an existing record is found by its natural key."""
    id: FieldPath | None = None
    """REST: path of the id that the server gives to a record it creates."""
    idempotency_header: HeaderName | None = None
    """REST: header that takes an idempotency key, where the server honours one."""
    condition: WriteCondition | None = None
    """REST: what the target checks before it overwrites a record; each write then costs a reading. Needs get."""


class ObjectSpec(Model):
    """One set of records in the system: a table, a query, an endpoint, a file."""

    name: Name
    """Name by which SyncJobs and look-ups refer to it."""
    key: Annotated[list[FieldPath], Field(max_length=8)] = []
    """Fields that identify a record when it is read (the source key)."""
    fields: Annotated[list[DeclaredField], Field(max_length=512, json_schema_extra=UNIQUE_NAMES)] = []
    """The object's fields, as `ponte schema --lock` writes them; without them Mappings are checked only at run time."""
    cursor: Cursor | None = None
    """The field by which changes are read."""
    version: Column | None = None
    """A field that grows with each change of a record (a time or a counter); without it the read time counts."""
    expect: Expect | None = None
    """What a complete reading must look like."""
    path: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """REST: path below baseUrl. Files: file below the folder; with `incoming`, * and ? match any names."""
    table: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """SQL: table or view, with its schema where needed."""
    query: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    """SQL: a SELECT to read from instead of a table."""
    parts: Annotated[list[Part], Field(max_length=8, json_schema_extra=UNIQUE_NAMES)] = []
    """SQL: tables whose rows belong to a record."""
    csv: Csv | None = None
    """Files: the file is CSV with these options."""
    json_lines: JsonLines | None = None
    """Files: the file has one JSON object per line."""
    fixed_width: FixedWidth | None = None
    """Files: each field has its place in the line."""
    xml: Xml | None = None
    """Files: the file is XML, and each element at a path is a record."""
    incoming: Incoming | None = None
    """Files: which of the files are read that others drop, when, and what becomes of them."""
    excel: Excel | None = None
    """Files: the file is a workbook, and the object one of its sheets."""
    list_: Annotated[ListRequest | None, Field(alias="list")] = None
    """REST: how records are listed."""
    calls: Annotated[list[Call], Field(max_length=6, json_schema_extra=UNIQUE_OPERATIONS)] = []
    """REST: operations by JSON-RPC, by GraphQL or with a body of their own."""
    xml_body: XmlBody | None = None
    """REST: bodies are XML, in both directions, instead of JSON."""
    write: Write | None = None
    """How records are written."""

    def call(self, operation: str) -> Call | None:
        """The call of an operation, or None."""
        return next((call for call in self.calls if call.operation == operation), None)

    def offers(self, operation: str) -> bool:
        """Whether a request is declared for an operation: get, create, update, upsert, delete or bulk."""
        return getattr(self.write, operation, None) is not None or self.call(operation) is not None
