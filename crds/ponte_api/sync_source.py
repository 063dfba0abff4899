"""SyncSource: a connected system. How to reach it, credentials by reference, its objects, its limits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from ponte_api.common import (
    CREDENTIALS_IN_URL,
    PATTERN_MEANINGS,
    UNIQUE_NAMES,
    Column,
    Duration,
    FieldPath,
    Metadata,
    Model,
    Name,
    Rule,
    Secret,
    Setting,
    Text,
    Union,
    duration_seconds,
    exactly_one,
    has_credentials,
    is_set,
)
from ponte_api.conditions import Status

FIELD_TYPE_PATTERN = r"^(string|integer|float|boolean|date|datetime|json|decimal\([0-9]{1,2}, ?[0-9]{1,2}\))$"
ENDPOINT_PATTERN = r"^(GET|POST|PUT|PATCH|DELETE) /.*$"
NETWORK_PATTERN = r"^[0-9a-fA-F.:]{2,39}/[0-9]{1,3}$"
HEADER_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
PATTERN_MEANINGS.update(
    {
        FIELD_TYPE_PATTERN: "a type: string, integer, decimal(12,2), float, boolean, date, datetime or json",
        ENDPOINT_PATTERN: "a request: method and path, such as PUT /products/{sku}",
        NETWORK_PATTERN: "an address range, such as 10.1.0.0/16 or fd00::/8",
        HEADER_PATTERN: "the name of a header, such as X-Api-Key",
    }
)

FieldType = Annotated[str, Field(max_length=32, pattern=FIELD_TYPE_PATTERN)]
HeaderName = Annotated[str, Field(min_length=1, max_length=128, pattern=HEADER_PATTERN)]
CREDENTIAL_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token")
DEFAULT_OVERLAP_S = 300.0
DEFAULT_TIMEOUT_S = 30.0
DEFAULT_SETTLE_S = 5.0
DEFAULT_CONNECTIONS = 8


def _url_without_credentials(field: str, attribute: str, instead: str) -> Rule:
    """The rule that a URL written in a manifest carries no login."""
    cel = CREDENTIALS_IN_URL.replace("\\", "\\\\")
    return Rule(
        message=f"{field} must not carry a user name, password or token: {instead}",
        cel=f"!has(self.{field}.value) || !self.{field}.value.matches('{cel}')",
        holds=lambda model: not has_credentials(getattr(model, attribute).value or ""),
    )


class BasicAuth(Model):
    """HTTP basic authentication (RFC 7617)."""

    username: Setting
    """User name."""
    password: Secret
    """Password."""


class ApiKeyPlace(Model):
    """Where an API key goes."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """Name of the header or parameter."""
    secret_ref: Secret
    """The key."""


class ApiKeyAuth(Union):
    """A key sent with each request, in a header or in the query."""

    header: ApiKeyPlace | None = None
    """Send the key in this header."""
    query: ApiKeyPlace | None = None
    """Send the key in this query parameter; it is masked in all logs."""


class OAuth2ClientCredentials(Model):
    """OAuth 2.0 client credentials (RFC 6749, 4.4)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _url_without_credentials("tokenUrl", "token_url", "give clientId and clientSecret"),
    )

    token_url: Setting
    """Address of the token endpoint. No user name or password in it."""
    client_id: Setting
    """Client identifier."""
    client_secret: Secret
    """Client secret."""
    scopes: Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Field(max_length=32)] = []
    """Scopes asked for."""
    audience: Text | None = None
    """Audience parameter, where the server wants one."""


class RestAuth(Union):
    """How requests prove who they are. Leave it out for none."""

    basic: BasicAuth | None = None
    """User name and password."""
    bearer: Secret | None = None
    """A fixed bearer token (RFC 6750)."""
    api_key: ApiKeyAuth | None = None
    """A key in a header or in the query."""
    oauth2: OAuth2ClientCredentials | None = None
    """A token fetched, kept and renewed by client credentials."""


class Tls(Model):
    """TLS settings; verification is always on."""

    ca: Setting | None = None
    """PEM of the private certificate authority to trust besides none other."""
    client_certificate: Setting | None = None
    """PEM of the client's certificate chain."""
    client_key: Secret | None = None
    """PEM of the client's private key."""


class PagePagination(Model):
    """Pages by number."""

    parameter: Column = "page"
    """Query parameter with the page's number."""
    size_parameter: Column | None = None
    """Query parameter with the page's size."""
    size: Annotated[int, Field(ge=1, le=10000)] = 100
    """Records per page."""
    first: Annotated[int, Field(ge=0, le=1)] = 1
    """Number of the first page."""


class OffsetPagination(Model):
    """Pages by offset and limit."""

    parameter: Column = "offset"
    """Query parameter with the offset."""
    limit_parameter: Column = "limit"
    """Query parameter with the page's size."""
    limit: Annotated[int, Field(ge=1, le=10000)] = 100
    """Records per page."""


class CursorPagination(Model):
    """Pages by a token that each answer carries."""

    parameter: Column = "cursor"
    """Query parameter that takes the token."""
    next: FieldPath
    """Path of the next token in the answer; absent or null at the end."""
    size_parameter: Column | None = None
    """Query parameter with the page's size."""
    size: Annotated[int, Field(ge=1, le=10000)] = 100
    """Records per page."""


class LinkPagination(Model):
    """Pages by links to the next one, from the Link header (RFC 8288) or from the body."""

    next: FieldPath | None = None
    """Path of the next page's address in the answer; without it the Link header is used."""
    size_parameter: Column | None = None
    """Query parameter with the page's size."""
    size: Annotated[int, Field(ge=1, le=10000)] = 100
    """Records per page."""


class Pagination(Union):
    """How lists are paged. Leave it out where an answer holds all."""

    page: PagePagination | None = None
    """By page number."""
    offset: OffsetPagination | None = None
    """By offset and limit."""
    cursor: CursorPagination | None = None
    """By token."""
    link: LinkPagination | None = None
    """By links."""


class Header(Model):
    """One HTTP header."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            message="a header with a credential is read from a Secret: give value.valueFrom.secretRef, or use auth",
            cel=f"!(self.name.lowerAscii() in {list(CREDENTIAL_HEADERS)}) || "
            "(has(self.value.valueFrom) && has(self.value.valueFrom.secretRef))",
            holds=lambda header: (
                header.name.lower() not in CREDENTIAL_HEADERS
                or (header.value.value_from is not None and header.value.value_from.secret_ref is not None)
            ),
        ),
    )

    name: HeaderName
    """Its name."""
    value: Setting
    """Its value."""


class Rest(Model):
    """A system with a JSON web API."""

    rules: ClassVar[tuple[Rule, ...]] = (_url_without_credentials("baseUrl", "base_url", "give them in auth"),)

    base_url: Setting
    """Address that all paths are relative to, such as https://shop.example.com/api. No user name or password in it."""
    auth: RestAuth | None = None
    """How requests prove who they are."""
    pagination: Pagination | None = None
    """How lists are paged; without it one answer holds all."""
    headers: Annotated[list[Header], Field(max_length=32)] = []
    """Headers sent with each request."""
    tls: Tls | None = None
    """Private certificate authority, client certificate."""
    allowed_networks: Annotated[
        list[Annotated[str, Field(max_length=43, pattern=NETWORK_PATTERN)]], Field(max_length=32)
    ] = []
    """Private address ranges (CIDR) that this system may resolve to; public ones are always allowed, others never."""
    timeout: Duration | None = None
    """Longest time for one request (default 30s)."""

    @property
    def resolved_timeout_s(self) -> float:
        """Longest time for one request, in seconds."""
        return duration_seconds(self.timeout) if self.timeout else DEFAULT_TIMEOUT_S


class SqlSystem(Model):
    """A SQL database."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _url_without_credentials("url", "url", "give them as username and password"),
        Rule(
            message="password needs username",
            cel="!has(self.password) || has(self.username)",
            holds=lambda model: model.password is None or model.username is not None,
        ),
    )

    url: Setting
    """Address: sqlite:///PATH or postgresql://HOST:PORT/DATABASE. No user name or password in it."""
    username: Setting | None = None
    """User name."""
    password: Secret | None = None
    """Password."""


class Files(Model):
    """A folder of files."""

    path: Setting
    """The folder. Objects name files below it; nothing outside it is read or written."""


class Memory(Model):
    """Records held in memory, for tests of your own."""

    name: Name = "memory"
    """Which of the in-memory systems of this process."""


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


class Csv(Model):
    """Comma-separated text (RFC 4180 and its relatives)."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """The character between fields."""
    quote: Annotated[str, Field(max_length=1)] = '"'
    """The character around fields; empty for none."""
    encoding: Annotated[str, Field(max_length=32)] = "utf-8"
    """Encoding of the text."""
    header: bool = True
    """Whether the first line names the fields; without it they are those of `fields`."""
    null: Text | None = None
    """Text that stands for no value, besides the empty field."""


class JsonLines(Model):
    """One JSON object per line."""

    encoding: Annotated[str, Field(max_length=32)] = "utf-8"
    """Encoding of the text."""


Endpoint = Annotated[str, Field(max_length=512, pattern=ENDPOINT_PATTERN)]


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
    """REST: path below baseUrl. Files: file below the folder."""
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
    list_: Annotated[ListRequest | None, Field(alias="list")] = None
    """REST: how records are listed."""
    write: Write | None = None
    """How records are written."""


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
    Fit("files", (("path",), ("csv", "jsonLines")), ("table", "query", "parts", "list"), "path, and csv or jsonLines"),
    Fit("memory", (), ("path", "table", "query", "parts", "csv", "jsonLines", "list"), "name"),
)
_REST_WRITES = ("create", "update", "upsert", "delete", "get", "bulk", "find", "id", "idempotencyHeader")


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


_OBJECT_FIELDS = {
    "path": "path",
    "table": "table",
    "query": "query",
    "parts": "parts",
    "csv": "csv",
    "jsonLines": "json_lines",
    "list": "list_",
}


class SyncSourceSpec(Model):
    """How a system is reached and what it holds."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("rest", "sql", "files", "memory"),
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


__all__ = ["ObjectSpec", "SyncSource", "SyncSourceSpec"]
