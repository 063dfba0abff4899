"""Whole jobs: Northwind to a shop behind a JSON web API that gives ids of its own, compared row by row by plain SQL."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime.runs import RunRequest, Runtime
from ponte_api.result import RunResult

sys.path.append(str(Path(__file__).parents[2] / "servers"))

from northwind_rows import Row, change_database, change_files, database_rows, file_rows
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
  - {name: orders, path: Orders.csv, csv: {"null": "NULL"}, key: [OrderID]}
  - {name: lines, path: OrderDetails.csv, csv: {}, key: [OrderID, ProductID]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: staging}
spec:
  sql: {url: {value: "sqlite:///%(folder)s/staging.db"}}
  objects:
  - {name: headers, table: headers, key: [OrderID]}
  - {name: lines, table: lines, key: [OrderID, ProductID]}
  - name: orders
    table: headers
    key: [OrderID]
    parts:
    - {name: lines, table: lines, join: [{part: OrderID, record: OrderID}], key: [ProductID]}
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
      delete: DELETE /customers/{id}
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
  - {to: isDiscontinued, from: Discontinued, type: boolean, format: "1|0", required: true}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: customer}
spec:
  key: [code]
  fields:
  - {to: code, from: CustomerID}
  - {to: company, from: CompanyName, required: true}
  - {to: contact, from: ContactName}
  - {to: address.city, from: City}
  - {to: address.country, from: Country}
  - {to: phone, from: Phone}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: order}
spec:
  key: [number]
  fields:
  - {to: number, from: OrderID, type: string}
  - {to: customerId, from: CustomerID, type: integer, required: true, lookup: {system: shop, object: customers}}
  - {to: orderedOn, from: OrderDate, type: datetime}
  - {to: freight, from: Freight, type: "decimal(12,4)"}
  - {to: shipName, from: ShipName}
  - to: lines
    from: lines
    each:
    - {to: productId, from: ProductID, type: integer, required: true, lookup: {system: shop, object: products}}
    - {to: price, from: UnitPrice, type: "decimal(12,4)", required: true}
    - {to: quantity, from: Quantity, type: integer, required: true}
    - {to: discount, from: Discount, type: "decimal(6,4)", required: true}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: staged-header}
spec:
  key: [OrderID]
  fields:
  - {to: OrderID, from: OrderID, type: integer, required: true}
  - {to: CustomerID, from: CustomerID}
  - {to: OrderDate, from: OrderDate}
  - {to: Freight, from: Freight}
  - {to: ShipName, from: ShipName}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: staged-line}
spec:
  key: [OrderID, ProductID]
  fields:
  - {to: OrderID, from: OrderID, type: integer, required: true, lookup: {system: staging, object: headers}}
  - {to: ProductID, from: ProductID, type: integer, required: true}
  - {to: UnitPrice, from: UnitPrice, type: "decimal(12,4)", required: true}
  - {to: Quantity, from: Quantity, type: integer, required: true}
  - {to: Discount, from: Discount, type: "decimal(6,4)", required: true}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec: {source: {name: "%(articles)s", object: products}, target: {name: shop, object: products}, mapping: product}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: customers}
spec:
  source: {name: "%(articles)s", object: customers}
  target: {name: shop, object: customers}
  mapping: customer
  deletes: {policy: delete}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: staged-headers}
spec:
  source: {name: exports, object: orders}
  target: {name: staging, object: headers}
  mapping: staged-header
  deletes: {policy: delete}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: staged-lines}
spec:
  source: {name: exports, object: lines}
  target: {name: staging, object: lines}
  mapping: staged-line
  deletes: {policy: delete}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: orders}
spec:
  source: {name: "%(orders)s", object: orders}
  target: {name: shop, object: orders}
  mapping: order
  batchSize: 300
  deletes: {policy: delete}
"""
STAGING = """
CREATE TABLE headers (OrderID integer PRIMARY KEY, CustomerID text, OrderDate text, Freight text, ShipName text);
CREATE TABLE lines (OrderID integer, ProductID integer, UnitPrice text, Quantity integer, Discount text,
  PRIMARY KEY (OrderID, ProductID));
"""
ARTICLES = ("products", "customers")
STAGED = ("staged-headers", "staged-lines")


def check_all(rows: Callable[[Path, str], list[Row]], folder: Path, store: ShopStore) -> None:
    """Each record of the shop is that of the source, and there are no others."""
    assert store.product_rows() == rows(folder, "products")
    assert store.customer_rows() == rows(folder, "customers")
    assert store.order_rows() == rows(folder, "orders")
    assert store.line_rows() == rows(folder, "lines")


@pytest.fixture
def store() -> ShopStore:
    return ShopStore()


@pytest.fixture
async def shops(copy: Path, tmp_path: Path, store: ShopStore) -> AsyncIterator[Shops]:
    """Jobs to the shop; all comes from `northwind` (SQLite) or `exports` (CSV)."""
    server = await ScriptedServer().start()
    server.answer = store.answer

    def make(articles: str) -> Runtime:
        folder = tmp_path / "manifests"
        folder.mkdir()
        (folder / "systems.yaml").write_text(SYSTEMS.lstrip() % {"folder": copy, "url": server.base_url})
        orders = "northwind" if articles == "northwind" else "staging"
        (folder / "jobs.yaml").write_text(JOBS.lstrip() % {"articles": articles, "orders": orders})
        with closing(sqlite3.connect(copy / "staging.db")) as staging, staging:
            staging.executescript(STAGING)
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
    if articles == "exports":
        staged = await run_all(runtime, *STAGED)
        assert [result.account.created for result in staged.values()] == [830, 2155]

    early = (await run_all(runtime, "orders"))["orders"]
    assert (early.account.read, early.account.deferred, early.account.written) == (830, 830, 0)
    assert store.writes == 0

    half = await run_all(runtime, "customers", "orders")
    assert half["customers"].account.created == 93
    assert half["orders"].account.deferred == 830

    first = await run_all(runtime, "products", "orders")
    assert (first["products"].account.created, first["orders"].account.created) == (77, 830)
    assert first["orders"].rejects.open == 0
    check_all(database_rows if articles == "northwind" else file_rows, copy, store)

    written = store.writes
    again = await run_all(runtime, *ARTICLES, "orders")
    assert [result.account.unchanged for result in again.values()] == [77, 93, 830]
    assert store.writes == written == 77 + 93 + 830


async def test_only_what_changed_follows(copy: Path, shops: Shops, store: ShopStore) -> None:
    runtime = shops("northwind")
    await run_all(runtime, *ARTICLES, "orders")
    written = store.writes

    change_database(
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
    changed = await run_all(runtime, *ARTICLES, "orders")

    assert {name: (r.account.created, r.account.updated, r.account.deleted) for name, r in changed.items()} == {
        "products": (0, 3, 0),
        "customers": (0, 1, 0),
        "orders": (1, 2, 1),
    }
    assert store.writes == written + 8
    check_all(database_rows, copy, store)


async def test_records_that_the_shop_had_already_are_adopted_and_not_doubled(
    copy: Path, shops: Shops, store: ShopStore
) -> None:
    store.customers.records["501"] = {"id": 501, "code": "ALFKI", "company": "old name", "vip": True}
    store.products.records["777"] = {"id": 777, "sku": "1", "name": "old name"}
    runtime = shops("northwind")

    first = await run_all(runtime, *ARTICLES, "orders")

    assert first["customers"].account.updated == first["products"].account.updated == 1
    assert store.customers.records["501"]["vip"]
    check_all(database_rows, copy, store)
    assert {o["customerId"] for o in store.orders.records.values() if o["number"] == "10643"} == {501}


async def test_changes_of_an_export_follow(copy: Path, shops: Shops, store: ShopStore) -> None:
    """Header and lines of an order come in two files, and are put together in a database on the way."""
    runtime = shops("exports")
    await run_all(runtime, *ARTICLES, *STAGED, "orders")
    written = store.writes

    change_files(copy)
    changed = await run_all(runtime, *ARTICLES, *STAGED, "orders")

    assert {name: (r.account.created, r.account.updated, r.account.deleted) for name, r in changed.items()} == {
        "products": (0, 1, 0),
        "customers": (1, 1, 1),
        "staged-headers": (1, 1, 0),
        "staged-lines": (1, 1, 1),
        "orders": (1, 1, 0),
    }
    assert store.writes == written + 1 + 3 + 2
    check_all(file_rows, copy, store)
