"""Ponte's memory by the number of records: one round of the work on orders, at each of three sizes."""

from __future__ import annotations

from bench.rivals import orders_work, ponte
from bench.rivals.place import Place
from bench.rivals.race import Race
from bench.rivals.table_world import TableWorld

SIZES = (50_000, 1_000_000, 5_000_000)
STEPS = {"first": "first load", "again": "1 % changed, no cursor"}
READS = {"first": "all", "again": "all"}


def run(place: Place, size: int) -> None:
    """The work at one size, once."""
    records = place.records(size)
    results = place.results(f"memory-{size}", records, STEPS, [])
    source, ledger = place.database("source"), place.database("ledger")
    orders_work.fill(source, records)
    world = TableWorld(place, source, orders_work.TABLE, orders_work.COLUMNS, lambda: source.run(orders_work.CHANGE))
    file, database = place.folder / "ponte_file", place.folder / "ponte_database"
    world.admit(lambda to: ponte.in_file(orders_work.integration(source, to), file, READS))
    world.admit(lambda to: ponte.in_database(orders_work.integration(source, to), database, ledger, READS))
    Race(world, world.entrants, list(STEPS), place.folder).run(results, 1)
