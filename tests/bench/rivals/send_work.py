"""Articles from a file of JSON lines to a web API that answers in 1 ms: a PUT for each, and in bulks of 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.rivals import articles, dlt, ponte
from bench.rivals.place import Place
from bench.rivals.race import Entrant, Race, Seen
from bench.rivals.results import Aim
from bench.rivals.shop import Shop, started

READS = {"first": "all", "again": "all"}
BULK = 500
CONNECTIONS = 50
FILE = "articles.jsonl"
REMARKS = "own function as destination; no outcome for a record, no rules; would send all again, so that was left out"


class ShopWorld:
    """A world whose target is a web server, with a shelf for each entrant. See `World`."""

    def __init__(self, shop: Shop, path: Path, records: int) -> None:
        self.entrants: list[Entrant] = []
        self._shelves: dict[str, str] = {}
        self._shop = shop
        self._path = path
        self._records = records
        self._changes = 0
        self._write()

    def admit(self, make: Callable[[str], Entrant]) -> None:
        """One more entrant, made for the address of a shelf of its own."""
        shelf = f"s{len(self.entrants)}"
        entrant = make(f"{self._shop.url}/shelf/{shelf}")
        self.entrants.append(entrant)
        self._shelves[entrant.label] = shelf

    def renew(self, entrant: Entrant) -> None:
        """An empty shelf."""
        self._shop.clear(self._shelves[entrant.label])

    def prepare(self, step: str) -> None:
        """See `World`."""
        if step != "first":
            self._changes += 1
            self._shop.change()
            self._write()

    def watch(self, entrant: Entrant) -> Callable[[], Seen]:
        """See `World`."""
        shelf = self._shelves[entrant.label]
        self._shop.watch(shelf)

        def look() -> Seen:
            account = self._shop.account(shelf)
            facts = {"requests": account["requests"], "busiest": account["busiest"]}
            return Seen(_difference(account, self._records), facts)

        return look

    def _write(self) -> None:
        with self._path.open("w", encoding="utf-8") as file:
            for record in articles.articles(self._records, self._changes):
                file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _difference(account: dict[str, Any], records: int) -> str | None:
    if account["records"] != records:
        return f"{account['records']:,} records instead of {records:,}"
    other = ", ".join(f"{name} ({times:,})" for name, times in account["other"].items())
    return f"other values in {other}" if other else None


def run_single(place: Place) -> None:
    """The race of single requests."""
    clients = {"pyreqwest": "pyreqwest (the best client found for it)", "httpx": "httpx"}
    upsert = {"upsert": "PUT /products/{sku}"}
    _run(place, "put", upsert, Aim("first", 0.125, "dlt"), clients)


def run_bulk(place: Place) -> None:
    """The race of bulk requests."""
    upsert = {"upsert": "PUT /products/{sku}", "bulk": {"request": "POST /bulk", "size": BULK}}
    clients = {"pyreqwest": "pyreqwest", "httpx": "httpx"}
    _run(place, "bulk", upsert, Aim("first", 0.2, "dlt"), clients)


def _run(place: Place, work: str, write: dict[str, Any], aim: Aim, clients: dict[str, str]) -> None:
    records = place.records(50_000)
    steps = {"first": "first load", "again": "1 % changed"}
    results = place.results(work, records, steps, [aim])
    bulk = write.get("bulk", {}).get("size", 0)
    path, ledger = place.folder / FILE, place.database("ledger")
    with started(records) as server:
        world = ShopWorld(server, path, records)
        file, database = place.folder / "ponte_file", place.folder / "ponte_database"
        world.admit(lambda url: ponte.in_file(_integration(place.folder, url, write), file, READS))
        world.admit(lambda url: ponte.in_database(_integration(place.folder, url, write), database, ledger, READS))
        for client, words in clients.items():
            order = {"path": str(path), "client": client, "bulk": bulk}
            world.admit(_dlt(f"50 threads, {words}", place.folder / f"dlt_{client}", order))
        place.run(Race(world, world.entrants, list(steps), place.folder), results)


def _dlt(words: str, state: Path, order: dict[str, Any]) -> Callable[[str], Entrant]:
    return lambda url: dlt.send(words, REMARKS, state, {"first": {**order, "url": url}})


def _integration(folder: Path, url: str, write: dict[str, Any]) -> ponte.Integration:
    read = {
        "files": {"path": {"value": str(folder)}},
        "objects": [{"name": "records", "path": FILE, "jsonLines": {}, "key": ["sku"]}],
    }
    target = {
        "rest": {"baseUrl": {"value": url}, "allowedNetworks": ["127.0.0.0/8"]},
        "limits": {"connections": CONNECTIONS},
        "objects": [{"name": "target", "path": "/products", "key": ["sku"], "write": write}],
    }
    return ponte.Integration(read, target, ponte.article_rules())
