"""The shop of this example: a small JSON web API on loopback that keeps its records in memory.

It gives ids of its own, and refuses an order whose customer or product it does not have, as shops do.

    python shop.py demo/secrets          writes shop/url and shop/token there, and serves until it is ended
"""

from __future__ import annotations

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Record = dict[str, Any]
KEYS = {"products": "sku", "customers": "code", "orders": "number"}
TOKEN = secrets.token_urlsafe(24)


class Shop:
    """Records by object and id."""

    def __init__(self) -> None:
        self.records: dict[str, dict[int, Record]] = {name: {} for name in KEYS}
        self._ids = count(101)
        self._lock = Lock()

    def answer(
        self, method: str, name: str, number: int | None, query: dict[str, str], sent: Record
    ) -> tuple[int, Any]:
        """Status and body for a request."""
        with self._lock:
            records = self.records[name]
            if method == "GET" and number is None:
                return 200, self._page(list(records.values()), KEYS[name], query)
            if method == "POST" and any(one[KEYS[name]] == sent[KEYS[name]] for one in records.values()):
                return 409, {"error": f"{KEYS[name]} exists already"}
            if method in {"PATCH", "DELETE", "GET"} and number not in records:
                return 404, {"error": "no such record"}
            if name == "orders" and method != "DELETE" and (fault := self._fault(sent)):
                return 422, {"error": fault}
            return self._apply(method, records, number or 0, sent)

    def _apply(self, method: str, records: dict[int, Record], number: int, sent: Record) -> tuple[int, Any]:
        if method == "POST":
            number = next(self._ids)
            records[number] = {"id": number}
        if method == "DELETE":
            return 200, records.pop(number)
        records[number] |= sent
        return 201 if method == "POST" else 200, records[number]

    def _fault(self, order: Record) -> str | None:
        if order.get("customerId") not in self.records["customers"]:
            return "there is no such customer"
        known = self.records["products"]
        return None if all(line["productId"] in known for line in order["lines"]) else "there is no such product"

    def _page(self, found: list[Record], key: str, query: dict[str, str]) -> Record:
        if key in query:
            found = [record for record in found if record[key] == query[key]]
        page, size = int(query.get("page", 1)), int(query.get("size", 100))
        return {"items": found[(page - 1) * size : page * size], "total": len(found)}


class Handler(BaseHTTPRequestHandler):
    """Takes requests apart and asks the shop."""

    protocol_version = "HTTP/1.1"
    shop = Shop()

    def do_GET(self) -> None:
        """Any request."""
        sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        address = urlsplit(self.path)
        name, _, number = address.path.strip("/").partition("/")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, body = 401, {"error": "wrong token"}
        elif name not in KEYS or (number and not number.isdigit()):
            status, body = 404, {"error": "no such address"}
        else:
            query = dict(parse_qsl(address.query))
            status, body = self.shop.answer(self.command, name, int(number) if number else None, query, sent)
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - as above

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def main(folder: Path) -> None:
    """Serves until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    for name, text in (("url", f"http://127.0.0.1:{server.server_port}"), ("token", TOKEN)):
        file = folder / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    print(f"the shop listens on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
