"""A shop on loopback: records under ids of its own or under our key, no check of doubles, a log of every effect."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Shop:
    """POST /items makes a record each time it is asked to; /keyed/SKU makes or changes the one with that key."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.effects: list[tuple[str, str]] = []
        self._made = 0
        self._answered: dict[str, tuple[int, Any]] = {}
        self._lock = threading.Lock()

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: Any, known: str | None = None
    ) -> tuple[int, Any]:
        """Status and body; a request whose idempotency key (`known`) was seen does nothing and is answered as then."""
        with self._lock:
            if known is None:
                return self._answer(method, path, query, body)
            if known not in self._answered:
                self._answered[known] = copy.deepcopy(self._answer(method, path, query, body))
            return self._answered[known]

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/items":
            return self._make(body) if method == "POST" else self._list(query)
        kind, _, name = path.removeprefix("/").partition("/")
        held = name if kind == "items" else self._with_sku(name)
        if kind == "keyed" and method == "PUT" and held is None:
            return self._make(body)
        if held not in self.records:
            return 404, {"error": "no such record"}
        return self._one(method, held, body)

    def remove(self, *skus: str) -> None:
        """As somebody does who works at the shop."""
        with self._lock:
            for own in [own for own, record in self.records.items() if record["sku"] in skus]:
                self.effects.append(("DELETE", self.records.pop(own)["sku"]))

    def _one(self, method: str, own: str, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, self.records[own]
        self.effects.append((method, self.records[own]["sku"]))
        if method == "DELETE":
            return 200, self.records.pop(own)
        self.records[own].update(body)
        return 200, self.records[own]

    def _make(self, body: Any) -> tuple[int, Any]:
        self._made += 1
        self.records[str(self._made)] = {**body, "id": self._made}
        self.effects.append(("POST", body["sku"]))
        return 201, self.records[str(self._made)]

    def _list(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        return 200, [record for record in self.records.values() if record["sku"] in query.get("sku", [])]

    def _with_sku(self, sku: str) -> str | None:
        return next((own for own, record in self.records.items() if record["sku"] == sku), None)


@contextmanager
def open_shop() -> Iterator[tuple[Shop, str]]:
    """The shop and its address."""
    shop = Shop()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(shop))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield shop, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            if len(raw) < length:
                return
            parts = urlsplit(self.path)
            body = json.loads(raw) if raw else None
            known = self.headers.get("Idempotency-Key")
            status, answer = shop.answer(self.command, unquote(parts.path), parse_qs(parts.query), body, known)
            text = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                self.wfile.flush()
            except OSError:
                self.close_connection = True  # whoever asked was killed

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - names of the base class

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Quiet(Handler):
        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                self.close_connection = True

    return Quiet
