"""A web server on loopback that answers as a test tells it to, and remembers what it was asked.

It runs in the test's own event loop, so a test sees each request as soon as it was made.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

RECORD = "application/json"


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire; `path` is still escaped."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer.

    `is_dropped`: the connection breaks instead, behind the parts where there are some; `parts`: the body in pieces,
    `pause_s` between them.
    """

    status: int = 200
    json: Any = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    is_dropped: bool = False
    parts: tuple[bytes, ...] = ()
    pause_s: float = 0.0

    @property
    def payload(self) -> bytes:
        if self.text is not None:
            return self.text.encode("utf-8", "surrogatepass")
        return b"" if self.json is None else json.dumps(self.json).encode()


Answer = Callable[[Seen], Reply | Awaitable[Reply]]


class ScriptedServer:
    """Answers each request by `answer`, which a test sets."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer: Answer = lambda seen: Reply(404)
        self.base_url = ""
        self.in_flight = 0
        self.most_in_flight = 0
        self._runner: web.AppRunner | None = None
        self._transports: set[asyncio.Transport] = set()

    async def start(self, context: ssl.SSLContext | None = None) -> ScriptedServer:
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
        return self

    async def stop(self) -> None:
        for transport in self._transports:
            transport.abort()  # one by TLS would else say goodbye for longer than the test's loop lives
        if self._runner is not None:
            await self._runner.cleanup()

    def asked(self, method: str | None = None) -> list[str]:
        """Paths with their queries, in the order of the requests."""
        return [
            seen.path + ("?" + "&".join(f"{k}={v}" for k, v in seen.query.items()) if seen.query else "")
            for seen in self.seen
            if method in {None, seen.method}
        ]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(
            request.method,
            request.raw_path.partition("?")[0],
            dict(request.query),
            dict(request.headers),
            await request.read(),
        )
        self.seen.append(seen)
        if request.transport is not None:
            self._transports.add(request.transport)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            reply = self.answer(seen)
            if asyncio.iscoroutine(reply):
                reply = await reply
            return await self._send(request, reply)
        finally:
            self.in_flight -= 1

    async def _send(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        if reply.is_dropped and not reply.parts:
            request.transport.close()
            return web.Response()
        headers = {"Content-Type": "application/json", **reply.headers}
        if not reply.parts:
            return web.Response(status=reply.status, body=reply.payload, headers=headers)
        response = web.StreamResponse(status=reply.status, headers=headers)
        await response.prepare(request)
        for part in reply.parts:
            await response.write(part)
            await asyncio.sleep(reply.pause_s)
        if reply.is_dropped:
            request.transport.close()
            return response
        await response.write_eof()
        return response
