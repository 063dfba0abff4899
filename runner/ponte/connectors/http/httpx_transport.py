"""Tokens travel here: httpx. Few requests, so its comfort counts more than its speed."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from urllib.parse import urlsplit

import httpx

from ponte.connectors.http.guard import Guard
from ponte.connectors.http.port import Request, Response, TransportError
from ponte.connectors.http.proxy import Proxy
from ponte.connectors.http.tls import refusal, words_of

_MOST_BYTES = 1024 * 1024


class HttpxTransport:
    """`Transport` by httpx. It connects to the very address that the guard judged; TLS still checks the name."""

    def __init__(self, guard: Guard, context: ssl.SSLContext | None, proxy: Proxy | None = None) -> None:
        self._guard = guard
        self._context = context
        self._proxy = proxy

    async def send(self, request: Request, timeout_s: float) -> Response:
        """See `Transport`."""
        self._guard.check_url(request.url)
        try:
            async with asyncio.timeout(timeout_s):
                if self._proxy is not None:
                    return await self._send_through(self._proxy, request, timeout_s)
                return await self._send_directly(request, timeout_s)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            if self._proxy is not None and isinstance(error, httpx.ProxyError):
                status = str(error)[:3]  # httpx says the status of an answer to CONNECT only in its words
                self._proxy.check_tunnel(int(status) if status.isdecimal() else 0)
            raise _translate(error) from error

    async def close(self) -> None:
        """See `Transport`. Connections end with their request: tokens are asked for once an hour."""

    async def _send_directly(self, request: Request, timeout_s: float) -> Response:
        parts = urlsplit(request.url)
        host = parts.hostname or ""
        address = (await self._guard.resolve(host, parts.port or 0))[0]
        url = httpx.URL(request.url).copy_with(host=str(address))
        extensions = {"sni_hostname": host} if not _is_literal(host) else {}
        headers = {**request.headers, "Host": parts.netloc}
        async with self._client(None) as client:
            message = client.build_request(
                request.method, url, headers=headers, content=request.body, timeout=timeout_s, extensions=extensions
            )
            return await _exchange(client, message)

    async def _send_through(self, proxy: Proxy, request: Request, timeout_s: float) -> Response:
        """Connects to the very address of the proxy that the guard judged; the proxy resolves the name behind it."""
        address = (await self._guard.resolve(proxy.host, proxy.port))[0]
        authority = f"[{address}]" if address.version == 6 else str(address)
        async with self._client(httpx.Proxy(f"http://{authority}:{proxy.port}", auth=proxy.login)) as client:
            message = client.build_request(
                request.method, request.url, headers=request.headers, content=request.body, timeout=timeout_s
            )
            answer = await _exchange(client, message)
        if answer.status == 407:
            raise proxy.refusal(407)
        return answer

    def _client(self, proxy: httpx.Proxy | None) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._context or True, trust_env=False, follow_redirects=False, proxy=proxy)


async def _exchange(client: httpx.AsyncClient, message: httpx.Request) -> Response:
    answer = await client.send(message, stream=True)
    try:
        return Response(answer.status_code, dict(answer.headers), await _read(answer))
    finally:
        await answer.aclose()


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
    if isinstance(error, httpx.ProxyError):
        return TransportError("ConnectionFailed", "the proxy opens no way there", is_sent=False)
    if (detail := refusal(error)) is not None:
        return TransportError("TlsRefused", f"no TLS connection: {detail}", is_sent=False)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | OSError) and not isinstance(error, TimeoutError):
        told = words_of(error)
        return TransportError(
            "ConnectionFailed", f"no TLS connection: {told}" if told else "no connection", is_sent=False
        )
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TransportError("Timeout", "no whole answer in time", is_sent=True)
    return TransportError("ConnectionLost", f"the connection broke: {type(error).__name__}", is_sent=True)
