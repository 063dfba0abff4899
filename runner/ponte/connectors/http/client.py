"""The client of one system: guard, credentials, limits and retries, once, above any transport.

It brings any answer that is a decision of the other side (2xx, 404, 409, 422 ...) and raises for what is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urljoin

from ponte.connectors.http.auth import Auth
from ponte.connectors.http.deadline import is_too_late
from ponte.connectors.http.guard import Guard, is_same_origin
from ponte.connectors.http.limits import Limits
from ponte.connectors.http.masking import Mask, mask_url
from ponte.connectors.http.port import Request, Response, Transport, TransportError
from ponte.connectors.http.retrying import (
    ATTEMPTS,
    LONGEST_WAIT_S,
    backoff,
    is_passing,
    is_without_effect,
    long_wait,
    retry_after,
)
from ponte.engine.ports import Clock
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, TransientError

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class UnansweredError(TransientError):
    """No decision came, whatever was tried.

    Attributes:
        is_sent: the request may have had its effect.
    """

    def __init__(self, message: str, *, reason: str, is_sent: bool, retry_after: float | None = None) -> None:
        super().__init__(message, reason=reason, retry_after=retry_after)
        self.is_sent = is_sent


@dataclass(frozen=True, slots=True)
class Ground:
    """What a client stands on.

    Attributes:
        label: the SyncSource, for messages.
        base_url: without a slash at its end; requests go below it and never leave its origin.
        headers: sent with each request.
        timeout_s: longest time for one request.
    """

    label: str
    base_url: str
    headers: Mapping[str, str]
    timeout_s: float


class Client:
    """Sends requests to one system."""

    def __init__(  # noqa: PLR0913, PLR0917 - the one place where these meet
        self, ground: Ground, transport: Transport, guard: Guard, auth: Auth, limits: Limits, clock: Clock, mask: Mask
    ) -> None:
        self.ground = ground
        self.limits = limits
        self.clock = clock
        self.mask = mask
        self._transport = transport
        self._guard = guard
        self._auth = auth
        self._admission = asyncio.Lock()
        self._is_admitted = False
        self._refusal: CredentialsRefused | None = None
        self._below = f"{ground.base_url}/"

    async def send(self, request: Request, *, is_repeatable: bool) -> Response:
        """The answer to a request; retried while that is harmless and `deadline.work_until` permits.

        Args:
            request: its URL must lie within the origin of the base URL.
            is_repeatable: sending it twice does no more than once.

        Raises:
            UnansweredError: no decision came; a TransientError that says whether the request may have had its effect.
                It comes before all others where it may.
            CredentialsRefused: 401, or 403 before anything was admitted; each further call says so without a request.
            ConfigurationError: an address that is not allowed, a redirect that leads away, a refused certificate.
            Interrupted: a stop signal came, and the request certainly had no effect.
        """
        doubt: UnansweredError | None = None  # the last failure after which the request may have had its effect
        for attempt in range(1, ATTEMPTS + 1):
            try:
                failure, wait = await self._attempt(request, attempt)
                if isinstance(failure, Response):
                    return failure
                doubt = failure if failure.is_sent else doubt
                is_final = attempt == ATTEMPTS or (failure.is_sent and not is_repeatable) or wait > LONGEST_WAIT_S
                if is_final or is_too_late(self.clock.now() + timedelta(seconds=wait)):
                    raise doubt or failure
                await self._pause(failure, wait)
            except PonteError:  # a stop, a refused login or certificate: none of them undoes what may have arrived
                if doubt is None or request.method == "GET":
                    raise
                raise doubt from None
        raise AssertionError("the last attempt ends the loop")

    async def _pause(self, failure: UnansweredError, wait: float) -> None:
        """Before the next attempt: everybody rests where the other side asked for it, else this request alone."""
        if failure.retry_after is not None:
            self.limits.rest(wait)
        else:
            await self.clock.sleep(wait)

    async def get(self, url: str) -> Response:
        """The answer to a plain GET; see `fetch`."""
        return await self.fetch(Request("GET", url))

    async def fetch(self, request: Request) -> Response:
        """The answer to a GET; at most five redirects are followed, within the origin."""
        url = request.url
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self.send(replace(request, url=url), is_repeatable=True)
            target = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not target:
                return answer
            url = self.follow(url, target, "a redirect")
        raise ConfigurationError(
            f"{self.where('GET', url)} is redirected more than {_MOST_REDIRECTS} times. Next: look where it leads, and "
            "name the last address by baseUrl and path."
        )

    def follow(self, url: str, reference: str, what: str) -> str:
        """The address that a link or redirect of the other side leads to.

        Raises:
            ConfigurationError: LinkLeavesSystem: another scheme, host or port than the base URL's.
        """
        target = urljoin(url, reference.strip()).partition("#")[0]
        if not is_same_origin(target, self.ground.base_url):
            raise ConfigurationError(
                f"{self.where('GET', url)}: {what} leads to {mask_url(target)}, away from"
                f" {mask_url(self.ground.base_url)}. Ponte does not follow it. Next: if it is right, make it the "
                "baseUrl.",
                reason="LinkLeavesSystem",
            )
        self._guard.check_url(target)
        return target

    def where(self, method: str, url: str) -> str:
        """A request in messages: no values of its query."""
        return f"{self.ground.label}: {method} {self.mask(mask_url(url))}"

    async def close(self) -> None:
        """Gives connections back."""
        await self._transport.close()
        await self._auth.close()

    async def _attempt(self, request: Request, attempt: int) -> tuple[Response | UnansweredError, float]:
        """An answer, or why there is none and how long to wait before the next attempt."""
        try:
            answer = await (self._prove(request) if self._is_admitted else self._prove_first(request))
        except TransportError as error:
            where = self.where(request.method, request.url)
            error.check_certificates(where)
            message = f"{where}: {self.mask(error.message)} (attempt {attempt} of {ATTEMPTS})."
            return UnansweredError(message, reason=error.reason, is_sent=error.is_sent), backoff(attempt)
        if not is_passing(answer.status):
            return answer, 0.0
        asked = retry_after(answer.headers, self.clock.now())
        failure = UnansweredError(
            f"{self.where(request.method, request.url)}: {self.mask(answer.shown)} (attempt {attempt} of {ATTEMPTS})."
            + long_wait(asked),
            reason="RateLimited" if answer.status == 429 else "ServerError",
            is_sent=not is_without_effect(answer.status),
            retry_after=asked,
        )
        return failure, backoff(attempt) if asked is None else asked

    async def _prove_first(self, request: Request) -> Response:
        """The very first requests go one by one: a wrong password is tried once, not fifty times."""
        async with self._admission:
            return await self._prove(request)

    async def _prove(self, request: Request) -> Response:
        if self._refusal is not None:
            raise self._refusal
        proven, answer = await self._send_proven(request)
        if answer.status == 401 and await self._auth.renew(proven):
            proven, answer = await self._send_proven(request)
        if answer.status == 401 or (answer.status == 403 and not self._is_admitted):
            self._refusal = CredentialsRefused(
                f"{self.where(request.method, request.url)}: {self.mask(answer.shown)}: the login was refused, and"
                " no further request is sent in this run. Next: check `auth` and the Secret it names."
            )
            raise self._refusal
        self._is_admitted = self._is_admitted or not is_passing(answer.status)
        return answer

    async def _send_proven(self, request: Request) -> tuple[Request, Response]:
        if not request.url.startswith(self._below) and not is_same_origin(request.url, self.ground.base_url):
            raise ConfigurationError(
                f"{self.where(request.method, request.url)} is not below {mask_url(self.ground.base_url)}. Next: "
                "correct the path, or make baseUrl shorter.",
                reason="LinkLeavesSystem",
            )
        async with self.limits.slot():
            headers = {"Accept": "application/json", **request.headers, **self.ground.headers}
            proven = await self._auth.apply(request.with_headers(headers))
            if is_too_late(self.clock.now()):  # its turn, or a new token, came late
                raise TransportError("Timeout", "not sent, the time for it was over", is_sent=False)
            answer = await self._transport.send(proven, self.ground.timeout_s)
            return proven, answer if request.reading is None else request.reading(request, answer)
