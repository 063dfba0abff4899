"""Whole jobs: Northwind to a shop behind a JSON web API that gives ids of its own, compared row by row by plain SQL."""

from __future__ import annotations

import csv
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime.runs import RunRequest, Runtime
from ponte_api.result import RunResult

sys.path.append(str(Path(__file__).parents[2] / "servers"))

from scripted_server import ScriptedServer
from shop_store import ShopStore

pytestmark = pytest.mark.needs("northwind")

Shops = Callable[[str], Runtime]
SYSTEMS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: northwind}
spec:
  sql: {url: {value: "sqlite:///%(folder)s/northwind.db"}}
  objects:
  - {name: products, table: Products, key: [ProductID]}
  - {name: customers, table: Customers, key: [CustomerID]}
  - name: orders
    table: Orders
    key: [OrderID]
    parts:
    - {name: lines, table: Order Details, join: [{part: OrderID, record: OrderID}], key: [ProductID]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: exports}
spec:
  files: {path: {value: "%(folder)s"}}
  objects:
  - {name: products, path: Products.csv, csv: {}, key: [ProductID]}
  - {name: customers, path: Customers.csv, csv: {}, key: [CustomerID]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  rest:
    baseUrl: {value: "%(url)s"}
    allowedNetworks: [127.0.0.0/8]
    pagination: {page: {parameter: page, sizeParameter: size, size: 100}}
  objects:
  - name: products
    path: /products
    key: [sku]
    list: {records: items, total: total}
    write:
      create: POST /products
      update: PATCH /products/{id}
      get: GET /products/{id}
      delete: DELETE /products/{id}
      id: id
      find: {parameters: [{name: sku, field: sku}]}
  - name: customers
    path: /customers
    key: [code]
    list: {records: items, total: total}
    write:
      create: POST /customers
      update: PATCH /customers/{id}
      id: id
      find: {parameters: [{name: code, field: code}]}
  - name: orders
    path: /orders
    key: [number]
    list: {records: items, total: total}
    write:
      create: POST /orders
      update: PATCH /orders/{id}
      delete: DELETE /orders/{id}
      id: id
      find: {parameters: [{name: number, field: number}]}
"""
JOBS = """
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  fields:
  - {to: sku, from: ProductID, type: string}
  - {to: name, from: ProductName, required: true}
  - {to: price, from: UnitPrice, type: "decimal(12,4)", required: true}
  - {to: stock, from: UnitsInStock, type: integer}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: customer}
spec:
  key: [code]
  fields:
  - {to: code, from: CustomerID}
  - {to: company, from: CompanyName, required: true}
  - {to: city, from: City}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: order}
spec:
  key: [number]
  fields:
  - {to: number, from: OrderID, type: string}
  - {to: customerId, from: CustomerID, type: integer, required: true, lookup: {system: shop, object: customers}}
  - {to: freight, from: Freight, type: "decimal(12,4)"}
  - to: lines
    from: lines
    each:
    - {to: productId, from: ProductID, type: integer, required: true, lookup: {system: shop, object: products}}
    - {to: price, from: UnitPrice, type: "decimal(12,4)", required: true}
    - {to: quantity, from: Quantity, type: integer, required: true}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec: {source: {name: "%(articles)s", object: products}, target: {name: shop, object: products}, mapping: product}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: customers}
spec: {source: {name: "%(articles)s", object: customers}, target: {name: shop, object: customers}, mapping: customer}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: orders}
spec:
  source: {name: northwind, object: orders}
  target: {name: shop, object: orders}
  mapping: order
  batchSize: 300
  deletes: {policy: delete}
"""
PRODUCTS = "SELECT CAST(ProductID AS TEXT), ProductName, UnitPrice, UnitsInStock FROM Products"
CUSTOMERS = "SELECT CustomerID, CompanyName, City FROM Customers"
LINES = """
SELECT CAST(o.OrderID AS TEXT), o.CustomerID, CAST(d.ProductID AS TEXT), d.UnitPrice, d.Quantity
FROM Orders o JOIN "Order Details" d ON d.OrderID = o.OrderID"""


def ask(folder: Path, *statements: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "northwind.db")) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def exact(rows: list[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    """The rows in order, with the price at that place by its digits."""
    return sorted((*row[:place], Decimal(str(row[place])), *row[place + 1 :]) for row in rows)


def check_all(folder: Path, store: ShopStore) -> None:
    assert store.product_rows() == exact(ask(folder, PRODUCTS), 2)
    assert store.customer_rows() == sorted(ask(folder, CUSTOMERS), key=str)
    assert store.line_rows() == exact(ask(folder, LINES), 3)
    numbers = [order["number"] for order in store.orders.records.values()]
    assert sorted(numbers) == sorted(row[0] for row in ask(folder, "SELECT CAST(OrderID AS TEXT) FROM Orders"))


@pytest.fixture
def store() -> ShopStore:
    return ShopStore()


@pytest.fixture
async def shops(copy: Path, tmp_path: Path, store: ShopStore) -> AsyncIterator[Shops]:
    """Jobs to the shop; products and customers come from `northwind` (SQLite) or `exports` (CSV)."""
    server = await ScriptedServer().start()
    server.answer = store.answer

    def make(articles: str) -> Runtime:
        folder = tmp_path / "manifests"
        folder.mkdir()
        (folder / "systems.yaml").write_text(SYSTEMS.lstrip() % {"folder": copy, "url": server.base_url})
        (folder / "jobs.yaml").write_text(JOBS.lstrip() % {"articles": articles})
        manifests = load([folder])
        assert manifests.faults == ()
        return Runtime(manifests, References(environment={}), f"sqlite:///{tmp_path}/ledger.db")

    yield make
    await server.stop()


async def run_all(runtime: Runtime, *names: str) -> dict[str, RunResult]:
    return {name: await runtime.run(RunRequest(name)) for name in names}


@pytest.mark.parametrize("articles", ["northwind", "exports"])
async def test_orders_wait_for_their_customers_and_everything_arrives_once(
    articles: str, copy: Path, shops: Shops, store: ShopStore
) -> None:
    runtime = shops(articles)

    early = (await run_all(runtime, "orders"))["orders"]
    assert (early.account.read, early.account.deferred, early.account.written) == (830, 830, 0)
    assert store.writes == 0

    half = await run_all(runtime, "customers", "orders")
    assert half["customers"].account.created == 93
    assert half["orders"].account.deferred == 830

    first = await run_all(runtime, "products", "orders")
    assert (first["products"].account.created, first["orders"].account.created) == (77, 830)
    assert first["orders"].rejects.open == 0
    check_all(copy, store)

    written = store.writes
    again = await run_all(runtime, "products", "customers", "orders")
    assert [result.account.unchanged for result in again.values()] == [77, 93, 830]
    assert store.writes == written == 77 + 93 + 830


async def test_only_what_changed_follows(copy: Path, shops: Shops, store: ShopStore) -> None:
    runtime = shops("northwind")
    await run_all(runtime, "products", "customers", "orders")
    written = store.writes

    ask(
        copy,
        "UPDATE Products SET UnitPrice = 1234.5678 WHERE ProductID = 1",
        "UPDATE Products SET UnitPrice = 0.1 WHERE ProductID IN (2, 3)",
        "UPDATE Customers SET City = NULL, CompanyName = 'Ünïcode & Söhne' WHERE CustomerID = 'ALFKI'",
        'DELETE FROM "Order Details" WHERE OrderID = 10249 AND ProductID = 14',
        "UPDATE Orders SET CustomerID = 'ANATR' WHERE OrderID = 10250",
        "INSERT INTO Orders (OrderID, CustomerID, Freight) VALUES (20000, 'ALFKI', 1.5)",
        'INSERT INTO "Order Details" VALUES (20000, 77, 9.99, 3, 0)',
        'DELETE FROM "Order Details" WHERE OrderID = 10248',
        "DELETE FROM Orders WHERE OrderID = 10248",
    )
    changed = await run_all(runtime, "products", "customers", "orders")

    assert {name: (r.account.created, r.account.updated, r.account.deleted) for name, r in changed.items()} == {
        "products": (0, 3, 0),
        "customers": (0, 1, 0),
        "orders": (1, 2, 1),
    }
    assert store.writes == written + 8
    check_all(copy, store)


async def test_records_that_the_shop_had_already_are_adopted_and_not_doubled(
    copy: Path, shops: Shops, store: ShopStore
) -> None:
    store.customers.records["501"] = {"id": 501, "code": "ALFKI", "company": "old name", "vip": True}
    store.products.records["777"] = {"id": 777, "sku": "1", "name": "old name"}
    runtime = shops("northwind")

    first = await run_all(runtime, "products", "customers", "orders")

    assert first["customers"].account.updated == first["products"].account.updated == 1
    assert store.customers.records["501"]["vip"]
    check_all(copy, store)
    assert {o["customerId"] for o in store.orders.records.values() if o["number"] == "10643"} == {501}


async def test_changes_of_an_export_follow(copy: Path, shops: Shops, store: ShopStore) -> None:
    runtime = shops("exports")
    await run_all(runtime, "products", "customers", "orders")
    written = store.writes
    for file, old, new in (
        ("Products.csv", "\n1,Chai,1,1,10 boxes x 20 bags,18,", "\n1,Chai,1,1,10 boxes x 20 bags,18.05,"),
        ("Customers.csv", "Obere Str. 57,Berlin,", "Obere Str. 57,,"),
    ):
        text = (copy / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")

    changed = await run_all(runtime, "products", "customers", "orders")

    assert [result.account.updated for result in changed.values()] == [1, 1, 0]
    assert store.writes == written + 2
    with (copy / "Products.csv").open(newline="", encoding="utf-8") as stream:
        expected = [
            (row["ProductID"], row["ProductName"], Decimal(row["UnitPrice"]), int(row["UnitsInStock"]))
            for row in csv.DictReader(stream)
        ]
    assert store.product_rows() == sorted(expected)
    assert ("ALFKI", "Alfreds Futterkiste", None) in store.customer_rows()
