"""Worlds that a bench works in: a source of known records, a target, manifests between them; gone when it ends."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from postgres import PostgresServer

ARTICLE_FIELDS = (
    ("sku", "text"), ("name", "text"), ("description", "text"), ("price", "decimal(12,2)"), ("cost", "decimal(12,2)"),
    ("stock", "integer"), ("weight", "decimal(10,3)"), ("ean", "text"), ("brand", "text"), ("category", "text"),
    ("unit", "text"), ("active", "boolean"), ("created", "date"), ("modified", "datetime"), ("vat", "integer"),
    ("note", "text"),
)  # fmt: skip
_SQL_TYPES = {
    "text": "text", "decimal(12,2)": "numeric(12,2)", "decimal(10,3)": "numeric(10,3)", "integer": "bigint",
    "boolean": "boolean", "date": "date", "datetime": "timestamptz",
}  # fmt: skip
ORDERS = """
CREATE TABLE {name} (id bigint PRIMARY KEY, customer text, reference text, total numeric(12,2), line_count int,
  placed timestamptz, due date, is_paid boolean, street text, city text, country text, note text,
  discount numeric(8,2), currency text, updated_at timestamptz)
"""
FILL = """
INSERT INTO source_orders SELECT i, 'C' || lpad((i % 9999)::text, 6, '0'), 'ORD-' || i, (i % 100000) * 1.25, i % 7,
  timestamptz '2026-01-01' - (i || ' seconds')::interval, date '2020-01-01' + (i % 2000)::int, i % 2 = 0,
  'Via Roma ' || (i % 500), 'Città ' || (i % 90), 'IT', 'note on order ' || i, (i % 1000) / 10.0, 'EUR',
  timestamptz '2026-01-01' FROM generate_series(1, {records}) i
"""
_HEAD = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: {name}}}
spec:
"""
_MAPPING = """
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {{name: bench}}
spec:
  key: [{key}]
  fields:
"""
_JOB = """
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {{name: bench}}
spec:
  source: {{name: erp, object: {source}}}
  target: {{name: shop, object: target}}
  mapping: bench
"""


class _World:
    """What both worlds share: databases, manifests, and emptying between runs."""

    table: str

    def __init__(self, server: PostgresServer, folder: Path, records: int) -> None:
        self.folder = folder / "manifests"
        self.records = records
        self._server = server
        self._files = folder
        self._changes = 0

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self._server.run("CREATE DATABASE bench")
        self._make()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.run("DROP DATABASE bench WITH (FORCE)")

    @property
    def url(self) -> str:
        """Address of the bench's database."""
        return self._server.url("bench")

    def empty(self, ledger: str) -> None:
        """Forgets all that was delivered."""
        self.run(f"TRUNCATE {self.table}")
        if ledger.startswith("sqlite"):
            for part in self._files.glob("ledger.db*"):
                part.unlink()
        else:
            self._server.run("DROP SCHEMA public CASCADE", "ledger")
            self._server.run("CREATE SCHEMA public", "ledger")

    def run(self, statement: str) -> None:
        """Runs a statement in the bench's database."""
        self._server.run(statement, "bench")

    def count(self, query: str) -> int:
        """The one number of a query."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def _make(self) -> None:
        raise NotImplementedError

    def _write(self, source: str, fields: str, source_object: str) -> None:
        key = fields.split(",", maxsplit=1)[0]
        target = _HEAD.format(name="shop") + f'  sql: {{url: {{value: "{self.url}"}}}}\n'
        target += f"  objects: [{{name: target, table: {self.table}, key: [{key}]}}]\n"
        mapping = _MAPPING.format(key=key) + "".join(f"  - {rule}\n" for rule in self._rules())
        text = "---\n".join([_HEAD.format(name="erp") + source, target, mapping, _JOB.format(source=source_object)])
        (self.folder / "bench.yaml").write_text(text, encoding="utf-8")

    def _rules(self) -> list[str]:
        raise NotImplementedError


def _conversion(kind: str) -> str:
    if kind == "text":
        return "trim: true"
    return "type: datetime, timeZone: UTC" if kind == "datetime" else f'type: "{kind}"'


class CsvWorld(_World):
    """A text file as an ERP exports it, into a table of PostgreSQL; every value is converted."""

    table = "articles"

    def _make(self) -> None:
        columns = ", ".join(f"{name} {_SQL_TYPES[kind]}" for name, kind in ARTICLE_FIELDS)
        self.run(f"CREATE TABLE articles ({columns}, PRIMARY KEY (sku))")
        self._write_file()
        source = f'  files: {{path: {{value: "{self._files}"}}}}\n'
        source += "  objects: [{name: articles, path: articles.csv, csv: {}, key: [sku]}]\n"
        self._write(source, ",".join(name for name, _ in ARTICLE_FIELDS), "articles")

    def _rules(self) -> list[str]:
        return [f"{{to: {name}, from: {name}, {_conversion(kind)}}}" for name, kind in ARTICLE_FIELDS]

    def change_one_in_a_hundred(self) -> None:
        """Another price for one article in a hundred."""
        self._changes += 1
        self._write_file()

    def is_equal(self) -> bool:
        """Whether the target has every article at the price that the file says."""
        prices = self.count("SELECT round(sum(price) * 100) FROM articles")
        return prices == sum(self._cents(number) for number in range(self.records))

    def _cents(self, number: int) -> int:
        return number * 7 % 100_000 + (self._changes if number % 100 == 3 else 0)

    def _write_file(self) -> None:
        with (self._files / "articles.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([name for name, _ in ARTICLE_FIELDS])
            writer.writerows(self._article(number) for number in range(self.records))

    def _article(self, n: int) -> list[str]:
        cents, day = self._cents(n), n % 28 + 1
        return [
            f"A{n:07d}",
            f"Article è {n}",
            f"A long description of article {n}, with words in it",
            f"{cents // 100}.{cents % 100:02d}",
            f"{n % 900}.{n % 100:02d}",
            str(n % 500),
            f"{n % 90}.{n % 1000:03d}",
            f"{8_000_000_000_000 + n}",
            f"Brand {n % 40}",
            f"Category {n % 200}",
            "PCE",
            "true" if n % 9 else "false",
            f"2020-{n % 12 + 1:02d}-{day:02d}",
            f"2026-01-{day:02d} {n % 24:02d}:{n % 60:02d}:00",
            "22",
            "",
        ]


class SqlWorld(_World):
    """A table of PostgreSQL into another one of the same shape."""

    table = "target_orders"

    def _make(self) -> None:
        for name in ("source_orders", self.table):
            self.run(ORDERS.format(name=name))
        self.run(FILL.format(records=self.records))
        self.run("CREATE INDEX ON source_orders (updated_at, id)")
        self.run("ANALYZE")
        source = f'  sql: {{url: {{value: "{self.url}"}}}}\n'
        source += "  objects: [{name: orders, table: source_orders, key: [id], cursor: {field: updated_at}}]\n"
        self._write(source, "id", "orders")

    def _rules(self) -> list[str]:
        with psycopg.connect(self.url) as connection:
            columns = connection.execute("SELECT * FROM target_orders LIMIT 0").description or []
        return [f"{{to: {column.name}, from: {column.name}}}" for column in columns]

    def change_one_in_a_hundred(self) -> None:
        """Another total for one order in a hundred."""
        self._changes += 1
        self.run("UPDATE source_orders SET total = total + 0.01, updated_at = clock_timestamp() WHERE id % 100 = 3")

    def is_equal(self) -> bool:
        """Whether both tables hold the very same rows."""
        return not self.count(
            "SELECT count(*) FROM (SELECT * FROM source_orders EXCEPT SELECT * FROM target_orders) AS missing"
        )

    def copy_by_itself(self) -> float:
        """Seconds that the database takes to copy the table with ON CONFLICT, into an empty one."""
        self.run("TRUNCATE target_orders")
        begun = time.perf_counter()
        self.run("INSERT INTO target_orders SELECT * FROM source_orders ON CONFLICT (id) DO NOTHING")
        return time.perf_counter() - begun
