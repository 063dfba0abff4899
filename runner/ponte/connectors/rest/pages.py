"""One page of a list: the request, and what its answer holds. Which page comes next is `paging`'s business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from ponte.connectors.http.client import Client
from ponte.connectors.http.port import Request, Response
from ponte.connectors.http.retrying import backoff
from ponte.connectors.records import JsonError
from ponte.connectors.rest.answers import MISSING, body_of, decoded, has_errors, is_ambiguous, is_html, take, words_of
from ponte.connectors.rest.body_templates import Given, UnfitValueError
from ponte.connectors.rest.templates import Endpoint
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, TransientError
from ponte_api.sync_source import ListRequest

Parameters = Sequence[tuple[str, str]]
_READINGS = 3


@dataclass(frozen=True, slots=True)
class Ask:
    """What asks for one page: two that are equal ask for the same."""

    method: str
    url: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page as the server gave it.

    Attributes:
        ask: how it was asked for.
        elements: elements of the list, objects if all is well.
        body: the whole decoded answer.
        headers: of the answer.
        announced: how many records there are, where the answer says so.
    """

    ask: Ask
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
        endpoint: of the list.
        request: how it is listed.
    """

    def __init__(self, client: Client, endpoint: Endpoint, request: ListRequest) -> None:
        self.client = client
        self._endpoint = endpoint
        self._address = client.ground.base_url + endpoint.path
        self._records = request.records
        self._element = request.element
        self._total = request.total
        self._fixed = [(parameter.name, parameter.value) for parameter in request.parameters]

    def ask(self, parameters: Parameters) -> Ask:
        """What asks for a page; later parameters take the place of earlier ones of the same name.

        Raises:
            ConfigurationError: the list is a call, and its body has no place for a parameter.
        """
        pairs = dict([*self._fixed, *parameters])
        body = self._endpoint.body
        if body is None:
            return Ask("GET", self._with_query(pairs))
        try:
            request = self._endpoint.request(self._address, Given(parameters=pairs), {})
        except UnfitValueError as error:
            raise ConfigurationError(
                f"{self.where(Ask('POST', self._address))}: the call for list: {error}. Next: mend it."
            ) from error
        placed = set(body.parameters)
        if lost := [name for name in pairs if name not in placed]:
            raise ConfigurationError(
                f"{self.where(Ask('POST', self._address))}: the call for list has no place for the parameter {lost[0]}"
                f" of pagination, find, cursor or list. Next: put {{$parameter: {lost[0]}}} into its body."
            )
        return Ask(self._endpoint.method, request.url, request.body)

    def follow(self, page: Ask, link: str) -> Ask:
        """What a link to the next page asks for."""
        return Ask("GET", self.client.follow(page.url, link, "the next page's link"))

    def where(self, ask: Ask) -> str:
        """A request in messages."""
        return self.client.where(ask.method, ask.url)

    async def read(self, ask: Ask) -> Page:
        """One page. An answer that is no JSON (a maintenance page, a cut body) is asked for again.

        Raises:
            PageRefusedError: a 4xx.
            TransientError: no readable answer came.
            ConfigurationError: the answer holds no list where one should be.
        """
        for reading in range(1, _READINGS):
            try:
                return self._take(ask, await self._fetch(ask))
            except _UnreadableError:
                await self.client.clock.sleep(backoff(reading))
        answer = await self._fetch(ask)
        try:
            return self._take(ask, answer)
        except _UnreadableError as error:
            why = self.client.mask(str(error))
            message = f"{self.where(ask)}: HTTP {answer.status}, but {why}. It is tried again later."
            raise TransientError(message, reason="UnreadableAnswer") from error

    def _with_query(self, pairs: dict[str, str]) -> str:
        if not pairs:
            return self._address
        query = urlencode(list(pairs.items()), quote_via=quote)
        return f"{self._address}{'&' if '?' in self._address else '?'}{query}"

    async def _fetch(self, ask: Ask) -> Response:
        if ask.body is None:
            accept = {"Accept": self._endpoint.media}
            return await self.client.fetch(Request("GET", ask.url, accept, reading=self._endpoint.reading))
        headers = {"Content-Type": self._endpoint.media, "Accept": self._endpoint.media}
        request = Request(ask.method, ask.url, headers, ask.body, self._endpoint.reading)
        return await self.client.send(request, is_repeatable=True)

    def _take(self, ask: Ask, answer: Response) -> Page:
        if answer.status == 204:
            return Page(ask, [], None, dict(answer.headers), None)
        if not 200 <= answer.status < 300:
            raise PageRefusedError(answer.status, self._refusal(ask, answer))
        if answer.flaw:
            raise _UnreadableError(answer.flaw)
        if is_html(answer):
            raise _UnreadableError("a page of HTML came instead of JSON")
        try:
            body = decoded(answer)
        except JsonError as error:
            raise _UnreadableError(f"the answer is not JSON ({error.reason}: {error.message})") from error
        if is_ambiguous(body, self._records or ""):
            raise _UnreadableError("a name stands twice beside the list: nobody knows which of the two is meant")
        return Page(ask, self._elements(ask, body), body, dict(answer.headers), self._announced(body))

    def _elements(self, ask: Ask, body: Any) -> list[Any]:
        found = take(body, self._records) if self._records else body
        if isinstance(found, list):
            return found if self._element is None else [_inner(item, self._element) for item in found]
        if found is None and self._records:
            return []
        if has_errors(body):
            raise _UnreadableError(f"the answer is an error: {words_of(body)}")
        holds = f"a {type(body).__name__}"
        if isinstance(body, dict):
            holds = f"an object with {', '.join(list(body)[:8])}" if body else "an empty object"
        wanted = f"no list at {self._records}" if self._records else "no list"
        raise ConfigurationError(
            f"{self.where(ask)}: the answer has {wanted}; it is {self.client.mask(holds)}. Next: set list.records to "
            "the path of the list.",
            reason="RecordsNotFound",
        )

    def _announced(self, body: Any) -> int | None:
        found = take(body, self._total) if self._total else MISSING
        text = str(found)
        return (
            int(text) if not isinstance(found, bool) and text.isascii() and text.isdigit() and len(text) < 16 else None
        )

    def _refusal(self, ask: Ask, answer: Response) -> PonteError:
        words = self.client.mask(words_of(body_of(answer)))
        message = f"{self.where(ask)}: {self.client.mask(answer.shown)}{f': {words}' if words else ''}."
        if answer.status == 403:
            return CredentialsRefused(
                f"{message} The login may not read this list. Next: have it allowed to, or use another login."
            )
        return ConfigurationError(
            f"{message} Next: check path, list and pagination of the object.", reason="RequestRefused"
        )


def _inner(item: Any, path: str) -> Any:
    """The record within an element; what has none, or two, stays a stray element, so that it is seen."""
    found = MISSING if is_ambiguous(item, path) else take(item, path)
    return None if found is MISSING else found


class _UnreadableError(Exception):
    """An answer that may be readable next time."""
