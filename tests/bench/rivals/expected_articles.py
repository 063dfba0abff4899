"""The articles that a target should hold, as a table of the source's database."""

from __future__ import annotations

from bench.rivals import articles
from bench.rivals.databases import Database

TABLE = "expected"


class ExpectedArticles:
    """A table that follows the articles' changes."""

    def __init__(self, database: Database, records: int) -> None:
        self.changes = 0
        self._database = database
        self._records = records
        database.make_table(TABLE, articles.FIELDS)
        self._fill()

    def change(self) -> None:
        """Another price for one article in a hundred."""
        self.changes += 1
        self._database.run(f"TRUNCATE {TABLE}")
        self._fill()

    def _fill(self) -> None:
        rows = (list(record.values()) for record in articles.articles(self._records, self.changes))
        self._database.fill(TABLE, rows)
