"""Records travel here: aiohttp, because it carries 50 requests at once 35 times as fast as httpx (measured).

Of aiohttp we take the parts that make it quick: its pool of connections (names, TLS, proxies) and its parser of
answers. What its session does around them is left out, because it costs twice as much as the rest together (measured:
110 us of CPU a request against 45): redirects, cookies, logins, its own retries. None of that may happen here.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http import HttpProcessingError

from ponte.connectors.http.aiohttp_destination import Destination
from ponte.connectors.http.guard import Guard
from ponte.connectors.http.port import MOST_ANSWER_BYTES, Request, Response, TransportError
from ponte.connectors.http.proxy import Proxy
from ponte.connectors.http.tls import refusal, words_of

_KEEPALIVE_S = 3.0  # shorter than any server's, so that no request meets a connection that is just being closed
_CONNECT_S = 10.0
_CHUNK = 256 * 1024
_FAILURES = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)
_SWITCHING = 101
_MAY_WANT_OURS = " (a server that wants a client certificate, or another one, may end it so: rest.tls)"


class _GuardedResolver(AbstractResolver):
    """Gives aiohttp only addresses that the guard allows, so that what is checked is what is connected to."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._guard.resolve(host, port, family)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class AiohttpTransport:
    """`Transport` by aiohttp, for one event loop; the pool is opened with the first request.

    Args:
        guard: judges every address.
        context: TLS settings; None where no address is https.
        proxy: what all requests go through, where there is one.
        most_bytes: largest answer, after decompression.
    """

    def __init__(
        self,
        guard: Guard,
        context: ssl.SSLContext | None,
        proxy: Proxy | None = None,
        most_bytes: int = MOST_ANSWER_BYTES,
    ) -> None:
        self._proxy = proxy
        self._guard = guard
        self._context = context
        self._most_bytes = most_bytes
        self._pool: aiohttp.TCPConnector | None = None
        self._destination: Destination | None = None
        self._is_answered = False

    async def send(self, request: Request, timeout_s: float) -> Response:
        """See `Transport`. Nothing is sent twice: whether that is harmless only the client knows."""
        self._guard.check_url(request.url)
        destination = self._destination_of(request.url)
        message = destination.message(request)
        connection: aiohttp.connector.Connection | None = None  # with one, the other side may have the request
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._connected(destination, timeout_s)
                return await self._exchange(connection, message)
        except _FAILURES as error:
            if connection is not None:
                raise _lost(error, _MAY_WANT_OURS if self._context and not self._is_answered else "") from error
            if self._proxy is not None and isinstance(error, aiohttp.ClientHttpProxyError):
                self._proxy.check_tunnel(error.status)
            raise _unconnected(error) from error
        finally:
            if connection is not None:
                connection.close()  # one whose answer was read to its end has been given back already

    async def close(self) -> None:
        """See `Transport`."""
        if self._pool is not None:
            await self._pool.close()
            await asyncio.sleep(0)  # lets the connections' own callbacks run

    def _destination_of(self, url: str) -> Destination:
        if self._destination is None or not self._destination.takes(url):
            self._destination = Destination.of(url, self._proxy)
        return self._destination

    async def _connected(self, destination: Destination, timeout_s: float) -> aiohttp.connector.Connection:
        """A connection on which nothing waits to be read: it would be taken for the answer to this request."""
        connection = await self._opened().connect(destination.dialled, [], _timeout(timeout_s))
        if connection.protocol is None or connection.protocol.should_close:
            connection.close()
            raise TransportError("ConnectionLost", "the server sent what nobody had asked for", is_sent=False)
        return connection

    def _opened(self) -> aiohttp.TCPConnector:
        if self._pool is None:
            self._pool = aiohttp.TCPConnector(
                resolver=_GuardedResolver(self._guard),
                ssl=self._context or True,
                limit=0,
                keepalive_timeout=_KEEPALIVE_S,
                ttl_dns_cache=30,
            )
        return self._pool

    async def _exchange(self, connection: aiohttp.connector.Connection, message: bytes) -> Response:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            raise TransportError("ConnectionLost", "the connection broke at once", is_sent=False)
        protocol.set_response_params(read_until_eof=True, read_bufsize=_CHUNK)
        transport.write(message)
        answer, content = await protocol.read()
        while 100 <= answer.code < 200 and answer.code != _SWITCHING:  # RFC 9110, 15.2: the answer itself follows
            answer, content = await protocol.read()
        if self._proxy is not None and answer.code == 407:
            raise self._proxy.refusal(407)
        body = await self._read(content)
        connection.release()
        self._is_answered = True
        return Response(answer.code, {name.lower(): text for name, text in answer.headers.items()}, body)

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while not content.at_eof():
            chunk = content.read_nowait() if content.is_eof() else await content.read(_CHUNK)
            size += len(chunk)
            if size > self._most_bytes:
                raise TransportError(
                    "AnswerTooLarge", f"the answer is larger than {self._most_bytes} bytes", is_sent=True
                )
            chunks.append(chunk)
        return b"".join(chunks)


@functools.cache
def _timeout(timeout_s: float) -> aiohttp.ClientTimeout:
    """The same for all requests of a system."""
    return aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(_CONNECT_S, timeout_s))


def _unconnected(error: Exception) -> TransportError:
    """Why there was no connection, in our words: foreign texts may hold the URL with its secrets."""
    if (detail := refusal(error)) is not None:
        return TransportError("TlsRefused", f"no TLS connection: {detail}", is_sent=False)
    if isinstance(error, aiohttp.InvalidURL):
        return TransportError("InvalidUrl", "the address is malformed", is_sent=False)
    if told := words_of(error):  # a server in the middle of a restart, or one that speaks no TLS
        why = f"no TLS connection: {told}"
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        why = f"the proxy opens no way there: HTTP {error.status}"
    elif isinstance(error, aiohttp.ClientConnectorError):
        where = " to the proxy" if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
        why = f"no connection{where}: {error.strerror or error.os_error}"
    elif isinstance(error, TimeoutError):
        why = "no connection in time"
    else:
        why = f"no connection: {type(error).__name__}"
    return TransportError("ConnectionFailed", why, is_sent=False)


def _lost(error: Exception, guess: str) -> TransportError:
    """Why a request that may have arrived got no whole answer; with a guess, where a broken connection has one."""
    if isinstance(error, TimeoutError):
        return TransportError("Timeout", "no whole answer in time", is_sent=True)
    if (detail := refusal(error)) is not None:
        return TransportError("TlsRefused", f"no TLS connection: {detail}", is_sent=False)
    return TransportError("ConnectionLost", f"the connection broke: {type(error).__name__}{guess}", is_sent=True)
