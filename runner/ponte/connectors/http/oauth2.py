"""OAuth 2.0 client credentials (RFC 6749, 4.4): a token fetched, kept, renewed before its end and once after a 401."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote_plus, urlencode

from ponte.connectors.http.deadline import is_too_late
from ponte.connectors.http.masking import Mask, mask_url
from ponte.connectors.http.port import Request, Response, Transport, TransportError
from ponte.connectors.http.retrying import ATTEMPTS, LONGEST_WAIT_S, backoff, is_passing, long_wait, retry_after
from ponte.engine.ports import Clock
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError

_EARLIEST_RENEWAL = timedelta(seconds=60)
_LONGEST_LIFETIME_S = 1e8
_BEARER = ("bearer", "bearertoken")  # the second is what Apigee says
_PAUSE_S = 3.0
"""So long nobody asks an endpoint that had no token after several attempts: each record would ask anew."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What the token endpoint wants to know."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    renew_at: datetime | None


class OAuth2Auth:
    """Bearer tokens by client credentials; many requests at once fetch one token."""

    def __init__(
        self, label: str, credentials: ClientCredentials, transport: Transport, clock: Clock, mask: Mask
    ) -> None:
        self._label = label
        self._credentials = credentials
        self._transport = transport
        self._clock = clock
        self._mask = mask
        self._token: _Token | None = None
        self._lack: tuple[TransientError, datetime] | None = None  # why there is no token, and until when it holds
        self._lock = asyncio.Lock()

    async def apply(self, request: Request) -> Request:
        """The request with a token that is still good."""
        async with self._lock:
            token = self._token
            if token is None or (token.renew_at is not None and self._clock.now() >= token.renew_at):
                token = self._token = await self._fetch_unless_paused()
        return request.with_headers({**request.headers, "Authorization": f"Bearer {token.text}"})

    async def renew(self, refused: Request) -> bool:
        """Drops the refused token; True when another one can be had."""
        async with self._lock:
            if self._token and refused.headers.get("Authorization") == f"Bearer {self._token.text}":
                self._token = None
        return True

    async def close(self) -> None:
        """Gives connections back."""
        await self._transport.close()

    async def _fetch_unless_paused(self) -> _Token:
        if self._lack is not None and self._clock.now() < self._lack[1]:
            raise self._lack[0]
        try:
            return await self._fetch()
        except TransientError as error:
            pause = timedelta(seconds=max(_PAUSE_S, min(error.retry_after or 0.0, LONGEST_WAIT_S)))
            self._lack = error, self._clock.now() + pause
            raise

    async def _fetch(self) -> _Token:
        for attempt in range(1, ATTEMPTS + 1):
            asked, wait = None, backoff(attempt)
            try:
                answer = await self._transport.send(self._request(), 30.0)
            except TransportError as error:
                error.check_certificates(self._where())
                why = error.message
            else:
                if not is_passing(answer.status):
                    return self._take(answer)
                why, asked = f"HTTP {answer.status}", retry_after(answer.headers, self._clock.now())
                wait = wait if asked is None else asked
            is_final = attempt == ATTEMPTS or wait > LONGEST_WAIT_S
            if is_final or is_too_late(self._clock.now() + timedelta(seconds=wait)):
                raise self._no_token(why, asked)
            await self._clock.sleep(wait)
        raise AssertionError("the last attempt ends the loop")

    def _no_token(self, why: str, asked: float | None = None) -> TransientError:
        then = long_wait(asked) or " It is tried again later."
        return TransientError(f"{self._where()} gave no token ({why}).{then}", retry_after=asked)

    def _request(self) -> Request:
        ours = self._credentials
        pair = f"{quote_plus(ours.client_id)}:{quote_plus(ours.client_secret)}"  # RFC 6749, 2.3.1
        form = {"grant_type": "client_credentials"}
        if ours.scopes:
            form["scope"] = " ".join(ours.scopes)
        if ours.audience:
            form["audience"] = ours.audience
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        return Request("POST", ours.token_url, headers, urlencode(form).encode())

    def _take(self, answer: Response) -> _Token:
        if answer.status in {400, 401, 403}:
            raise CredentialsRefused(
                f"{self._where()} refused the client (HTTP {answer.status}{self._error(answer)}). Next: check clientId,"
                " clientSecret and scopes, then update the Secret."
            )
        fields = _members(answer.body)
        text = fields.get("access_token")
        if answer.status != 200 or not isinstance(text, str) or not text.isprintable() or " " in text:
            raise self._no_token(f"HTTP {answer.status}")
        kind = fields.get("token_type")
        if kind is not None and str(kind).lower() not in _BEARER:  # RFC 6749, 7.1: what is not understood is not used
            raise ConfigurationError(
                f"{self._where()} gives tokens of the type {self._mask(str(kind)[:40])!r}; Ponte uses bearer tokens "
                "only. Next: have the client registered for bearer tokens."
            )
        self._mask.add([text])
        return _Token(text, self._renewal(fields.get("expires_in")))

    def _renewal(self, expires_in: object) -> datetime | None:
        try:
            seconds = float(str(expires_in))
        except ValueError:
            return None
        if not seconds > 0:  # NaN too: what nobody can wait for is no lifetime
            return None
        lifetime = timedelta(seconds=min(seconds, _LONGEST_LIFETIME_S))
        return self._clock.now() + lifetime - min(_EARLIEST_RENEWAL, lifetime / 10)

    def _error(self, answer: Response) -> str:
        code = _members(answer.body).get("error")
        return f", {self._mask(code)}" if isinstance(code, str) else ""

    def _where(self) -> str:
        return f"{self._label}: the token endpoint {mask_url(self._credentials.token_url)}"


def _members(body: bytes) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
