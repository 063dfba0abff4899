"""What a write is bound to, so that the target refuses it if the record is no longer the one that was read.

Sources: RFC 9110 (8.8.3 ETag, 13.1.1 If-Match with its strong comparison, 13.1.2 If-None-Match).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote

from ponte.connectors.http.client import Client
from ponte.connectors.http.port import Request
from ponte.connectors.json_columns import json_text
from ponte.connectors.records import decode
from ponte.connectors.rest.answers import take, take_text
from ponte.connectors.rest.bodies import merge
from ponte.connectors.rest.lookup import Found
from ponte.errors import ConfigurationError
from ponte_api.rest_writes import VersionCondition, WriteCondition

TRIES = 3
CHANGED = frozenset({409, 412})
"""Answers that may say: the record is not the one that you read."""


class Precondition(Protocol):
    """One way to say which state of a record a write is meant for."""

    def tag_of(self, found: Found) -> str:
        """The state of a record as it was read.

        Raises:
            ConfigurationError: the answer does not say it; nothing was written.
        """
        ...

    def bind(self, request: Request, found: Found) -> Request:
        """The request, good for this state only."""
        ...

    def bind_create(self, request: Request) -> Request:
        """The request, good only while there is no such record."""
        ...


def precondition_of(client: Client, condition: WriteCondition) -> Precondition:
    """The precondition that an object declares."""
    if condition.version is not None:
        return ByVersion(client, condition.version)
    return ByEtag(client)


class ByEtag:
    """By entity tag. Only strong ones: If-Match never matches a weak one (RFC 9110, 13.1.1)."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def tag_of(self, found: Found) -> str:
        """See `Precondition`."""
        tag = found.headers.get("etag", "").strip()
        if tag and not tag.startswith("W/"):
            return tag
        what = f"only the weak ETag {tag[:40]}, which If-Match cannot use" if tag else "no ETag"
        raise ConfigurationError(
            f"{self._client.where('GET', found.url)}: the answer has {what}. Nothing was written. Next: ask the vendor "
            "for strong ETags, use write.condition.version, or take write.condition out.",
            reason="EtagMissing",
        )

    def bind(self, request: Request, found: Found) -> Request:
        """See `Precondition`."""
        return replace(request, headers={**request.headers, "If-Match": self.tag_of(found)})

    def bind_create(self, request: Request) -> Request:
        """See `Precondition`."""
        return replace(request, headers={**request.headers, "If-None-Match": "*"})


class ByVersion:
    """By a version field: back in a query parameter, in a header, or in the body where it came from."""

    def __init__(self, client: Client, version: VersionCondition) -> None:
        self._client = client
        self._version = version

    def tag_of(self, found: Found) -> str:
        """See `Precondition`."""
        text = take_text(found.record, self._version.field)
        if text is not None and text.isprintable():
            return text
        raise ConfigurationError(
            f"{self._client.where('GET', found.url)}: the record has no version at {self._version.field}. Nothing was "
            "written. Next: correct write.condition.version.field.",
            reason="VersionNotInRecord",
        )

    def bind(self, request: Request, found: Found) -> Request:
        """See `Precondition`."""
        tag, version = self.tag_of(found), self._version
        if version.parameter is not None:
            glue = "&" if "?" in request.url else "?"
            pair = f"{quote(version.parameter, safe='')}={quote(tag, safe='')}"
            return replace(request, url=f"{request.url}{glue}{pair}")
        if version.header is not None:
            return replace(request, headers={**request.headers, version.header: tag})
        body = decode(request.body or b"{}")
        bound = merge(body, _placed(version.field, take(found.record, version.field)))
        return replace(request, body=json_text(bound).encode())

    def bind_create(self, request: Request) -> Request:
        """See `Precondition`. A version cannot say that there is no record: the target must know it by its key."""
        return request


def _placed(path: str, value: Any) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    return {name: _placed(rest, value) if rest else value}
