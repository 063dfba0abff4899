"""A world whose targets are tables of PostgreSQL: each entrant has a database of its own, compared with the source."""

from __future__ import annotations

from collections.abc import Callable

from bench.rivals.databases import Columns, Database, difference, shape
from bench.rivals.place import Place
from bench.rivals.race import Entrant, Seen

TARGET = "target"


class TableWorld:
    """See `World`.

    Args:
        place: where databases are made.
        source: the database with what targets should hold.
        expected: the table with it.
        columns: that are compared, the key first.
        change: changes the source and what is expected; called once before each step but the first.
    """

    def __init__(
        self, place: Place, source: Database, expected: str, columns: Columns, change: Callable[[], None]
    ) -> None:
        self.entrants: list[Entrant] = []
        self._place = place
        self._source = source
        self._expected = expected
        self._columns = columns
        self._change = change
        self._targets: dict[str, Database] = {}

    def admit(self, make: Callable[[Database], Entrant]) -> None:
        """One more entrant, made for a database of its own."""
        database = self._place.database(f"target_{len(self.entrants)}")
        entrant = make(database)
        self.entrants.append(entrant)
        self._targets[entrant.label] = database

    def renew(self, entrant: Entrant) -> None:
        """An empty database; with a table for Ponte, which makes none."""
        database = self._targets[entrant.label]
        database.make_anew()
        if entrant.tool == "ponte":
            database.make_table(TARGET, self._columns)

    def prepare(self, step: str) -> None:
        """See `World`."""
        if step != "first":
            self._change()

    def watch(self, entrant: Entrant) -> Callable[[], Seen]:
        """See `World`."""
        database = self._targets[entrant.label]
        written = database.watch(TARGET)

        def look() -> Seen:
            rows = written()
            differs = difference(self._source, self._expected, database, TARGET, self._columns)
            weaker = shape(database, TARGET, self._columns)
            return Seen(differs, {"rows_written": rows.target, "rows_moved": rows.all, "weaker": weaker})

        return look
