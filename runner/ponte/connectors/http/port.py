"""The port between what we want of HTTP and the library that does it.

Records travel by aiohttp (`aiohttp_transport`), tokens by httpx (`httpx_transport`); everything that decides (guard,
credentials, retries, limits) stands above, in `client`, and is the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

MOST_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE.
        url: absolute and escaped; sent as it stands.
        headers: without those of the connection.
        body: bytes, or None for none.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer, whole. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


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
