"""The shop of the demo: a small B2B shop with a JSON web API on loopback and a store of its own.

It behaves like real ones in what matters here: a bearer token, paged lists, one answer per record of a bulk request,
records with ids of the shop's own. `POST /products` always makes a new product, so a client that sends a create twice
leaves a double behind; `PUT` and bulk requests create or change by sku. Every effect is logged where no client can
reach it, and `GET /_effects` sums the log up.

    python shop.py --store demo/shop.db --token-file demo/secrets/shop/token
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import json
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

Record = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGEST_BODY = 32 * 1024 * 1024
LARGEST_PAGE = 1_000
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS products_sku ON products (sku);
CREATE TABLE IF NOT EXISTS effects (seq INTEGER PRIMARY KEY, sku TEXT NOT NULL, effect TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one record: an HTTP status and, where there is one, the shop's id or a message."""

    status: int
    sku: str = ""
    id: int | None = None
    message: str = ""

    def as_json(self) -> Record:
        """The answer as the API gives it."""
        return {
            name: value
            for name in ("status", "sku", "id", "message")
            if (value := getattr(self, name)) not in (None, "")
        }


class Store:
    """The shop's database: products and the log of effects, written together."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def count(self) -> int:
        """How many products there are."""
        return int(self._database.execute("SELECT count(*) FROM products").fetchone()[0])

    def page(self, page: int, size: int) -> list[Record]:
        """One page of products in the order of their ids; the first page is 1."""
        rows = self._database.execute(
            "SELECT id, body FROM products ORDER BY id LIMIT ? OFFSET ?", (size, (page - 1) * size)
        )
        return [{"id": number, **json.loads(body)} for number, body in rows]

    def by_sku(self, sku: str) -> list[Record]:
        """All products with that sku; more than one is a double."""
        rows = self._database.execute("SELECT id, body FROM products WHERE sku = ? ORDER BY id", (sku,))
        return [{"id": number, **json.loads(body)} for number, body in rows]

    def create(self, record: Record) -> Answer:
        """Makes a new product, whatever the shop has already."""
        if fault := fault_of(record):
            return fault
        with self._transaction():
            number = self._insert(record["sku"], record)
        return Answer(201, record["sku"], number)

    def upsert(self, records: Iterable[Any]) -> list[Answer]:
        """Creates or changes products by sku, in one transaction; fields that are not sent stay as they are."""
        with self._transaction():
            return [fault_of(record) or self._upsert_one(record) for record in records]

    def delete(self, sku: str) -> bool:
        """Removes the products with that sku; says whether there were any."""
        with self._transaction():
            removed = self._database.execute("DELETE FROM products WHERE sku = ?", (sku,)).rowcount
            if removed:
                self._log(sku, "deleted")
        return removed > 0

    def effects(self) -> Record:
        """The log summed up: how often each effect happened, and which skus were created more than once."""
        counts = dict(self._database.execute("SELECT effect, count(*) FROM effects GROUP BY effect"))
        doubled = self._database.execute(
            "SELECT sku, count(*) FROM effects WHERE effect = 'created' GROUP BY sku HAVING count(*) > 1 LIMIT 1000"
        )
        return {
            "products": self.count(),
            "effects": {name: counts.get(name, 0) for name in ("created", "updated", "unchanged", "deleted")},
            "doubled": dict(doubled.fetchall()),
        }

    def _upsert_one(self, record: Record) -> Answer:
        sku = record["sku"]
        found = self._database.execute("SELECT id, body FROM products WHERE sku = ? LIMIT 1", (sku,)).fetchone()
        if found is None:
            return Answer(201, sku, self._insert(sku, record))
        number, body = found
        before = json.loads(body)
        after = before | record
        if after != before:
            self._database.execute("UPDATE products SET body = ? WHERE id = ?", (json.dumps(after), number))
        self._log(sku, "unchanged" if after == before else "updated")
        return Answer(200, sku, number)

    def _insert(self, sku: str, record: Record) -> int:
        number = self._database.execute(
            "INSERT INTO products (sku, body) VALUES (?, ?)", (sku, json.dumps(record))
        ).lastrowid
        self._log(sku, "created")
        return int(number or 0)

    def _log(self, sku: str, effect: str) -> None:
        self._database.execute("INSERT INTO effects (sku, effect) VALUES (?, ?)", (sku, effect))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def fault_of(record: Any) -> Answer | None:
    """Why the shop refuses a record, or None."""
    if not isinstance(record, dict):
        return Answer(422, message="a product is a JSON object")
    sku = record.get("sku")
    if not isinstance(sku, str) or not sku:
        return Answer(422, message="sku: required")
    if "name" in record and not record["name"]:
        return Answer(422, sku, message="name: must not be empty")
    return None


class Shop:
    """The web API over a store."""

    def __init__(self, store: Store, token: str) -> None:
        self._store = store
        self._authorization = f"Bearer {token}".encode()

    def application(self) -> web.Application:
        """The routes, all behind the token."""
        application = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._check_token])
        application.add_routes(
            [
                web.get("/products", self._list),
                web.post("/products", self._create),
                web.post("/products/bulk", self._bulk),
                web.get("/products/{sku}", self._get),
                web.put("/products/{sku}", self._put),
                web.patch("/products/{sku}", self._patch),
                web.delete("/products/{sku}", self._delete),
                web.get("/_effects", self._effects),
            ]
        )
        return application

    @web.middleware
    async def _check_token(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            return web.json_response({"message": "the token is missing or wrong"}, status=401)
        return await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        if "sku" in request.query:
            found = self._store.by_sku(request.query["sku"])
            return web.json_response({"items": found, "total": len(found)})
        try:
            page = max(int(request.query.get("page", "1")), 1)
            size = min(max(int(request.query.get("size", "100")), 1), LARGEST_PAGE)
        except ValueError:
            return web.json_response({"message": "page and size are whole numbers"}, status=400)
        return web.json_response({"items": self._store.page(page, size), "total": self._store.count()})

    async def _get(self, request: web.Request) -> web.Response:
        found = self._store.by_sku(request.match_info["sku"])
        return web.json_response(found[0]) if found else _not_found()

    async def _create(self, request: web.Request) -> web.Response:
        return _one(self._store.create(await _body(request)))

    async def _put(self, request: web.Request) -> web.Response:
        record = await _body(request)
        if isinstance(record, dict):
            record["sku"] = request.match_info["sku"]
        return _one(self._store.upsert([record])[0])

    async def _patch(self, request: web.Request) -> web.Response:
        if not self._store.by_sku(request.match_info["sku"]):
            return _not_found()
        return await self._put(request)

    async def _delete(self, request: web.Request) -> web.Response:
        return web.Response(status=204) if self._store.delete(request.match_info["sku"]) else _not_found()

    async def _bulk(self, request: web.Request) -> web.Response:
        records = await _body(request)
        if not isinstance(records, list):
            return web.json_response({"message": "the body is a list of products"}, status=400)
        answers = self._store.upsert(records)
        return web.json_response({"results": [answer.as_json() for answer in answers]})

    async def _effects(self, _request: web.Request) -> web.Response:
        return web.json_response(self._store.effects())


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        raise web.HTTPBadRequest(text='{"message": "the body is not JSON"}', content_type="application/json") from None


def _one(answer: Answer) -> web.Response:
    return web.json_response(answer.as_json(), status=answer.status)


def _not_found() -> web.Response:
    return web.json_response({"message": "no such product"}, status=404)


async def _parent_ends() -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the end of a parent is no event of this process
        await asyncio.sleep(0.5)


async def serve(store: Path, token: str, port: int) -> None:
    """Serves until a stop signal comes or the process that started it ends; the first line printed is the address."""
    shelf = Store(store)
    runner = web.AppRunner(Shop(shelf, token).application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    watch = asyncio.ensure_future(_parent_ends())
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop_signal, watch.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await watch
    await runner.cleanup()
    shelf.close()


def main() -> None:
    """Serves the store that the command line names."""
    parser = argparse.ArgumentParser(description="Serve the shop of the demo on loopback.")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments = parser.parse_args()
    token = arguments.token_file.read_text(encoding="utf-8").strip()
    asyncio.run(serve(arguments.store, token, arguments.port))


if __name__ == "__main__":
    main()
