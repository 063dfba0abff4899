"""One record by its key: at its own address, or by a query that selects it. For sources and for targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ponte.connectors.http.client import Client
from ponte.connectors.http.port import Response
from ponte.connectors.records import JsonError
from ponte.connectors.rest.answers import MISSING, body_of, decoded, is_html, take, words_of
from ponte.connectors.rest.body_templates import Given, UnfitValueError
from ponte.connectors.rest.listing import Listing
from ponte.connectors.rest.outcomes import FORBIDDEN
from ponte.connectors.rest.pages import Ask
from ponte.connectors.rest.templates import ID, Endpoint
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError
from ponte_api.sync_source import Find

_MOST_PAGES = 20
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A record at its own address, as it was read."""

    url: str
    record: dict[str, Any]
    headers: Mapping[str, str]


class Lookup:
    """Finds records of one object.

    Args:
        client: of the system.
        get: address of one record, where there is one.
        listing: the object's list, where there is one.
        find: the query that selects a record, where there is one.
    """

    def __init__(self, client: Client, get: Endpoint | None, listing: Listing | None, find: Find | None) -> None:
        self._client = client
        self._get = get
        self._listing = listing
        self._find = find

    @property
    def finds(self) -> bool:
        """Whether records can be looked up by something else than the target's own id."""
        return (self._find is not None and self._listing is not None) or (
            self._get is not None and bool(self._get.places) and ID not in self._get.places
        )

    def can_get(self, names: set[str]) -> bool:
        """Whether a record has an address that needs only these values."""
        return self._get is not None and bool(self._get.places) and set(self._get.places) <= names

    def can_find(self, names: set[str]) -> bool:
        """Whether a query selects a record by these values."""
        return self._find is not None and self._listing is not None and self._fields() <= names

    async def get(self, values: Values) -> dict[str, Any] | None:
        """The record at its address; None where there is none, or where a value cannot stand in an address.

        Raises:
            TransientError: no readable answer came.
            CredentialsRefused, ConfigurationError: the server refused the request.
        """
        found = await self.read(values)
        return None if found is None else found.record

    async def read(self, values: Values, headers: Mapping[str, str] | None = None) -> Found | None:
        """As `get`, with the headers of the answer."""
        assert self._get is not None  # noqa: S101 - callers ask `can_get` first
        url = self._get.url(self._client.ground.base_url, values)
        if url is None:
            return None
        try:
            request = self._get.request(url, Given(values=values), headers or {})
        except UnfitValueError:
            return None
        if request.body is None and request.method == "GET":
            answer = await self._client.fetch(request)
        else:
            answer = await self._client.send(request, is_repeatable=True)
        record = None if answer.status in {404, 410} else self._record(self._client.where(request.method, url), answer)
        return None if record is None else Found(url, record, answer.headers)

    async def find(self, values: Values) -> list[dict[str, Any]]:
        """All records with these values. What the server's query lets through besides is left out.

        Raises:
            ConfigurationError: the records lack a field that was asked for, so that none can be told from another;
                or the query selects far too much.
        """
        assert self._find is not None and self._listing is not None  # noqa: PT018, S101 - callers ask `can_find` first
        parameters = [(parameter.name, values[parameter.field]) for parameter in self._find.parameters]
        found: list[dict[str, Any]] = []
        pages = 0
        async for step in self._listing.walk(parameters):
            pages += 1
            found += [element for element in step.page.elements if self._is_meant(element, values, step.page.ask)]
            if pages == _MOST_PAGES and not step.is_last:
                raise ConfigurationError(
                    f"{self._where(step.page.ask)}: write.find selects more than {_MOST_PAGES} pages."
                    " The server does not know its parameter. Next: check the name.",
                    reason="FindSelectsAll",
                )
        return found

    def _is_meant(self, element: Any, values: Values, ask: Ask) -> bool:
        if not isinstance(element, dict):
            return False
        for field in self._fields():
            value = take(element, field)
            if value is MISSING:
                raise ConfigurationError(
                    f"{self._where(ask)}: the records have no field {field}, so Ponte cannot tell whether"
                    " the server selected the right one. Next: name a field in write.find that the answer holds.",
                    reason="FindCannotBeChecked",
                )
            if not is_same_value(value, values[field]):
                return False
        return True

    def _where(self, ask: Ask) -> str:
        return self._client.where(ask.method, ask.url)

    def _fields(self) -> set[str]:
        return {parameter.field for parameter in self._find.parameters} if self._find else set()

    def _record(self, where: str, answer: Response) -> dict[str, Any] | None:
        assert self._get is not None  # noqa: S101 - `get` asked
        if answer.status == 403:
            raise CredentialsRefused(
                f"{where}: HTTP 403: the login may not read this record. Next: have it allowed to, or use another "
                "login.",
                reason=FORBIDDEN,
            )
        if not 200 <= answer.status < 300:
            words = self._client.mask(words_of(body_of(answer)))
            raise ConfigurationError(
                f"{where}: {self._client.mask(answer.shown)} {words}. Next: check write.get.", reason="RequestRefused"
            )
        if answer.flaw:
            raise TransientError(f"{where}: {answer.flaw}.", reason="UnreadableAnswer")
        if is_html(answer):
            raise TransientError(
                f"{where}: a page of HTML came instead of JSON. Next: see whether baseUrl leads to the API, and "
                "whether the login is in order.",
                reason="UnreadableAnswer",
            )
        try:
            record = decoded(answer)
        except JsonError as error:
            raise TransientError(
                f"{where}: the answer is not JSON ({error.reason}).", reason="UnreadableAnswer"
            ) from error
        if self._get.record_path is not None:
            record = take(record, self._get.record_path)
            if record is MISSING or record is None:
                return None
        if isinstance(record, list) and len(record) == 1:
            record = record[0]
        if not isinstance(record, dict):
            raise ConfigurationError(
                f"{where}: the answer is no object. Next: check write.get.", reason="RecordsNotFound"
            )
        return record


def is_same_value(value: Any, text: str) -> bool:
    """Whether a decoded JSON value is what a key's text says; 12.50 and 12.5 are one number, 012 and 12 two codes."""
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, int | Decimal):
        return _NUMBER.fullmatch(text) is not None and Decimal(text) == value
    return bool(value == text)
