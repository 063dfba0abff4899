"""Articles from a web API into PostgreSQL: first, and again after one in a hundred got another price."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.rivals import articles, dlt, ingestr, ponte, shop, sling
from bench.rivals.databases import Database
from bench.rivals.expected_articles import TABLE, ExpectedArticles
from bench.rivals.place import Place
from bench.rivals.race import Command, Entrant, Race
from bench.rivals.results import Aim
from bench.rivals.table_world import TARGET, TableWorld

STEPS = {"first": "first load", "again": "1 % changed, no cursor"}
READS = {"first": "all", "again": "all"}
AIMS = [Aim("first", 0.65), Aim("first", 0.25, "dlt"), Aim("again", 0.43)]
UNPAGED = "one unpaged array instead of 50 pages (easier); rewrites all rows; no rules, no rejects"
DLT = "pages in sequence; rewrites all rows through a staging table; no rules, no rejects"


def run(place: Place) -> None:
    """The whole race."""
    records = place.records(50_000)
    results = place.results("rest", records, STEPS, AIMS)
    source, ledger = place.database("source"), place.database("ledger")
    expected = ExpectedArticles(source, records)
    with shop.started(records) as server:

        def change() -> None:
            server.change()
            expected.change()

        world = TableWorld(place, source, TABLE, articles.FIELDS, change)
        _admit_ponte(world, place, server.url, ledger)
        whole = f"{server.url}/products.json"
        options = {"format": "json", "flatten": True}
        world.admit(lambda to: sling.entrant(UNPAGED, _both(sling.file_load(whole, options, to, "sku"))))
        world.admit(lambda to: ingestr.entrant(UNPAGED, _both(ingestr.load(whole, "articles", to, "sku"))))
        for format_, words in (("csv", "csv files (COPY)"), (None, "default (INSERT)")):
            world.admit(_dlt(place, server.url, format_, words))
        place.run(Race(world, world.entrants, list(STEPS), place.folder), results)


def _both(command: Callable[[], Command]) -> Mapping[str, Callable[[], Command]]:
    return dict.fromkeys(STEPS, command)


def _admit_ponte(world: TableWorld, place: Place, url: str, ledger: Database) -> None:
    def integration(to: Database) -> ponte.Integration:
        return ponte.Integration(rest_source(url), ponte.sql_target(to, TARGET, "sku"), ponte.article_rules())

    world.admit(lambda to: ponte.in_file(integration(to), place.folder / "ponte_file", READS))
    world.admit(lambda to: ponte.in_database(integration(to), place.folder / "ponte_database", ledger, READS))


def _dlt(place: Place, url: str, format_: str | None, words: str) -> Callable[[Database], Entrant]:
    def make(to: Database) -> Entrant:
        order = {"source": "rest", "url": url, "key": "sku", "format": format_, "target_url": dlt.target_url(to)}
        return dlt.load(words, DLT, place.folder / f"dlt_{format_}", dict.fromkeys(STEPS, order))

    return make


def rest_source(url: str) -> ponte.Source:
    """The server's articles, in pages of 1,000."""
    return {
        "rest": {
            "baseUrl": {"value": url},
            "allowedNetworks": ["127.0.0.0/8"],
            "pagination": {"page": {"parameter": "page", "sizeParameter": "size", "size": 1000}},
        },
        "objects": [
            {"name": "records", "path": "/products", "key": ["sku"], "list": {"records": "items", "total": "total"}}
        ],
    }
