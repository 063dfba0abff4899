"""A job from a text file to a table, in a folder of its own, run as the program runs it."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime
from ponte_api.result import RunResult

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: erp}}
spec:
  files: {{path: {{value: "{folder}"}}}}
  objects: [{{name: articles, path: articles.csv, csv: {{}}, key: [code]}}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {{name: shop}}
spec:
  sql: {{url: {{value: "sqlite:///{folder}/shop.db"}}}}
  objects: [{{name: products, table: products, key: [sku]}}]
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {{name: product}}
spec:
  key: [sku]
  fields:
  - {{to: sku, from: code, required: true}}
  - {{to: name, from: name, required: true, sensitive: commercial}}
  - {{to: price, from: price, type: "decimal(12,2)"}}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {{name: products}}
spec:
  source: {{name: erp, object: articles}}
  target: {{name: shop, object: products, operations: [create, update, delete]}}
  mapping: product
  deletes: {{policy: delete, maxPercent: "5", minCount: 2}}
"""


@dataclass
class Trade:
    """An ERP's export and a shop's table; `articles` are code -> (name, price)."""

    folder: Path
    articles: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def runtime(self) -> Runtime:
        """As the program would make it."""
        return Runtime(load([self.folder / "integration"]), References({}), f"sqlite:///{self.folder}/ledger.db")

    def export(self) -> None:
        """Writes the ERP's file anew."""
        with (self.folder / "articles.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["code", "name", "price"])
            writer.writerows([code, *values] for code, values in self.articles.items())

    def run(self, **wanted: object) -> RunResult:
        """Exports, then runs the job."""
        self.export()
        return asyncio.run(self.runtime.run(RunRequest("products", **wanted)))  # type: ignore[arg-type]

    def in_shop(self, statement: str) -> list[tuple[object, ...]]:
        """Runs a statement as somebody else at the shop."""
        with sqlite3.connect(self.folder / "shop.db") as connection:
            return connection.execute(statement).fetchall()

    @property
    def delivered(self) -> dict[str, tuple[str, str]]:
        """What the shop has, as `articles`."""
        rows = self.in_shop("SELECT sku, name, printf('%.2f', price) FROM products ORDER BY sku")
        return {str(sku): (str(name), str(price)) for sku, name, price in rows}


@pytest.fixture
def trade(tmp_path: Path) -> Trade:
    """A hundred articles, not yet delivered."""
    (tmp_path / "integration").mkdir()
    (tmp_path / "integration" / "all.yaml").write_text(MANIFESTS.format(folder=tmp_path), encoding="utf-8")
    trade = Trade(tmp_path, {f"{n:05d}": (f"Article {n}", f"{n}.50") for n in range(100)})
    trade.in_shop("CREATE TABLE products (sku TEXT PRIMARY KEY, name TEXT NOT NULL, price DECIMAL(12,2))")
    return trade
