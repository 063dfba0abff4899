"""A million orders from PostgreSQL to PostgreSQL: first, after 1 % changed, and 1 % by a cursor."""

from __future__ import annotations

from bench.bench_worlds import FILL, ORDERS
from bench.rivals import dlt, ingestr, ponte, sling
from bench.rivals.databases import Columns, Database
from bench.rivals.place import Place
from bench.rivals.race import Entrant, Race
from bench.rivals.results import Aim
from bench.rivals.table_world import TARGET, TableWorld

TABLE = "source_orders"
STEPS = {"first": "first load", "again": "1 % changed, no cursor", "cursor": "1 % changed, by cursor"}
READS = {"first": "all", "again": "all", "cursor": "changes"}
AIMS = [Aim("first", 1.0), Aim("again", 0.4), Aim("cursor", 1.0, "sling")]
COLUMNS: Columns = (
    ("id", "bigint"), ("customer", "text"), ("reference", "text"), ("total", "numeric(12,2)"), ("line_count", "int"),
    ("placed", "timestamptz"), ("due", "date"), ("is_paid", "boolean"), ("street", "text"), ("city", "text"),
    ("country", "text"), ("note", "text"), ("discount", "numeric(8,2)"), ("currency", "text"),
    ("updated_at", "timestamptz"),
)  # fmt: skip
CHANGE = f"UPDATE {TABLE} SET total = total + 0.01, updated_at = clock_timestamp() WHERE id % 100 = 3"
_CHECKED = {
    "customer": {"required": True, "trim": True},
    "reference": {"required": True, "trim": True},
    "total": {"type": "decimal(12,2)", "required": True, "check": "total >= 0"},
    "line_count": {"check": "line_count >= 0"},
    "placed": {"required": True},
    "discount": {"type": "decimal(8,2)", "check": "discount >= 0"},
    "currency": {"required": True, "check": "currency IN ('EUR', 'USD')"},
}


def fill(source: Database, records: int) -> None:
    """The source's table with so many orders."""
    source.run(ORDERS.format(name=TABLE))
    source.run(FILL.format(records=records))
    source.run(f"CREATE INDEX ON {TABLE} (updated_at, id)")
    source.run("VACUUM ANALYZE")


def integration(source: Database, to: Database) -> ponte.Integration:
    """Ponte's, with rules and checks."""
    listed = {"name": "records", "table": TABLE, "key": ["id"], "cursor": {"field": "updated_at"}}
    read = {"sql": {"url": {"value": source.url}}, "objects": [listed]}
    rules = [{"to": name, "from": name, **_CHECKED.get(name, {})} for name, _ in COLUMNS]
    return ponte.Integration(read, ponte.sql_target(to, TARGET, "id"), rules)


def run(place: Place) -> None:
    """The whole race."""
    records = place.records(1_000_000)
    results = place.results("orders", records, STEPS, AIMS)
    source, ledger = place.database("source"), place.database("ledger")
    fill(source, records)
    world = TableWorld(place, source, TABLE, COLUMNS, lambda: source.run(CHANGE))
    folder = place.folder
    world.admit(lambda to: ponte.in_file(integration(source, to), folder / "ponte_file", READS))
    world.admit(lambda to: ponte.in_database(integration(source, to), folder / "ponte_database", ledger, READS))
    world.admit(lambda to: _sling(source, to))
    world.admit(lambda to: _ingestr(source, to))
    world.admit(lambda to: _dlt(place, source, to))
    world.admit(lambda to: _dlt_by_cursor(place, source, to))
    place.run(Race(world, world.entrants, list(STEPS), folder), results)


def _sling(source: Database, to: Database) -> Entrant:
    whole = sling.table_load(source, f"public.{TABLE}", to, {"primary-key": "id"})
    changes = sling.table_load(source, f"public.{TABLE}", to, {"primary-key": "id", "update-key": "updated_at"})
    remarks = "without a cursor rewrites all rows; with one asks the target for its greatest; no rules, no rejects"
    return sling.entrant(remarks, {"first": whole, "again": whole, "cursor": changes})


def _ingestr(source: Database, to: Database) -> Entrant:
    def since() -> list[str]:
        latest = to.one(f'SELECT to_char(max(updated_at), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') FROM {TARGET}')[0]
        return ["--incremental-key", "updated_at", "--interval-start", str(latest)]

    whole = ingestr.load(sling.url_of(source), f"public.{TABLE}", to, "id")
    changes = ingestr.load(sling.url_of(source), f"public.{TABLE}", to, "id", since)
    remarks = "without a cursor rewrites all rows; keeps no watermark, so the bench gave it one; no rules, no rejects"
    return ingestr.entrant(remarks, {"first": whole, "again": whole, "cursor": changes})


def _dlt(place: Place, source: Database, to: Database) -> Entrant:
    order = dlt.table_order(source, TABLE, to, None)
    remarks = "rewrites all rows through a staging table; no rules, no rejects"
    orders = {"first": order, "again": order}
    return dlt.load("connectorx, Parquet, ADBC", remarks, place.folder / "dlt_whole", orders)


def _dlt_by_cursor(place: Place, source: Database, to: Database) -> Entrant:
    order = dlt.table_order(source, TABLE, to, "updated_at")
    remarks = "keeps its watermark with the data; no rules, no rejects"
    orders = {"first": order, "cursor": order}
    return dlt.load("the same, incremental", remarks, place.folder / "dlt_cursor", orders)
