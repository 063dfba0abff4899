"""The web server of the bench, a process of its own: articles to read from memory, and a target that answers in 1 ms.

GET /products?page=N&size=M    a page: {"items": [...], "total": ..., "pages": ...}
GET /products.json             all articles as one array
PUT /shelf/NAME/products/SKU   keeps the body; POST /shelf/NAME/bulk keeps a list, and answers for each
GET /shelf/NAME                what was kept, compared with the articles
POST /shelf/NAME/clear         forgets it; POST /shelf/NAME/watch only begins to count anew
POST /change                   one article in a hundred gets another price

Written on asyncio's protocols, because a framework would be the slowest part of what is measured.
Run as: python -m bench.rivals.shop_server RECORDS
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote

from bench.rivals.articles import articles

LATENCY_S = 0.001
_HEADER_END = b"\r\n\r\n"
_TIMES = ("created", "modified")
_DONE = b'{"status":200}'


class Shelf:
    """What one tool has sent, and how."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets what was sent."""
        self.kept: dict[str, bytes] = {}
        self.bulks: list[bytes] = []
        self.watch()

    def watch(self) -> None:
        """Begins to count anew."""
        self.requests = self.busy = self.busiest = 0

    def keep_all(self, body: bytes) -> bytes:
        """Keeps a bulk request; it is taken apart later, when nobody waits for it."""
        self.bulks.append(body)
        answers = b",".join([_DONE] * body.count(b'"sku"'))
        return b"[%b]" % answers

    def account(self, wanted: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """What it holds, and how often a field is not as it should be."""
        for body in self.bulks:
            records = json.loads(body, parse_float=str)
            self.kept.update((record["sku"], json.dumps(record).encode()) for record in records)
        self.bulks.clear()
        other: dict[str, int] = {}
        for record in wanted:
            found = json.loads(self.kept.get(record["sku"], b"{}"), parse_float=Decimal)
            for name, value in record.items():
                if not _is_same(name, value, found.get(name)):
                    other[name] = other.get(name, 0) + 1
        return {"records": len(self.kept), "other": other, "requests": self.requests, "busiest": self.busiest}


class Shop:
    """What the server knows: articles to be read, and a shelf for each tool that sends."""

    def __init__(self, records: int) -> None:
        self.records = records
        self.changes = 0
        self.shelves: defaultdict[str, Shelf] = defaultdict(Shelf)
        self._pages: dict[tuple[int, int], bytes] = {}
        self._texts: list[str] = []
        self.whole = b""
        self._render()

    def change(self) -> None:
        """Another price for one article in a hundred."""
        self.changes += 1
        self._render()

    def page(self, number: int, size: int) -> bytes:
        """A page's body, made once."""
        if (number, size) not in self._pages:
            items = ",".join(self._texts[(number - 1) * size : number * size])
            pages = -(-self.records // size)
            body = f'{{"items":[{items}],"total":{self.records},"pages":{pages}}}'
            self._pages[number, size] = body.encode()
        return self._pages[number, size]

    def articles(self) -> Iterator[dict[str, Any]]:
        """All articles as they are now."""
        return articles(self.records, self.changes)

    def _render(self) -> None:
        self._texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in self.articles()]
        self._pages.clear()
        self.whole = f"[{','.join(self._texts)}]".encode()


def _is_same(name: str, wanted: Any, found: Any) -> bool:
    """Whether two JSON values mean the same: 1.10 and "1.1" do, so do times written with Z and with +00:00."""
    if isinstance(wanted, float) and not isinstance(found, bool):
        return found is not None and Decimal(str(found)) == Decimal(str(wanted))
    if name in _TIMES and isinstance(found, str):
        return datetime.fromisoformat(found) == datetime.fromisoformat(wanted)
    return bool(found == wanted)


class Conversation(asyncio.Protocol):
    """One connection, kept alive; requests one after the other."""

    def __init__(self, shop: Shop, loop: asyncio.AbstractEventLoop) -> None:
        self._shop = shop
        self._loop = loop
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_HEADER_END)) >= 0:
            head = bytes(self._received[:end]).decode("latin-1")
            whole = end + len(_HEADER_END) + _body_length(head)
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + len(_HEADER_END) : whole])
            del self._received[:whole]
            method, target, _ = head.split(" ", 2)
            self._take(method, target, body)

    def _take(self, method: str, target: str, body: bytes) -> None:
        path, _, query = target.partition("?")
        if path.startswith("/shelf/"):
            self._take_for_shelf(method, path, body)
        elif method == "GET" and path == "/products":
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            self._answer(self._shop.page(int(asked["page"]), int(asked["size"])))
        elif method in {"GET", "HEAD"} and path == "/products.json":
            self._answer(self._shop.whole, has_body=method == "GET")
        elif method == "POST" and path == "/change":
            self._shop.change()
            self._answer(b"{}")
        else:
            self._answer(b'{"error":"no such path"}', status=b"404 Not Found")

    def _take_for_shelf(self, method: str, path: str, body: bytes) -> None:
        name, _, rest = path.removeprefix("/shelf/").partition("/")
        shelf = self._shop.shelves[name]
        if method == "PUT" and rest.startswith("products/"):
            shelf.kept[unquote(rest.removeprefix("products/"))] = body
            self._answer_later(shelf, b'{"status":"ok"}')
        elif method == "POST" and rest == "bulk":
            self._answer_later(shelf, shelf.keep_all(body))
        elif method == "POST" and rest in {"clear", "watch"}:
            (shelf.clear if rest == "clear" else shelf.watch)()
            self._answer(b"{}")
        else:
            self._answer(json.dumps(shelf.account(self._shop.articles())).encode())

    def _answer_later(self, shelf: Shelf, body: bytes) -> None:
        shelf.requests += 1
        shelf.busy += 1
        shelf.busiest = max(shelf.busiest, shelf.busy)
        self._loop.call_later(LATENCY_S, self._answer_now, shelf, body)

    def _answer_now(self, shelf: Shelf, body: bytes) -> None:
        shelf.busy -= 1
        self._answer(body)

    def _answer(self, body: bytes, status: bytes = b"200 OK", *, has_body: bool = True) -> None:
        assert isinstance(self._transport, asyncio.WriteTransport)
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body if has_body else head)


def _body_length(head: str) -> int:
    """Bytes behind the header; every client of the bench says the length."""
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
        if name.lower() == "transfer-encoding":
            raise ValueError("chunked bodies are not understood here")
    return 0


async def serve(records: int) -> None:
    """Listens on a free port of loopback and prints it."""
    shop, loop = Shop(records), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(shop, loop), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
