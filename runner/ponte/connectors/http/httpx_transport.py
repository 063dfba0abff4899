"""Tokens travel here: httpx. Few requests, so its comfort counts more than its speed."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from urllib.parse import urlsplit

import httpx

from ponte.connectors.http.guard import Guard
from ponte.connectors.http.port import Request, Response, TransportError

_MOST_BYTES = 1024 * 1024


class HttpxTransport:
    """`Transport` by httpx. It connects to the very address that the guard judged; TLS still checks the name."""

    def __init__(self, guard: Guard, context: ssl.SSLContext | None) -> None:
        self._guard = guard
        self._client = httpx.AsyncClient(verify=context or True, trust_env=False, follow_redirects=False)

    async def send(self, request: Request, timeout_s: float) -> Response:
        """See `Transport`."""
        self._guard.check_url(request.url)
        parts = urlsplit(request.url)
        host = parts.hostname or ""
        try:
            async with asyncio.timeout(timeout_s):
                addresses = await self._guard.resolve(host, parts.port or 0)
                address = addresses[0]
                headers = {**request.headers, "Host": parts.netloc}
                url = httpx.URL(request.url).copy_with(host=str(address))
                extensions = {"sni_hostname": host} if not _is_literal(host) else {}
                async with self._client.stream(
                    request.method,
                    url,
                    headers=headers,
                    content=request.body,
                    timeout=timeout_s,
                    extensions=extensions,
                ) as answer:
                    return Response(answer.status_code, dict(answer.headers), await _read(answer))
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise _translate(error) from error

    async def close(self) -> None:
        """See `Transport`."""
        await self._client.aclose()


async def _read(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_bytes(64 * 1024):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise TransportError("AnswerTooLarge", f"the answer is larger than {_MOST_BYTES} bytes", is_sent=True)
    return body


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _translate(error: Exception) -> TransportError:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | OSError) and not isinstance(error, TimeoutError):
        return TransportError("ConnectionFailed", "no connection", is_sent=False)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TransportError("Timeout", "no whole answer in time", is_sent=True)
    return TransportError("ConnectionLost", f"the connection broke: {type(error).__name__}", is_sent=True)
