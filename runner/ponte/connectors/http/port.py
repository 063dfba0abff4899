"""The port between what we want of HTTP and the library that does it.

Records travel by aiohttp (`aiohttp_transport`), tokens by httpx (`httpx_transport`); everything that decides (guard,
credentials, retries, limits) stands above, in `client`, and is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ponte.errors import ConfigurationError

MOST_ANSWER_BYTES = 64 * 1024 * 1024
UNREAD = object()
"""Stands where a body has not been decoded yet."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE.
        url: absolute and escaped; sent as it stands.
        headers: without those of the connection.
        body: bytes, or None for none.
        reading: reads the answer's body before anything is decided, for systems that say there what HTTP has a status
            for; see `Response`.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    reading: Callable[[Request, Response], Response] | None = field(default=None, repr=False)

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """The request with other headers; `dataclasses.replace` takes three times as long, for each request."""
        return Request(self.method, self.url, headers, self.body, self.reading)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer, whole.

    Attributes:
        status: of HTTP, or the one that an error inside the body amounts to.
        headers: names in lower case.
        body: as it came.
        value: the decoded body, where a reading decoded it.
        note: how messages call an error that stood inside the body; empty for none.
        flaw: why a body that came with a success cannot be believed; empty for none.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    value: Any = field(default=UNREAD, repr=False)
    note: str = field(default="", repr=False)
    flaw: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The answer in messages."""
        return self.note or f"HTTP {self.status}"


class TransportError(Exception):
    """A request that got no whole answer.

    Attributes:
        reason: stable PascalCase: Timeout, ConnectionFailed, ConnectionLost, TlsRefused, AnswerTooLarge.
        is_sent: the other side may have received it.
    """

    def __init__(self, reason: str, message: str, *, is_sent: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.is_sent = is_sent

    def check_certificates(self, where: str) -> None:
        """Raises where one side refused the other's certificate: that heals only by a person, so nobody tries again.

        Raises:
            ConfigurationError: TlsRefused.
        """
        if self.reason == "TlsRefused":
            raise ConfigurationError(
                f"{where}: {self.message}. Next: the server has to show a certificate for the very name of the "
                "address, by an authority that the system or rest.tls.ca knows; and if it asks for ours, rest.tls has "
                "to hold clientCertificate and clientKey that it takes.",
                reason=self.reason,
            )


class Transport(Protocol):
    """Sends one request and brings one answer; follows no redirect, keeps no cookie, obeys no proxy variable."""

    async def send(self, request: Request, timeout_s: float) -> Response:
        """The answer.

        Raises:
            TransportError: no whole answer came.
            ConfigurationError: the guard refused the address.
        """
        ...

    async def close(self) -> None:
        """Gives connections back."""
        ...
