"""One page of a list: the request, and what its answer holds. Which page comes next is `paging`'s business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from ponte.connectors.http.client import Client
from ponte.connectors.http.port import Response
from ponte.connectors.http.retrying import backoff
from ponte.connectors.records import JsonError, decode
from ponte.connectors.rest.answers import MISSING, body_of, has_errors, is_html, take, words_of
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, TransientError
from ponte_api.sync_source import ListRequest

Parameters = Sequence[tuple[str, str]]
_READINGS = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One page as the server gave it.

    Attributes:
        url: where it was read.
        elements: elements of the list, objects if all is well.
        body: the whole decoded answer.
        headers: of the answer.
        announced: how many records there are, where the answer says so.
    """

    url: str
    elements: list[Any]
    body: Any
    headers: dict[str, str]
    announced: int | None


class PageRefusedError(Exception):
    """The server refused this page with a 4xx: an end, an expired token or a fault, depending on the paging.

    Attributes:
        status: HTTP status.
        consequence: the error to raise where the refusal has no better meaning.
    """

    def __init__(self, status: int, consequence: PonteError) -> None:
        super().__init__(consequence.message)
        self.status = status
        self.consequence = consequence


class PageReader:
    """Reads pages of one object.

    Args:
        client: of the system.
        path: of the list, below the base URL.
        request: how it is listed.
    """

    def __init__(self, client: Client, path: str, request: ListRequest) -> None:
        self.client = client
        self._address = client.ground.base_url + path
        self._records = request.records
        self._total = request.total
        self._fixed = [(parameter.name, parameter.value) for parameter in request.parameters]

    def url(self, parameters: Parameters) -> str:
        """The list's address; later parameters take the place of earlier ones of the same name."""
        pairs = list(dict([*self._fixed, *parameters]).items())
        if not pairs:
            return self._address
        return f"{self._address}{'&' if '?' in self._address else '?'}{urlencode(pairs, quote_via=quote)}"

    async def read(self, url: str) -> Page:
        """One page. An answer that is no JSON (a maintenance page, a cut body) is asked for again.

        Raises:
            PageRefusedError: a 4xx.
            TransientError: no readable answer came.
            ConfigurationError: the answer holds no list where one should be.
        """
        for reading in range(1, _READINGS):
            try:
                return self._take(url, await self.client.get(url))
            except _UnreadableError:
                await self.client.clock.sleep(backoff(reading))
        answer = await self.client.get(url)
        try:
            return self._take(url, answer)
        except _UnreadableError as error:
            why = self.client.mask(str(error))
            message = f"{self._where(url)}: HTTP {answer.status}, but {why}. It is tried again later."
            raise TransientError(message, reason="UnreadableAnswer") from error

    def _take(self, url: str, answer: Response) -> Page:
        if answer.status == 204:
            return Page(url, [], None, dict(answer.headers), None)
        if not 200 <= answer.status < 300:
            raise PageRefusedError(answer.status, self._refusal(url, answer))
        if is_html(answer):
            raise _UnreadableError("a page of HTML came instead of JSON")
        try:
            body = decode(answer.body)
        except JsonError as error:
            raise _UnreadableError(f"the answer is not JSON ({error.reason}: {error.message})") from error
        return Page(url, self._elements(url, body), body, dict(answer.headers), self._announced(body))

    def _elements(self, url: str, body: Any) -> list[Any]:
        found = take(body, self._records) if self._records else body
        if isinstance(found, list):
            return found
        if found is None and self._records:
            return []
        if has_errors(body):
            raise _UnreadableError(f"the answer is an error: {words_of(body)}")
        holds = f"an object with {', '.join(list(body)[:8])}" if isinstance(body, dict) else f"a {type(body).__name__}"
        wanted = f"no list at {self._records}" if self._records else "no list"
        raise ConfigurationError(
            f"{self._where(url)}: the answer has {wanted}; it is {self.client.mask(holds)}."
            " Set list.records to the path of the list.",
            reason="RecordsNotFound",
        )

    def _announced(self, body: Any) -> int | None:
        found = take(body, self._total) if self._total else MISSING
        text = str(found)
        return (
            int(text) if not isinstance(found, bool) and text.isascii() and text.isdigit() and len(text) < 16 else None
        )

    def _refusal(self, url: str, answer: Response) -> PonteError:
        words = self.client.mask(words_of(body_of(answer)))
        message = f"{self._where(url)}: HTTP {answer.status}{f': {words}' if words else ''}."
        if answer.status == 403:
            return CredentialsRefused(f"{message} The login may not read this list.")
        return ConfigurationError(f"{message} Check path, list and pagination of the object.", reason="RequestRefused")

    def _where(self, url: str) -> str:
        return self.client.where("GET", url)


class _UnreadableError(Exception):
    """An answer that may be readable next time."""
