"""How a request proves who it comes from: one small port and its simple forms. OAuth 2.0 stands in `oauth2`."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from ponte.connectors.http.port import Request


class Auth(Protocol):
    """Credentials of a system. Applied last, and only to requests within the system's own origin."""

    async def apply(self, request: Request) -> Request:
        """The request with proof.

        Raises:
            CredentialsRefused: a token was refused.
            TransientError: a token could not be had for now.
        """
        ...

    async def renew(self, refused: Request) -> bool:
        """After a 401 to `refused`: whether other credentials are at hand now."""
        ...

    async def close(self) -> None:
        """Gives connections back."""
        ...


class NoAuth:
    """Nothing to prove, and the ground of all proofs that never change."""

    __slots__ = ()

    async def apply(self, request: Request) -> Request:
        """The request as it is."""
        return request

    async def renew(self, refused: Request) -> bool:  # noqa: ARG002 - the port's signature
        """Never."""
        return False

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class HeaderAuth(NoAuth):
    """A header that never changes: basic (RFC 7617), bearer (RFC 6750), API key."""

    name: str
    value: str = field(repr=False)

    async def apply(self, request: Request) -> Request:
        """The request with the header."""
        return request.with_headers({**request.headers, self.name: self.value})


@dataclass(frozen=True, slots=True)
class QueryAuth(NoAuth):
    """An API key as a query parameter; it takes the place of one that a next link may carry."""

    name: str
    value: str = field(repr=False)

    async def apply(self, request: Request) -> Request:
        """The request with the parameter."""
        parts = urlsplit(request.url)
        name = quote(self.name, safe="")
        kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] != name]
        query = "&".join([*kept, f"{name}={quote(self.value, safe='')}"])
        return replace(request, url=urlunsplit(parts._replace(query=query)))


def basic(username: str, password: str) -> HeaderAuth:
    """User name and password in UTF-8 (RFC 7617, 2.1)."""
    return HeaderAuth("Authorization", f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}")


def bearer(token: str) -> HeaderAuth:
    """A fixed token."""
    return HeaderAuth("Authorization", f"Bearer {token}")
