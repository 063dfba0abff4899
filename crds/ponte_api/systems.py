"""Systems: how each kind of them is reached, with credentials by reference only."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import Field

from ponte_api.calls import ErrorReading
from ponte_api.common import (
    CREDENTIALS_IN_URL,
    PATTERN_MEANINGS,
    UNIQUE_NAMES,
    Column,
    Duration,
    FieldPath,
    Model,
    Name,
    Rule,
    Secret,
    Setting,
    Text,
    Union,
    ValueFrom,
    duration_seconds,
    exactly_one,
    has_credentials,
)

NETWORK_PATTERN = r"^[0-9a-fA-F.:]{2,39}/[0-9]{1,3}$"
HEADER_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
PATTERN_MEANINGS.update(
    {
        NETWORK_PATTERN: "an address range, such as 10.1.0.0/16 or fd00::/8",
        HEADER_PATTERN: "the name of a header, such as X-Api-Key",
    }
)

HeaderName = Annotated[str, Field(min_length=1, max_length=128, pattern=HEADER_PATTERN)]
CREDENTIAL_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token")
DEFAULT_TIMEOUT_S = 30.0
_WEB_ADDRESS = "(?i)^https?://[^/]"


def _url_without_credentials(field: str, attribute: str, instead: str) -> Rule:
    """The rule that a URL written in a manifest carries no login."""
    cel = CREDENTIALS_IN_URL.replace("\\", "\\\\")
    return Rule(
        message=f"{field} must not carry a user name, password or token: {instead}",
        cel=f"!has(self.{field}.value) || !self.{field}.value.matches('{cel}')",
        holds=lambda model: not has_credentials(getattr(model, attribute).value or ""),
    )


def _web_address(field: str, attribute: str) -> Rule:
    """The rule that an address written in a manifest is one that requests can go to."""
    return Rule(
        message=f"{field} must begin with http:// or https://",
        cel=f"!has(self.{field}.value) || self.{field}.value.matches('{_WEB_ADDRESS}')",
        holds=lambda model: re.search(_WEB_ADDRESS, getattr(model, attribute).value or "https://-") is not None,
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
        _web_address("tokenUrl", "token_url"),
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
    more: FieldPath | None = None
    """Path of a truth value that says whether a page follows, such as data.products.pageInfo.hasNextPage."""
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


class Proxy(Model):
    """An HTTP proxy; https goes through it by CONNECT."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _url_without_credentials("url", "url", "give them as username and password"),
        Rule(
            message="username and password belong together",
            cel="has(self.username) == has(self.password)",
            holds=lambda model: (model.username is None) == (model.password is None),
        ),
    )

    url: Setting
    """Address of the proxy, such as http://proxy.example.com:3128. No user name or password in it."""
    username: Setting | None = None
    """User name at the proxy (basic authentication)."""
    password: Secret | None = None
    """Password at the proxy."""


class Rest(Model):
    """A system with a JSON web API."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _url_without_credentials("baseUrl", "base_url", "give them in auth"),
        _web_address("baseUrl", "base_url"),
    )

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
    proxy: Proxy | None = None
    """The HTTP proxy on the way to the system, tokens included; variables such as HTTPS_PROXY are not obeyed."""
    timeout: Duration | None = None
    """Longest time for one request (default 30s)."""
    errors: ErrorReading | None = None
    """What counts as an error in an answer, whatever its HTTP status."""

    @property
    def resolved_timeout_s(self) -> float:
        """Longest time for one request, in seconds."""
        return duration_seconds(self.timeout) if self.timeout else DEFAULT_TIMEOUT_S


SQL_SCHEMES = ("sqlite", "postgresql", "postgres", "mariadb", "mysql")
"""Databases that Ponte has drivers of its own for: read and written to. All others are read by SQLAlchemy."""


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
    """Address: sqlite:///PATH, postgresql://HOST:PORT/DATABASE or mariadb://HOST:PORT/DATABASE; to read only, also
    DIALECT://HOST:PORT/DATABASE of another SQLAlchemy dialect. Without credentials."""
    username: Setting | None = None
    """User name."""
    password: Secret | None = None
    """Password."""

    @property
    def is_only_read(self) -> bool:
        """Whether its address, as far as it stands here, is of a database that Ponte does not write to."""
        return self.url.value is not None and self.url.value.partition(":")[0] not in SQL_SCHEMES


OPTION_PATTERN = r"^[A-Za-z][A-Za-z0-9_ -]{0,62}$"
DRIVER_PATTERN = r"^[^{}\[\];=\x00-\x1f]+$"
_LOGIN_OPTIONS = ("uid", "user", "username", "user id", "pwd", "password", "pass", "token", "accesstoken")
_ADDRESS_OPTIONS = ("driver", "dsn", "filedsn", "savefile")
PATTERN_MEANINGS.update(
    {
        OPTION_PATTERN: "the name of an ODBC attribute, such as Servername",
        DRIVER_PATTERN: "a name as odbcinst.ini or odbc.ini has it, or the path of a library",
    }
)


class OdbcOption(Model):
    """An attribute of the connection string."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("value", "valueFrom"),
        Rule(
            message="an option holds no login: give it as odbc.username and odbc.password",
            cel=f"!(self.name.lowerAscii() in {list(_LOGIN_OPTIONS)})",
            holds=lambda option: option.name.lower() not in _LOGIN_OPTIONS,
        ),
        Rule(
            message="an option names no driver or data source: give it as odbc.driver or odbc.dsn",
            cel=f"!(self.name.lowerAscii() in {list(_ADDRESS_OPTIONS)})",
            holds=lambda option: option.name.lower() not in _ADDRESS_OPTIONS,
        ),
    )

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=OPTION_PATTERN)]
    """Its name, as the driver's manual has it, such as Servername, Database or SYSTEM."""
    value: Annotated[str, Field(max_length=2048)] | None = None
    """The value itself; Ponte escapes it. Never a secret."""
    value_from: ValueFrom | None = None
    """Where the value is read from."""

    @property
    def setting(self) -> Setting:
        """The value, as other settings are."""
        return Setting(value=self.value) if self.value is not None else Setting(value_from=self.value_from)


class Odbc(Model):
    """A database that has an ODBC driver."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("dsn", "driver"),
        Rule(
            message="password needs username",
            cel="!has(self.password) || has(self.username)",
            holds=lambda model: model.password is None or model.username is not None,
        ),
    )

    dsn: Annotated[str, Field(min_length=1, max_length=128, pattern=DRIVER_PATTERN)] | None = None
    """Name of a data source in odbc.ini."""
    driver: Annotated[str, Field(min_length=1, max_length=256, pattern=DRIVER_PATTERN)] | None = None
    """Name of a driver in odbcinst.ini, such as PostgreSQL Unicode, or the path of its library."""
    options: Annotated[list[OdbcOption], Field(max_length=64, json_schema_extra=UNIQUE_NAMES)] = []
    """Further attributes of the connection string."""
    username: Setting | None = None
    """User name (UID)."""
    password: Secret | None = None
    """Password (PWD)."""


class Files(Model):
    """A folder of files."""

    path: Setting
    """The folder. Objects name files below it; nothing outside it is read or written."""


class Memory(Model):
    """Records held in memory, for tests of your own."""

    name: Name = "memory"
    """Which of the in-memory systems of this process."""
